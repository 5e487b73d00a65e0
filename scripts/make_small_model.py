"""Make a small model folder: a network that nobody trained, for tests and for a look at the form.

    python scripts/make_small_model.py small
    python scripts/make_small_model.py small --algorithm melspectrogram
    earmark extractors check ./small

The network listens to 32 bands. With ``waveform`` it filters the samples itself: each band is a
pair of cosine and sine of one frequency under a window, squared and added. The embedding is the
mean and the deviation of the logarithm of each band over time [64]; three made-up words beside it
say how much of the energy is low, middle or high. Running the program again gives the same files.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from earmark.features.filling import fill

SAMPLE_RATE = 16_000
SECONDS = 2
N_BANDS = 32
WINDOW, STEP = 1_024, 512
WORDS = ("low", "middle", "high")
MEL = {
    "n_fft": 1024,
    "hop_length": 512,
    "n_mels": N_BANDS,
    "fmin": 60,
    "fmax": 8000,
    "norm": "slaney",
    "power": 2,
    "log": None,
}
ALGORITHMS = ("waveform", "melspectrogram", "musicnn-melspectrogram")

Array = NDArray[np.floating]


def filters() -> Array:
    """Return cosines and sines [2 · N_BANDS, 1, WINDOW] of frequencies from 60 Hz to 7 kHz."""
    hertz = np.geomspace(60, 7_000, N_BANDS)
    time = np.arange(WINDOW) / SAMPLE_RATE
    phases = 2 * np.pi * hertz[:, None] * time
    window = np.hanning(WINDOW) / WINDOW
    return (np.concatenate([np.cos(phases), np.sin(phases)]) * window)[:, None]


def constant(name: str, value: Any, kind: type = np.float32) -> onnx.TensorProto:
    """Return a named constant of the network."""
    return numpy_helper.from_array(np.asarray(value, dtype=kind), name)


def build(algorithm: str) -> tuple[onnx.ModelProto, list[int | str]]:
    """Return the network for one of ``ALGORITHMS``, and the shape of its input."""
    constants = [
        constant("tiny", 1e-6),
        constant("axes", [2], np.int64),
        constant("last", [1], np.int64),
        constant("words", np.repeat(np.eye(3), [10, 11, 11], axis=0)),
    ]
    shape: list[int | str]
    if algorithm == "waveform":
        shape = ["batch", SAMPLE_RATE * SECONDS]
        constants += [
            constant("filters", filters()),
            constant("one", [1], np.int64),
            constant("halves", [N_BANDS, N_BANDS], np.int64),
        ]
        nodes = [
            helper.make_node("Unsqueeze", ["sound", "one"], ["channel"]),
            helper.make_node("Conv", ["channel", "filters"], ["waves"], strides=[STEP]),
            helper.make_node("Mul", ["waves", "waves"], ["squares"]),
            helper.make_node("Split", ["squares", "halves"], ["cosines", "sines"], axis=1),
            helper.make_node("Add", ["cosines", "sines"], ["bands"]),
        ]
    else:
        n_mels, n_frames = (N_BANDS, 61) if algorithm == "melspectrogram" else (96, 124)
        shape = ["batch", n_frames, n_mels]
        # Of 96 bands, three at a time are one.
        constants.append(constant("thirds", np.repeat(np.eye(N_BANDS), n_mels // N_BANDS, axis=0)))
        nodes = [
            helper.make_node("MatMul", ["sound", "thirds"], ["joined"]),
            helper.make_node("Transpose", ["joined"], ["bands"], perm=[0, 2, 1]),
        ]
    nodes += [
        helper.make_node("Add", ["bands", "tiny"], ["lifted"]),
        helper.make_node("Log", ["lifted"], ["levels"]),
        helper.make_node("ReduceMean", ["levels", "axes"], ["means"], keepdims=1),
        helper.make_node("Sub", ["levels", "means"], ["swings"]),
        helper.make_node("Mul", ["swings", "swings"], ["powers"]),
        helper.make_node("ReduceMean", ["powers", "axes"], ["variances"], keepdims=0),
        helper.make_node("Squeeze", ["means", "axes"], ["flat"]),
        helper.make_node("Concat", ["flat", "variances"], ["embeddings"], axis=1),
        helper.make_node("ReduceMean", ["lifted", "axes"], ["energies"], keepdims=0),
        helper.make_node("MatMul", ["energies", "words"], ["sums"]),
        helper.make_node("ReduceSum", ["sums", "last"], ["total"], keepdims=1),
        helper.make_node("Div", ["sums", "total"], ["activations"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("sound", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("activations", TensorProto.FLOAT, ["batch", len(WORDS)]),
            helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", 2 * N_BANDS]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model, shape


def describe(algorithm: str, shape: list[int | str]) -> dict[str, Any]:
    """Return what ``model.json`` says, but for what only the file itself can tell."""
    return {
        "name": "small",
        "version": "1",
        "description": "32 bands, their mean level and how much it swings; nobody trained it",
        "link": "",
        "license": "CC0-1.0",
        "citation": "",
        "training_datasets": [],
        "framework": "onnx",
        "classes": list(WORDS),
        "schema": {
            "inputs": [{"name": "sound", "type": "float", "shape": shape}],
            "outputs": [
                {
                    "name": "activations",
                    "type": "float",
                    "shape": ["batch", len(WORDS)],
                    "output_purpose": "predictions",
                },
                {
                    "name": "embeddings",
                    "type": "float",
                    "shape": ["batch", 2 * N_BANDS],
                    "output_purpose": "embeddings",
                },
            ],
        },
        "inference": {
            "sample_rate": SAMPLE_RATE,
            "algorithm": algorithm,
            **(MEL if algorithm == "melspectrogram" else {}),
        },
        "embed_dim": 2 * N_BANDS,
        "similarity_fn_name": "euclidean",
        "pooling": "mean",
    }


def make(folder: Path, algorithm: str = "waveform") -> Path:
    """Write a model folder and return it."""
    model, shape = build(algorithm)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    page = json.dumps(describe(algorithm, shape), indent=2)
    (folder / "model.json").write_text(page + "\n", "utf-8")
    fill(folder)
    return folder


def main() -> None:
    """Write the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--algorithm", default="waveform", choices=ALGORITHMS)
    arguments = parser.parse_args()
    print(make(arguments.folder, arguments.algorithm))


if __name__ == "__main__":
    main()
