"""``earmark extractors``: what can hear music, and whether a model is fit for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.cells import cell_len

from earmark.cli.common import padded
from earmark.schemas import named
from earmark.words import json_text, plural, shown

if TYPE_CHECKING:
    from earmark.features import FeatureExtractor
    from earmark.features.model import ModelExtractor

NAME_SHOWN = 40

EXIT_CODES = "Exit codes: 0 it can be used; 1 it cannot, and the last line says why; 2 wrong usage."


@click.group(invoke_without_command=True, short_help="List what can hear music, or check a model.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def extractors(context: click.Context, as_json: bool) -> None:
    """List the feature extractors that are here, with their licences and sizes.

    Those are the package's own, those of plug-ins, and the model folders in $EARMARK_MODELS and in
    Earmark's data folder. 'earmark build --extractor NAME' takes one of them, or any other model
    folder.

    \b
    earmark extractors
    earmark extractors check ~/models/mine
    """  # noqa: D301 (click looks for the character itself)
    if context.invoked_subcommand is not None:
        return
    # Imported here, so that --help does not wait for NumPy.
    from earmark.features.listing import entries
    from earmark.features.registry import DEFAULT

    found = list(entries())
    if as_json:
        body = {"default": DEFAULT, "extractors": [entry.to_json() for entry in found]}
        click.echo(json_text(named("extractors", body), indent=2))
        return
    rows = [["name", "version", "licence", "size", "numbers", "where"]]
    for entry in found:
        name = f"{entry.name} (default)" if entry.name == DEFAULT else entry.name
        spec, card = entry.spec, entry.card
        cells = ["", "cannot be used", "", ""]
        if spec is not None and card is not None:
            cells = [spec.version, card.license, _size(card.size), str(spec.dimension)]
        rows.append([*(shown(cell, NAME_SHOWN) for cell in (name, *cells)), shown(entry.where)])
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(padded(*pair) for pair in zip(row, widths, strict=True))
        click.echo(line.rstrip())
    for entry in found:
        if entry.problem is not None:
            click.echo(shown(f"{entry.name}: {entry.problem}"), err=True)


@extractors.command(epilog=EXIT_CODES, short_help="See whether a model can be used.")
@click.argument("extractor", metavar="FOLDER")
@click.option(
    "--fill",
    is_flag=True,
    help="Write 'embed_dim', 'sha256' and 'probe' where model.json lacks them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(extractor: str, fill: bool, as_json: bool) -> None:
    """Load the model in FOLDER, and say what it is or what is wrong with it.

    FOLDER is a folder with model.onnx and model.json, or anything else that
    'earmark build --extractor' takes.

    \b
    earmark extractors check ~/models/mine
    """  # noqa: D301 (click looks for the character itself)
    from earmark.features import get_extractor
    from earmark.features.filling import fill as fill_folder
    from earmark.features.listing import describe
    from earmark.features.model import ModelExtractor
    from earmark.features.registry import folder_named

    written: list[str] = []
    if fill:
        folder = folder_named(extractor)
        if folder is None:
            raise click.UsageError("--fill is for a model folder")
        written = fill_folder(folder)
    made = get_extractor(folder_named(extractor) or extractor)
    if isinstance(made, ModelExtractor):
        made.load()
    lacking = _lacking(made) if isinstance(made, ModelExtractor) else []
    facts = describe(made.spec, made.card, made.sample_rate)
    if as_json:
        body = {**facts, "lacking": lacking, "written": written}
        click.echo(json_text(named("extractor", body), indent=2))
        return
    _show(made, facts)
    for key in written:
        click.echo(f"  {padded('written', 13)}{key}")
    for key in lacking:
        click.echo(f"  {padded('not checked', 13)}model.json has no '{key}'; --fill writes it")


def _lacking(made: ModelExtractor) -> list[str]:
    """Return the keys without which less could be checked."""
    said = made.manifest
    stated = {"embed_dim": said.embed_dim, "sha256": said.sha256, "probe": said.probe}
    return [key for key, value in stated.items() if value is None]


def _show(made: FeatureExtractor, facts: dict[str, Any]) -> None:
    """Print what an extractor is, for a person to read."""
    spec, card = made.spec, made.card
    click.echo(shown(f"{spec.name} {spec.version} can be used"))
    parts = ", ".join(f"{count} {meaning}" if count else meaning for meaning, count in card.outputs)
    lines = {
        "hears": f"{card.description or 'it does not say what'}",
        "numbers": f"{spec.dimension} a track, compared by {spec.similarity}"
        + (f" ({parts})" if parts else ""),
        "sample rate": f"{made.sample_rate:,} Hz",
        "licence": card.license,
        "trained on": card.training_data,
        "citation": card.citation,
        "link": card.link,
        "size": _size(card.size),
        "SHA-256": spec.checksum or "",
        "words": f"{len(spec.words)} {plural(len(spec.words), 'word')}, such as "
        f"{', '.join(spec.words[:3])}"
        if spec.words
        else "",
    }
    for title, text in lines.items():
        if text:
            click.echo(shown(f"  {padded(title, 13)}{text}"))


def _size(size: int) -> str:
    """Write a size in bytes for people; nothing for a model without a file."""
    if size == 0:
        return ""
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"
