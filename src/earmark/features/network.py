"""A network on ONNX Runtime: loaded, compared with what is said of it, and run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.errors import ExtractorError, ExtractorRefused
from earmark.features.manifest import LARGEST, MOST_CELLS, Manifest, Output, Shape

Float32 = NDArray[np.float32]

CPU = ("CPUExecutionProvider",)


def open_session(file: Path, providers: Sequence[str], threads: int) -> Any:
    """Load a network.

    Parameters
    ----------
    file
        The ONNX file.
    providers
        Names of ONNX Runtime's execution providers, the preferred one first.
    threads
        How many threads one run may use; 0 leaves the choice to ONNX Runtime.

    Raises
    ------
    ExtractorError
        An execution provider is not available here.
    ExtractorRefused
        The file is no network that ONNX Runtime can load.
    """
    # Imported when a network is needed, since that takes a while.
    from earmark.features.runtime import onnxruntime

    available = onnxruntime.get_available_providers()
    missing = [name for name in providers if name not in available]
    if missing:
        raise ExtractorError(
            f"the execution provider {missing[0]} is not available here; "
            f"there are {', '.join(available)}"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Threads that wait busily for the next segment take the processor from those that decode.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=list(providers))
    except Exception as error:
        # ONNX Runtime has a class of errors for each kind of trouble, and no common one.
        raise ExtractorRefused(file, f"cannot be loaded: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


class Network:
    """The network of a model folder.

    Parameters
    ----------
    file
        The ONNX file.
    manifest
        What is said of it.
    providers, threads
        As in `open_session`.

    Attributes
    ----------
    segment_length
        Samples of one segment.
    embed_dim
        How many numbers the embeddings have together.

    Raises
    ------
    ExtractorError
        As `open_session`; also where the network is not as the manifest says.
    """

    def __init__(
        self, file: Path, manifest: Manifest, providers: Sequence[str] = CPU, threads: int = 0
    ) -> None:
        self._manifest = manifest
        self._session = open_session(file, providers, threads)
        self._input, shape = self._find_input()
        self._batch, self._layout = self._find_layout(shape)
        self._outputs = (
            *([manifest.predictions] if manifest.predictions is not None else []),
            *manifest.embeddings,
        )
        self._sizes = self._find_sizes()
        self.embed_dim = sum(self._sizes[len(self._sizes) - len(manifest.embeddings) :])
        self._check_sizes()

    def _refuse(self, problem: str) -> ExtractorRefused:
        return ExtractorRefused(self._manifest.file, problem)

    def _find_input(self) -> tuple[str, Shape]:
        """Return the name of the input and its shape, as the network and the manifest have it."""
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise self._refuse(
                f"the network takes {len(inputs)} inputs; Earmark can give it one, of sound"
            )
        given = inputs[0]
        stated = self._manifest.input_name
        if stated is not None and stated != given.name:
            raise self._refuse(f"names the input '{stated}'; the network calls it '{given.name}'")
        if given.type != "tensor(float)":
            raise self._refuse(
                f"the network takes {given.type}; Earmark gives numbers of single precision"
            )
        return given.name, self._agreed(
            f"the input '{given.name}'", _shape(given.shape), self._manifest.input_shape
        )

    def _agreed(self, what: str, real: Shape, stated: Shape | None) -> Shape:
        """Return a shape with the axes filled in that only one side knows; refuse a conflict."""
        if stated is None:
            return real
        if not real:
            return stated
        fits = len(real) == len(stated) and all(
            one is None or other is None or one == other
            for one, other in zip(real, stated, strict=True)
        )
        if not fits:
            raise self._refuse(
                f"says that {what} has the shape {_written(stated)}; in the network it is "
                f"{_written(real)}"
            )
        return tuple(other if one is None else one for one, other in zip(real, stated, strict=True))

    def _find_layout(self, shape: Shape) -> tuple[int | None, tuple[int | str, ...]]:
        """Return how many segments a run takes (None: any), and the axes behind that.

        An axis is ``"samples"``, ``"frames"``, ``"bands"`` or 1. Sets the length of a segment.
        """
        front_end = self._manifest.front_end
        wanted = "[batch, samples]"
        if front_end is not None:
            wanted = f"[batch, frames, {front_end.n_mels}]"
        if len(shape) < 2:
            raise self._refuse(
                f"the network's input has the shape {_written(shape)}; it needs to be {wanted}"
            )
        batch, axes = shape[0], shape[1:]
        if batch is not None and batch > 4_096:
            raise self._refuse(f"the network takes {batch:,} segments at a time; that is too many")
        seconds = self._manifest.segment_seconds
        length = round(seconds * self._manifest.sample_rate)
        if front_end is None:
            if any(axis != 1 for axis in axes[:-1]):
                raise self._refuse(
                    f"the network's input has the shape {_written(shape)}; for samples it needs "
                    f"to be {wanted}"
                )
            self.segment_length = axes[-1] or length
            cells = self.segment_length
            layout: tuple[int | str, ...] = (*(1 for _ in axes[:-1]), "samples")
        else:
            layout = _mel_layout(axes, front_end.n_mels)
            if "bands" not in layout:
                raise self._refuse(
                    f"the network's input has the shape {_written(shape)}; for a spectrogram of "
                    f"{front_end.n_mels} bands it needs to be {wanted}, the axes in any order"
                )
            n_frames = axes[layout.index("frames")] or front_end.n_frames(length)
            if n_frames < 1:
                raise self._refuse(f"a segment of {seconds:g} s is shorter than one frame")
            self.segment_length = front_end.n_samples(n_frames)
            cells = n_frames * front_end.n_mels
        if max(cells, self.segment_length) * (batch or 1) > MOST_CELLS:
            raise self._refuse(
                f"a segment is {self.segment_length:,} samples long; that is too much at a time"
            )
        return batch, layout

    def _find_sizes(self) -> list[int]:
        """Return how many numbers each output has for a segment."""
        real = {output.name: output for output in self._session.get_outputs()}
        for output in self._outputs:
            if output.name not in real:
                raise self._refuse(
                    f"names the output '{output.name}', which the network does not have; it has "
                    f"{', '.join(sorted(real))}"
                )
            shape = self._agreed(
                f"the output '{output.name}'", _shape(real[output.name].shape), output.shape
            )
            if math.prod(axis or 1 for axis in shape) > MOST_CELLS:
                raise self._refuse(f"the output '{output.name}' is too large: {_written(shape)}")
        # Only a run tells the sizes that are not stated.
        return [array.shape[1] for array in self._run(self.blank(1))]

    def _check_sizes(self) -> None:
        manifest = self._manifest
        if manifest.embed_dim is not None and manifest.embed_dim != self.embed_dim:
            raise self._refuse(
                f"says 'embed_dim' {manifest.embed_dim}; the network gives {self.embed_dim} numbers"
            )
        if manifest.predictions is not None and self._sizes[0] != len(manifest.classes):
            raise self._refuse(
                f"names {len(manifest.classes)} classes; the network's output "
                f"'{manifest.predictions.name}' has {self._sizes[0]} numbers"
            )
        if self.embed_dim > LARGEST:
            raise self._refuse(f"the network gives {self.embed_dim:,} numbers; that is too many")

    def blank(self, count: int) -> list[Float32]:
        """Return that many segments of silence, as the network gets them."""
        silence = np.zeros(self.segment_length, dtype=np.float32)
        return [self.look(silence)] * count

    def look(self, segment: Float32) -> Float32:
        """Return what the network gets of one segment of samples [segment_length]."""
        front_end = self._manifest.front_end
        if front_end is None:
            return segment.reshape(
                [segment.size if axis == "samples" else 1 for axis in self._layout]
            )
        spectrogram = front_end(segment)
        if self._layout.index("bands") < self._layout.index("frames"):
            spectrogram = spectrogram.T
        for position, axis in enumerate(self._layout):
            if axis == 1:
                spectrogram = np.expand_dims(spectrogram, position)
        return spectrogram

    def outputs(self, segments: Sequence[Float32]) -> tuple[Float32, Float32]:
        """Return the words [n, w] and embeddings [n, d] of n segments of samples.

        There are no words where there are no predictions.
        """
        # ONNX Runtime keeps the memory of its largest run, and several at a time are no faster.
        size = self._batch or 1
        runs = []
        for start in range(0, len(segments), size):
            looks = [self.look(segment) for segment in segments[start : start + size]]
            runs.append(np.concatenate(self._run(looks), axis=1))
        joined = np.concatenate(runs)
        n_words = self._manifest.n_words
        return joined[:, :n_words], joined[:, n_words:]

    def _run(self, looks: Sequence[Float32]) -> list[Float32]:
        """Return every output [n, size] for n segments in the network's form."""
        count = len(looks)
        if self._batch is not None:
            # What fills up a batch is silence, and its answers are dropped.
            looks = [*looks, *[np.zeros_like(looks[0])] * (self._batch - count)]
        try:
            found = self._session.run(
                [output.name for output in self._outputs], {self._input: np.stack(looks)}
            )
        except Exception as error:
            # As above: of many classes.
            raise self._refuse(f"the network cannot be run: {_first_line(error)}") from error
        return [
            self._flat(output, np.asarray(array), len(looks))[:count]
            for output, array in zip(self._outputs, found, strict=True)
        ]

    def _flat(self, output: Output, array: NDArray[Any], count: int) -> Float32:
        """Return an output [count, ..., size] as [count, size]: the mean over what is between."""
        if array.dtype.kind != "f" or array.ndim < 2 or len(array) != count or array.size == 0:
            raise self._refuse(
                f"the output '{output.name}' is {array.dtype} of shape {array.shape} for {count} "
                "segments; it needs to be numbers [segments, size] or [segments, moments, size]"
            )
        between = tuple(range(1, array.ndim - 1))
        flat: Float32 = array.mean(axis=between, dtype=np.float64) if between else array
        return flat.astype(np.float32)


def _shape(axes: Sequence[Any]) -> Shape:
    return tuple(axis if isinstance(axis, int) and axis > 0 else None for axis in axes)


def _written(shape: Shape) -> str:
    return f"[{', '.join('any' if axis is None else str(axis) for axis in shape)}]"


def _mel_layout(axes: Shape, n_mels: int) -> tuple[int | str, ...]:
    """Say which of the axes behind the batch are frames and bands; none where it is not clear."""
    wide = [position for position, axis in enumerate(axes) if axis != 1]
    layout: list[int | str] = [1] * len(axes)
    if len(wide) != 2:
        return tuple(layout)
    first, second = wide
    # Frames first, as most have it, where both could be the bands.
    if axes[second] == n_mels:
        layout[first], layout[second] = "frames", "bands"
    elif axes[first] == n_mels:
        layout[first], layout[second] = "bands", "frames"
    return tuple(layout)
