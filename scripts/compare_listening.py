"""Compare ways to listen to a recording, by leaving out one artist at a time.

    python scripts/compare_listening.py ../shared/data

Prints the tables of docs/how-it-listens.md: to which level a recording is brought, and how many
patches of it are heard. Needs the GTZAN clips, and a quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.audio import open_recording
from earmark.evaluation import metrics
from earmark.evaluation.intervals import bootstrap
from earmark.features.musicnn import extractor
from earmark.neighbors import group_tracks, leave_group_out, one_hot

Array = NDArray[np.float32]

EXTRACTOR = extractor()
NETWORK = EXTRACTOR.network
PATCH_LENGTH, SAMPLE_RATE = NETWORK.segment_length, EXTRACTOR.sample_rate


@dataclass(frozen=True)
class Clip:
    """A clip, cut into patches that touch, with what is known of it."""

    name: str
    genre: str
    artist: str | None
    copy_of: str
    seconds: float
    patches: Array  # [n, PATCH_LENGTH]


def read_clips(gtzan: Path) -> list[Clip]:
    """Read every clip, full and excerpt."""
    with (gtzan / "tracks.csv").open(newline="", encoding="utf-8") as file:
        index = {row["track"]: row for row in csv.DictReader(file)}
    clips = []
    for path in sorted([*gtzan.glob("full/*/*.ogg"), *gtzan.glob("excerpt/*/*.ogg")]):
        row = index[path.stem]
        with open_recording(path) as recording:
            samples = recording.read(SAMPLE_RATE)
        n_patches = max(1, len(samples) // PATCH_LENGTH)
        filled = np.tile(samples, -(-n_patches * PATCH_LENGTH // len(samples)))
        patches = filled[: n_patches * PATCH_LENGTH].reshape(n_patches, PATCH_LENGTH)
        seconds = len(samples) / SAMPLE_RATE
        clips.append(
            Clip(
                path.stem,
                row["genre"],
                row["artist"] or None,
                row["exact_duplicate_of"],
                seconds,
                patches,
            )
        )
    return clips


def rms(samples: Array) -> NDArray[np.float64]:
    """Return the root mean square over the last axis."""
    return np.sqrt(np.mean(np.square(samples, dtype=np.float64), axis=-1))


def gains(patches: Array, level: str) -> NDArray[np.float64]:
    """Return the gain of each patch [n] under a way to set the level."""
    if level == "as it is":
        return np.ones(len(patches))
    measure, target = level.split(" ")[0], float(level.split(" ")[-1])
    if measure == "patch":
        return target / np.maximum(rms(patches), 1e-5)
    if measure == "peak":
        return np.full(len(patches), target / max(float(np.abs(patches).max()), 1e-5))
    return np.full(len(patches), target / max(float(rms(patches.ravel())), 1e-5))


LEVELS = ("as it is", "recording 0.05", "recording 0.1", "recording 0.2", "patch 0.1", "peak 0.9")
CHOSEN = "recording 0.1"
COUNTS = (1, 2, 3, 5, 7, 10)


def hear(clips: list[Clip], level: str) -> list[Array]:
    """Return the outputs [n, 250] of the network for the patches of each clip."""
    heard = []
    for clip in clips:
        loud = clip.patches * gains(clip.patches, level)[:, None].astype(np.float32)
        heard.append(np.concatenate(NETWORK.outputs(list(loud)), axis=1))
    return heard


def spread(n: int, count: int) -> NDArray[np.intp]:
    """Return the middles of ``count`` equal parts of n patches, all where there are fewer."""
    if n <= count:
        return np.arange(n)
    return ((np.arange(count) + 0.5) * n / count).astype(np.intp)


def row(name: str, clips: list[Clip], vectors: Array, crops: Array) -> str:
    """Return a row of a table: whole clips, their middle patches, and the excerpts."""
    names = {clip.name: i for i, clip in enumerate(clips)}
    copies = [(i, names[c.copy_of]) for i, c in enumerate(clips) if c.copy_of in names]
    groups = group_tracks([clip.artist for clip in clips], copies)
    genres = [clip.genre for clip in clips]
    seconds = np.array([clip.seconds for clip in clips])
    _, labels = np.unique(genres, return_inverse=True)
    figures = {"balanced": metrics.balanced_accuracy}
    cells = [name]
    for heard, lengths in ((vectors, seconds), (crops, np.minimum(seconds, 3.0))):
        answers = leave_group_out(
            heard, *one_hot(genres), groups, comparison=EXTRACTOR.spec.comparison, seconds=lengths
        )
        rows = metrics.confusion_matrix(labels, answers.winners, labels.max() + 1)
        low_high = bootstrap(labels, answers.winners, groups, labels.max() + 1, figures)["balanced"]
        assert low_high is not None
        cells.append(
            f"{float(metrics.balanced_accuracy(rows)):.1%} "
            f"({low_high.low:.1%} to {low_high.high:.1%})"
        )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Hear the clips in every way and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder that holds gtzan/")
    parser.add_argument("--every", type=int, default=1, help="take every n-th clip only")
    arguments = parser.parse_args()
    clips = read_clips(arguments.data / "gtzan")[:: arguments.every]
    print("| level | whole clips | 3 s of each |\n| --- | --- | --- |")
    chosen: list[Array] = []
    for level in LEVELS:
        heard = hear(clips, level)
        if level == CHOSEN:
            chosen = heard
        whole = np.stack([outputs.mean(axis=0) for outputs in heard])
        crops = np.stack([outputs[len(outputs) // 2] for outputs in heard])
        print(row(level, clips, whole, crops), flush=True)
    print("\n| patches | whole clips |\n| --- | --- |")
    for count in COUNTS:
        some = np.stack([h[spread(len(h), count)].mean(axis=0) for h in chosen])
        print(row(str(count), clips, some, some).rsplit("|", 2)[0] + "|", flush=True)


if __name__ == "__main__":
    main()
