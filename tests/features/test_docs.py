"""The page "Which ears fit your music" says what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from earmark.cli import earmark
from earmark.features import get_extractor
from earmark.features.manifest import front_ends, read_manifest
from earmark.features.plugins import checked
from support import models, sounds
from support.skips import import_or_skip

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "extractors.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


PAGES: list[dict[str, Any]] = [json.loads(block) for block in blocks("json")]


@pytest.mark.parametrize("said", PAGES, ids=lambda said: said["name"])
def test_the_pages_to_copy_can_be_read(said: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    file.write_text(json.dumps(said), "utf-8")
    manifest = read_manifest(file)
    assert manifest.card.license != "unknown"
    assert manifest.embed_dim is not None
    assert manifest.embeddings[0].shape is not None
    assert manifest.embeddings[0].shape[-1] == manifest.embed_dim
    spec = manifest.spec(manifest.embed_dim, "0" * 64)
    assert spec.dimension == manifest.embed_dim


def test_three_models_are_written_out() -> None:
    found = {said["name"]: said for said in PAGES}
    assert set(found) == {"discogs-effnet", "efficientat-mn10", "musicfm"}
    assert found["discogs-effnet"]["license"] == "CC-BY-NC-SA-4.0"
    assert found["efficientat-mn10"]["license"] == found["musicfm"]["license"] == "MIT"


@pytest.mark.parametrize("said", PAGES, ids=lambda said: said["name"])
def test_a_network_of_that_form_is_taken(said: dict[str, Any], tmp_path: Path) -> None:
    """Each page with a network that has the inputs and outputs it names, and no training."""
    onnx = import_or_skip("onnx")
    (source,) = said["schema"]["inputs"]
    outputs = said["schema"]["outputs"]
    rng = np.random.default_rng(0)
    width = int(np.prod([axis for axis in source["shape"] if isinstance(axis, int)]))
    # Any length of a segment comes down to 16 levels, and those are projected.
    parts = width // 16
    constants = {"cut": np.array([-1, 16, parts]), "axes": np.array([2])}
    nodes = [
        onnx.helper.make_node("Reshape", [source["name"], "cut"], ["parts"]),
        onnx.helper.make_node("Abs", ["parts"], ["sizes"]),
        onnx.helper.make_node("ReduceMax", ["sizes", "axes"], ["levels"], keepdims=0),
    ]
    for number, output in enumerate(outputs):
        size = output["shape"][-1]
        constants[f"w{number}"] = rng.normal(size=(16, size)).astype(np.float32)
        flat = output["name"] if len(output["shape"]) == 2 else f"flat{number}"
        nodes.append(onnx.helper.make_node("MatMul", ["levels", f"w{number}"], [flat]))
        if flat != output["name"]:
            constants["one"] = np.array([1])
            nodes.append(onnx.helper.make_node("Unsqueeze", [flat, "one"], [output["name"]]))

    def info(entry: dict[str, Any]) -> Any:
        return onnx.helper.make_tensor_value_info(entry["name"], 1, entry["shape"])

    graph = onnx.helper.make_graph(
        nodes,
        "form",
        [info(source)],
        [info(output) for output in outputs],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [onnx.helper.make_opsetid("", 18)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    (tmp_path / "model.json").write_text(json.dumps(said), "utf-8")
    extractor = get_extractor(tmp_path)
    heard = extractor.extract([sounds.tune(12.0, extractor.sample_rate)])
    assert heard.shape == (said["embed_dim"],)


def test_the_table_of_the_package_is_what_the_command_prints() -> None:
    table = blocks("console")[0].splitlines()
    assert table[0] == "$ earmark extractors"
    printed = CliRunner().invoke(earmark, ["extractors"]).stdout.splitlines()
    assert printed == table[1:]


def test_every_key_and_algorithm_is_explained(tmp_path: Path) -> None:
    for algorithm in ("waveform", "melspectrogram", *front_ends()):
        assert f"`{algorithm}`" in PAGE
    said = models.read(models.make_model(tmp_path / "m", "melspectrogram"))
    for key in (*said, *said["inference"]):
        named = key in ("schema", "inference", "framework")
        assert named or f"`{key}`" in PAGE or f"{key}`" in PAGE, key


def test_the_plug_in_keeps_the_contract() -> None:
    (code,) = blocks("python")
    names: dict[str, Any] = {}
    exec(compile(code, "extractors.md", "exec"), names)
    made = checked(names["Loudness"](), "the page", "loudness")
    assert made.extract([sounds.tune(1.0, 8_000)]).shape == (made.spec.dimension,)
    (toml,) = blocks("toml")
    assert "earmark.extractors" in toml
