"""Measure how well made medleys are cut, and how many single clips are called mixed.

    python scripts/measure_mixed.py ../shared/data
    python scripts/measure_mixed.py ../shared/data --answers

The clips of GTZAN in the reference library are halved by artist. The price of a cut is looked at
on the first half, and what is written in the docs is measured on the second, whose artists (and
copies) have no vote. A medley is ten clips of other genres than their neighbors, 18 to 30 s of
each, so that cuts lie anywhere between the segments.

With ``--answers`` it is measured what an ordinary answer says, by the segments that it heard for
its vector. Clips in a row by one artist, of one genre, stand for a song of some minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.audio import open_recording
from earmark.classify import LEAST_GAIN, shares_of
from earmark.errors import AudioSilent, FeatureError
from earmark.features import FeatureExtractor, Segments, get_extractor
from earmark.library import open_library
from earmark.library.fitting import tracks_together
from earmark.library.fitting import voter as library_voter
from earmark.listen import listen
from earmark.neighbors import Voter
from earmark.neighbors.arrays import Indices
from earmark.parts import PRICE, STEP, Part, Parts, answered, song_variance
from earmark.testing import write_wav

PRICES = (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 13.0)
GAINS = (3.0, 5.0, 7.0, 9.0, 12.0, 15.0)
PIECES = (2, 3, 5, 10)
"""Of medleys for ordinary answers."""

OF_ARTIST = 5
"""Clips of one artist and genre in a row."""

EACH = 10
NEAR = 5.0
"""A cut is found where one lies within so many seconds."""

Heard = tuple[NDArray[np.float64], NDArray[np.floating]]


@cache
def extractor() -> FeatureExtractor:
    """Return the network, once a process."""
    return get_extractor("musicnn", threads=1)


def samples_of(path: Path) -> NDArray[np.float32]:
    """Return the samples of a file."""
    with open_recording(path) as recording:
        return np.asarray(recording.read(extractor().sample_rate, 0, None))


def hear(pieces: list[tuple[Path, float]]) -> Heard:
    """Return starts and vectors of the segments of clips, so many seconds of each, in a row."""
    rate = extractor().sample_rate
    samples = np.concatenate([samples_of(path)[: round(stop * rate)] for path, stop in pieces])
    starts, vectors = [], []
    edges = np.arange(0, max(STEP, len(samples) / rate - STEP / 2), STEP)
    for start, stop in zip(edges, [*edges[1:], len(samples) / rate], strict=True):
        try:
            part = samples[round(start * rate) : round(stop * rate)]
            vectors.append(extractor().extract([part]))
        except (AudioSilent, FeatureError):
            continue
        starts.append(float(start))
    return np.array(starts), np.stack(vectors)


def medleys(rows: list[int], genres: list[str], count: int) -> list[tuple[list[int], list[float]]]:
    """Return the rows and seconds of the pieces of each medley."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        chosen: list[int] = []
        for row in rng.permutation(rows).tolist():
            if len(chosen) < EACH and (not chosen or genres[chosen[-1]] != genres[row]):
                chosen.append(row)
        made.append((chosen, rng.uniform(18, 30, EACH).tolist()))
    return made


Asked = tuple[Segments, float]
"""What an answer heard, and the duration in seconds."""


def listen_to(pieces: list[tuple[Path, float]]) -> Asked | None:
    """Hear a file of clips in a row, so many seconds of each, as any file is heard."""
    rate = extractor().sample_rate
    samples = np.concatenate([samples_of(path)[: round(stop * rate)] for path, stop in pieces])
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        write_wav(file.name, samples, rate)
        found = listen(file.name, extractor())
    return None if found.segments is None else (found.segments, found.duration)


@dataclass(frozen=True)
class Row:
    """Clips in a row: which ones, and so many seconds of each."""

    rows: list[int]
    seconds: list[float]


def rows_of_clips(
    rows: list[int], genres: list[str], groups: Indices, count: int
) -> dict[str, list[Row]]:
    """Return single clips, clips of one artist in a row, and medleys."""
    rng = np.random.default_rng(0)
    found = {"clips": [Row([row], [31.0]) for row in rows], "one artist": []}
    by_artist: dict[tuple[int, str], list[int]] = {}
    for row in rng.permutation(rows).tolist():
        by_artist.setdefault((int(groups[row]), genres[row]), []).append(row)
    for own in by_artist.values():
        starts = range(0, len(own) - OF_ARTIST + 1, OF_ARTIST)
        found["one artist"] += [
            Row(own[at : at + OF_ARTIST], [31.0] * OF_ARTIST) for at in starts[:4]
        ]
    for n in PIECES:
        found[f"{n} pieces"] = []
        for _ in range(count):
            chosen: list[int] = []
            for row in rng.permutation(rows).tolist():
                if len(chosen) < n and (not chosen or genres[chosen[-1]] != genres[row]):
                    chosen.append(row)
            found[f"{n} pieces"].append(Row(chosen, rng.uniform(18, 30, n).tolist()))
    return found


def tell_of_answers(
    voter: Voter, groups: Indices, genres: list[str], told: dict[str, list[tuple[Row, Asked]]]
) -> None:
    """Print, by the least gain, how many are called mixed, and how far off shares are."""
    for gain in GAINS:
        line = f"{'*' if gain == LEAST_GAIN else ' '} gain {gain:4g}:"
        for name, asked in told.items():
            called, off = [], []
            for one, (segments, duration) in asked:
                others = np.flatnonzero(np.isin(groups, groups[one.rows]))
                mixed, shares = shares_of(
                    voter, segments, duration, exclude=others, least_gain=gain
                )
                called.append(mixed)
                truth: dict[str, float] = {}
                for row, seconds in zip(one.rows, one.seconds, strict=True):
                    truth[genres[row]] = truth.get(genres[row], 0) + seconds / sum(one.seconds)
                names = {*truth, *shares}
                off.append(sum(abs(truth.get(g, 0) - shares.get(g, 0)) for g in names) / 2)
            line += f" {name} {sum(called)}/{len(called)} mixed"
            line += f", {np.mean(off):.0%} off;" if "pieces" in name else ";"
        print(line, flush=True)


def main() -> None:
    """Print both halves by price, and the medleys of the second half."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder that holds gtzan/")
    parser.add_argument("--jobs", type=int, default=2, help="processes that listen")
    parser.add_argument("--every", type=int, default=1, help="take each so-manieth clip only")
    parser.add_argument("--medleys", type=int, default=20, help="so many of each half")
    parser.add_argument("--library", default="reference", help="one that holds these clips")
    parser.add_argument("--answers", action="store_true", help="measure ordinary answers")
    arguments = parser.parse_args()
    paths = {path.stem: path for path in (arguments.data / "gtzan/full").glob("*/*.ogg")}
    library = open_library(arguments.library, read_only=True)
    snapshot = library.snapshot()
    held = library.get_many(snapshot.ids.tolist())
    names = [held[number].name for number in snapshot.ids.tolist()]
    clips = {row: paths[name] for row, name in enumerate(names) if name in paths}
    genres = [str(genre) for genre in snapshot.genres]
    rows = list(clips)[:: arguments.every]
    groups = tracks_together(snapshot, library.spec.comparison.similarity)
    voter, variance = library_voter(library, snapshot), song_variance(library, snapshot)
    if arguments.answers:
        plan = rows_of_clips(rows, genres, groups, arguments.medleys)
        told = {}
        with ProcessPoolExecutor(arguments.jobs) as pool:
            for name, wanted in plan.items():
                pieces = [
                    [(clips[row], stop) for row, stop in zip(one.rows, one.seconds, strict=True)]
                    for one in wanted
                ]
                heard = pool.map(listen_to, pieces, chunksize=4)
                both = zip(wanted, heard, strict=True)
                told[name] = [(one, asked) for one, asked in both if asked is not None]
        tell_of_answers(voter, groups, genres, told)
        return
    halves = [[row for row in rows if groups[row] % 2 == half] for half in (0, 1)]
    plans = [medleys(half, genres, arguments.medleys) for half in halves]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        singles = pool.map(hear, [[(clips[row], 31.0)] for row in rows], chunksize=8)
        of_clip = dict(zip(rows, singles, strict=True))
        pieces = [
            [[(clips[row], stop) for row, stop in zip(*plan, strict=True)] for plan in half]
            for half in plans
        ]
        of_medley = [list(pool.map(hear, half)) for half in pieces]
    for number, half in enumerate(halves):
        print(f"half {number + 1}: {len(half)} clips, {len(plans[number])} medleys")
        for price in PRICES:
            of_price = partial(answered, voter, variance=variance, price=price)
            print(f"{'*' if price == PRICE else ' '} price {price:4g}: ", end="")
            tell_of_clips(of_price, {row: of_clip[row] for row in half}, groups)
            tell_of_medleys(of_price, plans[number], of_medley[number], groups, genres)


def tell_of_clips(
    answer: Callable[..., tuple[Part, ...]], heard: dict[int, Heard], groups: Indices
) -> None:
    """Print how many single clips are called mixed, or are cut at all."""
    found = [
        Parts("", answer(*one, exclude=np.flatnonzero(groups == groups[row])))
        for row, one in heard.items()
    ]
    mixed, cut = sum(one.mixed for one in found), sum(len(one.parts) > 1 for one in found)
    n = len(found)
    print(f"clips called mixed {mixed / n:.1%} ({mixed}/{n}), cut {cut / n:.1%}; ", end="")


def tell_of_medleys(
    answer: Callable[..., tuple[Part, ...]],
    plans: list[tuple[list[int], list[float]]],
    heard: list[Heard],
    groups: Indices,
    genres: list[str],
) -> None:
    """Print how many boundaries are found, and how much of the time has the right genre."""
    found = total = cuts = told = 0
    all_time = right_time = 0.0
    for (rows, lengths), one in zip(plans, heard, strict=True):
        parts = answer(*one, exclude=np.flatnonzero(np.isin(groups, groups[rows])))
        edges = np.concatenate([[0.0], np.cumsum(lengths)])
        marks = np.array([part.start for part in parts[1:]])
        gaps = np.abs(edges[1:-1, None] - marks) if len(marks) else np.full((EACH - 1, 1), np.inf)
        found += int((gaps.min(axis=1) <= NEAR).sum())
        total, cuts = total + EACH - 1, cuts + len(marks)
        told += Parts("", parts).mixed
        for part in parts:
            for row, (start, stop) in zip(rows, pairwise(edges), strict=True):
                shared = max(0.0, min(part.stop, stop) - max(part.start, start))
                all_time += shared
                right_time += shared * (part.genre == genres[row])
    print(
        f"medleys called mixed {told}/{len(plans)}, boundaries within {NEAR:g} s "
        f"{found / total:.1%} ({found}/{total}), of {cuts} cuts; "
        f"right genre {right_time / all_time:.1%} of the time"
    )


if __name__ == "__main__":
    main()
