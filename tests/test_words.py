"""Nouns that go with a number, names that fit on a line."""

from __future__ import annotations

import pytest

from earmark.words import one_line, plural


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
    ],
)
def test_names_fit_on_a_line(text: str, line: str) -> None:
    assert one_line(text) == line
