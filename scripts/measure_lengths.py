"""Measure how good the reference library's answers are by how much of a song was heard.

    python scripts/measure_lengths.py ../shared/data [--library LIBRARY]

Of every full clip of GTZAN in the library one part of each length is heard, at a random place.
Artists are left out in fitting and in the vote. Clips last 30 s, so the class above 60 s is
answered by two clips of one artist and genre as if they were one song, which varies more than a
song does.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from earmark.audio import open_recording
from earmark.errors import AudioSilent, FeatureError
from earmark.features import FeatureExtractor, get_extractor
from earmark.library import Snapshot, open_library
from earmark.library.fitting import excerpts_of, tracks_together
from earmark.neighbors import Excerpts, leave_group_out
from earmark.neighbors.arrays import Indices
from earmark.neighbors.lengths import CLASSES, class_of

LENGTHS = (1.0, 2.0, 3.0, 4.0, 6.0, 10.0, 14.0, 20.0)


def parts_of_clips(snapshot: Snapshot, names: list[str], clips: dict[str, Path]) -> Excerpts:
    """Hear a part of each length of every clip."""
    extractor = get_extractor("musicnn")
    rng = np.random.default_rng(0)
    rows, vectors, seconds = [], [], []
    for row, name in enumerate(names):
        if name not in clips:
            continue
        with open_recording(clips[name]) as recording:
            samples = recording.read(extractor.sample_rate, 0, None)
        for length in LENGTHS:
            vector = part(samples, length, extractor, rng)
            if vector is not None:
                rows.append(row)
                vectors.append(vector)
                seconds.append(length)
    return Excerpts(np.array(rows), np.stack(vectors), np.array(seconds))


def part(
    samples: np.ndarray, length: float, extractor: FeatureExtractor, rng: np.random.Generator
) -> np.ndarray | None:
    """Hear so many seconds of samples, at a random place; None where there is only silence."""
    count = round(length * extractor.sample_rate)
    first = int(rng.integers(0, max(1, len(samples) - count)))
    try:
        return np.asarray(extractor.extract([samples[first : first + count]]))
    except (AudioSilent, FeatureError):
        return None


def pairs(snapshot: Snapshot, groups: Indices) -> Excerpts:
    """Return two tracks of one artist and genre each, as one song of 60 s."""
    rows, vectors = [], []
    full = np.flatnonzero(snapshot.seconds > 25)
    for group in np.unique(groups[full]):
        for genre in np.unique(snapshot.genre_codes[full[groups[full] == group]]):
            mine = full[(groups[full] == group) & (snapshot.genre_codes[full] == genre)]
            for one, other in zip(mine[::2], mine[1::2], strict=False):
                rows.append(int(one))
                vectors.append(np.asarray(snapshot.vectors)[[one, other]].mean(axis=0))
    return Excerpts(np.array(rows), np.stack(vectors), np.full(len(rows), 60.0))


def main() -> None:
    """Print coverage, sizes of lists, accuracy and confidence by length, and by class of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder that holds gtzan/")
    parser.add_argument("--library", default="reference", help="one that holds these clips")
    arguments = parser.parse_args()
    gtzan = arguments.data / "gtzan"
    clips = {path.stem: path for path in sorted((gtzan / "full").glob("*/*.ogg"))}
    with open_library(arguments.library, read_only=True) as library:
        snapshot, comparison = library.snapshot(), library.spec.comparison
        held = library.get_many(snapshot.ids.tolist())
        excerpts = excerpts_of(library, snapshot)
    names = [held[track_id].name for track_id in snapshot.ids.tolist()]
    groups = tracks_together(snapshot, comparison.similarity)
    vectors = np.asarray(snapshot.vectors)
    heard, long = parts_of_clips(snapshot, names, clips), pairs(snapshot, groups)
    asked = Excerpts(
        np.concatenate([np.arange(len(vectors)), heard.rows, long.rows]),
        np.concatenate([vectors, heard.vectors, long.vectors]),
        np.concatenate([snapshot.seconds, heard.seconds, long.seconds]),
    )
    answers = leave_group_out(
        vectors,
        snapshot.labels,
        snapshot.genre_names,
        groups,
        comparison=comparison,
        seconds=snapshot.seconds,
        excerpts=excerpts,
        asked=asked,
    )
    truth = snapshot.labels.argmax(axis=1)[asked.rows]
    held_by = answers.sets[np.arange(len(truth)), truth]
    right = answers.winners == truth

    def tell(what: str, which: Indices) -> None:
        print(
            f"{what:12} {len(which):5} answers {held_by[which].mean():7.1%} of lists hold it, "
            f"{answers.sets[which].sum(axis=1).mean():4.1f} genres; "
            f"{right[which].mean():6.1%} right, {answers.confidence[which].mean():6.1%} sure; "
            f"{1 - answers.abstained[which].mean():6.1%} answered"
        )

    for length in (*LENGTHS, 60.0):
        parts = np.flatnonzero(asked.seconds == length)
        tell(f"{length:g} s", parts[parts >= len(vectors)])
    classes = class_of(asked.seconds)
    for number, name in enumerate(CLASSES):
        tell(name, np.flatnonzero(classes == number))


if __name__ == "__main__":
    main()
