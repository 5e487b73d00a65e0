"""``earmark classify``: the genre of songs, with the tracks they sound like."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from earmark.cli.answers import WRITERS
from earmark.cli.common import (
    EXIT_CODES,
    EXIT_PARTLY,
    films_too,
    library_option,
    limit_options,
    limits_of,
    passed_over,
    sound_options,
)
from earmark.cli.named import FileOrName
from earmark.cli.parts import in_parts_of, writer_of_parts
from earmark.cli.progress import State, progress_of
from earmark.errors import (
    AudioError,
    AudioIsFolder,
    EarmarkError,
    LibraryEmpty,
    NotAudio,
    WorkerError,
)
from earmark.workers import WorkerPool, available_cores, preload

if TYPE_CHECKING:
    from earmark.classify import Classifier
    from earmark.hearing import Found
    from earmark.library import Library
    from earmark.prediction import Prediction


@click.command(epilog=EXIT_CODES, short_help="Say what genre songs are, and how sure that is.")
@click.argument("songs", type=FileOrName(), nargs=-1, required=True, metavar="SONG...")
@library_option
@click.option("-k", "k", type=click.IntRange(min=1), help="How many neighbors vote.")
@click.option("--brief", "form", flag_value="brief", help="Print one line a song.")
@click.option("--csv", "form", flag_value="csv", help="Print a table, one row a song.")
@click.option("--json", "form", flag_value="json", help="Print one JSON object a line and song.")
@click.option(
    "--acousticbrainz",
    "form",
    flag_value="acousticbrainz",
    help="Print JSON as AcousticBrainz has it.",
)
@click.option(
    "--parts",
    "in_parts",
    is_flag=True,
    help="Print the parts of each recording with times: of an album or a mix in one file.",
)
@click.option("--cue", "form", flag_value="cue", help="Print the parts as a CUE sheet.")
@click.option("--jams", "form", flag_value="jams", help="Print the parts as JAMS, one a line.")
@click.option("--include-self", is_flag=True, help="Let the song's own track in the library vote.")
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many files to work on at a time; by default one a core.",
)
@click.option("--no-cache", is_flag=True, help="Hear songs again that were heard before.")
@limit_options
@click.option(
    "--provider",
    "providers",
    multiple=True,
    metavar="NAME",
    help="ONNX Runtime's execution provider for the network, such as CUDAExecutionProvider.",
)
@sound_options
def classify(
    songs: tuple[str, ...],
    library_name: str | None,
    k: int | None,
    in_parts: bool,
    form: str | None,
    include_self: bool,
    jobs: int | None,
    no_cache: bool,
    time_limit: float,
    memory_limit: int,
    providers: tuple[str, ...],
    films: bool,
    max_duration: float,
) -> None:
    """Say what genre each SONG is, how sure that is, and which tracks it sounds like.

    A SONG is a sound file, or a folder: then every sound file below it. Answers come in that order.
    A song that was heard before, under whatever name, is not heard again.

    \b
    earmark classify song.mp3 ~/Music/new --library my.earmark
    """  # noqa: D301 (click looks for the character itself)
    limits = limits_of(time_limit, memory_limit)
    # Unlike a Path's, this never fails: whoever opens the file says why it cannot be.
    several = any(map(os.path.isdir, songs))
    most = jobs or (1 if providers else available_cores())
    pool = WorkerPool(most if several else min(most, len(songs)), limits=limits)
    try:
        # Workers start while this process does.
        pool.prepare(preload, ["earmark.extraction"])
        # Imported here, so that neither --help nor the workers wait for NumPy.
        from earmark.library import open_default

        left_out: Counter[str] = Counter()
        entries = [found for song in songs for found in expanded(song, left_out, films=films)]
        follows = in_parts or form in ("cue", "jams")
        if follows and form in ("brief", "csv", "acousticbrainz"):
            raise click.UsageError(
                f"--parts are printed as text, --json, --cue or --jams, not --{form}"
            )
        write: Callable[[Any], None] = (
            writer_of_parts(form or "text") if follows else WRITERS[form or "text"]()
        )
        with open_default(library_name) as library:
            given: Iterator[Any]
            if follows:
                given = in_parts_of(
                    pool,
                    library,
                    entries,
                    k=k,
                    include_self=include_self,
                    max_duration=max_duration * 3600,
                )
            else:
                given = answers(
                    pool,
                    library,
                    entries,
                    k=k,
                    include_self=include_self,
                    cached=not no_cache,
                    providers=providers or None,
                    max_duration=max_duration * 3600,
                )
            n_done = n_failed = 0
            for answer in given:
                failed = isinstance(answer, AudioError)
                n_failed, n_done = n_failed + failed, n_done + (not failed)
                write(answer)
    finally:
        pool.close()
    if left_out:
        click.echo(
            f"earmark: passed over, since they are not named like sound files: "
            f"{passed_over(left_out)}; {films_too(left_out)}name such a file itself to have it "
            "heard",
            err=True,
        )
    if not n_done:
        sys.exit(1)
    if n_failed:
        sys.exit(EXIT_PARTLY)


def answers(
    pool: WorkerPool,
    library: Library,
    entries: Sequence[str | AudioError],
    *,
    k: int | None,
    include_self: bool,
    cached: bool,
    providers: Sequence[str] | None,
    max_duration: float,
) -> Iterator[Prediction | AudioError]:
    """Yield what is said of each song, or what is wrong with it: one never stops the others."""
    from earmark.cache import EmbeddingCache
    from earmark.classify import Classifier
    from earmark.hearing import Hearing

    classifier = Classifier(library, n_neighbors=k, include_self=include_self, providers=providers)
    cache = EmbeddingCache(library.spec) if cached else None
    hearing = Hearing(
        pool, library.spec, cache=cache, providers=providers, max_duration=max_duration
    )
    paths = [entry for entry in entries if isinstance(entry, str)]
    sizes = [_size(path) for path in paths]
    # Where answers are printed on the same terminal, a bar would be in their way.
    with progress_of(
        "listening", bar_allowed=not sys.stdout.isatty(), ends_with_line=False
    ) as update:

        def tell() -> None:
            done = hearing.finished
            update(
                State(
                    done=done,
                    total=len(paths),
                    worked=done,
                    work=len(paths),
                    size_done=sum(sizes[:done]),
                    size=sum(sizes),
                    under_way=hearing.under_way,
                )
            )

        heard = hearing.all(paths, waiting=tell if len(paths) > 1 else None)
        for entry in entries:
            if isinstance(entry, AudioError):
                yield entry
            else:
                path, found = next(heard)
                yield answer_for(classifier, path, found)
    if cache is not None:
        cache.trim()


def answer_for(
    classifier: Classifier, path: str, found: Found | EarmarkError
) -> Prediction | AudioError:
    """Return what is said of one file, or what is wrong with it."""
    if isinstance(found, AudioError):
        return found
    if isinstance(found, WorkerError):
        return AudioError(path, found.problem)
    if isinstance(found, EarmarkError):
        raise found
    try:
        return classifier.predict_found(path, found)
    except LibraryEmpty as error:
        # Of this file: all that is there to compare with is its own track.
        return AudioError(path, str(error))


def expanded(song: str, left_out: Counter[str], *, films: bool) -> list[str | AudioError]:
    """Return the files that an argument stands for, and what is wrong with a folder."""
    if not os.path.isdir(song):  # noqa: PTH112
        return [song]
    return list(below(song, left_out, films=films))


def below(folder: str, left_out: Counter[str], *, films: bool) -> Iterator[str | AudioError]:
    """Yield the sound files of a folder, sorted, then what of it cannot be read.

    Files with other names are counted in ``left_out``, by their endings.
    """
    # Imported here, as it brings all that builds a library.
    from earmark.collection.folder import sound_files

    unread: list[OSError] = []
    found = sorted(sound_files(Path(folder), unread, left_out, films=films))
    yield from map(str, found)
    for error in unread:
        yield NotAudio(str(error.filename), f"the folder cannot be read ({error.strerror})")
    if not found and not unread:
        yield AudioIsFolder(folder, "there are no sound files in this folder")


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except (OSError, ValueError):
        return 0
