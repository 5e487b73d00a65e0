"""``earmark import``: libraries from files of other programs."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import click

from earmark.cli.common import EXIT_CODES, EXIT_PARTLY, FileName, NewLibrary
from earmark.errors import ImportFormatError
from earmark.words import plural, shown


@click.command("import", epilog=EXIT_CODES, short_help="Make a library of a my.dat or an npz.")
@click.argument("source", type=FileName(), metavar="FILE")
@click.option(
    "--output",
    "-o",
    required=True,
    type=NewLibrary(),
    metavar="FILE",
    help="The library to make.",
)
@click.option(
    "--genres",
    metavar="NAMES",
    help="What the labels of a my.dat stand for: 'gtzan' for its ten genres in alphabetical order; "
    "or names in the order of the labels, such as blues,jazz; or by label, such as 1=blues,3=jazz. "
    "Without it, recordings that the classic reference library knows tell.",
)
@click.option(
    "--metric",
    type=click.Choice(["cosine", "euclidean"]),
    help="How the vectors of an npz file are compared, where the file does not say.",
)
@click.option(
    "--other-settings",
    is_flag=True,
    help="Take a my.dat that was extracted in another way than the recipe's, by itself.",
)
@click.option("--force", is_flag=True, help="Replace the library if it is there.")
def import_command(
    source: Path,
    output: Path | str,
    genres: str | None,
    metric: str | None,
    other_settings: bool,
    force: bool,
) -> None:
    """Make a library of FILE: a my.dat, or an npz with vectors.

    A my.dat is a row of pickled tuples (mean, covariance, label) of classic features; it is read
    without running anything in it. An npz holds arrays 'vectors', 'track' and 'genre', optionally
    'artist', 'title', 'source', 'other_genres' (parted by ;) and 'metric'; such a library can be
    evaluated, but not asked about a song.

    \b
    earmark import my.dat -o classic.earmark --genres rock,pop
    """  # noqa: D301 (click looks for the character itself)
    # Imported here, so that --help does not wait for the database.
    from earmark.importing.classic import import_classic
    from earmark.importing.npz import import_vectors
    from earmark.importing.source import require_ordinary

    require_ordinary(source)
    if _is_npz(source):
        if genres is not None or other_settings:
            raise click.UsageError("--genres and --other-settings are for a my.dat")
        done = import_vectors(source, output, metric=metric, overwrite=force)
    else:
        if metric is not None:
            raise click.UsageError("--metric is for an npz file")
        done = import_classic(
            source, output, genres=genres, other_settings=other_settings, overwrite=force
        )
    for note in done.notes:
        click.echo(shown(f"earmark: {source}: {note}"), err=True)
    listing = ", ".join(f"{genre} {count}" for genre, count in done.genres.items())
    tracks = f"{done.tracks} {plural(done.tracks, 'track')}"
    click.echo(shown(f"{output}: {tracks} ({listing or 'no genres'})"))
    if done.left_out:
        sys.exit(EXIT_PARTLY)


def _is_npz(source: Path) -> bool:
    if source.suffix.lower() == ".npz":
        return True
    try:
        return zipfile.is_zipfile(source)
    except OSError as error:
        raise ImportFormatError(f"{source}: cannot be read ({error.strerror})") from error
