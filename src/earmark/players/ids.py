"""The ids of a player's songs and artists, kept in a file beside the library."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from earmark.atomic import new_file
from earmark.errors import PlayerError
from earmark.players.matching import by_track
from earmark.schemas import named, schema
from earmark.words import json_text

LARGEST = 512 * 2**20
"""Bytes of a file of ids that is read."""


@dataclass(frozen=True, slots=True)
class PlayerIds:
    """By which ids a music server knows the tracks of a library.

    Attributes
    ----------
    server
        Its address, without any user or password.
    tracks
        Ids of tracks, by the ids of the server's songs.
    artists
        Names, by the ids of the server's artists.

    Examples
    --------
    >>> known = PlayerIds("http://music.example", {"a1": 7}, {"b2": "Nina Simone"})
    >>> known.songs
    {7: 'a1'}
    """

    server: str
    tracks: Mapping[str, int]
    artists: Mapping[str, str] = field(default_factory=dict)

    @property
    def songs(self) -> dict[int, str]:
        """Ids of the server's songs, by the ids of tracks; of several copies the first."""
        return by_track(self.tracks)

    def write(self, path: Path) -> None:
        """Write the file.

        Raises
        ------
        PlayerError
            It cannot be written.
        """
        body = named(
            "player-ids",
            {"server": self.server, "tracks": dict(self.tracks), "artists": dict(self.artists)},
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with new_file(path, overwrite=True) as part:
                part.write_text(json_text(body), encoding="utf-8")
        except OSError as error:
            raise PlayerError(f"{path}: cannot be written ({error.strerror})") from error

    @classmethod
    def read(cls, path: Path) -> PlayerIds:
        """Read the file.

        Raises
        ------
        PlayerError
            It cannot be read, or is something else.
        """
        wrong = PlayerError(f"{path}: holds no ids of a player; run earmark connect again")
        try:
            if os.stat(path).st_size > LARGEST:  # noqa: PTH116 - may be any name
                raise wrong
            body = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise PlayerError(f"{path}: cannot be read ({error.strerror})") from error
        except (ValueError, RecursionError) as error:
            raise wrong from error
        if not isinstance(body, dict) or body.get("schema") != schema("player-ids"):
            raise wrong
        server, tracks, artists = body.get("server"), body.get("tracks"), body.get("artists")
        if not isinstance(server, str) or not isinstance(tracks, dict):
            raise wrong
        if not isinstance(artists, dict) or not all(type(one) is int for one in tracks.values()):
            raise wrong
        if not all(isinstance(name, str) for name in artists.values()):
            raise wrong
        return cls(server, tracks, artists)


def ids_path(location: str) -> Path:
    """Return where the ids of a library's songs are kept.

    >>> ids_path("/music/my.earmark").name
    'my.earmark.player-ids.json'
    """
    if "://" in location:
        # Beside a database there is no room for a file.
        name = hashlib.blake2b(location.encode(), digest_size=8).hexdigest()
        return platformdirs.user_data_path("earmark") / "players" / f"{name}.player-ids.json"
    return Path(f"{location}.player-ids.json")
