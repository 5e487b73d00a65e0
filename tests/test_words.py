"""How anything is printed: foreign text, nouns that go with a number, durations, shares."""

from __future__ import annotations

import ast
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark import words
from earmark.words import clock, is_one_line, length, one_line, percent, plural, shown

SOURCE = Path(words.__file__).parent
STILL_THERE = {("recording.py", "_clock"), ("classify.py", "clock")}
ANY = st.text(st.characters(exclude_categories=[]))


def test_only_one_is_not_several() -> None:
    assert [plural(n, "track") for n in (0, 1, 2)] == ["tracks", "track", "tracks"]
    assert [plural(n, "copy", "copies") for n in (0, 1, 2)] == ["copies", "copy", "copies"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (" R&B, soul ", "R&B, soul"),
        ("two\r\nlines", "two lines"),
        ("a\u2028b\x85c", "a b c"),
        ("\x1b]0;title\x07", "\ufffd]0;title\ufffd"),
        ("\ud800x", "\ufffdx"),
        ("日本 é 👩‍🎤", "日本 é 👩‍🎤"),
        ("\n\t", ""),
        ("x" * 10**6, "x" * 199 + "…"),
    ],
)
def test_names_fit_on_a_line(text: str, line: str) -> None:
    assert one_line(text) == line


@given(ANY)
def test_nothing_that_is_printed_steers_a_terminal_or_turns_a_line_around(text: str) -> None:
    for clean in (shown(text), one_line(text)):
        for mark in clean:
            assert unicodedata.category(mark) not in ("Cc", "Cs", "Zl", "Zp")
            assert unicodedata.bidirectional(mark) not in (
                *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"),
            )
        assert shown(clean) == clean
    assert len(shown(text)) == len(text)
    assert one_line(one_line(text)) == one_line(text)
    assert is_one_line(text) == (one_line(text) == text != "")


@given(st.text(min_size=1), st.integers(1, 20))
def test_a_text_that_is_too_long_says_that_it_goes_on(text: str, longest: int) -> None:
    cut = shown(text, longest)
    assert len(cut) <= longest
    assert cut.endswith("…") or len(cut) == len(text)


@given(st.integers(0, 10**6))
def test_a_clock_can_be_read_back(seconds: int) -> None:
    parts = [int(part) for part in clock(seconds).split(":")]
    assert sum(part * 60**power for power, part in enumerate(reversed(parts))) == seconds
    assert all(part < 60 for part in parts[1:])


def test_limits_are_said_in_words() -> None:
    assert [length(s) for s in (14400, 5400, 90, 1.5)] == ["4 h", "1.5 h", "1.5 min", "1.5 s"]


@given(st.floats(0, 1), st.integers(0, 3))
def test_no_share_is_said_to_be_none_or_all_unless_it_is(share: float, digits: int) -> None:
    said = percent(share, digits)
    assert (float(said.strip("<>%")) == 0) == (share == 0)
    assert (said.startswith("100")) == (share == 1)
    assert abs(float(said.strip("<>%")) / 100 - share) <= 10.0**-digits / 100


@pytest.mark.slow
def test_there_is_one_rule_for_foreign_text_one_clock_one_percent_one_plural() -> None:
    """A second one would be forgotten when the first is mended."""
    own = re.compile(r"^(shown|one_line|_?(plural|clock|percent))$")
    rules = set()
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and own.match(node.name):
                rules.add((path.name, node.name))
        if path.name != "words.py":
            assert r"\u2066" not in text, f"{path}: a rule of its own for what turns text around"
            assert "unicodedata.category" not in text, f"{path}: a rule of its own for controls"
    names = {"shown", "one_line", "plural", "clock", "percent"}
    assert rules - STILL_THERE == {("words.py", name) for name in names}
