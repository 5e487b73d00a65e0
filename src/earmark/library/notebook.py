"""What a notebook shows of a library."""

from __future__ import annotations

from typing import Protocol

from earmark.library.model import ExtractorSpec
from earmark.words import in_html, plural


class Shown(Protocol):
    """What is asked of a library for it."""

    @property
    def location(self) -> str:
        """Where it is."""
        ...

    @property
    def spec(self) -> ExtractorSpec:
        """What made its vectors."""
        ...

    def genres(self) -> dict[str, int]:
        """Return the number of tracks of each genre."""
        ...


def library_html(library: Shown) -> str:
    """Return a library as a table in HTML: its genres, the largest first, with bars.

    Names of genres and files are escaped, whoever wrote them.
    """
    genres = sorted(library.genres().items(), key=lambda pair: (-pair[1], pair[0]))
    most = max((count for _, count in genres), default=1)
    rows = "".join(
        f"<tr><td>{in_html(genre)}</td><td>{count:,}</td>"
        f'<td style="text-align:left">{"█" * max(1, round(20 * count / most))}</td></tr>'
        for genre, count in genres
    )
    tracks = sum(count for _, count in genres)
    counts = f"{tracks:,} labelled {plural(tracks, 'track')}"
    kinds = f"{len(genres):,} {plural(len(genres), 'genre')}"
    vectors = f"{in_html(library.spec.name)} vectors of {library.spec.dimension} numbers"
    return (
        f"<p><b>{in_html(library.location)}</b>: {counts} of {kinds}, {vectors}</p>"
        f"<table><tr><th>genre</th><th>tracks</th><th></th></tr>{rows}</table>"
    )
