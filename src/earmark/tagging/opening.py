"""Which tags a file has: the right containers for what its beginning says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

from earmark.errors import TagError, TagsNotSupported
from earmark.tagging import riff
from earmark.tagging.containers import Ape, Asf, Comments, Container, Id3, Mp4, Wav, mutagen_module
from earmark.tagging.names import ID3V1, NO_ID3V1, id3v1_number


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
        said = str(error).replace(repr(getattr(file, "name", "")), "it")
        raise TagError(f"its tags cannot be read ({said or type(error).__name__})") from error


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
