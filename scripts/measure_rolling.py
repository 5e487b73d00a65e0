"""Measure how often the answer is right at which recording from the microphone stops by itself.

    python scripts/measure_rolling.py ../shared/data [--library LIBRARY]

Clips of GTZAN and recordings of other artists that are in the library are heard as the page hears
the microphone: the first seconds, then a little more, and so on. Their artists are left out in
fitting and in the vote. A rule stops at the first look at which so many answers in a row are sure
and name the same genre. Rules are compared on one half of the artists; the rule of the page is
measured on the other half.

Many looks at one recording are many occasions to be sure by mistake. So it is measured, too, how
often a rule stops on recordings of genres that the library has not: every such answer is wrong. The
rule of the page is the one that stops soonest of those that do so no more often than an answer for
the whole recording says that it is sure.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.audio import open_recording
from earmark.errors import AudioSilent, FeatureError
from earmark.features import FeatureExtractor, get_extractor
from earmark.library import Snapshot, open_library
from earmark.library.fitting import excerpts_of, tracks_together
from earmark.library.fitting import voter as library_voter
from earmark.neighbors import Excerpts, Predictions, fold_artist, leave_group_out
from earmark.neighbors.arrays import Indices
from new_artists import PATCH_SECONDS, read_new_artists

STEP = 3.0
"""Seconds between two looks; the network hears segments of this length."""

FIRST = (3.0, 6.0, 9.0, 12.0)
AGREE = (1, 2, 3, 4)
OF_PAGE = (3.0, 4)
"""The rule in ``recording.js``: seconds before the first look, and answers that agree."""

LEAST = 15.0
"""Shorter recordings tell nothing of stopping early."""

Patches = NDArray[np.floating]


@dataclass(frozen=True)
class Looks:
    """What was said at each look of a recording.

    Attributes
    ----------
    sure
        Whether it was sure [l]; the last look is at the whole recording.
    genres
        The likeliest genre [l].
    truth
        The genre of the recording; -1 where the library has it not.
    """

    sure: NDArray[np.bool_]
    genres: Indices
    truth: int

    def stop(self, first: float, agree: int) -> int | None:
        """Return the look at which a rule stops; None where it goes on to the end."""
        start = round(first / STEP) - 1
        for look in range(start + agree - 1, len(self.sure)):
            last = slice(look - agree + 1, look + 1)
            if self.sure[last].all() and len(set(self.genres[last].tolist())) == 1:
                return look
        return None


@cache
def extractor() -> FeatureExtractor:
    """Return the network, once a process."""
    return get_extractor("musicnn", threads=1)


def hear(path: Path) -> Patches:
    """Return the vectors of a file's segments of ``STEP`` seconds, without silent ones."""
    rate = extractor().sample_rate
    with open_recording(path) as recording:
        samples = recording.read(rate, 0, None)
    vectors = []
    length = round(STEP * rate)
    for start in range(0, len(samples) - length + 1, length):
        try:
            vectors.append(extractor().extract([samples[start : start + length]]))
        except (AudioSilent, FeatureError):
            continue
    return np.array(vectors)


def growing(patches: Patches) -> NDArray[np.float64]:
    """Return the vectors of the first segment, the first two, and so on."""
    counts = np.arange(1, len(patches) + 1)[:, None]
    return np.cumsum(patches, axis=0, dtype=np.float64) / counts


def recordings(data: Path, snapshot: Snapshot, names: list[str]) -> Iterator[tuple[int, Patches]]:
    """Yield the rows of tracks whose recordings are at hand, with the vectors of their segments."""
    clips = {path.stem: path for path in sorted((data / "gtzan" / "full").glob("*/*.ogg"))}
    found = [(row, clips[name]) for row, name in enumerate(names) if name in clips]
    with ProcessPoolExecutor(max_workers=2) as pool:
        heard = pool.map(hear, [path for _, path in found], chunksize=8)
        yield from zip([row for row, _ in found], heard, strict=True)
    new = read_new_artists(data / "artists")
    rows = {name: row for row, name in enumerate(names)}
    for number, patches in enumerate(all_patches(data)):
        row = rows.get(new.tracks[number].name)
        if row is not None:
            yield row, patches


def all_patches(data: Path) -> list[Patches]:
    """Return the vectors of the segments of each recording of other artists."""
    with np.load(data / "artists" / "musicnn1.npz") as file:
        patches, patch_of = file["patches"].astype(np.float32), file["patch_of"]
        return [patches[patch_of == row] for row in range(len(file["track"]))]


def asked_for(heard: list[tuple[int, Patches]]) -> Excerpts:
    """Return all looks at all recordings as parts of tracks."""
    return Excerpts(
        np.concatenate([np.full(len(patches), row) for row, patches in heard]),
        np.concatenate([growing(patches) for _, patches in heard]).astype(np.float32),
        np.concatenate([STEP * np.arange(1, len(patches) + 1) for _, patches in heard]),
    )


def looks_of(answers: Predictions, lengths: list[int], truths: list[int]) -> list[Looks]:
    """Return the looks at each recording, of all answers in a row."""
    edges = np.cumsum([0, *lengths])
    return [
        Looks(~answers.abstained[start:stop], answers.winners[start:stop], truth)
        for start, stop, truth in zip(edges[:-1], edges[1:], truths, strict=True)
    ]


def foreign(data: Path, location: str) -> tuple[list[Looks], list[Looks]]:
    """Ask for the recordings of genres that the library has not, without their artists.

    Returns
    -------
    The looks at those of two halves of the artists.
    """
    new = read_new_artists(data / "artists")
    patches = all_patches(data)
    with open_library(location, read_only=True) as library:
        snapshot = library.snapshot()
        voter = library_voter(library, snapshot)
    artists = np.array([fold_artist(artist) or "" for artist in snapshot.artists])
    chosen = [
        number
        for number, track in enumerate(new.tracks)
        if track.genre not in snapshot.genre_names and len(patches[number]) * PATCH_SECONDS >= LEAST
    ]
    exclude, vectors, seconds = [], [], []
    for number in chosen:
        artist = fold_artist(new.tracks[number].artist)
        own = np.flatnonzero(artists == artist) if artist else np.array([], dtype=np.intp)
        exclude += [own] * len(patches[number])
        vectors.append(growing(patches[number]))
        seconds.append(STEP * np.arange(1, len(patches[number]) + 1))
    answers = voter.predict(
        np.concatenate(vectors).astype(np.float32), exclude=exclude, seconds=np.concatenate(seconds)
    )
    looks = looks_of(answers, [len(patches[n]) for n in chosen], [-1] * len(chosen))
    names = [fold_artist(new.tracks[number].artist) or "" for number in chosen]
    second = np.unique(names, return_inverse=True)[1] % 2 == 1
    return (
        [one for one, is_second in zip(looks, second, strict=True) if not is_second],
        [one for one, is_second in zip(looks, second, strict=True) if is_second],
    )


def share(values: list[bool]) -> str:
    """Return a share in percent."""
    return f"{np.mean(values):.1%}" if values else "none"


def right_of(looks: list[Looks]) -> str:
    """Return which share of recordings is named rightly as a whole."""
    return share([bool(one.genres[-1] == one.truth) for one in looks])


def tell(what: str, rule: tuple[float, int], looks: list[Looks], others: list[Looks]) -> None:
    """Print what a rule leads to, as a row of a table."""
    stops = [(one, one.stop(*rule)) for one in looks]
    stopped = [(one, look) for one, look in stops if look is not None]
    early = [bool(one.genres[look] == one.truth) for one, look in stopped]
    whole = [bool(one.genres[-1] == one.truth) for one, _ in stopped]
    same = [bool(one.genres[look] == one.genres[-1]) for one, look in stopped]
    seconds = np.median([STEP * (look + 1) for _, look in stopped])
    false = [one.stop(*rule) is not None for one in others]
    print(
        f"| {what}from {rule[0]:g} s, {rule[1]} agree | {len(stopped) / len(looks):.1%} | "
        f"{seconds:g} s | {share(early)} | {share(whole)} | {share(same)} | {share(false)} |"
    )


def main() -> None:
    """Print what the rules lead to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder that holds gtzan/ and artists/")
    parser.add_argument("--library", default="reference", help="one that holds these clips")
    arguments = parser.parse_args()
    with open_library(arguments.library, read_only=True) as library:
        snapshot, comparison = library.snapshot(), library.spec.comparison
        held = library.get_many(snapshot.ids.tolist())
        excerpts = excerpts_of(library, snapshot)
    names = [held[track_id].name for track_id in snapshot.ids.tolist()]
    groups = tracks_together(snapshot, comparison.similarity)
    heard = [
        (row, patches)
        for row, patches in recordings(arguments.data, snapshot, names)
        if len(patches) * STEP >= LEAST
    ]
    answers = leave_group_out(
        np.asarray(snapshot.vectors),
        snapshot.labels,
        snapshot.genre_names,
        groups,
        comparison=comparison,
        seconds=snapshot.seconds,
        excerpts=excerpts,
        asked=asked_for(heard),
    )
    truth = snapshot.labels.argmax(axis=1)
    rows = np.array([row for row, _ in heard])
    looks = looks_of(answers, [len(p) for _, p in heard], truth[rows].tolist())
    others = foreign(arguments.data, arguments.library)
    halves = [
        [one for one, row in zip(looks, rows, strict=True) if groups[row] % 2 == half]
        for half in (0, 1)
    ]
    for half, other in zip(halves, others, strict=True):
        sure = [one for one in half if one.sure[-1]]
        print(
            f"{len(half)} recordings as a whole: {right_of(half)} right; "
            f"{len(sure) / len(half):.1%} are sure, and {right_of(sure)} of these right; "
            f"of {len(other)} recordings of other genres "
            f"{share([bool(one.sure[-1]) for one in other])} are sure"
        )
    print(
        "| rule | stops | after, median | right | the same as a whole | same genre as the whole "
        "| stops, other genres |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for first in FIRST:
        for agree in AGREE:
            tell("", (first, agree), halves[0], others[0])
    tell("second half: ", OF_PAGE, halves[1], others[1])


if __name__ == "__main__":
    main()
