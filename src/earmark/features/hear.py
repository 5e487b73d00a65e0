"""Feature extractors that are modules with the functions of HEAR (Turian and others, 2022).

The Holistic Evaluation of Audio Representations asked for modules with ``load_model(weights)``,
``get_scene_embeddings(audio, model)`` and ``get_timestamp_embeddings(audio, model)``, and for a
model that has ``sample_rate``, ``scene_embedding_size`` and ``timestamp_embedding_size``. Scene
embeddings are what is compared, of tracks and of windows alike; timestamp embeddings may be of
another size, so nothing could be compared with them.

Importing a module runs its code. So one that a library names is imported only after the user named
it, see `remember`.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from earmark.atomic import new_file
from earmark.errors import ExtractorError, ExtractorRefused, FeatureError
from earmark.features import probe
from earmark.features.base import Card, ExtractorSpec, Samples, Segments, Span
from earmark.features.segments import QUIET, cut_all, rms, sounding, spread
from earmark.features.weights import sha256_of
from earmark.words import one_line

PREFIX = "hear:"
TRUSTED = "EARMARK_HEAR"
"""The environment variable that names modules which libraries may ask for."""

N_SEGMENTS = 12
SEGMENT_SECONDS = 10.0

_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")

Float32 = NDArray[np.float32]


def is_hear(name: str) -> bool:
    """Whether that is the name of such a module."""
    return name.startswith(PREFIX)


def _split(name: str) -> tuple[str, str]:
    """Return the module and the weights, which may be empty, of ``hear:MODULE#weights``."""
    module, _, weights = name.removeprefix(PREFIX).partition("#")
    if not _MODULE.fullmatch(module):
        raise ExtractorError(
            f"{name}: name a Python module, such as hear:package.module or "
            "hear:package.module#weights.pt"
        )
    return module, weights


def _known_file() -> Path:
    return platformdirs.user_data_path("earmark") / "hear-modules.txt"


def remember(name: str) -> None:
    """Note that the user named a module, so that libraries may ask for it from now on."""
    module, _ = _split(name)
    # Where nothing can be written, the user is told how to name it once more.
    with contextlib.suppress(OSError):
        file = _known_file()
        known = set(file.read_text("utf-8").split()) if file.is_file() else set()
        if module not in known:
            file.parent.mkdir(parents=True, exist_ok=True)
            with new_file(file, overwrite=True) as part:
                part.write_text("\n".join(sorted({*known, module})) + "\n", "utf-8")


def require_known(name: str) -> None:
    """Refuse a module that the user never named.

    Raises
    ------
    ExtractorError
        It is such.
    """
    module, _ = _split(name)
    known = set(os.environ.get(TRUSTED, "").replace(",", " ").split())
    with contextlib.suppress(OSError, UnicodeDecodeError):
        known |= set(_known_file().read_text("utf-8").split())
    if module not in known:
        raise ExtractorError(
            f"to use it runs the code of the Python module {module}; if you trust that, run "
            f"'earmark extractors check {PREFIX}{module}', or name it in ${TRUSTED}"
        )


def open_module(name: str) -> HearExtractor:
    """Return the extractor of ``hear:MODULE#weights``.

    Raises
    ------
    ExtractorError
        The name is none such.
    ExtractorRefused
        The module cannot be imported, or does not keep to what HEAR asks for.
    """
    module_name, weights = _split(name)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        # Anything may go wrong in somebody else's code.
        raise ExtractorRefused(name, f"cannot be imported: {_said(error)}") from error
    for function in ("load_model", "get_scene_embeddings"):
        if not callable(getattr(module, function, None)):
            raise ExtractorRefused(name, f"the module has no function '{function}', as HEAR asks")
    checksum = None
    if weights and Path(weights).is_file():
        weights = str(Path(weights).absolute())
        checksum = sha256_of(Path(weights))
    try:
        loaded = module.load_model(weights) if weights else module.load_model()
    except Exception as error:
        raise ExtractorRefused(name, f"load_model fails: {_said(error)}") from error
    made = HearExtractor(module, loaded, name, weights, checksum)
    made.check()
    return made


def _said(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}", 300)


class HearExtractor:
    """The extractor of a HEAR module: the mean of its scene embeddings of segments.

    Parameters
    ----------
    module
        With ``get_scene_embeddings``.
    loaded
        What its ``load_model`` returned.
    name
        As the user wrote it, for messages.
    weights
        What ``load_model`` was given; may be empty.
    checksum
        The SHA-256 of the weights, where they are a file.

    Raises
    ------
    ExtractorRefused
        The model does not say its sample rate or size.
    """

    def __init__(
        self, module: Any, loaded: Any, name: str, weights: str, checksum: str | None
    ) -> None:
        self._module = module
        self._loaded = loaded
        self._name = name
        self.sample_rate = self._stated("sample_rate", 1_000, 384_000)
        suffix = f"#{Path(weights).name}" if weights else ""
        self.spec = ExtractorSpec(
            name=f"{PREFIX}{module.__name__}{suffix}",
            version=_version(module),
            dimension=self._stated("scene_embedding_size", 1, 100_000),
            similarity="cosine",
            dtype="float32",
            checksum=checksum,
            source=f"{PREFIX}{module.__name__}" + (f"#{weights}" if weights else ""),
        )
        self.card = Card(
            description=one_line((module.__doc__ or "").strip().partition("\n")[0]),
            license=one_line(str(getattr(module, "__license__", "") or "unknown")),
            outputs=(("scene embedding", self.spec.dimension),),
            size=Path(weights).stat().st_size if checksum is not None else 0,
        )

    def _stated(self, attribute: str, low: int, high: int) -> int:
        value = getattr(self._loaded, attribute, None)
        try:
            number = int(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            number = 0
        if number != value or not low <= number <= high:
            raise ExtractorRefused(
                self._name,
                f"its model says '{attribute}' {value!r:.60}; it needs to be a whole number from "
                f"{low:,} to {high:,}",
            )
        return number

    def check(self) -> None:
        """See that unlike signals get different and finite vectors.

        Raises
        ------
        ExtractorRefused
            They do not.
        """
        rate = self.sample_rate
        vectors = np.stack([self._embed(made(2.0, rate)) for made in probe.UNLIKE])
        if not np.isfinite(vectors).all():
            raise ExtractorRefused(self._name, "answers with numbers that are not finite")
        if probe.is_one_place(vectors):
            raise ExtractorRefused(
                self._name, "answers a sweep, noise and clicks alike, so it cannot compare music"
            )

    def spans(self, duration: float) -> Sequence[Span]:
        """Return the segments that are heard: evenly spread over a long recording."""
        return spread(duration, SEGMENT_SECONDS, N_SEGMENTS)

    def extract(self, segments: Iterable[Samples]) -> Float32:
        """Return the mean of the scene embeddings of the segments, or that of a single window.

        Raises
        ------
        FeatureError
            All of it is silent, or the module answers with numbers that are not finite.
        """
        return self.extract_with_segments(segments)[0]

    def extract_with_segments(self, segments: Iterable[Samples]) -> tuple[Float32, Segments]:
        """Return what ``extract`` does, and the scene embedding of each segment that sounds.

        Raises
        ------
        FeatureError, ExtractorRefused
            As ``extract``.
        """
        length = round(SEGMENT_SECONDS * self.sample_rate)
        parts, places = cut_all(segments, length, repeat=False)
        heard = sounding(parts)
        vectors = np.stack([self._embed(part) for part in heard]).astype(np.float64)
        if not np.isfinite(vectors).all():
            raise FeatureError("the module answers it with numbers that are not finite")
        mean: Float32 = vectors.mean(axis=0).astype(np.float32)
        starts, stops = (places[[rms(part) > QUIET for part in parts]] / self.sample_rate).T
        return mean, Segments(starts, stops, vectors.astype(np.float32))

    def _embed(self, samples: Samples) -> Float32:
        """Return the scene embedding of samples [n]."""
        audio = np.ascontiguousarray(samples, dtype=np.float32)[None]
        try:
            with contextlib.ExitStack() as stack:
                torch = self._torch()
                if torch is not None:
                    stack.enter_context(torch.no_grad())
                    audio = torch.from_numpy(audio)
                found = _array(self._module.get_scene_embeddings(audio, self._loaded))
        except Exception as error:
            raise ExtractorRefused(
                self._name, f"get_scene_embeddings fails: {_said(error)}"
            ) from error
        if found.shape != (1, self.spec.dimension) or found.dtype.kind not in "fiu":
            raise ExtractorRefused(
                self._name,
                f"get_scene_embeddings gives {found.dtype} of shape {found.shape}; for one sound "
                f"it needs to be numbers (1, {self.spec.dimension})",
            )
        vector: Float32 = found[0].astype(np.float32)
        return vector

    def _torch(self) -> Any:
        """Return PyTorch where the module works with it; it is never imported from here."""
        torch = sys.modules.get("torch")
        if torch is None:
            return None
        is_module = isinstance(self._loaded, torch.nn.Module)
        uses = any(value is torch for value in vars(self._module).values())
        return torch if is_module or uses else None


def _array(value: Any) -> NDArray[Any]:
    """Return a tensor of whatever kind as an array."""
    for step in ("detach", "cpu", "numpy"):
        if not isinstance(value, np.ndarray) and callable(getattr(value, step, None)):
            value = getattr(value, step)()
    return np.asarray(value)


def _version(module: Any) -> str:
    """Return the version of a module, or of the package that it is in; "0" where none is said."""
    top = sys.modules.get(module.__name__.partition(".")[0])
    for place in (module, top):
        version = getattr(place, "__version__", None)
        if isinstance(version, str) and version.strip():
            return one_line(version, 64)
    return "0"
