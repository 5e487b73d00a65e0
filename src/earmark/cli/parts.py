"""``earmark classify --parts``: the parts of a recording, as text, JSON, CUE or JAMS."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click
from rich.text import Text

from earmark.cli.answers import column, named
from earmark.cli.common import console, padded, shown, shown_lines
from earmark.errors import AudioError, LibraryEmpty, WorkerError
from earmark.schemas import schema
from earmark.words import clock, json_text, percent
from earmark.workers import WorkerPool

if TYPE_CHECKING:
    from earmark.library import Library
    from earmark.parts import Parts


def in_parts_of(
    pool: WorkerPool,
    library: Library,
    entries: Sequence[str | AudioError],
    *,
    k: int | None,
    include_self: bool,
    max_duration: float,
) -> Iterator[Parts | AudioError]:
    """Yield the parts of each recording, or what is wrong with it: one never stops the others."""
    from earmark.classify import Classifier
    from earmark.extraction import follow
    from earmark.parts import STEP, parts_of_followed, song_variance

    classifier = Classifier(library, n_neighbors=k, include_self=include_self)
    spec = library.spec.to_json()
    calls = {
        entry: pool.call(follow, entry, spec, STEP, max_duration, name=entry)
        for entry in entries
        if isinstance(entry, str)
    }
    variance = song_variance(library, classifier.refresh()[1])
    for entry in entries:
        if isinstance(entry, AudioError):
            yield entry
            continue
        try:
            yield parts_of_followed(classifier, entry, calls[entry].result(), variance)
        except AudioError as error:
            yield error
        except (WorkerError, LibraryEmpty) as error:
            yield AudioError(entry, error.problem if isinstance(error, WorkerError) else str(error))


def writer_of_parts(form: str) -> Callable[[Parts | AudioError], None]:
    """Return what prints the parts of recordings as text, json, cue or jams."""
    writers: dict[str, Callable[[Parts], None]] = {
        "text": _text,
        "json": lambda parts: click.echo(json_text(parts.to_json())),
        "jams": lambda parts: click.echo(json_text(parts.to_jams())),
        "cue": lambda parts: click.echo(shown_lines(parts.to_cue()), nl=False),
    }

    def write(answer: Parts | AudioError) -> None:
        if not isinstance(answer, AudioError):
            writers[form](answer)
        elif form == "json":
            told = {"schema": schema("failure"), "path": answer.path, "error": answer.problem}
            click.echo(json_text(told))
        else:
            click.echo(f"earmark: {named(answer.path)}: {shown(answer.problem)}", err=True)

    return write


def _text(parts: Parts) -> None:
    out = console()
    heading = Text(named(parts.path), style="bold")
    heading.append(f"  {clock(parts.duration)}", style="dim")
    out.print(heading)
    out.print(Text(f"  {shown(parts.sentence())}"))
    width = column(shown(part.genre) for part in parts.parts)
    for part in parts.parts:
        line = Text(f"  {clock(part.start):>8} to {clock(part.stop):>8}  ")
        line.append(padded(shown(part.genre), width), style="" if part.abstained else "green")
        line.append(f"{percent(part.confidence, 0):>4}")
        line.append("  not sure" if part.abstained else "", style="yellow")
        out.print(line)
