"""A plan: what is to be written into which file, one JSON object a line, ``earmark.plan/1``.

A plan may come from another machine or a stranger. Reading it takes nothing for granted: sizes,
types and names are checked, and nothing in it but a file's path and its genres is acted upon.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NoReturn

from earmark.atomic import new_file
from earmark.errors import PlanError, TagError
from earmark.schemas import schema
from earmark.tagging.containers import EVIDENCE
from earmark.tagging.names import MOST_GENRES, require_genres

LONGEST_LINE = 2**18
"""Bytes of a line."""

MOST_LINES = 2_000_000
MOST_NEIGHBORS = 100
LONGEST_TEXT = 4096


@dataclass(frozen=True)
class PlanNeighbor:
    """A track that spoke for the proposal, with its distance."""

    track: str
    genre: str
    artist: str | None
    title: str | None
    distance: float


@dataclass(frozen=True)
class Proposal:
    """What is to be written into one file, and why.

    Attributes
    ----------
    path
        The file, absolute.
    root
        The folder that was asked for; a link that leads out of it is not followed.
    audio_hash
        Of the sound, which no tag changes: what is found at the path must have it.
    kind, seen
        The tags as they were: their kind, and the texts stored as genres.
    genres
        The genres that the file is to have.
    probability
        How sure that is, from 0 to 1.
    why
        A few words.
    neighbors
        The tracks that it sounds like, nearest first.
    evidence
        Fields to be written beside the genres; None: none, and those that are there stay.
    """

    path: str
    root: str
    audio_hash: str
    kind: str
    seen: tuple[str, ...]
    genres: tuple[str, ...]
    probability: float
    why: str = ""
    neighbors: tuple[PlanNeighbor, ...] = ()
    evidence: dict[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the proposal as JSON values."""
        return {
            "schema": schema("plan"),
            "path": self.path,
            "root": self.root,
            "audio_hash": self.audio_hash,
            "tags_seen": {"kind": self.kind, "genres": list(self.seen)},
            "genres": list(self.genres),
            "probability": round(self.probability, 4),
            "why": self.why,
            "neighbors": [vars(neighbor) for neighbor in self.neighbors],
            "evidence": self.evidence,
        }


def write_plan(path: Path, proposals: Iterable[Proposal], *, overwrite: bool = False) -> None:
    """Write a plan, whole or not at all.

    Raises
    ------
    PlanError
        There is a file already, or it cannot be written.
    """
    try:
        with new_file(path, overwrite=overwrite) as part, part.open("w", encoding="ascii") as file:
            for proposal in proposals:
                # ASCII, since names of files may hold bytes that are no text.
                file.write(json.dumps(proposal.to_json()) + "\n")
    except FileExistsError:
        raise PlanError(f"{path}: is there already; choose another name for the plan") from None
    except OSError as error:
        raise PlanError(f"{path}: cannot be written ({error.strerror})") from error


def read_plan(path: Path) -> Iterator[Proposal]:
    """Yield the proposals of a plan.

    Raises
    ------
    PlanError
        It cannot be read, or a line is no proposal; the message says which. What came before it
        was fine.
    """
    paths: set[str] = set()
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), 1):
                where = f"{path}, line {number}"
                if len(line) > LONGEST_LINE or number > MOST_LINES:
                    raise PlanError(f"{where}: the plan is too large; make it anew")
                if not line.strip():
                    continue
                proposal = _proposal(line, where)
                if proposal.path in paths:
                    raise PlanError(f"{where}: the same file twice")
                paths.add(proposal.path)
                yield proposal
    except OSError as error:
        raise PlanError(f"{path}: cannot be read ({error.strerror})") from error


def parse_object(line: bytes) -> dict[str, Any]:
    """Return a line of JSON that is an object, without the same key twice.

    Raises
    ------
    ValueError
        It is something else.
    """
    try:
        found = json.loads(line, object_pairs_hook=_unique, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    return found


def text_of(found: dict[str, Any], key: str, *, longest: int = LONGEST_TEXT) -> str:
    """Return a text of an object.

    Raises
    ------
    ValueError
        It is missing, no text or too long.
    """
    value = found.get(key)
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError(f"{key!r} is no text of up to {longest} characters")
    return value


def number_of(found: dict[str, Any], key: str) -> float:
    """Return a number of an object.

    Raises
    ------
    ValueError
        It is missing, no number, or one that no computer can hold.
    """
    value: Any = found.get(key)
    if type(value) not in (int, float):
        raise ValueError(f"{key!r} is no number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{key!r} is too large a number") from None


def path_of(found: dict[str, Any], key: str) -> str:
    """Return an absolute path of an object, of this machine or one with another system.

    Raises
    ------
    ValueError
        It is none.
    """
    value = text_of(found, key)
    pure = PurePosixPath(value) if value.startswith("/") else PureWindowsPath(value)
    if not pure.is_absolute() or "\0" in value or ".." in pure.parts or str(pure) != value:
        raise ValueError(f"{key!r} is no absolute path")
    return value


def texts_of(found: dict[str, Any], key: str, *, most: int = MOST_GENRES) -> tuple[str, ...]:
    """Return a list of texts of an object.

    Raises
    ------
    ValueError
        It is missing or something else.
    """
    value = found.get(key)
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"{key!r} is no list of up to {most} texts")
    if not all(isinstance(text, str) and len(text) <= LONGEST_TEXT for text in value):
        raise ValueError(f"{key!r} is no list of texts")
    return tuple(value)


def hash_of(found: dict[str, Any], key: str) -> str:
    """Return a SHA-256 of an object, in hexadecimal.

    Raises
    ------
    ValueError
        It is none.
    """
    value = text_of(found, key)
    if len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise ValueError(f"{key!r} is no SHA-256")
    return value


def evidence_of(found: dict[str, Any]) -> dict[str, str] | None:
    """Return the evidence of an object.

    Raises
    ------
    ValueError
        It is something else.
    """
    value = found.get("evidence")
    if value is None:
        return None
    if not isinstance(value, dict) or not set(value) <= set(EVIDENCE):
        raise ValueError("'evidence' has other fields than those of Earmark")
    texts = {key: text_of(value, key, longest=200) for key in value}
    if not all(text.isprintable() and text for text in texts.values()):
        raise ValueError("'evidence' holds more than a line")
    return texts


def _proposal(line: bytes, where: str) -> Proposal:
    try:
        found = parse_object(line)
        if found.get("schema") != schema("plan"):
            raise ValueError(f"it is no {schema('plan')}")
        seen = found.get("tags_seen")
        if not isinstance(seen, dict):
            raise ValueError("'tags_seen' is no object")
        probability = number_of(found, "probability")
        if not 0 <= probability <= 1:
            raise ValueError("'probability' is no number from 0 to 1")
        genres = texts_of(found, "genres")
        require_genres(genres)
        return Proposal(
            path=path_of(found, "path"),
            root=path_of(found, "root"),
            audio_hash=hash_of(found, "audio_hash"),
            kind=text_of(seen, "kind", longest=100),
            seen=texts_of(seen, "genres", most=1000),
            genres=genres,
            probability=probability,
            why=text_of(found, "why") if "why" in found else "",
            neighbors=_neighbors(found.get("neighbors", [])),
            evidence=evidence_of(found),
        )
    except (ValueError, TagError) as error:
        raise PlanError(f"{where}: is no proposal of a plan ({error})") from error


def _neighbors(found: Any) -> tuple[PlanNeighbor, ...]:
    if not isinstance(found, list) or len(found) > MOST_NEIGHBORS:
        raise ValueError(f"'neighbors' is no list of up to {MOST_NEIGHBORS}")
    neighbors = []
    for each in found:
        if not isinstance(each, dict):
            raise ValueError("a neighbor is no object")
        neighbors.append(
            PlanNeighbor(
                track=text_of(each, "track"),
                genre=text_of(each, "genre"),
                artist=None if each.get("artist") is None else text_of(each, "artist"),
                title=None if each.get("title") is None else text_of(each, "title"),
                distance=number_of(each, "distance"),
            )
        )
    return tuple(neighbors)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("the same key twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
