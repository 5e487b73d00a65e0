"""How templates write colors, numbers and votes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from flask import current_app, g
from jinja2.filters import do_filesizeformat
from markupsafe import Markup

from earmark import words
from earmark.prediction import Prediction, told_genres
from earmark.web.language import gettext, ngettext, number, retold, translated
from earmark.web.request_context import server_state

_WORDS = re.compile(r'(>|aria-label=")([^<>"]+)')
"""What stands between the elements of a drawing, and how it is called."""


def color(genre: str | None) -> str:
    """Return the class of a genre's color and shape."""
    if "colors" not in g:
        # Asked for once a request.
        g.colors = current_app.extensions["earmark-colors"].of(server_state().library)
    return f"g{g.colors[genre]}" if genre in g.colors else "g-none"


def nearness(distances: list[float]) -> list[float]:
    """Return how long the bars of some distances are, from 0 to 1: the nearest has the whole.

    A distance counts together with their mean, so that the others keep a bar that can be seen
    where the nearest is the very song, at a distance of 0.
    """
    if not distances:
        return []
    mean = sum(distances) / len(distances)
    nearest = mean + min(distances)
    return [nearest / (mean + far) if mean + far > 0 else 1.0 for far in distances]


def whole_percent(share: float) -> str:
    """Write a share as whole percent."""
    return number(words.percent(share, digits=0))


def shares(found: Mapping[str, float]) -> str:
    """Say what has which share of a recording."""
    return words.tell_shares(found, number)


def like_digits(numbers: Sequence[float]) -> list[str]:
    """Write numbers to as many digits each."""
    return [number(one) for one in words.to_like_digits(numbers)]


def genres(found: Sequence[str]) -> str:
    """Say several genres."""
    return told_genres(found, translated("%(others)s and %(last)s"))


def sentence(found: Prediction) -> str:
    """Say an answer in one sentence, as `Prediction.sentence` does in English."""
    if found.mixed:
        told = shares(found.shares)
        return gettext("This recording is mixed: %(shares)s of its time.", shares=told)
    if found.abstained:
        return gettext(
            "Not sure: %(reason)s. The best guess is %(genre)s.",
            reason=retold(found.reason),
            genre=found.genre,
        )
    return gettext("This song is classified as %(genres)s.", genres=genres(found.genres))


def size(count: int) -> str:
    """Write how many bytes something has."""
    amount, _, unit = do_filesizeformat(count).partition(" ")
    return f"{number(amount)} {unit}"


def chart(drawing: str) -> Markup:
    """Show a drawing of the report, with its words in the language of the page."""
    return Markup(_WORDS.sub(lambda found: f"{found[1]}{number(retold(found[2]))}", drawing))  # noqa: S704


def voters(neighbors: list[dict[str, Any]]) -> str:
    """Say of which genres the tracks are that voted, the commonest first.

    >>> voters([{"genre": "metal"}, {"genre": "rock"}, {"genre": "metal"}])
    '2 of 3 are metal, 1 rock'
    >>> voters([{"genre": "metal"}] * 3)
    'all 3 are metal'
    """
    counts = Counter(near["genre"] for near in neighbors).most_common()
    if not counts:
        return ""
    (genre, count), *others = counts
    rest = "".join(f", {count} {genre}" for genre, count in others)
    if not others:
        return ngettext("all %(num)s is %(genre)s", "all %(num)s are %(genre)s", count, genre=genre)
    told = ngettext(
        "%(num)s of %(all)s is %(genre)s",
        "%(num)s of %(all)s are %(genre)s",
        count,
        all=len(neighbors),
        genre=genre,
    )
    return told + rest
