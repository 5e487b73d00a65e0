"""Distances do not depend on which of OpenBLAS's kernels a processor runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.skips import skip

pytestmark = pytest.mark.slow

REPORT = """
import json, sys
import numpy as np
import threadpoolctl
from earmark.features.gaussian import pack
from earmark.neighbors import METRICS, BruteForce, find_copies

rng = np.random.default_rng(0)
# Hums: all but one direction are nearly still, so that their covariances are nearly singular.
frames = rng.normal(size=(27, 13, 40)) * np.geomspace(1, 2e-5, 13)[:, None]
turn = np.linalg.qr(rng.normal(size=(13, 13)))[0]
hums = pack(30 * rng.normal(size=(27, 13)), turn @ frames @ frames.transpose(0, 2, 1) @ turn.T / 39)
tracks = np.concatenate([hums, hums]).astype(np.float32)
index = BruteForce(METRICS["gaussian-kl"].fit(tracks), tracks)
distances, rows = index.search(tracks, 2)
copies = find_copies(tracks, "gaussian-kl", np.arange(54))
blas = [one for one in threadpoolctl.threadpool_info() if one["user_api"] == "blas"]
print(json.dumps({
    "kernels": [one.get("architecture") for one in blas if "numpy" in one["filepath"]],
    "largest": float(distances.max()),
    "rows": rows.tolist(),
    "copies": sorted((copy.first, copy.second) for copy in copies if copy.how == "exact"),
}))
"""
# Kernels for processors with AVX2, with AVX-512, and with neither.
KERNELS = ["Haswell", "SkylakeX", "Prescott", "Nehalem"]
HERE = Path(__file__).parent


def run_with(kernel: str, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False
    )


def flags() -> set[str]:
    try:
        return set(Path("/proc/cpuinfo").read_text("ascii", "replace").split())
    except OSError:
        return set()


@pytest.fixture(params=KERNELS)
def kernel(request: pytest.FixtureRequest) -> str:
    needs = {"SkylakeX": "avx512f", "Haswell": "avx2"}.get(request.param)
    if needs is not None and needs not in flags():
        skip(
            f"this processor has no {needs}, which the {request.param} kernel needs",
            f"a processor with {needs}",
        )
    return str(request.param)


def test_every_copy_is_at_distance_0_and_found(kernel: str) -> None:
    done = run_with(kernel, "-c", REPORT)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["largest"] < 1e-6
    assert said["copies"] == [[row, row + 27] for row in range(27)]
    assert said["rows"] == [[row % 27, row % 27 + 27] for row in range(54)]
    # Prescott is known to some builds as Katmai; another BLAS has no such kernels at all.
    if said["kernels"] and kernel in {"Haswell", "SkylakeX", "Nehalem"}:
        assert set(said["kernels"]) == {kernel}


def test_the_tests_of_search_pass_with_every_kernel(kernel: str) -> None:
    tests = [str(HERE / name) for name in ("test_index.py", "test_search.py")]
    done = run_with(kernel, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests)
    assert done.returncode == 0, done.stdout[-3000:]
