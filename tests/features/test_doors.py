"""Extractors that are found in plug-ins, in modules with the functions of HEAR, by library."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from earmark.errors import ExtractorError, ExtractorNotFound, ExtractorRefused, FeatureError
from earmark.features import (
    Card,
    ExtractorSpec,
    available,
    get_extractor,
    hear,
    plugins,
    spec_of,
)
from earmark.library import Track, create_library, open_library
from support import models, sounds

RATE = 8_000

HEAR = '''"""Levels of eight bands.

More about it.
"""
{imports}
__version__ = "2.1"


class Model{base}:
    sample_rate = 8_000
    scene_embedding_size = 8
    timestamp_embedding_size = 5

    def __init__(self, gain):
        self.gain = gain


def load_model(model_file_path=""):
    if not model_file_path:
        return Model(1.0)
    with open(model_file_path) as file:
        return Model(float(file.read()))


def get_scene_embeddings(audio, model):
    {check}
    spectrum = abs(np.fft.rfft(np.asarray(audio), axis=1))
    bands = [part.mean(axis=1) for part in np.array_split(spectrum, 8, axis=1)]
    return {wrap}(model.gain * np.log(np.stack(bands, axis=1) + 1e-6))


def get_timestamp_embeddings(audio, model):
    return np.zeros((len(audio), 3, 5)), np.zeros((len(audio), 3))
'''


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder from which modules are imported, and forgotten afterwards."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith("ears"):
            del sys.modules[name]


def write_hear(folder: Path, name: str = "ears", **parts: str) -> None:
    filled = {
        "imports": "import numpy as np",
        "base": "",
        "check": "assert isinstance(audio, np.ndarray) and audio.dtype == np.float32",
        "wrap": "",
    }
    (folder / f"{name}.py").write_text(HEAR.format(**filled | parts), "utf-8")


# HEAR


def test_a_module_of_plain_arrays(modules: Path) -> None:
    write_hear(modules)
    extractor = get_extractor("hear:ears")
    assert (extractor.spec.name, extractor.spec.version) == ("hear:ears", "2.1")
    assert (extractor.spec.dimension, extractor.sample_rate) == (8, RATE)
    assert extractor.card.description == "Levels of eight bands."
    assert extractor.card.license == "unknown"
    parts = [sounds.tune(10.0, RATE, seed=seed) for seed in range(2)]
    alone = [extractor.extract([part]) for part in parts]
    assert alone[0].shape == (8,)
    np.testing.assert_allclose(extractor.extract(parts), np.mean(alone, axis=0), rtol=1e-5)
    spans = extractor.spans(600.0)
    assert spans is not None
    assert len(spans) == hear.N_SEGMENTS
    with pytest.raises(FeatureError, match="silent"):
        extractor.extract([np.zeros(RATE, np.float32)])


def test_weights_are_part_of_it(modules: Path) -> None:
    write_hear(modules)
    weights = modules / "w.txt"
    weights.write_text("2.0")
    loud = get_extractor(f"hear:ears#{weights}")
    tune = [sounds.tune(5.0, RATE)]
    np.testing.assert_allclose(
        loud.extract(tune), 2 * get_extractor("hear:ears").extract(tune), rtol=1e-5
    )
    assert loud.spec.name == "hear:ears#w.txt"
    assert loud.spec.source == f"hear:ears#{weights}"
    assert len(loud.spec.checksum or "") == 64
    assert get_extractor(loud.spec).spec == loud.spec
    weights.write_text("3.0")
    with pytest.raises(ExtractorNotFound, match="another model of that name"):
        get_extractor(loud.spec)


class Tensor:
    """As much of a tensor as HEAR modules hand back; NumPy cannot read it by itself."""

    def __init__(self, array: np.ndarray, *, tracked: bool = False) -> None:
        self.array, self.tracked = array, tracked

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError("a tensor that is tracked, or on another device")

    def detach(self) -> Tensor:
        return Tensor(self.array)

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray:
        if self.tracked:
            raise RuntimeError("call detach() first")
        return self.array


def test_a_module_of_tensors(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch is large, so a stand-in of it has what is asked of it."""
    torch: Any = ModuleType("torch")
    torch.nn = ModuleType("torch.nn")
    torch.nn.Module = type("Module", (), {})
    torch.tracking = True

    class no_grad:
        def __enter__(self) -> None:
            torch.tracking = False

        def __exit__(self, *_: object) -> None:
            torch.tracking = True

    torch.no_grad = no_grad
    torch.from_numpy = Tensor
    torch.tensor = lambda array: Tensor(array, tracked=True)
    monkeypatch.setitem(sys.modules, "torch", torch)
    write_hear(modules, "ears_plain")
    write_hear(
        modules,
        "ears_torch",
        imports="import numpy as np\nimport torch",
        base="(torch.nn.Module)",
        check="assert not torch.tracking; audio = audio.numpy()",
        wrap="torch.tensor",
    )
    tune = [sounds.tune(5.0, RATE)]
    np.testing.assert_array_equal(
        get_extractor("hear:ears_torch").extract(tune),
        get_extractor("hear:ears_plain").extract(tune),
    )


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("sample_rate = 8_000", "sample_rate = 0", "'sample_rate' 0"),
        ("sample_rate = 8_000", "sample_rate = 'fast'", "'sample_rate' 'fast'"),
        ("scene_embedding_size = 8", "other = 8", "'scene_embedding_size' None"),
        ("scene_embedding_size = 8", "scene_embedding_size = 9", r"shape \(1, 8\)"),
        ("def get_scene_embeddings", "def other", "no function 'get_scene_embeddings'"),
        ("def load_model", "def other", "no function 'load_model'"),
        ("np.log(", "0 * np.log(", "a sweep, noise and clicks alike"),
        ("np.log(", "np.nan * np.log(", "not finite"),
        (
            "return Model(1.0)",
            "raise OSError('no\\nweights')",
            "load_model fails: OSError: no weights",
        ),
        ("import numpy as np", "import numpy as np\n1 / 0", "cannot be imported: ZeroDivision"),
        ("def load_model", "def load_model(:", "cannot be imported: SyntaxError"),
        ("spectrum = ", "1 / 0; spectrum = ", "get_scene_embeddings fails: ZeroDivisionError"),
    ],
)
def test_a_module_that_is_wrong(modules: Path, old: str, new: str, match: str) -> None:
    write_hear(modules)
    file = modules / "ears.py"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ExtractorRefused, match=match) as caught:
        get_extractor("hear:ears")
    assert str(caught.value).startswith("hear:ears: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["hear:", "hear:../x", "hear:a b", "hear:1x", "hear:a..b"])
def test_names_of_modules(name: str) -> None:
    with pytest.raises(ExtractorError, match="name a Python module"):
        get_extractor(name)
    with pytest.raises(ExtractorError, match="cannot be imported"):
        get_extractor("hear:there_is_no_such_module")


def test_a_library_runs_no_module_that_the_user_never_named(
    modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = modules / "ran"
    write_hear(modules, imports=f"import numpy as np\nopen({str(ran)!r}, 'w').close()")
    spec = ExtractorSpec("hear:ears", "2.1", 8, "cosine", "float32", source="hear:ears")
    with pytest.raises(ExtractorNotFound, match=r"earmark extractors check hear:ears") as caught:
        get_extractor(spec)
    assert "\n" not in str(caught.value)
    assert not ran.exists()
    monkeypatch.setenv("EARMARK_HEAR", "other,ears")
    assert get_extractor(spec).spec == spec
    monkeypatch.delenv("EARMARK_HEAR")
    with pytest.raises(ExtractorNotFound):
        get_extractor(spec)
    get_extractor("hear:ears")
    assert get_extractor(spec).spec == spec


# Plug-ins


class Loudness:
    """An extractor of another package."""

    spec = ExtractorSpec("loudness", "1", 2, "euclidean", "float32", words=("loud",))
    card = Card(license="MIT")
    sample_rate = 8_000

    def __init__(self, threads: int = 0) -> None:
        self.threads = threads

    def spans(self, duration: float) -> None:
        return None

    def extract(self, segments: Any) -> np.ndarray:
        whole = np.concatenate(list(segments))
        return np.array([np.abs(whole).mean(), whole.std()], np.float32)


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install what is given as the extractor ``loudness``."""

    def install(made: Any, name: str = "loudness") -> None:
        here = sys.modules[__name__]
        monkeypatch.setattr(here, "_made", made, raising=False)
        point = importlib.metadata.EntryPoint(name, f"{__name__}:_made", plugins.GROUP)
        monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
        monkeypatch.setitem(sys.modules, __name__, here)

    return install


def test_a_plug_in_is_found_by_its_name(plug_in: Any) -> None:
    plug_in(Loudness)
    assert "loudness" in available()
    found = get_extractor("loudness", threads=3)
    assert isinstance(found, plugins.PlugIn)
    assert isinstance(found.extractor, Loudness)
    assert found.extractor.threads == 3
    assert found.extract([sounds.tune(1.0, RATE)]).shape == (2,)
    assert found.spans(9.0) is None
    assert spec_of("loudness", "1") == Loudness.spec
    assert spec_of("loudness", "2") is None
    assert get_extractor(Loudness.spec).spec == Loudness.spec
    with pytest.raises(ExtractorNotFound, match="version 2, here is loudness version 1"):
        get_extractor(replace(Loudness.spec, version="2"))


def test_a_plug_in_that_keeps_no_contract(plug_in: Any) -> None:
    for made, match in (
        (lambda: object(), "'spec' is NoneType, not ExtractorSpec"),
        (lambda: 1 / 0, "ZeroDivisionError"),
        (type("Mute", (Loudness,), {"extract": None}), "no method 'extract'"),
        (
            type("Other", (Loudness,), {"spec": replace(Loudness.spec, name="x")}),
            "calls itself 'x'",
        ),
        (type("Rate", (Loudness,), {"sample_rate": "8k"}), "'sample_rate' is str"),
    ):
        plug_in(made)
        with pytest.raises(ExtractorRefused, match=match):
            get_extractor("loudness")


def test_vectors_of_a_plug_in_are_looked_at(plug_in: Any) -> None:
    for answer, error, match in (
        (np.zeros(3, np.float32), ExtractorRefused, r"shape \(3,\)"),
        (np.zeros((1, 2), np.float32), ExtractorRefused, r"shape \(1, 2\)"),
        (np.array(["a", "b"]), ExtractorRefused, "answers with <U1"),
        (None, ExtractorRefused, "answers with object"),
        (np.array([1.0, np.nan]), FeatureError, "not finite"),
    ):
        plug_in(type("Odd", (Loudness,), {"extract": lambda *_, answer=answer: answer}))
        with pytest.raises(error, match=match):
            get_extractor("loudness").extract([])


def test_a_plug_in_takes_no_name_of_the_package(plug_in: Any) -> None:
    plug_in(Loudness, "mfcc")
    assert get_extractor("mfcc").spec.dimension == 104


# Folders, found again


def test_a_library_finds_its_model_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = models.make_model(tmp_path / "place" / "small")
    spec = get_extractor(folder).spec
    assert spec.source == str(folder)
    kept = ExtractorSpec.from_json(spec.to_json())
    assert get_extractor(kept).spec == spec
    moved = folder.rename(tmp_path / "renamed")
    with pytest.raises(ExtractorNotFound, match=r"small version 1.*it was in .*EARMARK_MODELS"):
        get_extractor(kept)
    monkeypatch.setenv("EARMARK_MODELS", str(tmp_path))
    assert get_extractor(kept).spec == spec
    assert get_extractor("renamed").spec == get_extractor("small").spec == spec
    assert "renamed" in available()
    # Another model of that name and version is not it.
    data = (moved / "model.onnx").read_bytes()
    (moved / "model.onnx").write_bytes(data + b"\x3a\x00")
    models.change(moved, sha256=...)
    with pytest.raises(ExtractorNotFound, match="small version 1"):
        get_extractor(kept)


def test_models_lie_in_the_data_folder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    from earmark.features.registry import search_path

    models.make_model(search_path()[-1] / "own")
    assert get_extractor("own").spec.name == "small"


def test_vectors_that_were_brought_along_have_no_extractor() -> None:
    with pytest.raises(ExtractorNotFound, match="brought along"):
        get_extractor(ExtractorSpec("foreign", "x", 3, "cosine", "float32"))


def test_what_a_spec_cannot_be() -> None:
    right = ExtractorSpec("a", "1", 4, "cosine", "float32", voting=(1, 4), words=("x",))
    for changes in (
        {"dtype": "int8"},
        {"dimension": 0},
        {"similarity": "loudness"},
        {"voting": (2, 2)},
        {"voting": (4, None)},
        {"voting": (0, 5)},
        {"settling": -1.0},
        {"settling": float("nan")},
        {"words": ("a", "b", "c", "d", "e")},
    ):
        with pytest.raises(ValueError, match=r"\w"):
            replace(right, **changes)  # type: ignore[arg-type]
    values = right.to_json()
    for key in ("name", "dimension", "voting", "words", "checksum"):
        with pytest.raises(ValueError, match="not the facts"):
            ExtractorSpec.from_json({k: v for k, v in values.items() if k != key})


def test_a_library_that_is_given_away_does_not_say_where_a_model_lay(tmp_path: Path) -> None:
    folder = models.make_model(tmp_path / "my own folder" / "small")
    spec = get_extractor(folder).spec
    with create_library(tmp_path / "a.earmark", spec) as library:
        library.add([Track(name="a", genre="x")], np.ones((1, spec.dimension), np.float32))
        library.copy(tmp_path / "kept.earmark")
        library.copy(tmp_path / "given.earmark", packed=True)
    for name, source in (("a", str(folder)), ("kept", str(folder)), ("given", None)):
        with open_library(tmp_path / f"{name}.earmark") as library:
            assert (library.spec, library.spec.source) == (spec, source)
    assert b"my own folder" not in (tmp_path / "given.earmark").read_bytes()


def test_a_broken_folder_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = models.make_model(tmp_path / "b" / "small")
    spec = get_extractor(folder).spec
    models.copy(folder, tmp_path / "a" / "small", name=7)
    folder.rename(tmp_path / "c")
    monkeypatch.setenv("EARMARK_MODELS", f"{tmp_path / 'a'}{os.pathsep}{tmp_path}")
    assert get_extractor(spec).spec == spec
    # Of the one place where it was it is said what is wrong there.
    models.change(tmp_path / "c", version=[])
    with pytest.raises(ExtractorNotFound, match="name' is 7"):
        get_extractor(spec)
