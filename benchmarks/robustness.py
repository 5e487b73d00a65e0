"""How answers hold where less is known, or the sound is not as good as it was.

    python benchmarks/robustness.py [DATA] [--clips 5] [--minutes 60] [--write]

``DATA`` holds ``gtzan/`` and ``artists/``. Of each genre so many clips of 30 s are taken, from as
many artists as there are, and each is changed in every way of ``changes``: shorter, encoded again,
quieter and louder, with noise, in another pitch and tempo. ``ffmpeg`` encodes and stretches. Every
changed clip is written to a file and heard as any file is, then answered by the reference library
without the clip's artist, by a vote that was fitted without it. The first row is the clips as they
are; each other row says how much it differs from that, with an interval by drawing artists.

What was heard is kept in ``robustness.npz`` beside this script, so that a run goes on where the
last one stopped, and so that another library can be asked without hearing anything again, and
without ``DATA``. Then come learning curves of the library, and what it says of other artists.

``--write`` puts all that is printed into ``robustness.md``, which ``docs/accuracy.md`` is held to.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark.data import __file__ as package_data
from earmark.evaluation.intervals import bootstrap, paired
from earmark.evaluation.metrics import accuracy, balanced_accuracy, confusion_matrix
from earmark.features import get_extractor
from earmark.library import open_library
from earmark.library.fitting import excerpts_of, tracks_together
from earmark.library.fitting import voter as library_voter
from earmark.listen import hash_file, listen
from earmark.neighbors import Excerpts, fit, fold_artist, leave_group_out, make_voter
from earmark.neighbors.fitting import N_FOLDS, assign_folds, members_of

HERE = Path(__file__).resolve().parent
KEPT = HERE / "robustness.npz"
WRITTEN = HERE / "robustness.md"
SHIPPED = Path(str(package_data)).parent / "reference.earmark"

CURVE_FOLDS = 5
CURVE_REPEATS = 2
ARTISTS_OF_GENRE = (1, 2, 3, 5, 10)
TRACKS_OF_GENRE = (2, 5)

RATE = 22_050
SECONDS = 30
AS_IT_IS = "as it is"


@dataclass(frozen=True)
class Change:
    """One way to change a clip.

    Attributes
    ----------
    kind, name
        What is changed, and how much.
    seconds
        So much from the middle is kept.
    gain
        In decibels; what then goes beyond full scale is clipped.
    noise
        White noise, so many decibels below the clip; None: without.
    filters, coding
        Arguments of ``ffmpeg`` that change the sound, and that encode it.
    ending
        Of the file that is then heard.
    """

    kind: str
    name: str
    seconds: float = SECONDS
    gain: float = 0.0
    noise: float | None = None
    filters: str = ""
    coding: tuple[str, ...] = ()
    ending: str = "wav"


def changes() -> Iterator[Change]:
    """Yield every way, the clips as they are first."""
    yield Change("", AS_IT_IS)
    for seconds in (15, 10, 5, 3, 2, 1):
        yield Change("length", f"{seconds} s", seconds=seconds)
    for rate in (128, 64, 32, 16):
        coding = ("-c:a", "libmp3lame", "-b:a", f"{rate}k")
        yield Change("encoded again", f"MP3, {rate} kbit/s", coding=coding, ending="mp3")
    yield Change("encoded again", "AAC, 48 kbit/s", coding=("-b:a", "48k"), ending="m4a")
    coding = ("-c:a", "libopus", "-b:a", "16k")
    yield Change("encoded again", "Opus, 16 kbit/s", coding=coding, ending="opus")
    yield Change("encoded again", "8 kHz, as a telephone", coding=("-ar", "8000"))
    for gain in (-20, -40, 12):
        yield Change("level", f"{gain:+d} dB{', clipped' if gain > 0 else ''}", gain=gain)
    for below in (30, 20, 10, 0):
        yield Change("white noise", f"{below} dB below the music", noise=below)
    for steps in (-2, -1, 1, 2):
        sung = f"rubberband=pitch={2 ** (steps / 12):.6f}"
        plural = "s" if abs(steps) > 1 else ""
        yield Change("pitch", f"{steps:+d} semitone{plural}", filters=sung)
    for percent in (-10, -5, 5, 10):
        faster = f"atempo={1 + percent / 100:g}"
        yield Change("tempo", f"{percent:+d} %", filters=faster)


def choose(gtzan: Path, artists: dict[str, str], n_clips: int) -> list[Path]:
    """Return clips of each genre, one of every artist before the second of any."""
    chosen = []
    for genre in sorted((gtzan / "full").iterdir()):
        by_artist: dict[str, list[Path]] = {}
        for clip in sorted(genre.glob("*.ogg")):
            if clip.stem in artists:
                by_artist.setdefault(artists[clip.stem], []).append(clip)
        rounds = zip_longest(*by_artist.values())
        spread = [clip for row in rounds for clip in row if clip is not None]
        chosen += spread[:n_clips]
    return chosen


def make(clip: Path, change: Change, folder: Path) -> Path:
    """Write a changed clip into a folder; return its path."""
    samples, _ = soundfile.read(clip, dtype="float32")
    middle, length = len(samples) // 2, round(change.seconds * RATE)
    samples = samples[max(0, middle - length // 2) :][:length]
    if change.noise is not None:
        rng = np.random.default_rng(int.from_bytes(clip.stem.encode()) % 2**32)
        level = np.sqrt(np.mean(samples**2)) * 10 ** (-change.noise / 20)
        samples = samples + np.float32(level) * rng.standard_normal(len(samples), np.float32)
    samples = np.clip(samples * np.float32(10 ** (change.gain / 20)), -1, 1)
    plain = folder / "plain.wav"
    soundfile.write(plain, samples, RATE, subtype="PCM_16")
    if not change.filters and not change.coding:
        return plain
    changed = folder / f"changed.{change.ending}"
    filters = ("-af", change.filters) if change.filters else ()
    command = ["ffmpeg", "-v", "error", "-y", "-i", plain, *filters, *change.coding, changed]
    subprocess.run(command, check=True)
    return changed


Heard = dict[str, NDArray[Any]]


def hear(clips: list[Path], kept: Path, minutes: float) -> Heard:
    """Return the embeddings [clips, d] and lengths [clips] of every change, as far as time allows.

    The embeddings of a change stand under its name, the lengths under its name with `` seconds``,
    and the names of the clips under ``clips``. What was heard of other clips is heard anew.
    """
    extractor = get_extractor("musicnn", threads=1)
    heard: Heard = {}
    if kept.exists():
        with np.load(kept) as file:
            heard = {name: file[name] for name in file.files}
    names = np.array([clip.stem for clip in clips])
    if not np.array_equal(heard.get("clips", names[:0]), names):
        heard = {"clips": names}
    began = time.monotonic()
    for change in changes():
        if change.name in heard or time.monotonic() - began > 60 * minutes:
            continue
        with tempfile.TemporaryDirectory() as folder:
            files = (make(clip, change, Path(folder)) for clip in clips)
            found = [listen(file, extractor) for file in files]
        heard[change.name] = np.stack([one.vector for one in found]).astype(np.float16)
        heard[f"{change.name} seconds"] = np.array([one.duration for one in found], np.float32)
        np.savez_compressed(kept, allow_pickle=False, **heard)
        print(f"heard: {change.name}, {time.monotonic() - began:.0f} s", flush=True)
    return heard


@dataclass(frozen=True)
class Answers:
    """What was answered to the clips under one change.

    Attributes
    ----------
    named
        The genre that was named [clips].
    answered
        Whether it was not "not sure" [clips].
    held
        Whether the list of likely genres holds the right one [clips].
    """

    named: NDArray[np.intp]
    answered: NDArray[np.bool_]
    held: NDArray[np.bool_]


@dataclass(frozen=True)
class Asked:
    """The clips: their genres and groups [clips], how many genres there are, and the answers."""

    truth: NDArray[np.intp]
    groups: NDArray[np.intp]
    n_genres: int
    answers: dict[str, Answers]


def answer(heard: Heard, names: list[str], location: str) -> Asked:
    """Ask a library what it says to each change.

    Every clip is answered by the tracks of other artists, with a vote that was fitted to none of
    those of its fold.
    """
    with open_library(location, read_only=True) as library:
        snapshot, comparison = library.snapshot(), library.spec.comparison
        tracks = library.get_many(snapshot.ids.tolist())
        excerpts = excerpts_of(library, snapshot)
    row = {track.name: number for number, track in enumerate(tracks.values())}
    rows = np.array([row[name] for name in names])
    groups = tracks_together(snapshot, comparison.similarity)
    vectors, labels = np.asarray(snapshot.vectors), snapshot.labels
    answers = {
        change.name: Answers(
            np.zeros(len(rows), np.intp), np.zeros(len(rows), bool), np.zeros(len(rows), bool)
        )
        for change in changes()
        if change.name in heard
    }
    for fold in assign_folds(groups, N_FOLDS):
        asked = np.flatnonzero(np.isin(rows, fold))
        if not len(asked):
            continue
        rest = np.setdiff1d(np.arange(len(groups)), fold)
        fitted = fit(
            vectors[rest],
            labels[rest],
            groups[rest],
            comparison=comparison,
            seconds=snapshot.seconds[rest],
            excerpts=excerpts and excerpts.of(rest),
        )
        voter = make_voter(vectors, labels, snapshot.genre_names, fitted, learn_from=rest)
        exclude, truth = members_of(groups, rows[asked]), snapshot.genre_codes[rows[asked]]
        for name, told in answers.items():
            seconds = heard[f"{name} seconds"][asked].astype(np.float64)
            given = voter.predict(heard[name][asked], exclude=exclude, seconds=seconds)
            told.named[asked] = given.winners
            told.answered[asked] = ~given.abstained
            told.held[asked] = given.sets[np.arange(len(asked)), truth]
    return Asked(snapshot.genre_codes[rows], groups[rows], len(snapshot.genre_names), answers)


def report(asked: Asked) -> None:
    """Print a table, in Markdown."""
    truth, groups, n_genres = asked.truth, asked.groups, asked.n_genres
    plain = asked.answers[AS_IT_IS].named
    whole = bootstrap(truth, plain, groups, n_genres, {"accuracy": accuracy})["accuracy"]
    print("| how it is | right | difference to as it is | same genre | answered | list holds it |")
    print("| --- | --- | --- | --- | --- | --- |")
    for change in changes():
        if change.name not in asked.answers:
            continue
        told = asked.answers[change.name]
        right = told.named == truth
        if change.name == AS_IT_IS:
            difference = f"({whole.low:.0%} to {whole.high:.0%})" if whole else ""
        else:
            test = paired(truth, plain, told.named, groups, n_genres, accuracy)
            difference = f"{100 * test.difference:+.0f} points"
            if test.interval is not None:
                low, high = 100 * test.interval.low, 100 * test.interval.high
                difference += f" ({low:+.0f} to {high:+.0f})"
        print(
            f"| {f'{change.kind}, {change.name}'.removeprefix(', ')} | {right.mean():.0%} "
            f"| {difference} | {(told.named == plain).mean():.0%} | {told.answered.mean():.0%} "
            f"| {told.held.mean():.0%} |"
        )
    print(f"\n{len(truth)} clips by {len(np.unique(groups))} artists")


def learning_curves(location: str) -> None:
    """Print how good answers are by how many artists, and tracks, each genre has to learn from.

    The artists who are asked have no track among these. A genre that has fewer has all that it has.
    """
    with open_library(location, read_only=True) as library:
        snapshot, comparison = library.snapshot(), library.spec.comparison
    groups = tracks_together(snapshot, comparison.similarity)
    vectors, codes = np.asarray(snapshot.vectors), snapshot.genre_codes
    rng = np.random.default_rng(0)
    folds = assign_folds(groups, CURVE_FOLDS)

    def some(rest: NDArray[np.intp], of_artists: int | None, of_tracks: int | None) -> list[int]:
        """Choose from the tracks to learn from, genre by genre."""
        chosen: list[int] = []
        for genre in np.unique(codes[rest]):
            own = rng.permutation(rest[codes[rest] == genre])
            if of_artists is not None:
                artists = rng.permutation(np.unique(groups[own]))[:of_artists]
                own = own[np.isin(groups[own], artists)]
            chosen += own[:of_tracks].tolist()
        return sorted(chosen)

    def tell(name: str, of_artists: int | None, of_tracks: int | None) -> None:
        winners = np.zeros((CURVE_REPEATS, len(codes)), np.intp)
        sizes = []
        for told in winners:
            for fold in folds:
                rest = np.setdiff1d(np.arange(len(codes)), fold)
                own = np.array(some(rest, of_artists, of_tracks))
                sizes.append(len(own))
                known = vectors[own], snapshot.labels[own]
                fitted = fit(
                    *known, groups[own], comparison=comparison, seconds=snapshot.seconds[own]
                )
                voter = make_voter(*known, snapshot.genre_names, fitted)
                answers = voter.predict(vectors[fold], seconds=snapshot.seconds[fold])
                told[fold] = answers.winners
        n_genres = len(snapshot.genre_names)
        figures = [
            bootstrap(codes, told, groups, n_genres, {"balanced": balanced_accuracy})["balanced"]
            for told in winners
        ]
        value = np.mean(
            [balanced_accuracy(confusion_matrix(codes, told, n_genres)) for told in winners]
        )
        low, high = (np.mean([getattr(one, end) for one in figures]) for end in ("low", "high"))
        print(f"| {name} | {np.mean(sizes):.0f} | {value:.0%} | {low:.0%} to {high:.0%} |")

    print("| each genre learns from | tracks in all | class-balanced | 95 % interval |")
    print("| --- | --- | --- | --- |")
    for count in ARTISTS_OF_GENRE:
        tell(f"{count} artist{'s' if count > 1 else ''}, all their tracks", count, None)
    for count in TRACKS_OF_GENRE:
        tell(f"{count} tracks, of any artists", None, count)


def elsewhere(folder: Path, location: str) -> None:
    """Print what a library says of recordings by other artists, from other sources.

    Where the library has tracks by the artist of a recording, or the recording itself, none of
    these votes, and the vote is fitted without them.
    """
    with np.load(folder / "musicnn1.npz") as file:
        vectors, genres = file["vectors"], file["genre"].astype(str)
        artists, seconds = file["artist"].astype(str), file["duration"].astype(np.float64)
    with open_library(location, read_only=True) as library:
        snapshot, comparison = library.snapshot(), library.spec.comparison
        held = library.get_many(snapshot.ids.tolist()).values()
        excerpts, voter = excerpts_of(library, snapshot), library_voter(library, snapshot)
    row_of = {fold_artist(track.artist): row for row, track in enumerate(held) if track.artist}
    rows = np.array([row_of.get(fold_artist(artist), -1) for artist in artists])
    met, new = np.flatnonzero(rows >= 0), np.flatnonzero(rows < 0)
    honest = leave_group_out(
        np.asarray(snapshot.vectors),
        snapshot.labels,
        snapshot.genre_names,
        tracks_together(snapshot, comparison.similarity),
        comparison=comparison,
        seconds=snapshot.seconds,
        excerpts=excerpts,
        asked=Excerpts(rows[met], vectors[met], seconds[met]),
    )
    plain = voter.predict(vectors[new], seconds=seconds[new])
    winners, abstained = np.zeros(len(rows), np.intp), np.zeros(len(rows), bool)
    for which, told in ((met, honest), (new, plain)):
        winners[which], abstained[which] = told.winners, told.abstained

    names = np.array(snapshot.genre_names)
    groups = np.unique([fold_artist(artist) or "" for artist in artists], return_inverse=True)[1]
    own = np.isin(genres, names)
    wanted = {"all of its genres": own}
    wanted |= {name: genres == name for name in sorted(set(genres[own]))}
    wanted |= {"genres that it has not": ~own}
    wanted |= {f"… {name}": genres == name for name in sorted(set(genres[~own]))}
    print("| genre elsewhere | recordings | artists | right | 95 % interval | answered |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, which in wanted.items():
        count = f"{which.sum()} | {len(np.unique(groups[which]))}"
        answered = f"{1 - abstained[which].mean():.0%}"
        if not own[which].all():
            print(f"| {name} | {count} | | | {answered} |")
            continue
        truth, told = np.searchsorted(names, genres[which]), winners[which]
        found = bootstrap(truth, told, groups[which], len(names), {"accuracy": accuracy})
        share = found["accuracy"]
        interval = f"{share.low:.0%} to {share.high:.0%}" if share else ""
        print(f"| {name} | {count} | {(told == truth).mean():.0%} | {interval} | {answered} |")
    balanced = balanced_accuracy(
        confusion_matrix(np.searchsorted(names, genres[own]), winners[own], len(names))
    )
    surely = (winners[own] == np.searchsorted(names, genres[own]))[~abstained[own]].mean()
    print(f"\nclass-balanced over its genres {balanced:.1%}; of those answered {surely:.1%} right")


def main() -> None:
    """Hear what was not heard yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", help="the folder of gtzan/ and artists/")
    parser.add_argument("--clips", type=int, default=5, help="of each genre")
    parser.add_argument("--minutes", type=float, default=60, help="no new change after so long")
    parser.add_argument("--library", default="reference")
    parser.add_argument("--write", action="store_true", help="into robustness.md, too")
    arguments = parser.parse_args()
    if arguments.data is None:
        with np.load(KEPT) as file:
            heard: Heard = {name: file[name] for name in file.files}
    else:
        with open_library("reference", read_only=True) as library:
            artists = {track.name: track.artist for track in library.tracks() if track.artist}
        clips = choose(arguments.data / "gtzan", artists, arguments.clips)
        heard = hear(clips, KEPT, arguments.minutes)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        print(f"By `python benchmarks/robustness.py`, of the library {hash_file(SHIPPED)}.\n")
        report(answer(heard, heard["clips"].tolist(), arguments.library))
        print()
        learning_curves(arguments.library)
        if arguments.data is not None:
            print()
            elsewhere(arguments.data / "artists", arguments.library)
    print(printed.getvalue(), end="")
    if arguments.write:
        WRITTEN.write_text(printed.getvalue(), "utf-8")


if __name__ == "__main__":
    main()
