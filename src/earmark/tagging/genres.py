"""Genres read from and written into one file, as a list in every container.

Lists stay lists: NUL between the values of ID3v2.4 and APEv2, repeated fields in Vorbis comments
and ASF, several values in MP4. ID3v2.3 and LIST/INFO of WAV have no lists; there a sign joins.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, BinaryIO, cast

from earmark.errors import TagError
from earmark.tagging import opening
from earmark.tagging.containers import EVIDENCE as EVIDENCE
from earmark.tagging.containers import Ape
from earmark.tagging.names import genre_names, require_genres

DEFAULT_SIGN = "/"
"""What ID3v2.3 itself puts between several values of a text."""


class Named(io.BufferedReader):
    """An open file for reading, with a name that says what kind it may be.

    Parameters
    ----------
    file
        The file, without a buffer.
    name
        Its path.
    """

    name = ""

    def __init__(self, file: IO[bytes], name: str) -> None:
        super().__init__(cast("io.RawIOBase", file))
        self.name = name


@dataclass(frozen=True)
class Tags:
    """What the tags of a file say.

    Attributes
    ----------
    kind
        Such as ``ID3v2.4``; of several tags the one that players look at first.
    stored
        The texts that are stored as genres.
    genres
        What they mean.
    evidence
        What an earlier run wrote about a genre.
    rest
        Everything else as hashes by name: equal before and after, unless something was harmed.
    lists
        Whether several genres are kept apart by the container itself.
    """

    kind: str
    stored: tuple[str, ...]
    genres: tuple[str, ...]
    evidence: Mapping[str, str]
    rest: Mapping[str, str]
    lists: bool


def read_tags(file: BinaryIO, *, known: Collection[str] = ()) -> Tags:
    """Return what the tags of an open file say.

    Parameters
    ----------
    file
        Open for reading. Its ``name`` helps where the beginning does not tell what it is.
    known
        Names that are one genre although they hold a sign that parts genres elsewhere.

    Raises
    ------
    TagError
        The tags are broken, or Earmark does not write into such a file.
    """
    found = opening.open_tags(file)
    former = opening.read_id3v1(file)
    stored: list[str] = []
    id3 = False
    for container in found:
        if not any(text.strip() for text in stored):
            stored, id3 = container.genres(), container.id3
    if not any(text.strip() for text in stored):
        stored = opening.id3v1_genres(former)
    rest = {}
    for container in found:
        for name, value in _digest(container.rest()).items():
            rest[f"{container.kind} {name}"] = value
    rest["ID3v1"] = former[:127].hex()
    return Tags(
        kind=found[0].kind,
        stored=tuple(stored),
        genres=genre_names(stored, id3=id3, known=known),
        evidence=found[0].evidence(),
        rest=rest,
        lists=found[0].lists,
    )


def write_genres(
    file: BinaryIO,
    genres: Sequence[str],
    *,
    sign: str = DEFAULT_SIGN,
    evidence: Mapping[str, str] | None = None,
) -> None:
    """Replace the genres of an open file, and nothing else, and look at what came of it.

    Parameters
    ----------
    file
        Open for reading and writing, such as a copy in memory. It is harmed if this raises.
    genres
        At least one, each once.
    sign
        Joins several where there are no lists: one of `earmark.tagging.names.SIGNS`.
    evidence
        Fields of ``EVIDENCE`` to be written too; None leaves those that are there.

    Raises
    ------
    TagError
        It cannot be done, or something else than genres would change.
    """
    require_genres(genres)
    before = read_tags(file)
    former = opening.read_id3v1(file)
    for number, container in enumerate(opening.open_tags(file)):
        # An APEv2 tag beside ID3 often holds the loudness alone, and needs no genre then.
        if isinstance(container, Ape) and number and not container.describes():
            continue
        container.set_genres(genres, sign)
        if evidence is not None and number == 0:
            container.set_evidence(evidence)
        try:
            container.save(file)
        except TagError:
            raise
        except Exception as error:
            raise TagError(f"its tags cannot be written ({error})") from error
        opening.restore_id3v1(file, former, genres)
    _require_only_genres(file, before, genres, evidence)


def _require_only_genres(
    file: BinaryIO, before: Tags, genres: Sequence[str], evidence: Mapping[str, str] | None
) -> None:
    after = read_tags(file, known=genres)
    if after.genres != tuple(genres):
        raise TagError(f"written were {list(genres)}, but {list(after.genres)} come back")
    if after.evidence != (before.evidence if evidence is None else evidence):
        raise TagError("what was written about the genre does not come back")
    if after.rest != before.rest:
        names = sorted(
            name
            for name in {*before.rest, *after.rest}
            if before.rest.get(name) != after.rest.get(name)
        )
        raise TagError(f"its other tags would not stay as they are: {', '.join(names[:5])}")


def _digest(pairs: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Return short hashes of values by their names, for comparing: pictures may be large."""
    found: dict[str, str] = {}
    for name, value in pairs:
        whole = found.get(name, "") + repr(value)
        found[name] = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
    return found
