"""What the genres in the tags of a file are as labels of a library, and labels as genres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath

from earmark.neighbors import STYLE_SIGN
from earmark.tagging.genremap import GenreMap
from earmark.tagging.names import genre_names

_ID3 = frozenset((".mp3", ".mp2", ".aac", ".tta", ".dsf", ".wav", ".aif", ".aiff", ".aifc"))
"""Endings of files whose genres are in ID3 tags, where ``/`` may part several."""


def genres_of(path: str, stored: Sequence[str], table: GenreMap) -> tuple[str, ...]:
    """Return the genres of a file, each once, in their order and as a user calls them.

    Parameters
    ----------
    path
        The file.
    stored
        The texts that its tags have as genres.
    table
        The user's own names. What it names whole is not parted: a row for ``Pop/Rock`` makes that
        one genre.

    >>> genres_of("a.mp3", ["(17)"], GenreMap()), genres_of("a.mp3", ["Pop/Rock"], GenreMap())
    (('Rock',), ('Pop', 'Rock'))
    >>> genres_of("a.mp3", ["Pop/Rock"], GenreMap((("pop/rock", ("Pop",)),)))
    ('Pop',)
    """
    id3 = PurePath(path).suffix.lower() in _ID3
    names = genre_names(stored, id3=id3, known=table.known)
    return tuple(dict.fromkeys(mapped for name in names for mapped in table(name)))


def written_genres(
    labels: Sequence[str], table: Callable[[str], tuple[str, ...]]
) -> tuple[str, ...]:
    """Return what labels of a library are called in files, each name once, in their order.

    A style goes by its own name, beside that of its genre, unless the user's table says otherwise.

    >>> written_genres(["Electronic", "Electronic---House"], GenreMap())
    ('Electronic', 'House')
    >>> written_genres(["Rock---Punk"], GenreMap((("rock---punk", ("Punk Rock",)),)))
    ('Punk Rock',)
    """
    written: list[str] = []
    for label in labels:
        names = table(label)
        style = label.rpartition(STYLE_SIGN)[2].strip()
        written += table(style) if names == (label,) and style else names
    return tuple(dict.fromkeys(written))
