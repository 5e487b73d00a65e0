"""Where each container keeps genres, as mutagen sees it: the only module that knows its classes.

mutagen is imported when a file is opened. What is read and written goes through file objects, so
that a change can be made in memory and looked at before any byte of the user's file changes.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from earmark.errors import TagError, TagsNotSupported
from earmark.tagging import riff
from earmark.tagging.names import ID3V1, NO_ID3V1, id3v1_number, joined

EVIDENCE = ("EARMARK_GENRE", "EARMARK_CONFIDENCE", "EARMARK_LIBRARY")
"""Fields of the container's own kind that say where a genre comes from."""

MISSING = (
    "the package mutagen is not installed, and it is what reads and writes tags here; "
    "install it with: pip install 'earmark[tag]'"
)

_MP4_PREFIX = "----:com.apple.iTunes:"


def mutagen_module(name: str = "mutagen") -> Any:
    """Import a module of mutagen.

    Raises
    ------
    TagsNotSupported
        It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise TagsNotSupported(MISSING) from error


class Container:
    """The tags of one open file.

    Attributes
    ----------
    kind
        What a person calls these tags, such as ``ID3v2.3``.
    id3
        Whether genres are written as in ID3.
    lists
        Whether several genres can be kept apart.
    """

    kind = ""
    id3 = False
    lists = True

    def __init__(self, opened: Any) -> None:
        self.opened = opened

    def genres(self) -> list[str]:
        """Return the texts that are stored as genres."""
        raise NotImplementedError

    def set_genres(self, genres: Sequence[str], sign: str) -> None:
        """Replace them; ``sign`` joins several where there are no lists."""
        raise NotImplementedError

    def evidence(self) -> dict[str, str]:
        """Return the fields of ``EVIDENCE`` that are there."""
        raise NotImplementedError

    def set_evidence(self, fields: Mapping[str, str]) -> None:
        """Replace the fields of ``EVIDENCE``."""
        raise NotImplementedError

    def rest(self) -> Iterator[tuple[str, object]]:
        """Yield everything that is neither a genre nor evidence: names and values."""
        raise NotImplementedError

    def save(self, file: BinaryIO) -> None:
        """Write the tags into the file that they were read from."""
        file.seek(0)
        self.opened.save(file)


class Id3(Container):
    """ID3v2 in MP3, AAC, TTA, DSF, AIFF, WAV: a list in version 2.4, one text before."""

    id3 = True

    def __init__(self, opened: Any, tags: Any, *, minor: int) -> None:
        super().__init__(opened)
        self.tags = tags
        # ID3v2.2 is known by few; mutagen brings it to 2.3.
        self.minor = 4 if minor >= 4 else 3
        self.kind = f"ID3v2.{self.minor}"
        self.lists = self.minor == 4

    def genres(self) -> list[str]:
        """Return the texts of TCON."""
        return [text for frame in self.tags.getall("TCON") for text in frame.text]

    def set_genres(self, genres: Sequence[str], sign: str) -> None:
        """Replace TCON."""
        texts = list(genres) if self.lists else [joined(genres, sign)]
        frame = mutagen_module("mutagen.id3").TCON(encoding=self._encoding(texts), text=texts)
        self.tags.setall("TCON", [frame])

    def evidence(self) -> dict[str, str]:
        """Return the frames TXXX."""
        found = {frame.desc: "".join(frame.text) for frame in self.tags.getall("TXXX")}
        return {name: found[name] for name in EVIDENCE if name in found}

    def set_evidence(self, fields: Mapping[str, str]) -> None:
        """Replace the frames TXXX."""
        module = mutagen_module("mutagen.id3")
        for name in EVIDENCE:
            self.tags.delall(f"TXXX:{name}")
            if name in fields:
                text = [fields[name]]
                self.tags.add(module.TXXX(encoding=self._encoding(text), desc=name, text=text))

    def rest(self) -> Iterator[tuple[str, object]]:
        """Yield the other frames; how a text is encoded says nothing."""
        for key, frame in self.tags.items():
            if key == "TCON" or key in [f"TXXX:{name}" for name in EVIDENCE]:
                continue
            values = {name: value for name, value in vars(frame).items() if name != "encoding"}
            # A frame without a text is not written.
            if "text" not in values or any(map(str, values["text"])):
                yield key, sorted(values.items())
        yield "unknown frames", list(getattr(self.tags, "unknown_frames", []))

    def save(self, file: BinaryIO) -> None:
        """Write the tag in the version that it has."""
        file.seek(0)
        # Joining no texts: it would join those of all frames.
        self.tags.save(file, v2_version=self.minor, v23_sep=None)

    def _encoding(self, texts: Iterable[str]) -> int:
        if self.minor == 4:
            return 3
        return 0 if all(text.isascii() for text in texts) else 1


class Wav(Id3):
    """WAV: an ID3 chunk, and LIST/INFO, which has room for one text."""

    def __init__(self, opened: Any, tags: Any, *, minor: int, info: Mapping[bytes, bytes]) -> None:
        super().__init__(opened, tags, minor=minor)
        self.info = dict(info)
        self._genre: bytes | None = None

    def genres(self) -> list[str]:
        """Return what the ID3 chunk says, else what LIST/INFO says."""
        found = super().genres()
        text = _decoded(self.info.get(b"IGNR", b""))
        return found or ([text] if text else [])

    def set_genres(self, genres: Sequence[str], sign: str) -> None:
        """Replace both."""
        self._genre = joined(genres, sign).encode()
        super().set_genres(genres, sign)

    def rest(self) -> Iterator[tuple[str, object]]:
        """Yield the other frames and the other texts of LIST/INFO."""
        yield from super().rest()
        yield "LIST/INFO", sorted(entry for entry in self.info.items() if entry[0] != b"IGNR")

    def save(self, file: BinaryIO) -> None:
        """Write both."""
        super().save(file)
        if self._genre is not None:
            riff.write_info(file, b"IGNR", self._genre)


class Comments(Container):
    """Vorbis comments in FLAC and Ogg: a field may come several times."""

    kind = "Vorbis comments"

    def genres(self) -> list[str]:
        """Return the values of GENRE."""
        return self._values("GENRE")

    def set_genres(self, genres: Sequence[str], sign: str) -> None:
        """Replace GENRE."""
        self._tags()["GENRE"] = list(genres)

    def evidence(self) -> dict[str, str]:
        """Return the fields of the same names."""
        return {name: values[0] for name in EVIDENCE if (values := self._values(name))}

    def set_evidence(self, fields: Mapping[str, str]) -> None:
        """Replace the fields of the same names."""
        for name in EVIDENCE:
            if name in fields:
                self._tags()[name] = [fields[name]]
            elif self._values(name):
                del self._tags()[name]

    def rest(self) -> Iterator[tuple[str, object]]:
        """Yield the other comments in their order, and the other blocks of FLAC."""
        own = ("GENRE", *EVIDENCE)
        for name, value in self.opened.tags or ():
            if name.upper() not in own:
                yield name.upper(), value
        yield "vendor", getattr(self.opened.tags, "vendor", None) if self.opened.tags else None
        for block in getattr(self.opened, "metadata_blocks", ()):
            if type(block).__name__ not in ("VCFLACDict", "Padding"):
                yield f"block {block.code}", block.write()

    def _tags(self) -> Any:
        if self.opened.tags is None:
            self.opened.add_tags()
        return self.opened.tags

    def _values(self, name: str) -> list[str]:
        return list(self.opened.tags.get(name, [])) if self.opened.tags is not None else []


class Mp4(Container):
    """MP4: several ``data`` in one ``©gen``; a number in ``gnre`` is read, and replaced by it."""

    kind = "MP4"
    _key = "\xa9gen"

    def genres(self) -> list[str]:
        """Return the texts of ``©gen``; mutagen puts what ``gnre`` means there."""
        return [str(text) for text in (self.opened.tags or {}).get(self._key, [])]

    def set_genres(self, genres: Sequence[str], sign: str) -> None:
        """Replace ``©gen``."""
        self._tags()[self._key] = list(genres)

    def evidence(self) -> dict[str, str]:
        """Return the free fields."""
        tags = self.opened.tags or {}
        found = {name: tags.get(_MP4_PREFIX + name) for name in EVIDENCE}
        return {name: _decoded(bytes(values[0])) for name, values in found.items() if values}

    def set_evidence(self, fields: Mapping[str, str]) -> None:
        """Replace the free fields."""
        module = mutagen_module("mutagen.mp4")
        for name in EVIDENCE:
            self._tags().pop(_MP4_PREFIX + name, None)
            if name in fields:
                value = module.MP4FreeForm(fields[name].encode(), module.AtomDataType.UTF8)
                self._tags()[_MP4_PREFIX + name] = [value]

    def rest(self) -> Iterator[tuple[str, object]]:
        """Yield the other atoms."""
        own = (self._key, *(_MP4_PREFIX + name for name in EVIDENCE))
        for key, values in (self.opened.tags or {}).items():
            if key not in own:
                listed = values if isinstance(values, list) else [values]
                yield (
                    key,
                    [(value, sorted(getattr(value, "__dict__", {}).items())) for value in listed],
                )
        yield "other atoms", sorted(getattr(self.opened.tags, "_failed_atoms", {}).items())

    def _tags(self) -> Any:
        if self.opened.tags is None:
            self.opened.add_tags()
        return self.opened.tags


class Asf(Container):
    """WMA: WM/Genre may come several times."""

    kind = "ASF"
    _key = "WM/Genre"

    def genres(self) -> list[str]:
        """Return the values of WM/Genre."""
        return [str(value) for value in self.opened.tags.get(self._key, [])]

    def set_genres(self, genres: Sequence[str], sign: str) -> None:
        """Replace WM/Genre; a number of ID3v1 beside it would say something else."""
        self.opened.tags[self._key] = list(genres)
        if "WM/GenreID" in self.opened.tags:
            del self.opened.tags["WM/GenreID"]

    def evidence(self) -> dict[str, str]:
        """Return the attributes of the same names."""
        found = {name: self.opened.tags.get(name) for name in EVIDENCE}
        return {name: str(values[0]) for name, values in found.items() if values}

    def set_evidence(self, fields: Mapping[str, str]) -> None:
        """Replace the attributes of the same names."""
        for name in EVIDENCE:
            if name in self.opened.tags:
                del self.opened.tags[name]
            if name in fields:
                self.opened.tags[name] = [fields[name]]

    def rest(self) -> Iterator[tuple[str, object]]:
        """Yield the other attributes."""
        for key, values in self.opened.tags.as_dict().items():
            if key not in (self._key, "WM/GenreID", *EVIDENCE):
                yield key, [(v.TYPE, v.value, v.language or 0, v.stream or 0) for v in values]


class Ape(Container):
    """APEv2 in WavPack, Musepack, Monkey's Audio: NUL between the values of an item."""

    kind = "APEv2"
    _key = "Genre"

    def __init__(self, opened: Any, tags: Any) -> None:
        super().__init__(opened)
        self.tags = tags

    def genres(self) -> list[str]:
        """Return the values of Genre."""
        return self._values(self._key)

    def set_genres(self, genres: Sequence[str], sign: str) -> None:
        """Replace Genre."""
        self.tags[self._key] = list(genres)

    def evidence(self) -> dict[str, str]:
        """Return the items of the same names."""
        return {name: values[0] for name in EVIDENCE if (values := self._values(name))}

    def set_evidence(self, fields: Mapping[str, str]) -> None:
        """Replace the items of the same names."""
        for name in EVIDENCE:
            if name in self.tags:
                del self.tags[name]
            if name in fields:
                self.tags[name] = fields[name]

    def rest(self) -> Iterator[tuple[str, object]]:
        """Yield the other items."""
        own = [name.lower() for name in (self._key, *EVIDENCE)]
        for key, value in self.tags.items():
            if key.lower() not in own:
                yield key.lower(), (value.kind, value.value)

    def save(self, file: BinaryIO) -> None:
        """Write the tag; a tag of nothing is not made."""
        file.seek(0)
        self.tags.save(file)

    def describes(self) -> bool:
        """Whether the tag says what the song is, and not only how loud it is to be played."""
        return any(name in self.tags for name in ("Title", "Artist", "Album", self._key))

    def _values(self, name: str) -> list[str]:
        value = self.tags.get(name)
        return list(value) if value is not None and value.kind == 0 else []


def open_tags(file: BinaryIO) -> list[Container]:
    """Return the tags of a file, those that players look at first before others.

    Parameters
    ----------
    file
        Open for reading; its ``name`` helps where the beginning does not tell what it is.

    Raises
    ------
    TagsNotSupported
        Earmark does not write into such a file.
    TagError
        Its tags are broken.
    """
    mutagen = mutagen_module()
    try:
        head = _head_of_sound(file)
        if head == b"fLaC":
            file.seek(0)
            return [Comments(mutagen_module("mutagen.flac").FLAC(file))]
        if head == b"TTA1" or _is_mpeg(head):
            return _mpeg(file)
        file.seek(0)
        opened = mutagen.File(file)
        if opened is None:
            raise TagsNotSupported("genres cannot be written into such a file")
        return _containers(opened, file)
    except TagError:
        raise
    except Exception as error:
        # A parser of twenty formats meets broken files with errors of any type.
        raise TagError(f"its tags cannot be read ({error or type(error).__name__})") from error


def _head_of_sound(file: BinaryIO) -> bytes:
    """Return the four bytes behind an ID3 tag at the beginning."""
    file.seek(0)
    head = file.read(10)
    if head.startswith(b"ID3") and len(head) == 10:
        size = 0
        for byte in head[6:]:
            size = size << 7 | byte & 0x7F
        file.seek(10 + size)
        return file.read(4)
    return head[:4]


def _is_mpeg(head: bytes) -> bool:
    """Whether a frame of MP3 or AAC begins; with eleven bits set."""
    return len(head) == 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0


def _mpeg(file: BinaryIO) -> list[Container]:
    """Return the tags of a file that may have ID3v2 at its beginning and APEv2 at its end."""
    tags, minor = _id3(None, file)
    found: list[Container] = [Id3(None, tags, minor=minor)]
    second = _ape(file)
    return found if second is None else [*found, Ape(None, second)]


def _containers(opened: Any, file: BinaryIO) -> list[Container]:
    kind = type(opened).__name__
    if kind == "WAVE":
        tags, minor = _id3(opened, file)
        return [Wav(opened, tags, minor=minor, info=riff.read_info(file))]
    if kind in ("AIFF", "DSF", "DSDIFF"):
        tags, minor = _id3(opened, file)
        return [Id3(opened, tags, minor=minor)]
    if kind in ("MP3", "TrueAudio", "AAC", "ID3FileType"):
        return _mpeg(file)
    if kind in ("OggVorbis", "OggOpus", "OggFLAC", "OggSpeex"):
        return [Comments(opened)]
    if kind == "MP4":
        return [Mp4(opened)]
    if kind == "ASF":
        return [Asf(opened)]
    if kind in ("WavPack", "Musepack", "MonkeysAudio", "OptimFROG", "TAK"):
        tags = _ape(file)
        return [Ape(opened, mutagen_module("mutagen.apev2").APEv2() if tags is None else tags)]
    raise TagsNotSupported("genres cannot be written into such a file")


def _id3(opened: Any, file: BinaryIO) -> tuple[Any, int]:
    """Return the ID3 tag of a file as it is, not brought to another version, and the version."""
    module = mutagen_module("mutagen.id3")
    kind = module.ID3
    if opened is not None:
        kind = type(opened.tags) if opened.tags is not None else None
        if kind is None:
            opened.add_tags()
            return opened.tags, 4
    file.seek(0)
    try:
        tags = kind(file, translate=False, load_v1=False)
    except module.ID3NoHeaderError:
        return kind(), 4
    minor = tags.version[1]
    if minor < 3:
        file.seek(0)
        tags = kind(file, translate=True, v2_version=3, load_v1=False)
    return tags, minor


def _ape(file: BinaryIO) -> Any:
    module = mutagen_module("mutagen.apev2")
    file.seek(0)
    try:
        return module.APEv2(file)
    except module.APENoHeaderError:
        return None


def read_id3v1(file: BinaryIO) -> bytes:
    """Return the 128 bytes of an ID3v1 tag at the end of a file, or nothing."""
    file.seek(0, 2)
    length = file.tell()
    file.seek(max(0, length - 128))
    tail = file.read(128)
    return tail if len(tail) == 128 and tail.startswith(b"TAG") else b""


def id3v1_genres(tag: bytes) -> list[str]:
    """Return the genre of an ID3v1 tag as a list of at most one."""
    return [ID3V1[tag[127]]] if tag and tag[127] < len(ID3V1) else []


def restore_id3v1(file: BinaryIO, former: bytes, genres: Sequence[str]) -> None:
    """Put back an ID3v1 tag with only its genre changed; mutagen makes it anew or drops it."""
    if not former:
        return
    number = id3v1_number(genres[0]) if genres else NO_ID3V1
    present = read_id3v1(file)
    file.seek(0, 2)
    file.seek(file.tell() - len(present))
    file.write(former[:127] + bytes([number]))
    file.truncate()


def digest(pairs: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Return short hashes of values by their names, for comparing: pictures may be large."""
    found: dict[str, str] = {}
    for name, value in pairs:
        whole = found.get(name, "") + repr(value)
        found[name] = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
    return found


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("cp1252", "replace")
