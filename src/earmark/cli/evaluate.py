"""``earmark evaluate``: how good a library is, and whether that figure can be believed."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click
from click.core import ParameterSource

from earmark.cli.common import EXIT_CODES, FileName, LibraryName, shown_lines
from earmark.cli.named import FileOrName
from earmark.errors import EvaluationError
from earmark.words import json_text

FILE = FileName()

SPLITS = (
    "random",
    "k-fold",
    "leave-one-out",
    "artist-k-fold",
    "leave-one-artist-out",
    "leave-one-source-out",
    "files",
    "fault-filtered",
)
"""What ``earmark.evaluation`` can split by; named here, too, so that --help need not import it."""

SPLITS_OF = {
    "test_size": ("random",),
    "repeats": ("random", "k-fold", "artist-k-fold"),
    "folds": ("k-fold", "artist-k-fold"),
    "train": ("files",),
    "test": ("files",),
}
"""Which splits an option is for."""


@click.command(epilog=EXIT_CODES, short_help="Say how well a library names genres.")
@click.argument("library", type=LibraryName())
@click.option(
    "--split",
    type=click.Choice(SPLITS),
    metavar="NAME",
    help=f"How tracks are divided: {', '.join(SPLITS)}. Without it: "
    "leave-one-artist-out where artists are known, else leave-one-out. With random and k-fold "
    "artists are on both sides, and the figures too high.",
)
@click.option(
    "--group",
    type=click.Choice(["artist", "source"]),
    help="What is left out at a time: an artist, or all from one source, with its artists.",
)
@click.option(
    "--test-size",
    type=float,
    metavar="SHARE",
    default=0.15,
    show_default=True,
    help="Share of tracks to test, for random.",
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    metavar="N",
    help="How often to split. Default: 30 for random, else 1.",
)
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    metavar="N",
    default=10,
    show_default=True,
    help="How many folds.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="Of all random draws.",
)
@click.option("--train", type=FILE, metavar="FILE", help="Tracks to learn from, for --split files.")
@click.option("--test", type=FILE, metavar="FILE", help="List of tracks to ask, for --split files.")
@click.option(
    "--artists",
    type=FileOrName(),
    metavar="FILE.csv",
    help="Columns track and artist (and duplicate_of); 'none': do not use those of GTZAN.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Do not draw 20,000 tracks of a larger library.",
)
@click.option("-k", "k", type=click.IntRange(min=1), metavar="N", help="How many neighbors vote.")
@click.option(
    "--plain/--fitted", default=None, help="One vote a neighbor, or the vote fitted to the library."
)
@click.option(
    "--against",
    type=LibraryName(),
    metavar="OTHER",
    help="Another library, track by track.",
)
@click.option(
    "--against-k", type=click.IntRange(min=1), metavar="N", help="Compare with another k."
)
@click.option(
    "--against-plain/--against-fitted", default=None, help="Compare with the other kind of vote."
)
@click.option("--alone", is_flag=True, help="Show only this split, without others beside it.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
@click.option(
    "--report", type=FILE, metavar="FILE", help="Write a report, one self-contained HTML file."
)
@click.pass_context
def evaluate(
    context: click.Context,
    library: str,
    split: str | None,
    group: str | None,
    test_size: float,
    repeats: int | None,
    folds: int,
    seed: int,
    train: Path | None,
    test: Path | None,
    artists: str | None,
    everything: bool,
    k: int | None,
    plain: bool | None,
    against: str | None,
    against_k: int | None,
    against_plain: bool | None,
    alone: bool,
    as_json: bool,
    report: Path | None,
) -> None:
    """Say how well LIBRARY names genres, and whether that figure can be believed.

    LIBRARY is a file, 'reference', 'gtzan' or 'classic'. Figures of a leaky and an
    honest split stand side by side, and their difference is the leak.

    \b
    earmark evaluate my.earmark --report report.html
    """  # noqa: D301 (click looks for the character itself)
    # Imported here, so that --help does not wait for NumPy and the database.
    from earmark.atomic import new_file
    from earmark.cli.stages import stages
    from earmark.evaluation.comparison import Comparison, compare
    from earmark.evaluation.cross_validation import Vote
    from earmark.evaluation.evaluating import evaluate as evaluate_set
    from earmark.evaluation.evaluation_set import MOST_TRACKS, load_evaluation_set
    from earmark.evaluation.reporting.html import report_html
    from earmark.evaluation.reporting.text import evaluation_text
    from earmark.evaluation.split_choice import SplitRequest, choose_split
    from earmark.library import open_library

    if group is not None:
        if split is not None:
            raise click.UsageError(
                f"--group {group} is a split of its own; leave out --split {split}"
            )
        split = f"leave-one-{group}-out"
    if split is None and (train is not None or test is not None):
        split = "files"
    _check_options(context, split)
    request = SplitRequest(split, test_size, repeats, seed, folds, train, test)
    vote = Vote(k, plain)
    # Lists name tracks of the whole library.
    most = None if everything or split == "files" else MOST_TRACKS
    with open_library(library, read_only=True) as opened:
        data = load_evaluation_set(opened, artists, most=most)
    if report is not None:
        _check_report(report, data.source)
    with stages() as stage:
        comparison: Comparison | None = None
        if against or against_k is not None or against_plain is not None:
            other = data
            if against:
                with open_library(against, read_only=True) as opened:
                    other = load_evaluation_set(opened, artists, most=most)
            # Another library votes in its own way; another vote of the same library differs from
            # the first only in the options that are given.
            other_vote = Vote(
                against_k if against_k is not None or against else k,
                against_plain if against_plain is not None or against else plain,
            )
            comparison = compare(
                data,
                other,
                (vote, other_vote),
                lambda common: choose_split(common, request).split,
                seed=seed,
                progress=stage("comparison"),
            )
        evaluation = evaluate_set(
            data,
            request,
            vote,
            other_splits=not alone,
            audited=as_json or report is not None,
            comparison=comparison,
            command=shlex.join(["earmark", *sys.argv[1:]]),
            stage=stage,
        )
    if as_json:
        click.echo(json_text(evaluation.to_json(), indent=1))
    else:
        click.echo(shown_lines(evaluation_text(evaluation)), nl=False)
    if report is not None:
        try:
            with new_file(report, overwrite=True) as part:
                part.write_text(report_html(evaluation), "utf-8")
        except OSError as error:
            raise EvaluationError(f"{report}: cannot be written ({error.strerror})") from error
        click.echo(f"report: {report}", err=True)


def _check_options(context: click.Context, split: str | None) -> None:
    """See that the options fit the split, so that none is left out of account.

    Raises
    ------
    click.UsageError
        One means nothing for the split, is out of range, or is lacking.
    """
    given = {
        name
        for name in SPLITS_OF
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    for name, splits in SPLITS_OF.items():
        if name in given and split not in splits:
            without = "without --split" if split is None else f"for --split {split}"
            raise click.UsageError(
                f"{_option(name)} means nothing {without}; it is for --split "
                f"{' or --split '.join(splits)}"
            )
    size = context.params["test_size"]
    if not 0 < size < 1:
        raise click.UsageError(
            f"--test-size {size:g} is no share; give a number between 0 and 1, such as 0.15"
        )
    if split == "files" and not {"train", "test"} <= given:
        raise click.UsageError("--split files needs both lists: --train A.txt --test B.txt")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _check_report(report: Path, library: str) -> None:
    """See before the work that a report can be written.

    Raises
    ------
    EvaluationError
        It cannot, or would replace the library.
    """
    try:
        is_folder, is_there, has_folder = report.is_dir(), report.exists(), report.parent.is_dir()
    except OSError as error:
        raise EvaluationError(f"{report}: cannot be written ({error.strerror})") from error
    if is_folder:
        raise EvaluationError(f"{report}: is a folder; name a file in it, such as report.html")
    if not has_folder:
        raise EvaluationError(f"{report}: there is no folder {report.parent}")
    if is_there and report.samefile(library):
        raise EvaluationError(f"{report}: is the library; name another file for the report")
    if not os.access(report if is_there else report.parent, os.W_OK):
        raise EvaluationError(f"{report}: may not be written; name a file in another folder")
