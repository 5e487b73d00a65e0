"""Which tracks a player's songs are, by the ids that `earmark connect` found or by our own."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from earmark.library import Library, Track
from earmark.library.model import LARGEST_ID
from earmark.players import PlayerIds, ids_path
from earmark.recommend import Recommender


@dataclass(frozen=True, slots=True)
class _Known:
    """The ids of a file, also by tracks and by folded names of artists; and which file it was."""

    state: tuple[int, int]
    ids: PlayerIds
    songs: dict[int, str]
    artist_ids: dict[str, str]


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
        self._read: _Known | None = None

    def track(self, song: str) -> Track | None:
        """Return the track of a song; None where there is none."""
        known = self._known()
        if known is None:
            number = int(song) if song.isascii() and song.isdecimal() and len(song) < 20 else 0
        else:
            number = known.ids.tracks.get(song, 0)
        return self._library.get_many([number]).get(number) if 0 < number <= LARGEST_ID else None

    def song(self, track: Track) -> str | None:
        """Return the id that the player knows a track by; None where it does not know it."""
        known = self._known()
        return str(track.id) if known is None else known.songs.get(track.id or 0)

    def artist(self, name_or_id: str) -> str:
        """Return the name of an artist that a player may call by an id."""
        known = self._known()
        return name_or_id if known is None else known.ids.artists.get(name_or_id, name_or_id)

    def artist_id(self, name: str) -> str:
        """Return the id of an artist; where the player told none, the name."""
        known = self._known()
        return name if known is None else known.artist_ids.get(name.casefold(), name)

    def unknown(self, recommender: Recommender) -> list[int]:
        """Return the tracks that a list may have but the player does not know."""
        known = self._known()
        if known is None:
            return []
        return [track for track in recommender.track_ids if track not in known.songs]

    def _known(self) -> _Known | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        state = stat.st_mtime_ns, stat.st_size
        with self._lock:
            if self._read is None or self._read.state != state:
                ids = PlayerIds.read(self._path)
                artist_ids: dict[str, str] = {}
                for artist_id, name in ids.artists.items():
                    artist_ids.setdefault(name.casefold(), artist_id)
                self._read = _Known(state, ids, ids.songs, artist_ids)
            return self._read
