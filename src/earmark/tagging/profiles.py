"""What players and other programs make of genres: the table of ``docs/tagging.md`` as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """How a program reads genres.

    Attributes
    ----------
    sign
        What it parts a text at that holds several genres, as in ID3v2.3.
    most
        How many genres of a file it shows; None: all.
    parts_at
        Signs at which it parts a genre even where the container has lists.
    source
        Where that is said.
    """

    sign: str
    source: str
    most: int | None = None
    parts_at: str = ""

    def parted(self, genres: Iterable[str]) -> list[str]:
        """Return the genres that the program would take for several.

        >>> PROFILES["navidrome"].parted(["Folk, World, & Country", "Jazz"])
        ['Folk, World, & Country']
        """
        return [genre for genre in genres if any(sign in genre for sign in self.parts_at)]


PROFILES: Mapping[str, Profile] = {
    "navidrome": Profile(
        sign=";",
        parts_at=";/,",
        source="https://github.com/navidrome/navidrome/discussions/2904",
    ),
    "jellyfin": Profile(
        sign="/",
        source="https://github.com/jellyfin/jellyfin/blob/master/MediaBrowser.Providers/MediaInfo/"
        "AudioFileProber.cs",
    ),
    "plex": Profile(
        sign=";", parts_at=";", source="https://github.com/thlayli/plex-genres-from-tags"
    ),
    "foobar2000": Profile(
        sign=";", source="https://wiki.hydrogenaud.io/index.php?title=Foobar2000:ID3_Tag_Mapping"
    ),
    "mp3tag": Profile(sign="/", source="https://core.trac.wordpress.org/changeset/24696"),
    "itunes": Profile(sign="/", most=1, source="https://github.com/Bilalh/Tagger/issues/53"),
    "lidarr": Profile(
        sign="/",
        source="https://github.com/mono/taglib-sharp/blob/main/src/TaglibSharp/Id3v2/Frames/"
        "TextIdentificationFrame.cs",
    ),
}
"""By name."""
