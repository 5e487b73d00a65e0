"""Where each container keeps genres, and everything else that must stay as it is.

What is read and written goes through file objects, so that a change can be made in memory and
looked at before any byte of the user's file changes. mutagen is imported when it is needed.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from earmark.errors import TagsNotSupported
from earmark.tagging import riff
from earmark.tagging.names import joined

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
        return not all(key.lower().startswith(("replaygain_", "mp3gain_")) for key in self.tags)

    def _values(self, name: str) -> list[str]:
        value = self.tags.get(name)
        return list(value) if value is not None and value.kind == 0 else []


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("cp1252", "replace")
