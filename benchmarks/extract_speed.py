"""How long it takes to turn sound into features, once it is decoded.

    python benchmarks/extract_speed.py [SONG]

Classic features: 30 s at 22,050 Hz to the mean and covariance of their MFCCs, beside the same by
python_speech_features 0.6 and NumPy, by turns in the same run. Learned features: patches of 3 s
through log-mel and network, on one thread and on all; there is no peer at hand, so the figure is
how many times faster than the music plays. Then the way from file to vector as a whole.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from python_speech_features import mfcc as peer_mfcc

from earmark.audio import open_recording
from earmark.features import get_extractor
from earmark.features.gaussian import unpack
from earmark.features.musicnn import extractor
from earmark.listen import listen

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "war_of_freedom.ogg"
RATE = 22_050
ROUNDS = 10


def peer(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance as the classic recipe computes them."""
    frames = peer_mfcc(
        (samples * 32768.0).astype(np.int16),
        RATE,
        winlen=0.020,
        numcep=13,
        nfft=512,
        appendEnergy=False,
    )
    return frames.mean(axis=0), np.cov(frames.T)


def fastest(*runs: Callable[[], object]) -> list[float]:
    """Return the fewest seconds that each needed, all by turns."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS):
        for run, taken in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
    return [min(taken) for taken in times]


def main(song: Path) -> None:
    """Time all of it and print the ratios."""
    with open_recording(song) as recording:
        low, high = recording.read(16_000), recording.read(RATE)
    low, high = np.resize(low, 30 * 16_000), np.resize(high, 30 * RATE)

    classic = get_extractor("mfcc")
    mean, _ = unpack(classic.extract([high]))
    worst = float(np.abs(mean - peer(high)[0]).max())
    ours, theirs = fastest(lambda: classic.extract([high]), lambda: peer(high))
    print(f"classic features of 30 s (the means differ by {worst:.0e} at most)")
    print(f"  python_speech_features  {theirs * 1e3:7.1f} ms")
    print(f"  earmark                 {ours * 1e3:7.1f} ms, ratio {theirs / ours:.1f}")

    one, every = extractor(threads=1).network, extractor().network
    length = one.segment_length
    patches = list(low[: 8 * length].reshape(8, length))
    front, narrow, wide = fastest(
        lambda: [one.look(patch) for patch in patches],
        lambda: one.outputs(patches),
        lambda: every.outputs(patches),
    )
    print("learned features, patches of 3 s")
    for name, seconds in (("one thread", narrow), ("all threads", wide)):
        rate = len(patches) / seconds
        print(
            f"  {name:<22}  {rate:7.1f} patches a second, {rate * length / 16_000:.0f} × real time"
            f" (log-mel {front / seconds:.0%} of it)"
        )

    print(f"file to vector, {song.name}")
    for name in ("mfcc", "musicnn"):
        made = get_extractor(name)
        (seconds,) = fastest(lambda e=made: listen(song, e))
        print(f"  {name:<22}  {seconds * 1e3:7.1f} ms")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else EXAMPLE)
