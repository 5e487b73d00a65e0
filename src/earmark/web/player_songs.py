"""Which tracks a player's songs are, by the ids that `earmark connect` found or by our own."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from earmark.library import Library, Track
from earmark.library.model import LARGEST_ID
from earmark.players import PlayerIds, ids_path


class PlayerSongs:
    """The songs of a player and the tracks that they are.

    Where no ids are kept beside the library, the ids are the numbers of the tracks.

    Parameters
    ----------
    library
        Open.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._path = ids_path(library.location)
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int], PlayerIds, dict[int, str]] | None = None

    def track(self, song: str) -> Track | None:
        """Return the track of a song; None where there is none."""
        known = self._known()
        if known is None:
            number = int(song) if song.isascii() and song.isdecimal() and len(song) < 20 else 0
        else:
            number = known[0].tracks.get(song, 0)
        return self._library.get_many([number]).get(number) if 0 < number <= LARGEST_ID else None

    def song(self, track: Track) -> str | None:
        """Return the id that the player knows a track by; None where it does not know it."""
        known = self._known()
        return str(track.id) if known is None else known[1].get(track.id or 0)

    def artist(self, name_or_id: str) -> str:
        """Return the name of an artist that a player may call by an id."""
        known = self._known()
        return name_or_id if known is None else known[0].artists.get(name_or_id, name_or_id)

    def artist_id(self, name: str) -> str:
        """Return the id of an artist; where the player told none, the name."""
        known = self._known()
        ids = {} if known is None else known[0].artists
        folded = name.casefold()
        return next((one for one, other in ids.items() if other.casefold() == folded), name)

    def unknown(self, track_ids: Iterable[int]) -> list[int]:
        """Return those of some tracks that the player does not know."""
        known = self._known()
        return [] if known is None else [one for one in track_ids if one not in known[1]]

    def _known(self) -> tuple[PlayerIds, dict[int, str]] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        state = stat.st_mtime_ns, stat.st_size
        with self._lock:
            if self._read is None or self._read[0] != state:
                ids = PlayerIds.read(self._path)
                self._read = state, ids, ids.songs
            return self._read[1], self._read[2]
