"""Words as people read them: nouns that go with a number, names that fit on a line."""

from __future__ import annotations

import re
import unicodedata

_BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
# What turns the direction of writing around.
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return the noun that goes with a count.

    Parameters
    ----------
    count
        How many.
    one
        The noun for one of them.
    many
        For none or several; None: the noun with an s.

    >>> plural(1, "track"), plural(2, "track"), plural(0, "copy", "copies")
    ('track', 'tracks', 'copies')
    """
    if count == 1:
        return one
    return one + "s" if many is None else many


def one_line(text: str) -> str:
    """Bring a name to one line that can be printed, without spaces around it.

    Line breaks and tabs become a space. What steers a terminal, and halves of characters, which no
    database takes, become a replacement character.
    """
    return "".join(
        "\ufffd" if mark in _TURNS or unicodedata.category(mark) in ("Cc", "Cs") else mark
        for mark in _BREAKS.sub(" ", text).strip()
    )
