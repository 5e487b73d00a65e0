"""What a library is to be built from: sound files, and what is wrong with some of them."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from earmark.words import one_line


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """One sound file, labelled or not.

    Attributes
    ----------
    path
        Absolute.
    genre
        Its label; None where the collection does not say, so that a track of it keeps the genre
        that it has.
    other_genres
        Its further labels, where it has several.
    artist, title
        As far as the collection says; the file's own tags are asked otherwise.
    source
        Where the collection has it from, as far as it says.
    """

    path: str
    genre: str | None
    artist: str | None = None
    title: str | None = None
    source: str | None = None
    other_genres: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the track is called: the file's name without its extension."""
        path = PurePath(self.path)
        # A file may be called " .wav".
        return readable(path.stem) or readable(path.name)


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that was left out, and why; ``reason`` does not repeat its name."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Collection:
    """A user's music.

    Attributes
    ----------
    source
        The folder or manifest.
    files
        By path, each path once.
    problems
        Files that were left out.
    covers
        The folder below which every file was looked at; None for a manifest, which speaks of
        files anywhere.
    complete
        Everything could be looked at, so that a file that was not seen is not there.
    passed_over
        Files whose names are not those of sound files, counted by their endings, such as
        ``".jpg"``; those without an ending under ``""``.
    left_out
        Sound files that are not taken by the rules that were asked for, such as those of a genre
        that is too small; ``reason`` is the same text for all that fall to one rule.
    """

    source: str
    files: tuple[LabelledFile, ...]
    problems: tuple[Problem, ...]
    covers: str | None
    complete: bool = True
    passed_over: Mapping[str, int] = field(default_factory=dict)
    left_out: tuple[Problem, ...] = ()


def readable(text: str) -> str:
    """Return a name as text that any database and screen takes.

    Bytes that are no UTF-8 become a replacement character, line breaks a space. The same letter is
    written in one way, since file systems differ: an é may be one character or two.
    """
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return one_line(unicodedata.normalize("NFC", clean))


def absolute(path: str | os.PathLike[str]) -> Path:
    """Return a path from the root on, with links left as they are: as the user knows it."""
    return Path(os.path.abspath(path))  # noqa: PTH100
