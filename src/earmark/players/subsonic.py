"""Asking a Subsonic server, such as Navidrome, for its songs.

The API is that of subsonic.org/pages/api.jsp and opensubsonic.netlify.app. A password is never
sent: what is sent is the MD5 of it and of random characters, as the API has it from version 1.13
on; or an API key.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from earmark.errors import PlayerError
from earmark.players.matching import PlayerSong
from earmark.words import shown

VERSION = "1.16.1"
"""Of the Subsonic API that this speaks."""

A_PAGE = 500
"""Songs that are asked for at once."""

LARGEST = 64 * 2**20
"""Bytes of one answer that are read."""

MOST_SONGS = 5_000_000


class _NoRedirects(HTTPRedirectHandler):
    """Does not take what proves the user's password to another server."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class SubsonicClient:
    """Asks one server as one user.

    Parameters
    ----------
    address
        Of the server, such as ``"http://music.example:4533"``.
    user, password
        Of the user.
    api_key
        Instead of both, where the server takes such keys.
    timeout
        Seconds to wait for an answer.

    Raises
    ------
    PlayerError
        The address is none.
    """

    def __init__(
        self,
        address: str,
        *,
        user: str | None = None,
        password: str | None = None,
        api_key: str | None = None,
        timeout: float = 60.0,
    ) -> None:
        try:
            parts = urlsplit(address)
            named = parts.hostname is not None and parts.port != 0
        except ValueError:
            named = False
        if not named or parts.scheme not in ("http", "https"):
            raise PlayerError(
                f"{shown(address)}: is no address of a server; write it as http://HOST:PORT"
            )
        if parts.username is not None or parts.password is not None:
            raise PlayerError(
                "a user or password in an address is seen by others; use --user, and the password "
                "when it is asked for"
            )
        self.address = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        self._user, self._password, self._api_key = user, password, api_key
        self._timeout = timeout
        self._opener = build_opener(_NoRedirects)

    def songs(self) -> Iterator[PlayerSong]:
        """Yield all songs of the server.

        Raises
        ------
        PlayerError
            It cannot be reached, refuses, or answers something else.
        """
        seen: set[str] = set()
        while len(seen) < MOST_SONGS:
            answer = self._ask(
                "search3",
                query="",
                artistCount=0,
                albumCount=0,
                songCount=A_PAGE,
                songOffset=len(seen),
            )
            result = answer.get("searchResult3")
            page = result.get("song", []) if isinstance(result, dict) else []
            fresh = [one for one in map(_song, page if isinstance(page, list) else []) if one]
            fresh = [one for one in fresh if one.id not in seen]
            if not fresh:
                return
            seen.update(one.id for one in fresh)
            yield from fresh

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        query = urlencode(
            {**parameters, **self._proof(), "v": VERSION, "c": "earmark", "f": "json"}
        )
        # In the body, so that no log of a proxy holds it.
        request = Request(  # noqa: S310 - http or https, as was checked
            f"{self.address}/rest/{method}",
            data=query.encode(),
            headers={"User-Agent": "earmark"},
        )
        try:
            with self._opener.open(request, timeout=self._timeout) as reply:
                content = reply.read(LARGEST + 1)
        except URLError as error:
            status = getattr(error, "code", None)
            why = f"it answers {status}" if status else shown(str(error.reason))
            raise PlayerError(f"{self.address}: cannot be asked ({why})") from None
        except (OSError, ValueError) as error:
            raise PlayerError(f"{self.address}: cannot be asked ({shown(str(error))})") from None
        return self._read(content)

    def _read(self, content: bytes) -> dict[str, Any]:
        wrong = f"{self.address}: answers something else than a Subsonic server; check the address"
        try:
            body = json.loads(content)["subsonic-response"] if len(content) <= LARGEST else None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise PlayerError(wrong) from None
        if not isinstance(body, dict):
            raise PlayerError(wrong)
        if body.get("status") != "ok":
            error = body.get("error")
            said = error.get("message") if isinstance(error, dict) else None
            raise PlayerError(f"{self.address}: refuses ({shown(str(said or 'it says not why'))})")
        return body

    def _proof(self) -> dict[str, str]:
        if self._api_key is not None:
            return {"apiKey": self._api_key}
        salt = secrets.token_hex(8)
        token = hashlib.md5(f"{self._password}{salt}".encode(), usedforsecurity=False).hexdigest()
        return {"u": self._user or "", "t": token, "s": salt}


def _song(one: Any) -> PlayerSong | None:
    """Return a song of an answer; None where it has no id."""
    if not isinstance(one, dict) or not isinstance(one.get("id"), str | int):
        return None
    seconds = one.get("duration")
    return PlayerSong(
        id=str(one["id"]),
        path=_text(one.get("path")),
        artist=_text(one.get("artist")),
        title=_text(one.get("title")),
        # A number beyond all floats says nothing of a length.
        seconds=float(seconds) if isinstance(seconds, int | float) and abs(seconds) < 1e9 else None,
        artist_id=_text(one.get("artistId")),
        recording=_text(one.get("musicBrainzId")),
    )


def _text(value: Any) -> str | None:
    return value[:4_096] if isinstance(value, str) and value else None
