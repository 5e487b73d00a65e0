"""``earmark evaluate``: how good a library is, and whether that figure can be believed."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import click

from earmark.cli.stages import stages
from earmark.evaluation.ask import Vote
from earmark.evaluation.choose import SPLITS, Request, choose
from earmark.evaluation.compare import Comparison, compare
from earmark.evaluation.corpus import corpus_of
from earmark.evaluation.report import report_html
from earmark.evaluation.run import evaluate as evaluate_corpus
from earmark.evaluation.text import evaluation_text
from earmark.library import open_library

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("library")
@click.option(
    "--split",
    type=click.Choice(SPLITS),
    help="How tracks are parted. Without it: leave-one-artist-out where artists are known, else "
    "leave-one-out. random and k-fold tear artists apart and flatter.",
)
@click.option("--test-size", type=float, default=0.15, show_default=True, help="Share, for random.")
@click.option(
    "--repeats", type=click.IntRange(min=1), help="Of the split. Default: 30 for random, else 1."
)
@click.option("--folds", type=click.IntRange(min=2), default=10, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--train", type=FILE, help="List of tracks to learn from, for --split files.")
@click.option("--test", type=FILE, help="List of tracks to ask, for --split files.")
@click.option(
    "--artists",
    metavar="FILE.csv",
    help="Columns track and artist (and duplicate_of), where the library has no artists. 'none': "
    "do not use what is known of GTZAN's.",
)
@click.option("-k", "k", type=click.IntRange(min=1), help="How many neighbors vote.")
@click.option(
    "--plain/--fitted", default=None, help="One vote a neighbor, or the vote fitted to the library."
)
@click.option("--against", metavar="OTHER", help="Compare with another library, track by track.")
@click.option("--against-k", type=click.IntRange(min=1), help="Compare with another k.")
@click.option(
    "--against-plain/--against-fitted", default=None, help="Compare with the other kind of vote."
)
@click.option("--alone", is_flag=True, help="Only this split, no others beside it.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
@click.option("--report", type=FILE, help="Write a report, one self-contained HTML file.")
def evaluate(
    library: str,
    split: str | None,
    test_size: float,
    repeats: int | None,
    folds: int,
    seed: int,
    train: Path | None,
    test: Path | None,
    artists: str | None,
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

    LIBRARY is a file, or 'reference' or 'classic'. The leaky and the honest figure stand side by
    side, so that the leak is seen as a number.
    """
    request = Request(split, test_size, repeats, seed, folds, train, test)
    vote = Vote(k, plain)
    with open_library(library, read_only=True) as opened:
        corpus = corpus_of(opened, artists)
    with stages() as stage:
        comparison: Comparison | None = None
        if against or against_k is not None or against_plain is not None:
            other = corpus
            if against:
                with open_library(against, read_only=True) as opened:
                    other = corpus_of(opened, artists)
            # Another library votes in its own way, another vote of the same one is like the first
            # but for what is named.
            other_vote = Vote(
                against_k if against_k is not None or against else k,
                against_plain if against_plain is not None or against else plain,
            )
            comparison = compare(
                corpus,
                other,
                (vote, other_vote),
                lambda common: choose(common, request).split,
                seed=seed,
                progress=stage("comparison"),
            )
        evaluation = evaluate_corpus(
            corpus,
            request,
            vote,
            beside=not alone,
            audited=as_json or report is not None,
            comparison=comparison,
            command=shlex.join(["earmark", *sys.argv[1:]]),
            stage=stage,
        )
    if report is not None:
        page = report_html(evaluation)
        try:
            report.write_text(page, "utf-8")
        except OSError as error:
            raise click.ClickException(f"{report}: cannot be written ({error.strerror})") from error
    if as_json:
        click.echo(json.dumps(evaluation.to_json(), ensure_ascii=False, indent=1))
    else:
        click.echo(evaluation_text(evaluation), nl=False)
    if report is not None:
        click.echo(f"report: {report}", err=True)
