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
    form = frame.format
    name: str = form.name.removesuffix("p")
    dtype, scale = _FORMATS[name]
    n, channels = frame.samples, frame.layout.nb_channels
    if form.is_planar:
        raw = np.empty((channels, n), dtype)
        for row, plane in zip(raw, frame.planes, strict=False):  # np.stack takes twice as long
            row[:] = np.frombuffer(plane, dtype, n)
    else:
        raw = np.frombuffer(frame.planes[0], dtype, n * channels).reshape(n, channels).T
    if name == "flt":
        return raw
    with np.errstate(over="ignore", invalid="ignore"):  # of doubles; checked later on
        if name == "dbl":
            return raw.astype(np.float32)
        # 16 bits fit into the 24 of a float32; 32 bits are rounded once, after scaling.
        if raw.itemsize > 2:
            wide: NDArray[np.float64] = raw.astype(np.float64)
            return (wide * scale).astype(np.float32)
        narrow: NDArray[np.float32] = raw.astype(np.float32)
        if name == "u8":
            narrow -= np.float32(128.0)
        narrow *= np.float32(scale)
        return narrow
