"""The default feature extractor: the network MSD_musicnn of Pons and Serra (2019).

It is a model like any other: ``earmark/data/msd_musicnn.json`` describes it. A recording is heard
in segments of 3 s at one level; its vector is the mean of the network's 50 tag outputs and, behind
them, of its 200 penultimate outputs, which vote.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from earmark.features.manifest import Manifest, read_manifest
from earmark.features.model import ModelExtractor
from earmark.features.network import CPU

_DATA = Path(str(files("earmark.data")))


@cache
def manifest() -> Manifest:
    """Return what is said of the network."""
    return read_manifest(_DATA / "msd_musicnn.json")


def extractor(*, providers: Sequence[str] | None = None, threads: int = 0) -> ModelExtractor:
    """Return the extractor; its network is loaded when it first hears something.

    Parameters
    ----------
    providers
        ONNX Runtime's execution providers, the preferred one first; None is the processor.
    threads
        How many threads one run may use; 0 leaves the choice to ONNX Runtime.
    """
    return ModelExtractor(
        manifest(), _DATA / "msd_musicnn.onnx", providers=providers or CPU, threads=threads
    )
