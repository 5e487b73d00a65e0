"""The routes of OpenSubsonic's extension ``sonicSimilarity``, version 1.

As on opensubsonic.netlify.app: /docs/extensions/sonicsimilarity and its two endpoints;
authentication and errors as on /docs/api-reference and /docs/responses/error. There is one user,
whose password is the server's token.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias
from xml.etree import ElementTree

from apiflask import APIBlueprint
from flask import Response, request
from werkzeug.exceptions import TooManyRequests

from earmark.errors import EarmarkError
from earmark.library import Track
from earmark.recommend import Songs, Suggestion
from earmark.version import __version__
from earmark.web.access import no_form_secret, public
from earmark.web.problems import without_folders
from earmark.web.request_context import access, server_state
from earmark.words import one_line

blueprint = APIBlueprint("subsonic", __name__, enable_openapi=False)

API_VERSION = "1.16.1"
NAMESPACE = "http://subsonic.org/restapi"

GENERIC, MISSING, WRONG_PASSWORD, TWO_PROOFS, WRONG_KEY, NOT_FOUND = 0, 10, 40, 43, 44, 70


View: TypeAlias = Callable[[], Response]


class Failure(Exception):
    """An error of the protocol: its code, and what is wrong."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@blueprint.errorhandler(Failure)
def failure(error: Failure) -> Response:
    """Answer with the protocol's own error."""
    return _answer({"error": {"code": error.code, "message": str(error)}}, status="failed")


@blueprint.errorhandler(EarmarkError)
def failed(error: EarmarkError) -> Response:
    """Answer with the protocol's own error."""
    return failure(Failure(GENERIC, without_folders(str(error))))


@blueprint.errorhandler(TooManyRequests)
def too_many(error: TooManyRequests) -> Response:
    """Answer with the protocol's own error."""
    return failure(Failure(WRONG_PASSWORD, str(error.description)))


def _route(name: str) -> Callable[[View], View]:
    """Add a view under a name, with and without the ending of old clients."""

    def add(view: View) -> View:
        view = public(no_form_secret(view))
        for ending in ("", ".view"):
            blueprint.add_url_rule(
                f"/rest/{name}{ending}", view.__name__, view, methods=["GET", "POST"]
            )
        return view

    return add


@_route("getOpenSubsonicExtensions")
def extensions() -> Response:
    """Say what this server can do; nobody needs to prove anything for that."""
    return _answer({"openSubsonicExtensions": [{"name": "sonicSimilarity", "versions": [1]}]})


@_route("ping")
def ping() -> Response:
    """Say that the server is there and that the client may ask it."""
    _check_client()
    return _answer({})


@_route("getSonicSimilarTracks")
def similar_tracks() -> Response:
    """List songs like one."""
    _check_client()
    track = _song("id")
    state, n = server_state(), _number("count", 10)
    recommender = state.served.recommender.current()
    left_out = state.served.player_songs.unknown(recommender)
    found = recommender.similar(Songs((track.id or 0,)), n, left_out=left_out)
    return _answer({"sonicMatch": _matches(found)})


@_route("findSonicPath")
def find_path() -> Response:
    """Lead from one song to another."""
    _check_client()
    start, end = _song("startSongId"), _song("endSongId")
    n = min(200, max(2, _number("count", 25)))
    if start.id == end.id:
        raise Failure(GENERIC, "startSongId and endSongId are the same song")
    state = server_state()
    recommender = state.served.recommender.current()
    left_out = state.served.player_songs.unknown(recommender)
    found = recommender.path(start.id or 0, end.id or 0, n, left_out=left_out)
    return _answer({"sonicMatch": _matches(found)})


# Who asks


def _check_client() -> None:
    """See that the client may be answered.

    Raises
    ------
    Failure
        It proves nothing, or something wrong.
    """
    rules = access()
    sent = request.values
    if "apiKey" in sent:
        if "u" in sent:
            raise Failure(TWO_PROOFS, "send an API key or a user, not both")
        key = sent["apiKey"]
        if rules.can_sign_in() and not rules.proves(lambda ours: _same(key, ours)):
            raise Failure(WRONG_KEY, "this API key is wrong")
    elif "u" in sent:
        if rules.can_sign_in() and not rules.proves(_proof(sent)):
            raise Failure(WRONG_PASSWORD, "wrong user or password")
    elif rules.can_sign_in() and not rules.is_known():
        raise Failure(MISSING, "the parameters u, t and s, or apiKey, are missing")
    elif not rules.may_read():
        raise Failure(WRONG_PASSWORD, "this server answers nobody")


def _proof(sent: Any) -> Any:
    """Return what tells whether a password fits what a client sent.

    Raises
    ------
    Failure
        It sent no proof.
    """
    if "t" in sent and "s" in sent:
        token, salt = sent["t"].lower(), sent["s"]

        def fits(ours: str) -> bool:
            digest = hashlib.md5(f"{ours}{salt}".encode(errors="replace"), usedforsecurity=False)
            return _same(token, digest.hexdigest())

        return fits
    if "p" not in sent:
        raise Failure(MISSING, "the parameters t and s are missing")
    password = sent["p"]
    if password.startswith("enc:"):
        try:
            password = bytes.fromhex(password[4:]).decode()
        except ValueError:
            raise Failure(WRONG_PASSWORD, "wrong user or password") from None
    return lambda ours: _same(password, ours)


def _same(sent: str, ours: str) -> bool:
    return hmac.compare_digest(sent.encode(errors="replace"), ours.encode())


# What is asked


def _song(field: str) -> Track:
    song = request.values.get(field, "")
    if not song:
        raise Failure(MISSING, f"the parameter {field} is missing")
    track = server_state().served.player_songs.track(song)
    if track is None:
        raise Failure(NOT_FOUND, f"there is no song {one_line(song)!r} here")
    return track


def _number(field: str, default: int) -> int:
    text = request.values.get(field, "")
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or int(text[:10]) < 1:
        raise Failure(GENERIC, f"{field} must be a number from 1")
    return min(1_000, int(text[:10]))


# Answers


def _matches(found: Sequence[Suggestion]) -> list[dict[str, Any]]:
    return [{"entry": _child(one.track), "similarity": round(one.similarity, 6)} for one in found]


def _child(track: Track) -> dict[str, Any]:
    """Return a song as the protocol's ``Child``."""
    state = server_state()
    child: dict[str, Any] = {
        "id": state.served.player_songs.song(track),
        "isDir": False,
        "isVideo": False,
        "type": "music",
        "title": one_line(track.title or track.name),
    }
    if track.artist:
        child["artist"] = one_line(track.artist)
    if track.genre:
        child["genre"] = one_line(track.genre)
    if track.duration is not None:
        child["duration"] = round(track.duration)
    return child


def _answer(body: dict[str, Any], *, status: str = "ok") -> Response:
    """Return an answer in the format that the client asked for: XML, or JSON."""
    whole = {
        "status": status,
        "version": API_VERSION,
        "type": "earmark",
        "serverVersion": __version__,
        "openSubsonic": True,
        **body,
    }
    if request.values.get("f") == "json":
        text = json.dumps({"subsonic-response": whole}, ensure_ascii=True)
        return Response(text, content_type="application/json")
    root = ElementTree.Element("subsonic-response", {"xmlns": NAMESPACE})
    _fill(root, whole)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(content, content_type="application/xml; charset=utf-8")


def _fill(element: ElementTree.Element, values: dict[str, Any]) -> None:
    """Write values into an element: plain ones as attributes, others as elements."""
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                _fill(ElementTree.SubElement(element, name), one)
            elif isinstance(value, list):
                ElementTree.SubElement(element, name).text = _text(one)
            else:
                element.set(name, _text(one))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
