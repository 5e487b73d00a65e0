"""Model folders: what they give, and every way in which one can be wrong."""

from __future__ import annotations

import contextlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from earmark.errors import ExtractorError, ExtractorNotFound, ExtractorRefused, FeatureError
from earmark.features import Span, get_extractor
from earmark.features.filling import fill
from earmark.features.manifest import read_manifest
from earmark.features.model import ModelExtractor, open_folder
from earmark.features.probe import clicks, hiss, sweep
from support import models, sounds

RATE = 16_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.make_model(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(scope="module")
def mel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.make_model(tmp_path_factory.mktemp("models") / "mel", "melspectrogram")


def network(
    folder: Path,
    nodes: list[onnx.NodeProto],
    constants: dict[str, Any],
    inputs: dict[str, list[Any]],
    outputs: dict[str, list[Any]],
    *,
    kind: int = TensorProto.FLOAT,
    **changes: Any,
) -> Path:
    """Write a model folder with a network of these nodes, without checksum and probe."""

    def values(shapes: dict[str, list[Any]], of: int) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, of, shape) for name, shape in shapes.items()]

    graph = helper.make_graph(
        nodes,
        "made",
        values(inputs, kind),
        values(outputs, TensorProto.FLOAT),
        [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    folder.mkdir()
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    said = {
        "name": "made",
        "version": "1",
        "schema": {"outputs": [{"name": "out", "output_purpose": "embeddings"}]},
        "inference": {"sample_rate": RATE, "algorithm": "waveform"},
    }
    (folder / "model.json").write_text(json.dumps(said), "utf-8")
    return models.change(folder, **changes) if changes else folder


def framed(
    folder: Path, shape: list[Any] | None = None, out: list[Any] | None = None, **changes: Any
) -> Path:
    """Write a network that projects frames of 800 samples and keeps the largest of each."""
    shape = shape or ["batch", 8_000]
    constants = {
        "frames": np.array([-1, 10, 800]),
        "weights": np.random.default_rng(0).normal(size=(800, 6)).astype(np.float32),
        "axes": np.array([1]),
    }
    nodes = [
        helper.make_node("Reshape", ["sound", "frames"], ["cut"]),
        helper.make_node("MatMul", ["cut", "weights"], ["seen"]),
        helper.make_node("ReduceMax", ["seen", "axes"], ["out"], keepdims=0),
    ]
    outputs = {"out": out or [shape[0], 6]}
    return network(folder, nodes, constants, {"sound": shape}, outputs, **changes)


# What a folder gives


@pytest.mark.parametrize("algorithm", ["waveform", "melspectrogram", "musicnn-melspectrogram"])
def test_a_folder_hears(algorithm: str, tmp_path: Path) -> None:
    folder = models.make_model(tmp_path / "small", algorithm)
    extractor = get_extractor(folder)
    spec = extractor.spec
    assert (spec.name, spec.version, spec.dimension) == ("small", "1", 67)
    assert (spec.words, spec.voting) == (("low", "middle", "high"), (3, 67))
    assert (spec.similarity, spec.checksum) == ("euclidean", models.read(folder)["sha256"])
    assert (extractor.card.license, extractor.sample_rate) == ("CC0-1.0", RATE)
    assert extractor.card.size == (folder / "model.onnx").stat().st_size
    tune, noise = sounds.tune(5.0, RATE), sounds.noise(5.0, RATE)
    heard = extractor.extract([tune])
    assert heard.shape == (67,)
    assert heard.dtype == np.float32
    np.testing.assert_array_equal(heard, get_extractor(folder).extract([tune]))
    assert np.linalg.norm(heard - extractor.extract([noise])) > 0.1 * np.linalg.norm(heard)
    # Words are shares of the energy.
    assert heard[:3].sum() == pytest.approx(1, abs=1e-3)


def test_the_vector_is_what_a_session_by_hand_gives(small: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(small / "model.onnx")
    samples = sounds.tune(4.0, RATE)
    halves = samples.reshape(2, -1)
    words, embeddings = session.run(["activations", "embeddings"], {"sound": halves})
    expected = np.concatenate([words.mean(axis=0), embeddings.mean(axis=0)])
    np.testing.assert_allclose(get_extractor(small).extract([samples]), expected, rtol=1e-5)


def test_a_spectrogram_is_made_by_the_settings(mel: Path) -> None:
    front_end = read_manifest(mel / "model.json").front_end
    assert front_end is not None
    extractor = get_extractor(mel)
    assert isinstance(extractor, ModelExtractor)
    samples = sounds.tune(3.0, RATE)[: extractor.segment_length]
    spectrogram = front_end(samples).astype(np.float64)
    assert spectrogram.shape == (61, 32)
    levels = np.log(spectrogram + 1e-6)
    expected = np.concatenate([levels.mean(axis=0), levels.var(axis=0)])
    np.testing.assert_allclose(extractor.extract([samples])[3:], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("pooling", ["mean", "max", "mean+std", "max + mean"])
def test_segments_are_pooled_as_it_says(small: Path, tmp_path: Path, pooling: str) -> None:
    extractor = get_extractor(models.copy(small, tmp_path / "m", pooling=pooling, probe=...))
    parts = [sounds.tune(2.0, RATE, seed=seed) for seed in range(3)]
    alone = np.stack([get_extractor(small).extract([part]) for part in parts])[:, 3:]
    expected = [getattr(alone, how.strip())(axis=0) for how in pooling.split("+")]
    got = extractor.extract(parts)
    assert len(got) == extractor.spec.dimension == 3 + 64 * len(expected)
    np.testing.assert_allclose(got[3:], np.concatenate(expected), rtol=1e-3, atol=1e-4)


def test_segments_and_level_are_as_it_says(small: Path, tmp_path: Path) -> None:
    folder = models.copy(small, tmp_path / "m", segments={"most": 3, "level": 0.1})
    extractor = get_extractor(folder)
    spans = extractor.spans(60.0)
    assert spans is not None
    assert [span.stop - span.start for span in spans] == pytest.approx([2.0] * 3)
    assert [span.start for span in spans] == pytest.approx([9, 29, 49])
    assert list(extractor.spans(6.0) or ()) == [Span(0.0, 6.0)]
    tune = sounds.tune(4.0, RATE)
    np.testing.assert_allclose(
        extractor.extract([0.01 * tune]), extractor.extract([tune]), rtol=1e-3, atol=1e-3
    )
    assert not np.allclose(
        get_extractor(small).extract([0.01 * tune]), get_extractor(small).extract([tune]), atol=0.1
    )


def test_silence_has_no_features(small: Path) -> None:
    with pytest.raises(FeatureError, match="silent"):
        get_extractor(small).extract([np.zeros(5 * RATE, np.float32)])


@pytest.mark.parametrize(
    "shape", [["batch", 8_000], [1, 8_000], [4, 8_000], ["batch", 1, 8_000], ["batch", "any"]]
)
def test_any_form_of_input_will_do(tmp_path: Path, shape: list[Any]) -> None:
    # Of any length, a segment is as long as the manifest says.
    changes = {"segments": {"seconds": 0.5}} if shape[-1] == "any" else {}
    extractor = get_extractor(framed(tmp_path / "m", shape, **changes))
    assert isinstance(extractor, ModelExtractor)
    assert extractor.segment_length == 8_000
    usual = get_extractor(framed(tmp_path / "usual"))
    samples = sounds.tune(5.0, RATE)
    np.testing.assert_allclose(extractor.extract([samples]), usual.extract([samples]), rtol=1e-5)


def test_moments_of_a_segment_are_averaged(tmp_path: Path) -> None:
    nodes = [helper.make_node("Reshape", ["sound", "frames"], ["out"])]
    folder = network(
        tmp_path / "m",
        nodes,
        {"frames": np.array([-1, 10, 800])},
        {"sound": ["batch", 8_000]},
        {"out": ["batch", 10, 800]},
    )
    samples = sounds.tune(0.5, RATE)
    got = get_extractor(folder).extract([samples])
    np.testing.assert_allclose(got, samples.reshape(10, 800).mean(axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "perm"), [(["batch", 32, 61], [0, 2, 1]), (["batch", 1, 61, 32], None)]
)
def test_axes_of_a_spectrogram_in_any_order(
    mel: Path, tmp_path: Path, shape: list[Any], perm: list[int] | None
) -> None:
    model = onnx.load(mel / "model.onnx")
    node = (
        helper.make_node("Squeeze", ["turned", "one"], ["sound"])
        if perm is None
        else helper.make_node("Transpose", ["turned"], ["sound"], perm=perm)
    )
    model.graph.node.insert(0, node)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1]), "one"))
    del model.graph.input[:]
    model.graph.input.append(helper.make_tensor_value_info("turned", TensorProto.FLOAT, shape))
    folder = models.copy(mel, tmp_path / "m", schema__inputs=[], sha256=...)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    tune = sounds.tune(4.0, RATE)
    np.testing.assert_allclose(
        get_extractor(folder).extract([tune]), get_extractor(mel).extract([tune]), rtol=1e-4
    )


# Essentia's own pages


def essentia(folder: Path) -> Path:
    """Turn a folder into one as Essentia publishes them: none of our keys."""
    said = models.read(folder)
    ours = ("license", "training_datasets", "embed_dim", "similarity_fn_name", "pooling")
    for key in (*ours, "sha256", "probe"):
        del said[key]
    said |= {
        "type": "Music style classification and embeddings",
        "author": "Somebody",
        "email": "somebody@example.org",
        "release_date": "2022-02-17",
        "framework": "tensorflow",
        "framework_version": "2.8.0",
        "model_types": ["frozen_model", "onnx"],
        "dataset": {"name": "Discogs-4M (unreleased)", "size": "4M full tracks", "metrics": {}},
        "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictEffnetDiscogs"},
    }
    said["schema"]["outputs"].append({"name": "other", "type": "float", "output_purpose": ""})
    (folder / "model.json").write_text(json.dumps(said), "utf-8")
    return folder


def test_a_page_of_essentia_will_do_and_its_licence_is_unknown(tmp_path: Path) -> None:
    ours = models.make_model(tmp_path / "ours", "musicnn-melspectrogram")
    theirs = essentia(models.copy(ours, tmp_path / "theirs"))
    extractor = get_extractor(theirs)
    assert extractor.card.license == "unknown"
    assert extractor.card.training_data == "Discogs-4M (unreleased)"
    assert extractor.spec.similarity == "cosine"
    assert extractor.spec.checksum == get_extractor(ours).spec.checksum
    tune = sounds.tune(5.0, RATE)
    np.testing.assert_array_equal(extractor.extract([tune]), get_extractor(ours).extract([tune]))


def test_what_is_lacking_can_be_filled_in(tmp_path: Path) -> None:
    folder = essentia(models.make_model(tmp_path / "m", "musicnn-melspectrogram"))
    before = models.read(folder)
    assert fill(folder) == ["embed_dim", "sha256", "probe"]
    after = models.read(folder)
    assert {key: after[key] for key in before} == before
    assert (after["embed_dim"], len(after["probe"]["vector"])) == (64, 67)
    get_extractor(folder)
    assert fill(folder) == []
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


# What is refused


def refused(folder: Path, match: str) -> None:
    """See that a folder is refused in one clear line that names it."""
    with pytest.raises(ExtractorError, match=match) as caught:
        get_extractor(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert len(str(caught.value)) < 1_000
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)


@pytest.mark.parametrize("factor", [1.01, 0.99])
def test_a_probe_that_is_off_by_one_percent(small: Path, tmp_path: Path, factor: float) -> None:
    vector = [factor * number for number in models.read(small)["probe"]["vector"]]
    refused(models.copy(small, tmp_path / "m", probe__vector=vector), "numbers of 'probe'")


@pytest.mark.parametrize("place", [0, 5, 40])
def test_one_number_of_a_probe_that_is_off(small: Path, tmp_path: Path, place: int) -> None:
    vector = models.read(small)["probe"]["vector"]
    vector[place] *= 1.01
    folder = models.copy(small, tmp_path / "m", probe__vector=vector)
    refused(folder, rf"number {place + 1} is")


def test_the_first_numbers_of_a_probe_are_enough(small: Path, tmp_path: Path) -> None:
    vector = models.read(small)["probe"]["vector"][:8]
    get_extractor(models.copy(small, tmp_path / "m", probe__vector=vector))
    wrong = models.copy(small, tmp_path / "w", probe__vector=[*vector[:-1], 7.0])
    refused(wrong, "number 8 is")


def test_another_sample_rate_is_found_out_by_the_probe(small: Path, tmp_path: Path) -> None:
    folder = models.copy(small, tmp_path / "m", inference__sample_rate=22_050)
    refused(folder, "sample rate")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"inference__sample_rate": 0}, r"inference\.sample_rate' is 0"),
    ({"inference__sample_rate": "16000"}, r"sample_rate' is '16000'"),
    ({"inference__sample_rate": True}, r"sample_rate' is true"),
    ({"inference__sample_rate": 1e300}, r"sample_rate' is 1e\+300"),
    ({"inference__sample_rate": 10**30}, r"sample_rate' is a very large number"),
    ({"inference__sample_rate": ...}, r"inference\.sample_rate' is missing"),
    ({"inference": []}, r"inference' is a list"),
    ({"inference": ...}, r"sample_rate' is missing"),
    ({"inference__algorithm": "TensorflowPredict2D"}, "algorithm.*does not know"),
    ({"inference__algorithm": ...}, r"algorithm' is missing"),
    ({"inference__algorithm": "melspectrogram"}, r"n_fft' is missing"),
    ({"schema__inputs__0__name": "music"}, "names the input 'music'"),
    ({"schema__inputs__0__shape": ["batch", 16_000]}, r"shape \[any, 16000\].*\[any, 32000\]"),
    ({"schema__inputs__0__shape": ["batch", 1, 32_000]}, "the shape"),
    ({"schema__inputs__0__shape": "large"}, "shape' is 'large'"),
    ({"schema__outputs__1__shape": ["batch", 128]}, r"'embeddings' has the shape \[any, 128\]"),
    ({"schema__outputs__1__name": "embedding"}, "does not have; it has activations, embeddings"),
    ({"schema__outputs__1__output_purpose": "none"}, "names none with output_purpose"),
    ({"schema__outputs": {}}, r"schema\.outputs' is an object"),
    ({"schema__outputs__0": 3}, r"outputs\[0\]' is 3"),
    ({"schema": ...}, "output_purpose 'embeddings'"),
    ({"embed_dim": 63}, "'embed_dim' 63; the network gives 64"),
    ({"embed_dim": -1}, "embed_dim' is -1"),
    ({"embed_dim": 64.5}, "embed_dim' is 64.5"),
    ({"classes": ["low", "high"]}, "names 2 classes.*3 numbers"),
    ({"classes": [1, 2, 3]}, r"classes\[0\]' is 1"),
    ({"similarity_fn_name": "dot"}, "similarity_fn_name' is 'dot'"),
    ({"pooling": "sum"}, "pooling' is 'sum'"),
    ({"pooling": "mean+mean"}, "pooling' is"),
    ({"pooling": "std"}, "zero for a short song"),
    ({"segments": {"most": 0}}, r"segments\.most' is 0"),
    ({"settling": -1}, "settling' is -1"),
    ({"sha256": "0" * 64}, "has the SHA-256"),
    ({"sha256": "short"}, "sha256' needs to be 64"),
    ({"probe__signal": "whistle-9"}, "probe.signal' is 'whistle-9'"),
    ({"probe__vector": []}, r"probe\.vector' is missing or empty"),
    ({"probe__vector": ["a"]}, r"probe\.vector\[0\]' is 'a'"),
    ({"probe__vector": [0.1] * 200}, "states 200 numbers; there are 67"),
    ({"probe": [1, 2]}, "probe' is a list"),
    ({"name": ...}, "name' is missing"),
    ({"name": ""}, "name' is ''"),
    ({"name": "../up"}, "name' needs to be"),
    ({"name": "musicnn"}, "name' is 'musicnn', which is taken"),
    ({"name": "foreign"}, "which is taken"),
    ({"version": ...}, "version' is missing"),
    ({"version": {}}, "version' is an object"),
]


@pytest.mark.parametrize(("changes", "match"), WRONG, ids=lambda value: str(value)[:60])
def test_what_is_wrong_is_named(
    small: Path, tmp_path: Path, changes: dict[str, Any], match: str
) -> None:
    refused(models.copy(small, tmp_path / "m", **changes), match)


MEL_WRONG: list[tuple[dict[str, Any], str]] = [
    ({"inference__n_mels": 33}, "33 bands"),
    ({"inference__fmax": 9_000}, r"fmax' is 9000.*half of 16000"),
    ({"inference__fmin": 8_000}, "below fmax"),
    ({"inference__norm": "l2"}, "norm' is 'l2'"),
    ({"inference__norm": ...}, "norm' is missing"),
    ({"inference__log": "log(x)"}, "not finite for silence"),
    ({"inference__log": "exp(x)"}, "write it like"),
    ({"inference__log": 10}, "log' is 10"),
    ({"inference__power": 0}, "power' is 0"),
    ({"inference__hop_length": 0}, "hop_length' is 0"),
    ({"inference__n_fft": 10**9}, "n_fft' is 1"),
    ({"inference__win_length": 4_096}, "win_length' is 4096"),
    ({"inference__hop_length": 256}, "numbers of 'probe'"),
    ({"inference__fmin": 200}, "numbers of 'probe'"),
    ({"inference__log": "log1p(x)"}, "numbers of 'probe'"),
]


@pytest.mark.parametrize(("changes", "match"), MEL_WRONG, ids=lambda value: str(value)[:60])
def test_a_spectrogram_that_is_another(
    mel: Path, tmp_path: Path, changes: dict[str, Any], match: str
) -> None:
    refused(models.copy(mel, tmp_path / "m", **changes), match)


def test_a_named_algorithm_has_its_own_sample_rate(tmp_path: Path) -> None:
    folder = models.make_model(tmp_path / "m", "musicnn-melspectrogram")
    models.change(folder, inference__sample_rate=22_050)
    refused(folder, "sample_rate' is 22050; musicnn-melspectrogram works at 16000 Hz")


def test_a_folder_that_is_none(small: Path, tmp_path: Path) -> None:
    refused(tmp_path / "nothing", "there is no such folder")
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(empty, r"model\.json: there is no such file")
    halved = models.copy(small, tmp_path / "halved")
    (halved / "model.onnx").unlink()
    refused(halved, r"model\.onnx: there is no such file")
    with pytest.raises(ExtractorNotFound, match="there is no feature extractor 'nothing'"):
        get_extractor("nothing")


def test_a_network_that_is_none(small: Path, tmp_path: Path) -> None:
    folder = models.copy(small, tmp_path / "m", sha256=...)
    whole = (folder / "model.onnx").read_bytes()
    for content in (b"", b"not a network" * 100, whole[: len(whole) // 2]):
        (folder / "model.onnx").write_bytes(content)
        refused(folder, r"model\.onnx: cannot be loaded")


def test_one_bit_of_the_network_is_another(small: Path, tmp_path: Path) -> None:
    folder = models.copy(small, tmp_path / "m")
    content = bytearray((folder / "model.onnx").read_bytes())
    content[-3] ^= 1
    (folder / "model.onnx").write_bytes(content)
    refused(folder, "it is damaged, or another model")


def test_a_network_that_hears_no_difference(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("ReduceSum", ["sound", "axes"], ["sum"], keepdims=1),
        helper.make_node("Mul", ["sum", "zero"], ["none"]),
        helper.make_node("Add", ["none", "place"], ["out"]),
    ]
    constants = {
        "axes": np.array([1]),
        "zero": np.float32(1e-9),
        "place": np.ones((1, 8), np.float32),
    }
    shapes = {"sound": ["batch", 8_000]}
    folder = network(tmp_path / "m", nodes, constants, shapes, {"out": ["batch", 8]})
    refused(folder, "a sweep, noise and clicks alike")


def test_a_network_without_finite_answers(tmp_path: Path) -> None:
    nodes = [helper.make_node("Log", ["sound"], ["out"])]
    folder = network(tmp_path / "m", nodes, {}, {"sound": [1, 8_000]}, {"out": [1, 8_000]})
    refused(folder, "not finite")


def test_networks_of_another_form(tmp_path: Path) -> None:
    add = [helper.make_node("Add", ["a", "b"], ["out"])]
    both = {"a": [1, 8_000], "b": [1, 8_000]}
    refused(network(tmp_path / "two", add, {}, both, {"out": [1, 8_000]}), "takes 2 inputs")
    cast = [helper.make_node("Cast", ["sound"], ["out"], to=TensorProto.FLOAT)]
    ints = network(
        tmp_path / "ints",
        cast,
        {},
        {"sound": [1, 80]},
        {"out": [1, 80]},
        kind=TensorProto.INT64,
    )
    refused(ints, r"takes tensor\(int64\)")
    same = [helper.make_node("Identity", ["sound"], ["out"])]
    flat = network(tmp_path / "flat", same, {}, {"sound": [8_000]}, {"out": [8_000]})
    refused(flat, r"needs to be \[batch, samples\]")
    wide = network(tmp_path / "wide", same, {}, {"sound": [1, 2, 80]}, {"out": [1, 2, 80]})
    refused(wide, r"needs to be \[batch, samples\]")
    huge = network(tmp_path / "huge", same, {}, {"sound": [1, 10**9]}, {"out": [1, 10**9]})
    refused(huge, "too much at a time")


def test_a_network_that_lies_about_its_sizes(tmp_path: Path) -> None:
    # ONNX Runtime believes the shapes that a file states where it cannot know better.
    refused(
        framed(tmp_path / "m", ["batch", "any"], segments={"seconds": 0.3}),
        "the network cannot be run",
    )


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[" * 100_000, "nested too deeply|is not JSON"),
        (b'{"a":' * 50_000, "nested too deeply|is not JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"[]", "a list of 0"),
        (b"null", "is null"),
        (b'"x"', "is 'x'"),
        (b'{"name": NaN}', "number that is none"),
        (b'{"name": ' + b"9" * 5_000 + b"}", "number that is none, or too long|name"),
        (b'{"name": "' + b"x" * (5 << 20) + b'"}', "larger than 4 MB"),
        (b'{"name": "a\\u001b[2Jb"}', "name' needs to be"),
    ],
)
def test_a_page_that_is_hostile(tmp_path: Path, content: bytes, match: str) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "model.json").write_bytes(content)
    refused(folder, match)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
KEYS = [
    "name",
    "version",
    "classes",
    "license",
    "citation",
    "link",
    "description",
    "training_datasets",
    "dataset",
    "embed_dim",
    "similarity_fn_name",
    "pooling",
    "segments",
    "settling",
    "sha256",
    "probe",
    "schema",
    "inference",
    "schema__inputs",
    "schema__outputs",
    "schema__inputs__0",
    "schema__outputs__0",
    "schema__outputs__1__shape",
    "inference__sample_rate",
    "inference__algorithm",
    "inference__n_fft",
    "inference__log",
    "inference__fmax",
    "probe__vector",
]


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(KEYS), JSON)
def test_any_value_anywhere_is_taken_or_refused(
    mel: Path, tmp_path_factory: pytest.TempPathFactory, key: str, value: Any
) -> None:
    folder = models.copy(mel, tmp_path_factory.mktemp("m") / "m", **{key: value})
    with contextlib.suppress(ExtractorRefused):
        read_manifest(folder / "model.json")


# Signals


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_signals_are_the_same_at_every_rate(rate: int) -> None:
    """A signal is defined in seconds and Hz, so at half the rate it has every second sample."""
    np.testing.assert_allclose(sweep(3.0, 2 * rate)[::2], sweep(3.0, rate), atol=1e-6)
    for made in (sweep, hiss, clicks):
        samples = made(1.5, rate)
        assert samples.shape == (round(1.5 * rate),)
        assert samples.dtype == np.float32
        assert 0.1 < np.abs(samples).max() <= 1


def test_the_default_extractor_is_a_folder_with_all_that_can_be_checked() -> None:
    extractor = get_extractor("musicnn")
    assert isinstance(extractor, ModelExtractor)
    said = extractor.manifest
    assert None not in (said.sha256, said.embed_dim, said.probe)
    assert extractor.checksum == said.sha256
    extractor.load()


def test_a_folder_may_be_named_by_one_of_its_files(small: Path) -> None:
    for name in ("model.onnx", "model.json"):
        assert get_extractor(small / name).spec == open_folder(small).spec
