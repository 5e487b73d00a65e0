"""A list of so many minutes in a smooth order."""

from __future__ import annotations

import numpy as np

from earmark.neighbors.arrays import Float64
from earmark.recommend.rules import Catalog, Rules
from earmark.recommend.similar import NO_SEEDS, Listed, Seeds, similar
from earmark.recommend.space import Rows, Space

USUAL_SECONDS = 240.0
"""What a song whose length is not known counts as."""

_ROUNDS = 30


def playlist(
    space: Space,
    catalog: Catalog,
    seeds: Seeds,
    *,
    minutes: float | None = 60.0,
    n: int | None = None,
    away: Seeds = NO_SEEDS,
    left_out: Rows | None = None,
    rules: Rules | None = None,
    variety: float = 0.0,
    seed: int = 0,
) -> list[Listed]:
    """Return songs like the seeds for so many minutes, in an order of small steps.

    Parameters
    ----------
    space, catalog, seeds, away, left_out, rules, variety, seed
        As for `similar`.
    minutes
        How long the list is: it ends with the song that comes nearest to that.
    n
        How many songs instead.

    Returns
    -------
    The songs in the order in which they are played, each with its similarity to the seeds. The
    first is among those most like them.

    Raises
    ------
    ValueError
        As for `similar`, or neither or both of ``minutes`` and ``n`` are given.
    """
    if (minutes is None) == (n is None):
        raise ValueError("a playlist has either a length in minutes or a number of songs")
    if minutes is not None and not 0 < minutes < 100_000:
        raise ValueError("minutes must be above 0")
    rules = rules or Rules()
    shortest = float(np.min(catalog.seconds[np.isfinite(catalog.seconds)], initial=USUAL_SECONDS))
    most = n if n is not None else int(60 * (minutes or 0) / max(shortest, 20.0)) + 1
    chosen = similar(
        space,
        catalog,
        seeds,
        min(most, len(catalog)) or 1,
        away=away,
        left_out=left_out,
        rules=rules,
        variety=variety,
        seed=seed,
    )
    if minutes is not None:
        chosen = chosen[: _how_many(catalog, chosen, 60 * minutes)]
    return smooth(space, catalog, chosen, rules)


def _how_many(catalog: Catalog, chosen: list[Listed], seconds: float) -> int:
    lengths = catalog.seconds[[track.row for track in chosen]]
    ends = np.cumsum(np.where(np.isfinite(lengths), lengths, USUAL_SECONDS))
    return int(np.argmin(np.abs(ends - seconds))) + 1 if len(ends) else 0


def smooth(space: Space, catalog: Catalog, chosen: list[Listed], rules: Rules) -> list[Listed]:
    """Order songs so that each is near to the one before, and no artist comes too soon again.

    The first stays first. From there the nearest song comes next; then runs of the order are
    turned around as long as that shortens it (2-opt: Croes, 1958).
    """
    if len(chosen) < 3:
        return chosen
    rows = np.array([track.row for track in chosen], dtype=np.intp)
    distances = space.of_rows(rows, rows)
    artists = catalog.artists[rows]
    before = _breaches(artists, rules.spacing)
    order = _improved(_nearest_next(distances, artists, rules.spacing), distances)
    if _breaches(artists[order], rules.spacing) > 0:
        order = _nearest_next(distances, artists, rules.spacing)
    if _breaches(artists[order], rules.spacing) > before:
        return chosen
    return [chosen[i] for i in order]


def _breaches(artists: Rows, spacing: int) -> int:
    """Count the pairs of songs of one known artist with fewer than ``spacing`` songs between."""
    return sum(
        int(((artists[gap:] == artists[:-gap]) & (artists[gap:] >= 0)).sum())
        for gap in range(1, min(spacing, len(artists) - 1) + 1)
    )


def _nearest_next(distances: Float64, artists: Rows, spacing: int) -> list[int]:
    order = [0]
    left = np.ones(len(distances), dtype=np.bool_)
    left[0] = False
    while left.any():
        lately = {int(artists[i]) for i in order[-spacing:]} if spacing else set()
        fits = left & ~np.isin(artists, [artist for artist in lately if artist >= 0])
        # Where only songs of those artists are left, the nearest of them.
        candidates = np.flatnonzero(fits if fits.any() else left)
        chosen = int(candidates[np.argmin(distances[order[-1], candidates])])
        order.append(chosen)
        left[chosen] = False
    return order


def _improved(order: list[int], distances: Float64) -> list[int]:
    route = np.array(order)
    for _ in range(_ROUNDS):
        shortened = False
        for i in range(len(route) - 2):
            # Turning route[i + 1 : j + 1] around replaces two steps, at the end of the list one.
            a, b = route[i], route[i + 1 :]
            old = distances[a, route[i + 1]]
            ends = np.append(distances[b[:-1], b[1:]], 0.0)
            new_ends = np.append(distances[route[i + 1], b[1:]], 0.0)
            gain = old + ends - distances[a, b] - new_ends
            j = int(np.argmax(gain))
            if gain[j] > 1e-12:
                route[i + 1 : i + 2 + j] = route[i + 1 : i + 2 + j][::-1].copy()
                shortened = True
        if not shortened:
            break
    return [int(position) for position in route]
