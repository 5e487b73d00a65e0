"""``earmark build``: a library from one's own music."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from earmark.cli.common import (
    EXIT_CODES,
    EXIT_INTERRUPTED,
    EXIT_PARTLY,
    EXIT_TERMINATED,
    FileName,
    NewLibrary,
    Terminated,
    films_too,
    limit_options,
    limits_of,
    passed_over,
    sound_options,
)
from earmark.cli.progress import State, progress_of
from earmark.cli.stages import stages
from earmark.errors import CollectionError
from earmark.words import json_text, plural, shown

if TYPE_CHECKING:
    from earmark.cluster import ClusterExecutor
    from earmark.collection import BuildReport, Collection, LabelRules
    from earmark.library import Library
    from earmark.workers import Limits

SHOWN = 20
"""How many files of a kind are listed before the rest is only counted."""


@click.command(epilog=EXIT_CODES, short_help="Make a library of a folder of music.")
@click.argument("folder", required=False, type=FileName(), metavar="[FOLDER]")
@click.option(
    "--manifest",
    type=FileName(),
    metavar="FILE.csv",
    help="Instead of FOLDER: columns path, genre, artist, title.",
)
@click.option(
    "--output",
    "-o",
    required=True,
    type=NewLibrary(),
    metavar="FILE",
    help="The library to make or go on with.",
)
@click.option(
    "--extractor",
    "--features",
    "extractor",
    metavar="NAME",
    help="A name of 'earmark extractors', a model folder, hear:MODULE#WEIGHTS or "
    "hf:OWNER/NAME@REVISION.",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    metavar="N",
    help="Files at a time; by default one a core.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Address of a Dask scheduler; it hears them.",
)
@click.option(
    "--batch-size",
    type=int,
    metavar="N",
    help="For --cluster: files a task.  [default: 16]",
)
@click.option("--prune", is_flag=True, help="Take out tracks whose files are gone.")
@click.option(
    "--genre-level",
    type=click.IntRange(1, 20),
    metavar="N",
    help="Which folder below FOLDER is the genre.",
)
@click.option(
    "--labels",
    type=click.Choice(["folders", "tags"]),
    default="folders",
    show_default=True,
    help="What says the genre of a file.",
)
@click.option("--no-labels", is_flag=True, help="Take all files of FOLDER, without a genre.")
@click.option(
    "--map",
    "map_file",
    type=FileName(),
    metavar="FILE.csv",
    help="For --labels tags: your names for genres.",
)
@click.option(
    "--min-tracks",
    type=click.IntRange(min=1),
    metavar="N",
    help="For --labels tags: tracks that a genre needs.  [default: 5]",
)
@click.option(
    "--min-artists",
    type=click.IntRange(min=1),
    metavar="N",
    help="For --labels tags: artists that a genre needs.  [default: 2]",
)
@click.option(
    "--unlabelled",
    is_flag=True,
    help="For --labels tags: files without, too.",
)
@click.option(
    "--several",
    is_flag=True,
    help="For --labels tags: keep all genres of a file.",
)
@limit_options
@sound_options
@click.option("--json", "as_json", is_flag=True, help="Print what was done as a JSON object.")
def build(
    folder: Path | None,
    manifest: Path | None,
    output: Path | str,
    extractor: str | None,
    jobs: int | None,
    cluster: str | None,
    batch_size: int | None,
    prune: bool,
    genre_level: int | None,
    labels: str,
    no_labels: bool,
    map_file: Path | None,
    min_tracks: int | None,
    min_artists: int | None,
    unlabelled: bool,
    several: bool,
    time_limit: float,
    memory_limit: int,
    films: bool,
    max_duration: float,
    as_json: bool,
) -> None:
    """Make a library of the music in FOLDER, where each sub-folder is a genre.

    A build that ends early goes on where it stopped when it is given again. Later it hears only
    what is new. Files that cannot be used are listed at the end.

    \b
    earmark build ~/Music/by-genre -o my.earmark
    earmark build ~/Music --labels tags -o my.earmark
    """  # noqa: D301 (click looks for the character itself)
    # Imported here, so that --help does not wait for NumPy.
    from earmark import collection
    from earmark.library import is_there

    if (folder is None) == (manifest is None):
        raise click.UsageError("give either a FOLDER or a --manifest")
    if manifest is not None and genre_level is not None:
        raise click.UsageError(
            "--genre-level is for a FOLDER; a --manifest names the genres itself"
        )
    if batch_size is not None and batch_size < 1:
        raise click.UsageError("--batch-size is 1 or more")
    if cluster is None and batch_size is not None:
        raise click.UsageError("--batch-size goes with --cluster")
    if cluster is not None and jobs is not None:
        raise click.UsageError(
            "--jobs is for this machine; how many files a cluster hears at a time, its workers say"
        )
    limits = limits_of(time_limit, memory_limit)
    tag_options = (map_file, min_tracks, min_artists, unlabelled or None, several or None)
    by_tags = labels == "tags"
    if any(option is not None for option in tag_options) and not by_tags:
        raise click.UsageError(
            "--map, --min-tracks, --min-artists, --unlabelled and --several go with --labels tags"
        )
    if (by_tags or no_labels) and (folder is None or genre_level is not None):
        raise click.UsageError(
            "--labels tags and --no-labels are for a FOLDER whose names say "
            "nothing; leave --manifest and --genre-level out"
        )
    if by_tags and no_labels:
        raise click.UsageError("--labels tags or --no-labels, not both")
    was_there = is_there(output)
    named = shown(str(output))
    if manifest is not None:
        music = collection.read_manifest(manifest)
    elif no_labels:
        music = collection.scan_unlabelled(str(folder), films=films)
    elif by_tags:
        rules = collection.LabelRules(
            min_tracks=min_tracks or collection.LabelRules.min_tracks,
            min_artists=min_artists or collection.LabelRules.min_artists,
            keep_unlabelled=unlabelled,
            several=several,
        )
        music = _from_tags(str(folder), rules, map_file, films, jobs, limits)
    else:
        music = collection.scan_folder(str(folder), genre_level=genre_level, films=films)
        if genre_level is None and not was_there:
            collection.check_folders_are_genres(music, limits=limits)
    with (
        _cluster(cluster, batch_size, limits) as executor,
        collection.open_for_build(output, extractor) as library,
    ):
        try:
            with progress_of("listening") as update:
                report = collection.build(
                    library,
                    music,
                    executor=executor,
                    jobs=jobs,
                    limits=limits,
                    max_duration=max_duration * 3600,
                    prune=prune,
                    progress=lambda now: update(_state(now)),
                )
        except (KeyboardInterrupt, Terminated) as stop:
            kept = library.count()
            click.echo(
                f"\nearmark: interrupted; {named} keeps the {kept} {plural(kept, 'track')} it has. "
                "The same command goes on from there.",
                err=True,
            )
            sys.exit(EXIT_TERMINATED if isinstance(stop, Terminated) else EXIT_INTERRUPTED)
        tracks, genres = library.count(), library.genres()
        snapshot = library.snapshot(unlabelled=True)
        nameless = int((snapshot.artist_codes < 0).sum())
        by_name = bool(nameless) and _is_gtzan(library, tracks)
        without_genre = int((snapshot.genre_codes < 0).sum())
    _list_problems(report)
    if not tracks:
        if not was_there and isinstance(output, Path):
            output.unlink(missing_ok=True)
        raise CollectionError(f"{music.source}: no file of it could be used")
    what = f"{tracks} {plural(tracks, 'track')} of {len(genres)} {plural(len(genres), 'genre')}"
    if without_genre:
        what += f", {without_genre} of them without one"
    if as_json:
        told = {**report.to_json(), "library": str(output), "tracks": tracks, "genres": genres}
        told |= {"without_artist": nameless, "without_genre": without_genre}
        click.echo(json_text(told))
    else:
        click.echo(f"{named}: {what}; {_done(report)}")
    if by_name:
        click.echo(
            f"{nameless} {plural(nameless, 'track has', 'tracks have')} no known artist; evaluate "
            "knows those of GTZAN's clips by their names",
            err=True,
        )
    elif nameless:
        click.echo(
            f"{nameless} {plural(nameless, 'track has', 'tracks have')} no known artist, so that "
            "evaluate cannot keep the songs of an artist together",
            err=True,
        )
    if report.problems:
        sys.exit(EXIT_PARTLY)


@contextmanager
def _cluster(
    address: str | None, batch_size: int | None, limits: Limits
) -> Iterator[ClusterExecutor | None]:
    """Give what hears files on a cluster; None where this machine does."""
    if address is None:
        yield None
        return
    from earmark.cluster import BATCH_SIZE, ClusterExecutor

    with ClusterExecutor(address, batch_size=batch_size or BATCH_SIZE, limits=limits) as executor:
        if not executor.size:
            click.echo(f"{shown(address)} has no workers yet; waiting for them", err=True)
        yield executor
    if executor.sent_bytes:
        megabytes = max(1, round(executor.sent_bytes / 1e6))
        click.echo(
            f"{megabytes} MB of files were sent to workers that do not see them under the same "
            "paths",
            err=True,
        )


def _from_tags(
    folder: str,
    rules: LabelRules,
    map_file: Path | None,
    films: bool,
    jobs: int | None,
    limits: Limits,
) -> Collection:
    from earmark.collection import scan_tags
    from earmark.tagging.genremap import GenreMap, read_map
    from earmark.tagging.labels import genres_of

    table = GenreMap() if map_file is None else read_map(map_file)
    with stages() as stage:
        return scan_tags(
            folder,
            lambda path, stored: genres_of(path, stored, table),
            rules,
            films=films,
            jobs=jobs,
            limits=limits,
            progress=stage("reading tags"),
        )


def _done(report: BuildReport) -> str:
    counts = [
        (report.heard, "heard"),
        (report.recognized, "recognized"),
        (report.relabeled, "relabeled"),
        (report.unchanged, "unchanged"),
        (len(report.duplicates), plural(len(report.duplicates), "duplicate")),
        (report.pruned, "pruned"),
        (report.missing, "no longer there (--prune takes them out)"),
        (len(report.problems), "skipped"),
    ]
    return ", ".join(f"{count} {what}" for count, what in counts if count) or "nothing to do"


def _state(report: BuildReport) -> State:
    """Return what of a report counts as progress; files that were unchanged took no time."""
    return State(
        done=report.finished,
        total=report.total,
        worked=report.finished - report.unchanged,
        work=report.total - report.unchanged,
        size_done=report.bytes_done,
        size=report.bytes_total,
        under_way=report.under_way,
    )


def _list_problems(report: BuildReport) -> None:
    """Say on stderr what is odd, worst last."""
    duplicates = [f"{left}: has the same sound as {kept}" for left, kept in report.duplicates]
    _list("duplicates, left out", duplicates)
    _list("used, but", [str(warning) for warning in report.warnings])
    if report.passed_over:
        click.echo(
            f"passed over, since they are not named like sound files: "
            f"{passed_over(report.passed_over)}; {films_too(report.passed_over)}a --manifest takes "
            "them",
            err=True,
        )
    if report.left_out:
        count = sum(map(len, report.left_out.values()))
        click.echo(f"left out, since no genre of their tags counts: {count}", err=True)
        most = sorted(report.left_out.items(), key=lambda item: (-len(item[1]), item[0]))
        for reason, paths in most[:SHOWN]:
            click.echo(f"  {len(paths)}: {shown(reason)}", err=True)
        if len(most) > SHOWN:
            click.echo(f"  and {len(most) - SHOWN} more reasons; --json has all", err=True)
    # Every file that was skipped is named, however many.
    _list("skipped", [str(problem) for problem in report.problems], limit=None)


def _list(title: str, lines: list[str], limit: int | None = SHOWN) -> None:
    if not lines:
        return
    click.echo(f"{title}:", err=True)
    for line in lines[:limit]:
        click.echo(f"  {shown(line)}", err=True)
    if limit is not None and len(lines) > limit:
        click.echo(f"  and {len(lines) - limit} more", err=True)


def _is_gtzan(library: Library, count: int) -> bool:
    """Whether the tracks are the clips of GTZAN, whose artists are known by their names."""
    from earmark.evaluation import gtzan

    if count > gtzan.MOST_CLIPS:
        return False
    return gtzan.is_gtzan([track.name for track in library.tracks(limit=count)])
