"""Each line of the page of security has a test, and its numbers are those of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark.audio import MAX_DURATION
from earmark.web import Config
from earmark.web.access import GUESSES
from earmark.web.config import MEGABYTE, SHORTEST_TOKEN
from earmark.web.http.limits import MOST_CONNECTIONS, ServerLimits, limits_for
from earmark.workers import Limits, protocol

TESTS = Path(__file__).resolve().parent
PAGE = (TESTS.parent / "docs" / "security.md").read_text("utf-8")


def table(heading: str) -> Iterator[list[str]]:
    """Yield the rows of the table below a heading, without its head."""
    section = re.split(rf"^## {heading}$", PAGE, flags=re.MULTILINE)[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:2] == "| "]
    yield from rows[2:]


@pytest.mark.slow
def test_every_test_that_is_named_is_there() -> None:
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", PAGE)
    assert len(named) > 40
    for file, test in named:
        tree = ast.parse((TESTS / file).read_text("utf-8"))
        found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert test in found, (file, test)


def test_every_line_names_one() -> None:
    rows = [*table("What strangers try"), *table("Limits")]
    assert len(rows) > 45
    for row in rows:
        assert re.fullmatch(r"`[\w/]+\.py::test_\w+`", row[-1]), row


def test_the_numbers_are_those_of_the_code() -> None:
    told = {row[0]: row[1] for row in table("Limits")}
    config, one = Config(), Limits()
    server = ServerLimits(1, 1, 1, 1)
    assert told == {
        "time of one song": f"{config.time_limit:g} s",
        "processor of one song": f"{one.processor_seconds:g} s",
        "memory of one song": f"{config.memory_limit // MEGABYTE} MB",
        "answer of a worker": f"{protocol.MAX_MESSAGE // MEGABYTE} MB",
        "one recording": f"{MAX_DURATION / 3600:g} h",
        "one upload": f"{config.max_upload // MEGABYTE} MB",
        "bodies that wait": f"{limits_for(config).bodies // MEGABYTE} MB",
        "songs that wait": f"{config.queue}",
        "uploads and changes of an address": f"{config.rate} a minute",
        "wrong tokens of an address": f"{GUESSES} a minute",
        "length of a token": f"{SHORTEST_TOKEN} characters",
        "connections": f"{MOST_CONNECTIONS:,}",
        "time for a header": f"{server.header:g} s",
        "speed of a body": f"{server.body_rate / 1024:g} kB/s",
    }
    assert one.memory == config.memory_limit


def test_options_that_are_named_exist() -> None:
    import click

    from earmark.cli import COMMANDS, earmark

    with click.Context(earmark) as context:
        commands = [earmark.get_command(context, name) for name in COMMANDS]
    options = {
        option
        for command in commands
        if command is not None
        for parameter in command.params
        for option in parameter.opts
    }
    assert set(re.findall(r"`(--[\w-]+)", PAGE)) <= options
