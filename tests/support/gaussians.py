"""Rows of a ``my.dat`` as any program might write them; nothing here uses ``earmark``."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Row = tuple[NDArray[np.float64], NDArray[np.float64], int]

# Where music has its first coefficient, and how widely its coefficients vary.
C0 = 74.0
VARIANCE = 90.0


def row(seed: int, label: int = 1) -> Row:
    """Return a mean [13], a covariance [13, 13] at the scale of music's, and a label."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(0, 5, 13)
    mean[0] += C0
    frames = rng.normal(size=(200, 13)) @ (np.eye(13) + 0.1 * rng.normal(size=(13, 13)))
    return mean, np.cov(VARIANCE**0.5 * frames.T), label


def rows(labels: list[int]) -> list[Row]:
    """Return a row for each label, each different."""
    return [row(seed, label) for seed, label in enumerate(labels)]


def write(path: Path, content: list[Row], protocol: int = 3) -> Path:
    """Write rows as the classic program does: one pickle after another."""
    path.write_bytes(b"".join(pickle.dumps(item, protocol=protocol) for item in content))
    return path
