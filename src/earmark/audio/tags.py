"""What the tags of a sound file say of artist, title, album and genre, whatever holds them.

Tags stand around the sound (ID3v1, ID3v2, APEv2) or in its container. Containers that tinytag knows
are read by it, others by FFmpeg. ID3v2 goes to tinytag as well, made plain before
(:mod:`earmark.audio.id3`). Texts are cut where they are read.
"""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, fields
from typing import Any

from tinytag import TinyTag

from earmark.audio.bounds import find_tags
from earmark.audio.containers import open_container
from earmark.audio.files import OpenFile, View
from earmark.audio.id3 import RECORDING, plain_id3
from earmark.words import ARTIST_SEPARATOR

_log = logging.getLogger(__name__)

LONGEST = 1000
"""Characters of a text that are kept."""

MOST = 20
"""Values of a field that are kept."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MOST_READ = 1 << 26  # bytes that a reader of containers may ask for, of any file
_MOST_READS = 100_000
_MOST_ITEMS = 1000  # of an APE tag
_MOST_CHUNKS = 1000

_TINYTAG: tuple[tuple[int, bytes], ...] = (
    (0, b"fLaC"),
    (0, b"OggS"),
    (4, b"ftyp"),
    (8, b"WAVE"),
    (8, b"AIFF"),
    (8, b"AIFC"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
)
_NAMES = {
    "artist": "artists",
    "artists": "artists",
    "author": "artists",
    "album artist": "album_artists",
    "album_artist": "album_artists",
    "albumartist": "album_artists",
    "title": "titles",
    "album": "albums",
    "genre": "genres",
    RECORDING: "recordings",
    "musicbrainz track id": "recordings",
    "musicbrainz/track id": "recordings",
}
"""Fields of :class:`Tags` by how APE tags and FFmpeg call them."""


@dataclass(frozen=True, slots=True)
class Tags:
    """What the tags of a file say; empty where they say nothing.

    Attributes
    ----------
    artists, album_artists, titles, albums, genres
        Most have one value; further ones follow it, as the file has them.
    recordings
        MusicBrainz identifiers of the recording, in lower case.

    Examples
    --------
    >>> tags = Tags(artists=("Duke Ellington", "John Coltrane"), titles=("Angelica",))
    >>> tags.artist, tags.title, tags.genre
    ('Duke Ellington; John Coltrane', 'Angelica', None)
    """

    artists: tuple[str, ...] = ()
    album_artists: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    albums: tuple[str, ...] = ()
    genres: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()

    @property
    def artist(self) -> str | None:
        """All artists in one line; those of the album where the song has none."""
        return ARTIST_SEPARATOR.join(self.artists or self.album_artists)[:LONGEST] or None

    @property
    def title(self) -> str | None:
        """The title."""
        return next(iter(self.titles), None)

    @property
    def album(self) -> str | None:
        """The album."""
        return next(iter(self.albums), None)

    @property
    def genre(self) -> str | None:
        """The first genre."""
        return next(iter(self.genres), None)


def read_tags(path: str | os.PathLike[str]) -> Tags:
    """Return what the tags of a file say.

    Never fails: tags are a help, and those of a file that plays well may be broken.

    Parameters
    ----------
    path
        Any file.

    Examples
    --------
    >>> read_tags("examples/war_of_freedom.ogg").title
    'War of freedom (excerpt)'
    """
    try:
        with closing(OpenFile(os.fspath(path))) as file:
            return _merged(_all_tags(View(file)))
    except Exception as error:
        # Parsers of forty formats meet broken files with errors of any type.
        _log.debug("%s: its tags cannot be read: %s", path, error)
        return Tags()


def _all_tags(file: View) -> Iterator[Tags]:
    """Yield what each tag says: the container's first, ID3v1, which cuts its texts, last."""
    around, sound = find_tags(file)
    head = sound.peek(0, 16)
    has_plain = True
    if any(head[at:].startswith(mark) for at, mark in _TINYTAG):
        # Where tinytag would take what is packed for text, the plain tag comes before it.
        yield from (_by_tinytag(io.BytesIO(plain_id3(tag))) for tag in _id3_chunks(sound, head))
        yield _by_tinytag(_Limited(sound))
    elif head.startswith(b"DSD "):
        at = int.from_bytes(sound.peek(20, 8), "little")
        if 0 < at < sound.size:
            yield _by_tinytag(io.BytesIO(plain_id3(sound.part(at))))
    else:
        has_plain = False
    # A tagger that does not see the tag of another writes its own in front of it.
    for tag in around:
        if tag.peek(0, 3) == b"ID3":
            yield _by_tinytag(io.BytesIO(plain_id3(tag)))
    for tag in around:
        if b"APETAGEX" in (tag.peek(0, 8), tag.peek(tag.size - 32, 8)):
            yield _by_ape(tag)
    if not has_plain and head[:1] != b"\xff":  # frames of MPEG, which have no place for tags
        yield _by_ffmpeg(sound)
    for tag in around:
        last = tag.peek(tag.size - 128, 128)
        if last.startswith(b"TAG"):
            # The empty tag before it makes tinytag look for the one behind.
            yield _by_tinytag(io.BytesIO(b"ID3\4\0\0\0\0\0\0" + last))


def _merged(found: Iterable[Tags]) -> Tags:
    """Return for each field what the first has that has something."""
    kept: dict[str, tuple[str, ...]] = {}
    for tags in found:
        for field in fields(Tags):
            values = getattr(tags, field.name)
            if values and field.name not in kept:
                kept[field.name] = values
    return Tags(**kept)


def _tags(values: Iterable[tuple[str, str]]) -> Tags:
    """Return tags of pairs of a field of :class:`Tags` and a value, cut and without doubles."""
    kept: dict[str, list[str]] = {}
    for name, value in values:
        some = kept.setdefault(name, [])
        for text in value.split("\0"):
            # Halves of characters, which no database takes, become question marks.
            line = " ".join(text[: 4 * LONGEST].encode("utf-8", "replace").decode().split())
            line = line[:LONGEST]
            if name == "recordings":
                line = line.lower() if _UUID.fullmatch(line) else ""
            if line and len(some) < MOST and line not in some:
                some.append(line)
    return Tags(**{name: tuple(some) for name, some in kept.items()})


# -- tinytag ---------------------------------------------------------------------------------


class _Limited:
    """A view for a reader that would take a damaged size at its word."""

    def __init__(self, view: View) -> None:
        self._view = view.part()
        self.seek, self.tell = self._view.seek, self._view.tell
        self._bytes, self._reads = _MOST_READ, _MOST_READS

    def read(self, length: int = -1) -> bytes:
        data = self._view.read(min(length, self._bytes) if length >= 0 else self._bytes)
        self._bytes -= len(data)
        self._reads -= 1
        if self._bytes <= 0 or self._reads <= 0:
            raise ValueError("its tags are longer than any tag")
        return data


def _by_tinytag(file: Any) -> Tags:
    try:
        found = TinyTag.get(file_obj=file, tags=True, duration=False, image=False)
    except Exception as error:  # one tag of several can be broken
        _log.debug("tags cannot be read: %s", error)
        return Tags()

    def values() -> Iterator[tuple[str, str]]:
        for theirs, ours in (
            ("artist", "artists"),
            ("albumartist", "album_artists"),
            ("title", "titles"),
            ("album", "albums"),
            ("genre", "genres"),
            (RECORDING, "recordings"),
        ):
            first = getattr(found, theirs, None)
            if first is not None:
                yield ours, first
            # Names that it does not know, or that are not those of the container, stand here.
            for name in (
                theirs,
                f"_{theirs}",
                *(n for n, field in _NAMES.items() if field == ours),
            ):
                for value in found.other.get(name, [])[:MOST]:
                    yield ours, value

    return _tags(values())


def _id3_chunks(sound: View, head: bytes) -> Iterator[View]:
    """Yield the ID3v2 tags that are chunks of a WAV or AIFF file."""
    if head[8:12] not in (b"WAVE", b"AIFF", b"AIFC"):
        return
    order: Any = "little" if head[8:12] == b"WAVE" else "big"
    at = 12
    for _ in range(_MOST_CHUNKS):
        name, size = sound.peek(at, 4), int.from_bytes(sound.peek(at + 4, 4), order)
        if len(name) < 4:
            return
        if name in (b"ID3 ", b"id3 "):
            yield sound.part(at + 8)
        at += 8 + size + size % 2


# -- APE -------------------------------------------------------------------------------------


def _by_ape(tag: View) -> Tags:
    """Read a tag of https://wiki.hydrogenaud.io/index.php?title=APEv2_specification."""
    at = 32 if tag.peek(0, 8) == b"APETAGEX" else 0
    values = []
    for _ in range(_MOST_ITEMS):
        head = tag.peek(at, 8 + 256)
        name, end, _ = head[8:].partition(b"\0")
        if not end or head.startswith(b"APETAGEX"):
            break
        size, flags = (int.from_bytes(head[i : i + 4], "little") for i in (0, 4))
        field = _NAMES.get(name.decode("latin-1").casefold())
        if field and not flags & 6:  # bits that say that it is no text
            value = tag.peek(at + 9 + len(name), min(size, 4 * LONGEST))
            values.append((field, value.decode("utf-8", "replace")))
        at += 9 + len(name) + size
    return _tags(values)


# -- FFmpeg ----------------------------------------------------------------------------------


def _by_ffmpeg(sound: View) -> Tags:
    try:
        with open_container(sound.part()) as container:
            stream = next(iter(container.streams.audio), None)
            said = [container.metadata, {} if stream is None else stream.metadata]
    except Exception as error:  # of broken files PyAV raises more than FFmpeg's errors
        _log.debug("tags cannot be read: %s", error)
        return Tags()

    def values() -> Iterator[tuple[str, str]]:
        for metadata in said:
            for name, value in metadata.items():
                field = _NAMES.get(name.casefold())
                if field is not None:
                    # FFmpeg puts a semicolon between several, which a name may also hold.
                    yield field, value.replace(";", "\0") if field == "genres" else value

    return _tags(values())
