"""Collections of music that courses and papers use, and tables of features, found on the own disk.

Nothing is downloaded: name a folder that holds them.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from earmark.collection.folder import scan_folder
from earmark.errors import CollectionError
from earmark.evaluation import gtzan as facts
from earmark.neighbors import group_tracks
from earmark.tables import read_table, read_text

_SUFFIXES = (".wav", ".au", ".flac", ".ogg", ".mp3")
_HEADERS = (b"RIFF", b".snd", b"fLaC", b"OggS", b"ID3")
_NOT_FEATURES = ("filename", "length", "label")


@dataclass(frozen=True)
class Clip:
    """One clip of a collection.

    Attributes
    ----------
    name
        Such as ``"blues.00042"``.
    path
        Its file, absolute.
    genre
        As the collection has it.
    artist
        None where unknown.
    part
        ``"train"``, ``"valid"`` or ``"test"`` of GTZAN's fault-filtered split; None where the clip
        is in none of them, as copies, distorted and wrongly labelled ones are.
    """

    name: str
    path: str
    genre: str
    artist: str | None
    part: str | None = None


@dataclass(frozen=True)
class Clips:
    """The clips of a collection that a folder holds.

    Attributes
    ----------
    clips
        Those that are there and whole, by name.
    broken
        Files that are not what they should be, such as jazz.00054.wav of Kaggle's zip, which is no
        sound.
    missing
        Names of clips that should be here and have no file.
    """

    clips: tuple[Clip, ...]
    broken: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self.clips)} clips, {len(self.broken)} broken>"

    @property
    def groups(self) -> NDArray[np.intp]:
        """A number for each clip [n], the same for those of one artist; for splits."""
        return group_tracks([clip.artist for clip in self.clips])


class Gtzan(Clips):
    """The clips of GTZAN that a folder holds; ``missing`` is what it lacks of the 1,000."""

    def part(self, name: str) -> tuple[Clip, ...]:
        """Return the clips of a part of the fault-filtered split.

        Raises
        ------
        ValueError
            There is no part of that name.
        """
        parts = facts.fault_filtered()
        if name not in parts:
            raise ValueError(f"there is no part {name!r}; the parts are: {', '.join(parts)}")
        return tuple(clip for clip in self.clips if clip.part == name)


def genre_folders(folder: str | os.PathLike[str], *, genre_level: int | None = None) -> Clips:
    """Find the clips of a folder that has a sub-folder a genre, as ``earmark build`` does.

    Nothing is opened, so artists are unknown; a library that is built of the folder has them from
    the files' tags.

    Parameters
    ----------
    folder
        The folder.
    genre_level
        Which folder on the way to a file is its genre, from 1 on. None: the first, unless that is
        clearly not meant.

    Raises
    ------
    CollectionError
        There is no such folder, it has no sound files in sub-folders, or the genres seem to lie at
        another level.

    Examples
    --------
    >>> for genre in ("polka", "waltz"):
    ...     Path("dances", genre).mkdir(parents=True)
    ...     _ = Path("dances", genre, "one.wav").write_bytes(b"RIFF")
    >>> [(clip.name, clip.genre) for clip in genre_folders("dances").clips]
    [('one', 'polka'), ('one', 'waltz')]
    """
    found = scan_folder(folder, genre_level=genre_level)
    return Clips(
        tuple(Clip(file.name, file.path, str(file.genre), file.artist) for file in found.files),
        broken=tuple(problem.path for problem in found.problems),
    )


def indexed(
    index: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    genres: Mapping[str, str] | None = None,
    artists: Mapping[str, str] | None = None,
    audio: str = "audio",
    verified: bool = False,
) -> Clips:
    """Find the clips that an index in the form of mirdata names.

    Such an index is a JSON object; its ``tracks`` give for each name the files of the clip, each
    with its path below the folder and its MD5 checksum. Of genres it says nothing: those are
    ``genres``, or the folders that the files lie in.

    Parameters
    ----------
    index
        The JSON file.
    folder
        What its paths begin at.
    genres, artists
        By the names of clips; a clip that ``genres`` leaves out is left out.
    audio
        Which of a clip's files is its sound.
    verified
        Whether the checksums are compared; a file with another is listed as broken.

    Raises
    ------
    CollectionError
        The index cannot be read, is in another form, or none of its clips is there.

    Examples
    --------
    >>> Path("set", "polka").mkdir(parents=True)
    >>> _ = Path("set", "polka", "one.wav").write_bytes(b"RIFF")
    >>> _ = Path("index.json").write_text(
    ...     '{"version": "1.0", "tracks": {"one": {"audio": ["polka/one.wav", null]}}}'
    ... )
    >>> [(clip.name, clip.genre) for clip in indexed("index.json", "set").clips]
    [('one', 'polka')]
    """
    top = Path(folder)
    clips: list[Clip] = []
    broken: list[str] = []
    missing: list[str] = []
    for name, (where, checksum) in _index_of(Path(index), audio).items():
        file = top / where
        genre = file.parent.name if genres is None else genres.get(name)
        if genre is None:
            continue
        if not os.path.isfile(file):  # noqa: PTH113 (also of a name too long)
            missing.append(name)
        elif verified and checksum is not None and _md5(file) != checksum:
            broken.append(str(file.absolute()))
        else:
            clips.append(Clip(name, str(file.absolute()), genre, (artists or {}).get(name)))
    if not clips:
        raise CollectionError(f"{top}: holds none of the clips that {index} names")
    by_name = sorted(clips, key=lambda clip: clip.name)
    return Clips(tuple(by_name), tuple(broken), tuple(sorted(missing)))


def _index_of(index: Path, audio: str) -> dict[str, tuple[str, str | None]]:
    """Return the path and checksum of the sound of each clip that an index names."""
    text = read_text(index, CollectionError)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CollectionError(f"{index}: is no JSON ({error})") from None
    tracks = found.get("tracks") if isinstance(found, dict) else None
    if not isinstance(tracks, dict):
        raise CollectionError(f"{index}: is no index, which is an object with 'tracks'")
    files: dict[str, tuple[str, str | None]] = {}
    for name, parts in tracks.items():
        match parts.get(audio) if isinstance(parts, dict) else None:
            case [str(path), str() | None as checksum]:
                files[name] = (path, checksum)
            # The clip has no such file, as mirdata writes it.
            case [None, None]:
                continue
            case _:
                raise CollectionError(
                    f"{index}: of {name[:100]!r} there is no pair of path and checksum "
                    f"called {audio!r}"
                )
    return files


def _md5(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(
                opened, lambda: hashlib.md5(usedforsecurity=False)
            ).hexdigest()
    except OSError as error:
        raise CollectionError(f"{file}: cannot be read ({error.strerror})") from error


def gtzan(folder: str | os.PathLike[str]) -> Gtzan:
    """Find the clips of GTZAN in a folder.

    Kaggle's zip has ``Data/genres_original/blues/blues.00000.wav``, the original archive
    ``genres/blues/blues.00000.au``; the folder may be any of those above the genres. Where a clip
    lies in two forms, WAV goes before AU, and both before what loses something.

    A file whose first bytes are not those of a sound file is listed as broken and left out: in
    Kaggle's zip that is jazz.00054.wav. Artists and the fault-filtered split come with Earmark,
    from the index of Sturm (arXiv:1306.1461) and from Kereliuk, Sturm and Larsen (2015).

    Raises
    ------
    CollectionError
        There is no such folder, or it holds no clip of GTZAN.

    Examples
    --------
    >>> for name in ("blues.00000", "jazz.00054"):
    ...     file = Path("Data", "genres_original", name[:-6], f"{name}.wav")
    ...     file.parent.mkdir(parents=True)
    ...     _ = file.write_bytes(b"RIFF" if name < "c" else b"<html>")
    >>> found = gtzan("Data")
    >>> found, found.clips[0].artist, found.clips[0].part
    (<Gtzan: 1 clips, 1 broken>, 'John Lee Hooker', 'valid')
    """
    top = Path(folder)
    if not os.path.isdir(top):  # noqa: PTH112 (also of a name too long)
        raise CollectionError(f"{top}: is no folder; name the one that GTZAN was unpacked to")
    files: dict[str, Path] = {}
    broken: list[str] = []
    for genre_folder in sorted(path for name in facts.GENRES for path in _folders(top, name)):
        for file in sorted(genre_folder.iterdir(), key=_preference):
            name = facts.clip_name(file.name)
            if name is None or name.partition(".")[0] != genre_folder.name or name in files:
                continue
            if file.suffix.lower() not in _SUFFIXES or not file.is_file():
                continue
            if _is_sound(file):
                files[name] = file
            else:
                broken.append(str(file.absolute()))
    if not files:
        raise CollectionError(
            f"{top}: holds no clip of GTZAN; they are called such as blues/blues.00000.wav"
        )
    artists = facts.artists()
    parts = {name: part for part, names in facts.fault_filtered().items() for name in names}
    every = [f"{genre}.{number:05}" for genre in facts.GENRES for number in range(100)]
    return Gtzan(
        clips=tuple(
            Clip(
                name=name,
                path=str(file.absolute()),
                genre=name.partition(".")[0],
                artist=artists.get(name),
                part=parts.get(name),
            )
            for name, file in sorted(files.items())
        ),
        broken=tuple(broken),
        missing=tuple(name for name in every if name not in files),
    )


def _folders(top: Path, genre: str) -> list[Path]:
    """Return where a genre's folder may lie: here, or up to two folders below."""
    return [
        path
        for pattern in ("", "*/", "*/*/")
        for path in top.glob(pattern + genre)
        if path.is_dir()
    ]


def _preference(file: Path) -> tuple[int, str]:
    suffix = file.suffix.lower()
    return (_SUFFIXES.index(suffix) if suffix in _SUFFIXES else len(_SUFFIXES), file.name)


def _is_sound(file: Path) -> bool:
    """Whether a file begins as sound files do; whether all of it is whole, decoding shows."""
    try:
        with file.open("rb") as opened:
            head = opened.read(4)
    except OSError:
        return False
    mpeg = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    return mpeg or any(head.startswith(mark) for mark in _HEADERS)


class Features(NamedTuple):
    """Features that somebody else computed, one row a track.

    Attributes
    ----------
    X
        The numbers [n, d].
    y
        The genres [n].
    groups
        As in `earmark.library.Arrays`: artists where the tracks are GTZAN's clips, else each track
        a group of its own. Several rows of one clip (Kaggle's 3-second table) are one group.
    names
        What the tracks are called [n].
    columns
        What the numbers are called [d].
    """

    X: NDArray[np.float64]
    y: NDArray[np.str_]
    groups: NDArray[np.intp]
    names: tuple[str, ...]
    columns: tuple[str, ...]


def read_features(
    file: str | os.PathLike[str], *, name: str = "filename", label: str = "label"
) -> Features:
    r"""Read a CSV file of features, such as Kaggle's ``features_30_sec.csv``.

    All columns but the name, the label and ``length`` are numbers. They are not scaled.

    Parameters
    ----------
    file
        With a header.
    name, label
        Which columns have the track's name and its genre, whatever their case.

    Raises
    ------
    CollectionError
        The file cannot be read, lacks a column, has a cell that is no finite number, or no rows.

    Examples
    --------
    >>> _ = Path("own.csv").write_text("filename,length,tempo,label\nrock.00001.wav,30,120,rock\n")
    >>> features = read_features("own.csv")
    >>> features.X, features.y.tolist(), features.columns
    (array([[120.]]), ['rock'], ('tempo',))
    """
    path = Path(file)
    name, label = name.casefold(), label.casefold()
    table = read_table(path, (name, label), CollectionError)
    columns = {
        column: at
        for column, at in table.columns.items()
        if column and column not in (*_NOT_FEATURES, name, label)
    }
    if not columns:
        raise CollectionError(f"{path}: has no column of features beside {name} and {label}")
    numbers, genres, names = [], [], []
    for line, row in table.rows:
        if len(row) != table.width:
            raise CollectionError(f"{path}: line {line} has {len(row)} cells, not {table.width}")
        values = [_number(row[at], path, line, column) for column, at in columns.items()]
        numbers.append(values)
        genres.append(row[table.columns[label]].strip())
        names.append(row[table.columns[name]].strip())
        if not genres[-1] or not names[-1]:
            raise CollectionError(f"{path}: line {line} has no {name} or no {label}")
    if not numbers:
        raise CollectionError(f"{path}: has a header but no rows")
    return Features(
        np.array(numbers),
        np.array(genres, dtype=np.str_),
        _groups(names),
        tuple(names),
        tuple(columns),
    )


def _number(cell: str, file: Path, line: int, column: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise CollectionError(f"{file}: line {line}, column {column!r}: {cell[:40]!r} is no number")
    return value


def _groups(names: list[str]) -> NDArray[np.intp]:
    """Return the group [n] of tracks: artists of GTZAN's clips, and pieces of one clip."""
    clips = [_clip(name) for name in names]
    first: dict[str, int] = {}
    links = [(first.setdefault(clip, row), row) for row, clip in enumerate(clips)]
    artists = facts.artists()
    return group_tracks([artists.get(clip) for clip in clips], links)


def _clip(name: str) -> str:
    """Return the clip that a row is of: blues.00000.3.wav is a piece of blues.00000."""
    parts = Path(name).name.split(".")
    return facts.clip_name(".".join(parts[:2])) or name
