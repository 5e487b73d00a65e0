"""How anything is printed: foreign text, numbers with their nouns, durations and shares.

Names of files, tags, genres and messages that quote them come from elsewhere. They may hold what
steers a terminal, breaks a line or turns the direction of writing, and be a megabyte long. They are
cleaned in one place, here: `one_line` where a name is taken up, `shown` where text is printed.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

UNFIT = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
"""What no line may hold, as the inside of a regular expression's ``[…]``.

Controls (a terminal obeys them), ends of lines, and marks that turn the direction of what follows,
so that a name reads as another. Halves of characters, which no database takes, come beside them;
they have no place in a pattern of JSON Schema.
"""

LONGEST_NAME = 200
"""Characters of a name that are kept."""

LONGEST_SHOWN = 10_000
"""Characters of a text that are printed."""

TOLD_SHARE = 0.05
"""A smaller share is not told."""

_UNFIT = re.compile(rf"[{UNFIT}\ud800-\udfff]")
_BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")


ARTIST_SEPARATOR = "; "
"""What stands between the artists of a track that has several."""


def shown(text: str, longest: int = LONGEST_SHOWN) -> str:
    r"""Return text from somewhere else as it may be printed on one line.

    Parameters
    ----------
    text
        Such as a file's name, or a message that quotes one.
    longest
        More characters than that are cut off, with an ellipsis in the place of the last.

    >>> shown("a\x1b[2Jb\nc"), shown("abcdef", longest=4)
    ('a\ufffd[2Jb\ufffdc', 'abc…')
    """
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return text if text.isprintable() else _UNFIT.sub("\ufffd", text)


def in_html(text: str, longest: int = LONGEST_SHOWN) -> str:
    """Return text from somewhere else as it may stand in HTML that no template makes.

    >>> in_html("<b>rock & roll")
    '&lt;b&gt;rock &amp; roll'
    """
    return html.escape(shown(text, longest))


def in_page(value: Any) -> Any:
    """Clean what a template of a page is given: foreign text as `shown`, all else as it is.

    It is the ``finalize`` of Jinja's environments, so that no page can forget it; markup, which is
    a kind of text of its own, has been cleaned when it was made.
    """
    return shown(value) if type(value) is str else value


def one_line(text: str, longest: int = LONGEST_NAME) -> str:
    r"""Bring a name to one line that can be kept and printed, without spaces around it.

    Line breaks and tabs become a space; the rest is as `shown` has it.

    >>> one_line(" R&B,\nsoul ")
    'R&B, soul'
    """
    return shown(_BREAKS.sub(" ", text).strip(), longest).strip()


def json_text(value: Any, *, indent: int | None = None) -> str:
    r"""Write a value as JSON that may be printed: what `shown` would replace is escaped.

    Other characters stay as they are, so that people can read it; programs read the same either
    way.

    Parameters
    ----------
    value
        Of what JSON has.
    indent
        Spaces a level; None: all on one line.

    >>> print(json_text({"title": "Mot\xf6rhead \x9b2J \u202e"}))
    {"title": "Motörhead \u009b2J \u202e"}
    """
    lines = json.dumps(value, ensure_ascii=False, indent=indent).split("\n")
    return "\n".join(_UNFIT.sub(lambda found: f"\\u{ord(found[0]):04x}", line) for line in lines)


def is_one_line(text: str, longest: int = LONGEST_NAME) -> bool:
    """Whether a name can be kept as it is, and says something."""
    return text != "" and one_line(text, longest) == text


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


def clock(seconds: float) -> str:
    """Write a duration as a clock does: minutes and seconds, with hours where there are any.

    >>> clock(20.4), clock(3600)
    ('0:20', '1:00:00')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def length(seconds: float) -> str:
    """Write a duration that is a round one, such as a limit, in words.

    >>> length(14400), length(120), length(0.5)
    ('4 h', '2 min', '0.5 s')
    """
    if seconds >= 3600:
        return f"{seconds / 3600:g} h"
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def percent(share: float, digits: int = 1) -> str:
    """Write a share as percent; nothing that may happen is 0%, nothing unsure 100%.

    Parameters
    ----------
    share
        From 0 to 1.
    digits
        Behind the point.

    >>> percent(0.421), percent(0.004, 0), percent(0.996, 0), percent(1, 0)
    ('42.1%', '<1%', '>99%', '100%')
    """
    said = f"{100 * share:.{digits}f}"
    step = 10.0**-digits
    # What would be written decides, since halves are rounded to even digits.
    if share > 0 and float(said) == 0:
        return f"<{step:.{digits}f}%"
    if share < 1 and float(said) >= 100:
        return f">{100 - step:.{digits}f}%"
    return f"{said}%"


def tell_shares(
    shares: Mapping[str, float], write: Callable[[str], str] = lambda share: share
) -> str:
    """Say what has which share, without shares below ``TOLD_SHARE``.

    ``write`` turns a share as `percent` has it into that of another language.

    >>> tell_shares({"rock": 0.6, "jazz": 0.36, "pop": 0.04})
    'rock 60%, jazz 36%'
    """
    return ", ".join(
        f"{name} {write(percent(share, 0))}"
        for name, share in shares.items()
        if share >= TOLD_SHARE
    )


PLACE = re.compile(r"%%|%\((\w+)\)s")
"""Where a value stands in a text; ``%%`` is a sign of percent."""


def fill(text: str, values: Mapping[str, object]) -> str:
    """Put values into the places of a text.

    >>> fill("%(num)s%% of %(what)s", {"num": 3, "what": "all"})
    '3% of all'
    """
    return PLACE.sub(lambda place: str(values[place[1]]) if place[1] else "%", text)


def say(sentence: str, /, **values: object) -> str:
    """Return a sentence with its values, in English; pages find its translation by its pattern.

    >>> say("it lies between %(first)s and %(second)s", first="jazz", second="soul")
    'it lies between jazz and soul'
    """
    return fill(sentence, values)


def say_many(one: str, many: str, count: int, /, **values: object) -> str:
    """Return a sentence that counts something, as `say` does; ``%(num)s`` is how many.

    >>> say_many("%(num)s is %(what)s", "%(num)s are %(what)s", 2, what="rock")
    '2 are rock'
    """
    return fill(one if count == 1 else many, {"num": count, **values})


def to_like_digits(numbers: Sequence[float]) -> list[str]:
    """Write numbers to as many digits behind the point each, so that they can be compared at sight.

    There are as many as give the largest three digits that count.

    >>> to_like_digits([0.0451, 0.21, 0.0009]), to_like_digits([3.14159, 250.0])
    (['0.045', '0.210', '0.001'], ['3', '250'])
    """
    largest = max((abs(number) for number in numbers), default=0.0)
    digits = 2 - math.floor(math.log10(largest)) if largest > 0 else 2
    return [f"{number:.{max(0, digits)}f}" for number in numbers]
