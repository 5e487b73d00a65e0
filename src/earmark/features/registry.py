"""Where feature extractors are found: in the package, in plug-ins, in folders, by a prefix."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import platformdirs

from earmark.errors import ExtractorError, ExtractorNotFound, ExtractorRefused
from earmark.features import hear, hub, model, plugins
from earmark.features.base import FOREIGN, ExtractorSpec, FeatureExtractor
from earmark.features.manifest import read_manifest

DEFAULT = "musicnn"
"""The extractor of a new library where none is asked for."""

CLASSIC = "mfcc"
"""The classic method, which needs no network."""

BUILT_IN = (CLASSIC, DEFAULT)
"""Modules of this package, each with a function ``extractor``."""

SEARCH_PATH = "EARMARK_MODELS"
"""The environment variable that names folders of model folders."""

Wanted = str | os.PathLike[str] | ExtractorSpec


def get_extractor(
    wanted: Wanted, *, providers: Sequence[str] | None = None, threads: int = 0
) -> FeatureExtractor:
    """Return a feature extractor.

    Parameters
    ----------
    wanted
        One of these:

        - the name of one that is installed or lies on the search path, see `available`;
        - a model folder, with at least one ``/`` in its name unless nothing else is called so;
        - ``hear:MODULE`` or ``hear:MODULE#weights``, a module with the functions of HEAR;
        - ``hf:OWNER/NAME@REVISION``, a model folder of the Hugging Face hub;
        - the spec that a library keeps: the same extractor, wherever it now is.
    providers
        ONNX Runtime's execution providers for a network; None is the processor.
    threads
        How many threads a network may use; 0 leaves the choice to ONNX Runtime.

    Raises
    ------
    ExtractorNotFound
        There is none such.
    ExtractorRefused
        There is, but it is not what it says.

    Examples
    --------
    >>> get_extractor("mfcc").spec.dimension
    104
    """
    if isinstance(wanted, ExtractorSpec):
        return _of_record(wanted, providers, threads)
    name = os.fspath(wanted)
    if hear.is_hear(name):
        hear.remember(name)
        return hear.open_module(name)
    if hub.is_hub(name):
        return _loaded(_open_hub(name, providers, threads, download=True))
    if _is_path(wanted):
        return _loaded(_open_path(name, providers, threads))
    found = _by_name(name, providers, threads)
    if found is None and Path(name).is_dir():
        return _loaded(_open_path(name, providers, threads))
    if found is None:
        raise ExtractorNotFound(
            f"there is no feature extractor {name!r}; there are {', '.join(available())}"
            "; a model folder is named by its path"
        )
    return found


def available() -> tuple[str, ...]:
    """Return the names of the extractors that are installed or on the search path, sorted."""
    return tuple(sorted({*BUILT_IN, *plugins.names(), *(found.name for found in models())}))


def spec_of(name: str, version: str) -> ExtractorSpec | None:
    """Return the spec of an installed extractor; None where that version is not installed."""
    try:
        found = _by_name(name, None, 0)
    except ExtractorError:
        return None
    if found is None or found.spec.version != version:
        return None
    return found.spec


def doubtful_words(spec: ExtractorSpec) -> frozenset[str]:
    """Return those words of an extractor that its card calls doubtful.

    None of them where that version is not installed, so that nobody can say.

    Examples
    --------
    >>> "progressive rock" in doubtful_words(get_extractor(DEFAULT).spec)
    True
    """
    try:
        found = _by_name(spec.name, None, 0)
    except ExtractorError:
        return frozenset()
    if found is None or found.spec.version != spec.version:
        return frozenset()
    return frozenset(found.card.doubtful)


def spec_by_similarity(similarity: str) -> ExtractorSpec:
    """Return the spec of the package's extractor whose vectors are compared in that way.

    Raises
    ------
    ExtractorNotFound
        It has none such.

    Examples
    --------
    >>> spec_by_similarity("gaussian-kl").dimension
    104
    """
    for name in BUILT_IN:
        spec = get_extractor(name).spec
        if spec.similarity == similarity:
            return spec
    raise ExtractorNotFound(f"no extractor of the package compares by {similarity}")


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model folder on the search path; ``name`` is that of the folder."""

    name: str
    folder: Path


def search_path() -> list[Path]:
    """Return the folders in which model folders are looked for.

    Those of ``EARMARK_MODELS``, then ``models`` in the platform's data folder.
    """
    named = os.environ.get(SEARCH_PATH, "").split(os.pathsep)
    return [
        *(Path(part) for part in named if part),
        platformdirs.user_data_path("earmark") / "models",
    ]


def models() -> Iterator[FoundModel]:
    """Yield the model folders on the search path, the first of each name only."""
    seen = set()
    for place in search_path():
        try:
            folders = sorted(path for path in place.iterdir() if (path / model.MANIFEST).is_file())
        except OSError:
            continue
        for folder in folders:
            if folder.name not in seen:
                seen.add(folder.name)
                yield FoundModel(folder.name, folder)


def folder_named(name: str) -> Path | None:
    """Return the model folder that a name stands for; None where it stands for something else."""
    if hear.is_hear(name) or hub.is_hub(name) or name in (*BUILT_IN, *plugins.names()):
        return None
    if _is_path(name) or (Path(name) / model.MANIFEST).is_file():
        return _folder_of(name)
    return _on_search_path(name)


def _is_path(wanted: str | os.PathLike[str]) -> bool:
    separators = [os.sep, *([os.altsep] if os.altsep else [])]
    return not isinstance(wanted, str) or any(mark in wanted for mark in separators)


def _folder_of(name: str) -> Path:
    """Return a folder as an absolute path, also where one of its two files is named."""
    path = Path(name).absolute()
    return path.parent if path.name in (model.MANIFEST, model.MODEL) else path


def _open_path(name: str, providers: Sequence[str] | None, threads: int) -> model.ModelExtractor:
    folder = _folder_of(name)
    return model.open_folder(folder, source=str(folder), providers=providers, threads=threads)


def _open_hub(
    name: str, providers: Sequence[str] | None, threads: int, *, download: bool
) -> model.ModelExtractor:
    folder = hub.folder_of(name, download=download)
    return model.open_folder(folder, source=name, providers=providers, threads=threads)


def _loaded(found: model.ModelExtractor) -> model.ModelExtractor:
    """Load a network, so that what is wrong with it is said before any file is heard."""
    if found.spec.name in BUILT_IN or found.spec.name == FOREIGN:
        raise ExtractorRefused(
            found.manifest.file, f"'name' is '{found.spec.name}', which is taken; choose another"
        )
    found.load()
    return found


def _by_name(name: str, providers: Sequence[str] | None, threads: int) -> FeatureExtractor | None:
    """Return the extractor of that name: of the package, of a plug-in, or on the search path."""
    if name in BUILT_IN:
        built_in: FeatureExtractor = import_module(f"earmark.features.{name}").extractor(
            providers=providers, threads=threads
        )
        return built_in
    if name in plugins.names():
        return plugins.open_plugin(name, providers, threads)
    folder = _on_search_path(name)
    return None if folder is None else _loaded(_open_path(str(folder), providers, threads))


def _on_search_path(name: str) -> Path | None:
    """Return the model folder of that name; else the one whose ``model.json`` has the name."""
    here = list(models())
    for found in here:
        if found.name == name:
            return found.folder
    for found in here:
        # One that is wrong hides no other.
        with contextlib.suppress(ExtractorRefused):
            if read_manifest(found.folder / model.MANIFEST).name == name:
                return found.folder
    return None


def _of_record(
    spec: ExtractorSpec, providers: Sequence[str] | None, threads: int
) -> FeatureExtractor:
    """Return the extractor that a library names."""
    if spec.name == FOREIGN:
        raise ExtractorNotFound(
            "its vectors were brought along; nothing here can make more of them"
        )
    found, tried = None, ""
    try:
        found = _candidate(spec, providers, threads)
    except ExtractorError as error:
        tried = f" ({error})"
    if found is None:
        raise ExtractorNotFound(f"{_missing(spec)}{tried}")
    other = _other(found.spec, spec)
    if other is not None:
        raise ExtractorNotFound(
            f"its vectors are those of {spec.name} version {spec.version}, here is {other}; build "
            "the library again, or bring back the other"
        )
    return found


def _candidate(
    spec: ExtractorSpec, providers: Sequence[str] | None, threads: int
) -> FeatureExtractor | None:
    """Return what may be the extractor of a library: where it was, by name, on the search path."""
    if spec.name in BUILT_IN or spec.name in plugins.names():
        return _by_name(spec.name, providers, threads)
    source = spec.source
    if source is not None and hear.is_hear(source):
        hear.require_known(source)
        return hear.open_module(source)
    if source is not None and hub.is_hub(source):
        return _loaded(_open_hub(source, providers, threads, download=False))
    folders = [found.folder for found in models()]
    if source is not None and (Path(source) / model.MANIFEST).is_file():
        folders.insert(0, Path(source))
    problem: ExtractorError | None = None
    for folder in folders:
        try:
            opened = _open_path(str(folder), providers, threads)
            said = opened.manifest
            if (said.name, said.version) == (spec.name, spec.version) and (
                spec.checksum in (None, opened.checksum)
            ):
                return _loaded(opened)
        except ExtractorError as error:
            # The right one may still come; the first place is where it was.
            problem = problem or error
    if problem is not None:
        raise problem
    return None


def _other(here: ExtractorSpec, wanted: ExtractorSpec) -> str | None:
    """Say what is here where it is not what made a library; None where it is."""
    if (here.name, here.version) != (wanted.name, wanted.version):
        return f"{here.name} version {here.version}"
    if wanted.checksum is not None and here.checksum != wanted.checksum:
        return f"another model of that name (SHA-256 {(here.checksum or 'none')[:12]}…)"
    if here.dimension != wanted.dimension:
        return f"one with {here.dimension} numbers instead of {wanted.dimension}"
    return None


def _missing(spec: ExtractorSpec) -> str:
    """Say that an extractor is not here, and what to do."""
    what = (
        f"was built with the feature extractor {spec.name} version {spec.version}, which is not "
        "here"
    )
    if spec.source is not None and hear.is_hear(spec.source):
        return what
    where = f"; it was in {spec.source}" if spec.source is not None else ""
    return (
        f"{what}{where}; put its folder into {search_path()[-1]}, or name the folder that holds it "
        f"in ${SEARCH_PATH}"
    )
