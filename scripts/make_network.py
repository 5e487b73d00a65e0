"""Make the ONNX file of a network of Pons and Serra (2019) from the wheel musicnn 0.1.0.

    pip download --no-deps musicnn==0.1.0
    python scripts/make_network.py musicnn-0.1.0-py3-none-any.whl src/earmark/data/msd_musicnn.onnx

The wheel keeps a TensorFlow checkpoint as an uncompressed sorted table (``.index``) that says where
in the raw float32 file (``.data-00000-of-00001``) each variable lies. Both are read here directly,
so TensorFlow is not needed. Running the program again gives the same file, byte for byte.

Jordi Pons and Xavier Serra: "musicnn: Pre-trained convolutional neural networks for music audio
tagging", 2019, arXiv:1909.06654. The weights are under the ISC licence, in the wheel's LICENSE.md.
"""

from __future__ import annotations

import argparse
import struct
import zipfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Weights = dict[str, NDArray[np.float32]]

N_FRAMES = 187
N_MELS = 96
EPSILON = 1e-3  # of batch normalization, TensorFlow's default
FLOAT32 = 1  # TensorFlow's DT_FLOAT


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a base-128 number and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def read_message(data: bytes) -> dict[int, list[int | bytes]]:
    """Return the fields of a protocol buffer: numbers, or bytes, by field number."""
    fields: dict[int, list[int | bytes]] = {}
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        value: int | bytes
        if wire == 0:
            value, at = read_varint(data, at)
        elif wire == 2:
            length, at = read_varint(data, at)
            value = data[at : at + length]
            at += length
        elif wire == 5:
            (value,) = struct.unpack_from("<I", data, at)
            at += 4
        else:
            raise ValueError(f"wire type {wire} is not used in a checkpoint")
        fields.setdefault(number, []).append(value)
    return fields


def read_block(table: bytes, offset: int, size: int) -> dict[bytes, bytes]:
    """Return the entries of one block of a sorted table, whose keys share prefixes."""
    if table[offset + size] != 0:
        raise ValueError("the table is compressed")
    block = table[offset : offset + size]
    (n_restarts,) = struct.unpack_from("<I", block, size - 4)
    end = size - 4 - 4 * n_restarts
    entries = {}
    key = b""
    at = 0
    while at < end:
        shared, at = read_varint(block, at)
        unshared, at = read_varint(block, at)
        length, at = read_varint(block, at)
        key = key[:shared] + block[at : at + unshared]
        at += unshared
        entries[key] = block[at : at + length]
        at += length
    return entries


def read_handle(data: bytes, at: int = 0) -> tuple[int, int, int]:
    """Return a block's offset, its size, and where the handle ends."""
    offset, at = read_varint(data, at)
    size, at = read_varint(data, at)
    return offset, size, at


def read_checkpoint(wheel: Path, model: str) -> Weights:
    """Return the float32 variables of a model in the wheel, by name."""
    with zipfile.ZipFile(wheel) as archive:
        table = archive.read(f"musicnn/{model}/.index")
        raw = archive.read(f"musicnn/{model}/.data-00000-of-00001")
    footer = table[-48:]
    _, _, at = read_handle(footer)
    offset, size, _ = read_handle(footer, at)
    weights: Weights = {}
    for handle in read_block(table, offset, size).values():
        entries = read_block(table, *read_handle(handle)[:2])
        for key, value in entries.items():
            fields = read_message(value)
            if not key or fields.get(1, [0])[0] != FLOAT32:
                continue
            shape_message = fields.get(2, [b""])[0]
            assert isinstance(shape_message, bytes)
            dimensions = read_message(shape_message).get(2, [])
            shape = [read_message(d).get(1, [0])[0] for d in dimensions if isinstance(d, bytes)]
            start, length = fields.get(4, [0])[0], fields.get(5, [0])[0]
            assert isinstance(start, int)
            assert isinstance(length, int)
            weights[key.decode()] = np.frombuffer(raw, "<f4", length // 4, start).reshape(shape)
    return weights


class Graph:
    """An ONNX graph under construction; every method adds nodes and names its output."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Add a constant."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        """Add a node."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def normalize(self, value: str, number: int) -> str:
        """Add the batch normalization of that number, over the channels of axis 1."""
        scope = f"batch_normalization_{number}" if number else "batch_normalization"
        names = [
            self.constant(f"{scope}/{part}", self.weights[f"{scope}/{part}"])
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        ]
        return self.node("BatchNormalization", [value, *names], f"{scope}/out", epsilon=EPSILON)

    def convolve(self, value: str, scope: str, kernel: NDArray[np.float32], pads: list[int]) -> str:
        """Add a convolution with bias and its rectifier."""
        weight = self.constant(f"{scope}/kernel", kernel)
        bias = self.constant(f"{scope}/bias", self.weights[f"{scope}/bias"])
        out = self.node("Conv", [value, weight, bias], f"{scope}/conv", pads=pads)
        return self.node("Relu", [out], f"{scope}/relu")

    def dense(self, value: str, scope: str) -> str:
        """Add a fully connected layer."""
        weight = self.constant(f"{scope}/kernel", self.weights[f"{scope}/kernel"])
        bias = self.constant(f"{scope}/bias", self.weights[f"{scope}/bias"])
        return self.node("Gemm", [value, weight, bias], f"{scope}/out")


def build_musicnn(weights: Weights) -> onnx.ModelProto:
    """Return the network: patches [n, 187, 96] in, tags [n, 50] and penultimate [n, 200] out."""
    graph = Graph(weights)
    axis = {i: graph.constant(f"axis{i}", np.array([i], dtype=np.int64)) for i in (1, 2, 3)}
    image = graph.node("Unsqueeze", ["patches", axis[1]], "image")
    image = graph.normalize(image, 0)

    # Two timbral filters look at 7 frames and a part of the spectrum, three temporal ones at one
    # band over time. Each keeps its strongest band. An even kernel is padded by one more behind.
    front = []
    for number in range(5):
        scope = f"conv2d_{number}" if number else "conv2d"
        kernel = weights[f"{scope}/kernel"].transpose(3, 2, 0, 1)
        before, after = (kernel.shape[2] - 1) // 2, kernel.shape[2] // 2
        value = graph.convolve(image, scope, kernel, [before, 0, after, 0])
        value = graph.normalize(value, number + 1)
        front.append(graph.node("ReduceMax", [value, axis[3]], f"front{number}", keepdims=0))
    layers = [graph.node("Concat", front, "front", axis=1)]

    # Three layers over time, the second and third with a residual connection.
    value = layers[0]
    for number in range(5, 8):
        scope = f"conv2d_{number}"
        kernel = weights[f"{scope}/kernel"][:, :, 0, :].transpose(2, 1, 0)
        heard = graph.normalize(graph.convolve(value, scope, kernel, [3, 3]), number + 1)
        value = heard if number == 5 else graph.node("Add", [heard, value], f"layer{number}")
        layers.append(value)

    # Maximum and mean over time, interleaved channel by channel.
    stacked = graph.node("Concat", layers, "layers", axis=1)
    pooled = [
        graph.node("ReduceMax", [stacked, axis[2]], "maximum", keepdims=1),
        graph.node("ReduceMean", [stacked, axis[2]], "mean", keepdims=1),
    ]
    flat = graph.node("Flatten", [graph.node("Concat", pooled, "pooled", axis=2)], "flat", axis=1)
    hidden = graph.dense(graph.normalize(flat, 9), "dense")
    hidden = graph.normalize(graph.node("Relu", [hidden], "dense/relu"), 10)
    graph.node("Identity", [hidden], "penultimate")
    graph.node("Sigmoid", [graph.dense(hidden, "dense_1")], "tags")
    return as_model(graph, "MSD_musicnn", {"tags": 50, "penultimate": 200})


def as_model(graph: Graph, name: str, outputs: dict[str, int]) -> onnx.ModelProto:
    """Wrap up a graph as a model that says where it comes from."""
    made = helper.make_graph(
        graph.nodes,
        name,
        [helper.make_tensor_value_info("patches", TensorProto.FLOAT, ["n", N_FRAMES, N_MELS])],
        [
            helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", size])
            for output, size in outputs.items()
        ],
        graph.constants,
    )
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", 18)], producer_name="earmark", ir_version=8
    )
    helper.set_model_props(
        model,
        {
            "origin": f"{name} of the Python package musicnn 0.1.0",
            "paper": "Pons and Serra, 2019, arXiv:1909.06654",
            "licence": "ISC, Copyright (c) Music Technology Group, Universitat Pompeu Fabra 2019",
        },
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def main() -> None:
    """Read the wheel, write the network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="musicnn-0.1.0-py3-none-any.whl")
    parser.add_argument("output", type=Path, help="the ONNX file to write")
    parser.add_argument("--model", default="MSD_musicnn", choices=["MSD_musicnn", "MTT_musicnn"])
    arguments = parser.parse_args()
    weights = read_checkpoint(arguments.wheel, arguments.model)
    arguments.output.write_bytes(build_musicnn(weights).SerializeToString(deterministic=True))
    print(f"{arguments.output}: {arguments.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
