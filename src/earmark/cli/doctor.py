"""``earmark doctor``: what this installation is and can do."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.text import Text

from earmark.cli.common import MEGABYTE, console, library_option
from earmark.schemas import named
from earmark.words import json_text, length, shown

EXIT_CODES = "Exit codes: 0 Earmark works here; 1 something keeps it from that; 2 wrong usage."

WIDTH = 12


@click.command(epilog=EXIT_CODES, short_help="Say what this installation is and can do.")
@library_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(library_name: str | None, as_json: bool) -> None:
    """Say what this installation is and can do, and what is wrong with it.

    Versions, decoders, extractors, the library, where things lie, limits, what is switched off, and
    what a worker process can do that reads files of strangers. It sends nothing and changes
    nothing, so what it prints can be put into a report of a fault.

    \b
    earmark doctor --json > doctor.json
    """  # noqa: D301 (click looks for the character itself)
    # Imported here, so that --help does not wait for numbers, database and web application.
    from earmark.doctor import examine

    facts = examine(library_name)
    if as_json:
        click.echo(json_text(named("doctor", facts), indent=2))
    else:
        show(facts)
    if facts["problems"]:
        sys.exit(1)


def show(facts: dict[str, Any]) -> None:
    """Print the facts for a person to read."""
    _line("earmark", f"{facts['earmark']}, Python {facts['python']}, {facts['system']}")
    _line("packages", _versions(facts["packages"]))
    _line("extras", _versions(facts["extras"]))
    for decoder in facts["decoders"]:
        _line(
            "decoder", f"{decoder['name']} ({decoder['version']}): {', '.join(decoder['decodes'])}"
        )
    _line("extractors", ", ".join(name for name, why in facts["extractors"].items() if not why))
    library = facts["library"]
    if library is not None:
        only = ", may not be changed" if library["read_only"] else ""
        _line("library", f"{library['location']}: {library['tracks']} tracks{only}")
    for name, place in facts["places"].items():
        _line(name.replace("_", " "), place)
    limits = facts["limits"]
    _line(
        "one song",
        f"{length(limits['command_seconds'])} of the processor, {limits['memory'] // MEGABYTE} MB, "
        f"{length(limits['longest_recording_seconds'])} of sound",
    )
    _line(
        "server",
        f"{limits['connections']} connections, {limits['connections_of_one_address']} of one "
        f"address, uploads of {limits['upload'] // MEGABYTE} MB",
    )
    _line("telemetry", f"off ({', '.join(facts['telemetry']['by'])})")
    if facts["worker"] is not None:
        from earmark.doctor import GIVEN_UP

        held = [told for name, told in GIVEN_UP.items() if not facts["worker"][name]]
        _line("a worker", f"starts; gives up {', '.join(held) or 'nothing'}")
    for note in facts["notes"]:
        _line("note", note)
    for problem in facts["problems"]:
        _line("problem", problem, style="bold red")
    if not facts["problems"]:
        _line("result", "Earmark works here", style="bold green")


def _line(name: str, value: str, style: str = "") -> None:
    line = Text(f"{shown(name):<{WIDTH}}  ", style="dim")
    line.append(shown(value), style=style)
    console().print(line)


def _versions(packages: dict[str, str | None]) -> str:
    return ", ".join(f"{name} {version or 'is not here'}" for name, version in packages.items())
