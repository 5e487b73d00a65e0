"""How templates write colors, distances and votes."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import current_app, g

from earmark.web.request_context import server_state


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
    share = f"all {count}" if not others else f"{count} of {len(neighbors)}"
    verb = "is" if count == 1 else "are"
    rest = "".join(f", {count} {genre}" for genre, count in others)
    return f"{share} {verb} {genre}{rest}"
