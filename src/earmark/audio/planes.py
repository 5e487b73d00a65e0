"""The samples of FFmpeg's frames as floats, one row a channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# By FFmpeg's name of the format, without the p of those that keep channels apart.
_FORMATS: dict[str, tuple[str, float]] = {
    "u8": ("u1", 2.0**-7),
    "s16": ("<i2", 2.0**-15),
    "s32": ("<i4", 2.0**-31),
    "s64": ("<i8", 2.0**-63),
    "flt": ("<f4", 1.0),
    "dbl": ("<f8", 1.0),
}


def samples_of(frame: Any) -> NDArray[np.float32]:
    """Return the samples [channels, n] of an ``av.AudioFrame``, scaled to [-1, 1].

    Notes
    -----
    ``AudioFrame.to_ndarray`` knows no 64-bit integers, and copies once more.
    """
    samples = np.empty((frame.layout.nb_channels, frame.samples), np.float32)
    copy_samples(frame, samples)
    return samples


def copy_samples(frame: Any, into: NDArray[np.float32]) -> None:
    """Write the samples of an ``av.AudioFrame`` to an array [channels, n] of its own shape."""
    form = frame.format
    name: str = form.name.removesuffix("p")
    dtype, scale = _FORMATS[name]
    channels, n = into.shape
    if form.is_planar:
        for row, plane in zip(into, frame.planes, strict=False):
            _convert(np.frombuffer(plane, dtype, n), name, scale, row)
    else:
        raw = np.frombuffer(frame.planes[0], dtype, n * channels).reshape(n, channels).T
        _convert(raw, name, scale, into)


def _convert(raw: NDArray[Any], name: str, scale: float, into: NDArray[np.float32]) -> None:
    if name == "flt":
        into[:] = raw
    elif name == "dbl":
        with np.errstate(over="ignore", invalid="ignore"):  # checked later on
            into[:] = raw
    elif raw.itemsize > 2:
        # 32 bits do not fit into the 24 of a float32; they are rounded once, after scaling.
        np.multiply(raw.astype(np.float64), scale, out=into, casting="same_kind")
    else:
        if name == "u8":
            raw = raw - np.float32(128.0)
        np.multiply(raw, np.float32(scale), out=into)
