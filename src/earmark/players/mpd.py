"""Putting songs into the queue of a Music Player Daemon.

Its protocol is lines of text (mpd.readthedocs.io/en/stable/protocol.html), of which four commands
are needed, so that no library is.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from typing import Self

from earmark.errors import PlayerError
from earmark.library import Track
from earmark.players.matching import PlayerSong, by_track, match
from earmark.words import shown

PORT = 6600

LARGEST_LINE = 1 << 16
MOST_LINES = 20_000_000


class MpdClient:
    """A connection to an MPD.

    Parameters
    ----------
    place
        A host, ``HOST:PORT``, or the path of a socket; a password before ``@``, as ``MPD_HOST`` has
        it. None: what ``MPD_HOST`` and ``MPD_PORT`` say, else this machine.
    timeout
        Seconds to wait for a line.

    Raises
    ------
    PlayerError
        Nobody answers there, or something else does, or the password is wrong.
    """

    def __init__(self, place: str | None = None, *, timeout: float = 60.0) -> None:
        place = place or os.environ.get("MPD_HOST") or "localhost"
        password, _, where = place.rpartition("@")
        self.name = f"MPD at {shown(where)}"
        try:
            self._socket = self._connect(where, timeout)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise PlayerError(
                f"{self.name}: cannot be reached ({shown(why)}); name it with --mpd HOST:PORT"
            ) from None
        self._lines = self._socket.makefile("rb")
        try:
            if not self._line().startswith("OK MPD "):
                raise PlayerError(f"{self.name}: something else answers there")
            if password:
                self.ask("password", password)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _connect(where: str, timeout: float) -> socket.socket:
        if where.startswith("/"):
            local = socket.socket(socket.AF_UNIX)
            try:
                local.settimeout(timeout)
                local.connect(where)
            except BaseException:
                local.close()
                raise
            return local
        host, _, port = where.rpartition(":") if where.count(":") == 1 else (where, "", "")
        number = int(port or os.environ.get("MPD_PORT") or PORT)
        return socket.create_connection((host, number), timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._lines.close()
        self._socket.close()

    def ask(self, command: str, *arguments: str) -> list[tuple[str, str]]:
        """Send a command and return the names and values of its answer.

        Raises
        ------
        PlayerError
            The MPD refuses, or is gone.
        """
        line = " ".join([command, *map(_quoted, arguments)])
        try:
            self._socket.sendall(os.fsencode(line) + b"\n")
        except OSError as error:
            raise PlayerError(f"{self.name}: went away ({error.strerror})") from None
        found: list[tuple[str, str]] = []
        while len(found) < MOST_LINES:
            text = self._line()
            if text == "OK":
                return found
            if text.startswith("ACK "):
                raise PlayerError(f"{self.name}: refuses {command} ({shown(text[4:])})")
            name, _, value = text.partition(": ")
            found.append((name, value))
        raise PlayerError(f"{self.name}: answers without end")

    def _line(self) -> str:
        try:
            line = self._lines.readline(LARGEST_LINE)
        except OSError as error:
            raise PlayerError(f"{self.name}: does not answer ({error})") from None
        if not line.endswith(b"\n"):
            raise PlayerError(f"{self.name}: went away in the middle of an answer")
        return os.fsdecode(line[:-1])

    def songs(self) -> list[str]:
        """Return the files that the MPD has in its database, as it names them."""
        return [value for name, value in self.ask("listall") if name == "file"]

    def play(self, tracks: Sequence[Track]) -> list[Track]:
        """Put tracks at the end of the queue, and let it play if it does not.

        Returns
        -------
        The tracks that the MPD does not have.

        Raises
        ------
        PlayerError
            It has none of them, or refuses.
        """
        names = by_track(match([PlayerSong(song, song) for song in self.songs()], tracks))
        known = [track for track in tracks if track.id in names]
        if not known:
            raise PlayerError(
                f"{self.name}: has none of these songs in its music folder; let it update"
            )
        for track in known:
            self.ask("add", names[track.id or 0])
        state = dict(self.ask("status"))
        if state.get("state") != "play":
            length = state.get("playlistlength", "")
            whole = int(length) if re.fullmatch("[0-9]{1,9}", length) else len(known)
            self.ask("play", str(max(0, whole - len(known))))
        return [track for track in tracks if track.id not in names]


def _quoted(argument: str) -> str:
    """Return an argument as the protocol wants it.

    Raises
    ------
    PlayerError
        It has a line break, which the protocol cannot hold.
    """
    if "\n" in argument:
        raise PlayerError(f"{shown(argument)}: a name with a line break cannot be told to an MPD")
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
