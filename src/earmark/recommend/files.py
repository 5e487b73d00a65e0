"""Playlist files: M3U8, XSPF and JSPF written, M3U and M3U8 read.

M3U has no standard; what players agree on is one path a line, relative to the folder of the list,
and ``#EXTINF:seconds,title`` before it. XSPF is the XML Shareable Playlist Format, version 1, of
Xiph.org (xspf.org/spec), JSPF its form in JSON (xspf.org/jspf).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree

from earmark.errors import PlaylistError
from earmark.words import one_line

FORMATS = ("m3u8", "m3u", "xspf", "jspf")

LARGEST = 64 * 1024 * 1024
"""Bytes of a playlist that is read."""

_NAMESPACE = "http://xspf.org/ns/0/"
_ADDRESS = re.compile(r"^https?://", re.IGNORECASE)
_WINDOWS = re.compile(r"^[A-Za-z]:[\\/]|^\\\\")


@dataclass(frozen=True, slots=True)
class Entry:
    """One song of a playlist file.

    Attributes
    ----------
    path
        The file: absolute, or as somebody else's list names it; or its address in the web.
    artist, title
        As far as known.
    seconds
        Its length; None where not known.
    """

    path: str
    artist: str | None = None
    title: str | None = None
    seconds: float | None = None

    @property
    def caption(self) -> str:
        """Artist and title, or the file's name."""
        known = [one_line(text) for text in (self.artist, self.title) if text]
        return " - ".join(known) or one_line(Path(self.path).stem)


def format_of(path: Path) -> str:
    """Return which of ``FORMATS`` a file name asks for.

    Raises
    ------
    PlaylistError
        None of them.
    """
    ending = path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise PlaylistError(f"{path}: a playlist ends in .m3u8, .m3u, .xspf or .jspf; name it so")
    return ending


def written(entries: Sequence[Entry], to: Path, title: str) -> bytes:
    """Return the bytes of a playlist file in the format that its name asks for.

    Parameters
    ----------
    entries
        The songs in their order.
    to
        Where the list will lie: its paths are relative to that folder wherever they can be.
    title
        Of the list.

    Raises
    ------
    PlaylistError
        The file name ends in none of ``FORMATS``, or a path cannot stand in an M3U list.
    """
    folder = Path(os.path.abspath(to)).parent  # noqa: PTH100 - links stay as they are named
    match format_of(to):
        case "xspf":
            return _xspf(entries, folder, title)
        case "jspf":
            return _jspf(entries, folder, title)
        case _:
            return _m3u(entries, folder, title, to)


def relative(path: str, folder: Path) -> str:
    """Return a path relative to a folder with forward slashes, or absolute on another drive.

    Addresses of the web stay as they are.
    """
    if _ADDRESS.match(path):
        return path
    try:
        return PurePosixPath(os.path.relpath(path, folder)).as_posix().replace(os.sep, "/")
    except ValueError:
        return path


def _m3u(entries: Sequence[Entry], folder: Path, title: str, to: Path) -> bytes:
    lines = [b"#EXTM3U", b"#PLAYLIST:" + one_line(title).encode()]
    for entry in entries:
        path = relative(entry.path, folder)
        if any(mark in path for mark in "\r\n"):
            raise PlaylistError(
                f"{to}: a song's file name has a line break, which M3U cannot hold; write .xspf"
            )
        # A name that begins with # would be read as a comment.
        path = f"./{path}" if path.startswith("#") else path
        seconds = -1 if entry.seconds is None else round(entry.seconds)
        lines.append(f"#EXTINF:{seconds},{entry.caption}".encode())
        lines.append(os.fsencode(path))
    return b"\n".join(lines) + b"\n"


def _url(path: str, folder: Path) -> str:
    place = relative(path, folder)
    if _ADDRESS.match(place):
        return place
    # A colon in the first part would read as a scheme.
    place = f"./{place}" if ":" in place.split("/", 1)[0] else place
    return quote(os.fsencode(place), safe="/")


def _xspf(entries: Sequence[Entry], folder: Path, title: str) -> bytes:
    ElementTree.register_namespace("", _NAMESPACE)
    root = ElementTree.Element(f"{{{_NAMESPACE}}}playlist", {"version": "1"})
    _child(root, "title", one_line(title))
    tracks = ElementTree.SubElement(root, f"{{{_NAMESPACE}}}trackList")
    for entry in entries:
        track = ElementTree.SubElement(tracks, f"{{{_NAMESPACE}}}track")
        _child(track, "location", _url(entry.path, folder))
        if entry.title:
            _child(track, "title", one_line(entry.title))
        if entry.artist:
            _child(track, "creator", one_line(entry.artist))
        if entry.seconds is not None:
            _child(track, "duration", str(round(1000 * entry.seconds)))
    ElementTree.indent(root)
    body: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _child(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, f"{{{_NAMESPACE}}}{name}").text = text


def _jspf(entries: Sequence[Entry], folder: Path, title: str) -> bytes:
    tracks: list[dict[str, Any]] = []
    for entry in entries:
        track: dict[str, Any] = {"location": [_url(entry.path, folder)]}
        if entry.title:
            track["title"] = one_line(entry.title)
        if entry.artist:
            track["creator"] = one_line(entry.artist)
        if entry.seconds is not None:
            track["duration"] = round(1000 * entry.seconds)
        tracks.append(track)
    body = {"playlist": {"title": one_line(title), "track": tracks}}
    return json.dumps(body, ensure_ascii=False, indent=2).encode() + b"\n"


def read_playlist(path: Path) -> list[Path]:
    """Return the files that an M3U or M3U8 list names, in their order.

    Raises
    ------
    PlaylistError
        It cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise PlaylistError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > LARGEST:
        raise PlaylistError(f"{path}: is too large for a playlist")
    if path.suffix.lower() in (".xspf", ".jspf"):
        raise PlaylistError(f"{path}: only M3U lists are read; save it as .m3u8")
    return read_m3u(content, Path(os.path.abspath(path)).parent)  # noqa: PTH100 - links stay


def read_m3u(content: bytes, folder: Path) -> list[Path]:
    r"""Return the files that an M3U list names, in their order.

    Parameters
    ----------
    content
        Of the list: UTF-8 with or without a byte-order mark, else Windows-1252.
    folder
        Where the list lies; relative paths start there.

    Returns
    -------
    Paths. ``file://`` addresses are paths; other addresses, such as those of streams, are left out.
    Windows paths with a drive or a share stay what they are on Windows; elsewhere the part behind
    the drive or share is looked for in the folder and those above it.

    Examples
    --------
    >>> read_m3u(b"#EXTM3U\n#EXTINF:3,A - B\na/b.mp3\n", Path("/music"))
    [PosixPath('/music/a/b.mp3')]
    """
    lines = _decoded(content).splitlines()
    named = (line.strip() for line in lines)
    places = (_place(line, folder) for line in named if line and not line.startswith("#"))
    return [place for place in places if place is not None]


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def _place(line: str, folder: Path) -> Path | None:
    if line.lower().startswith("file:"):
        address = urlsplit(line)
        path = unquote(address.path, errors="surrogateescape")
        if re.match(r"^/[A-Za-z]:[\\/]", path):
            return _windows(path[1:], folder)
        if address.netloc not in ("", "localhost"):
            return _windows(f"\\\\{address.netloc}{path}", folder)
        return Path(path)
    if re.match(r"^[A-Za-z][A-Za-z0-9+.-]+://", line):
        return None
    if _WINDOWS.match(line):
        return _windows(line, folder)
    if "\\" in line and "/" not in line and not _is_there(folder / line):
        line = line.replace("\\", "/")
    return folder / line


def _is_there(path: Path) -> bool:
    # Unlike the path's own, this takes names that the system does not, such as too long ones.
    return os.path.exists(path)  # noqa: PTH110


def _windows(text: str, folder: Path) -> Path:
    if os.name == "nt":
        return Path(text)
    parts = PureWindowsPath(text).parts[1:]
    for above in (folder, *folder.parents):
        for start in range(len(parts)):
            candidate = above.joinpath(*parts[start:])
            if _is_there(candidate):
                return candidate
    return folder.joinpath(*parts[-1:])
