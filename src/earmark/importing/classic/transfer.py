"""Between ``my.dat`` files and libraries."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from earmark.errors import ImportFormatError, LibraryEmpty, LibraryExtractor, LibraryNotFound
from earmark.features import FOREIGN, spec_by_similarity
from earmark.importing.classic import genres as naming
from earmark.importing.classic.mydat import Rows, read_rows, write_rows
from earmark.importing.classic.recognize import (
    Names,
    Recognized,
    Reference,
    name_labels,
    odd_scale,
    recognize,
    window_of,
)
from earmark.importing.imported import Imported, keep
from earmark.library import ExtractorSpec, Track
from earmark.library.base import Library
from earmark.library.default import open_library


def classic_spec() -> ExtractorSpec:
    """Return the extractor of classic libraries."""
    return spec_by_similarity("gaussian-kl")


def _is_classic(spec: ExtractorSpec) -> bool:
    # A library may keep its vectors in fewer bits.
    own = classic_spec()
    return (spec.name, spec.version, spec.dimension) == (own.name, own.version, own.dimension)


def classic_reference() -> Reference | None:
    """Return the tracks of the package's classic library, None where it has none."""
    try:
        with open_library("classic") as library:
            return Reference.of(library) if _is_classic(library.spec) else None
    except LibraryNotFound:
        return None


def import_classic(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    genres: str | None = None,
    reference: Reference | None = None,
    other_settings: bool = False,
    overwrite: bool = False,
) -> Imported:
    """Make a library of a ``my.dat``; nothing in the file is run.

    Parameters
    ----------
    source
        The file.
    target
        The new library.
    genres
        What the labels are called, as `earmark.importing.classic.genres.parse` reads it. Without it
        the labels are named by recordings that ``reference`` knows.
    reference
        Tracks with classic features; by default the package's classic library.
    other_settings
        Take a file whose features were plainly extracted in another way than the recipe's, as a
        library by itself, with which nothing else can be compared.
    overwrite
        Replace a library that is there.

    Raises
    ------
    UnsafePickle, ImportFormatError
        As `read_rows`; also where labels cannot be named, and where features were extracted in
        another way.
    LibraryExists
        ``target`` is there.
    """
    rows = read_rows(source)
    known = classic_reference() if reference is None else reference
    found = Recognized(np.full(len(rows), -1, dtype=np.intp), None, 0)
    if known is not None:
        found = recognize(rows.vectors, known)
    difference = _difference(rows, found)
    if difference is not None and not other_settings:
        raise ImportFormatError(
            f"{source}: was extracted with other settings than the recipe's: {difference}; its "
            "rows cannot be compared with others (--other-settings makes a library of them alone)"
        )
    notes = list(rows.notes)
    named = _named(source, rows, genres, found, known, notes)
    tracks = _tracks(rows, named, found, known)
    spec = classic_spec()
    if difference is not None:
        notes.append(f"was extracted with other settings than the recipe's: {difference}")
        spec = ExtractorSpec(
            FOREIGN, f"{spec.name}, other settings", spec.dimension, spec.similarity, "float64"
        )
    return keep(
        target,
        spec,
        tracks,
        rows.vectors,
        notes=notes,
        left_out=rows.left_out,
        overwrite=overwrite,
    )


def _difference(rows: Rows, found: Recognized) -> str | None:
    if found.shift is not None:
        return (
            f"{found.shifted} recordings that are known are all moved by {found.shift:+.1f} in the "
            f"first coefficient, as a window of {window_of(found.shift):.0f} ms does instead of 20"
        )
    return odd_scale(rows.vectors)


def _named(
    source: str | os.PathLike[str],
    rows: Rows,
    genres: str | None,
    found: Recognized,
    known: Reference | None,
    notes: list[str],
) -> dict[int, str]:
    """Name the labels; empty where they are names themselves."""
    labels = [label for label in rows.labels if isinstance(label, int)]
    if not labels:
        if genres is not None:
            notes.append("its labels are names already, so --genres is not used")
        return {}
    told = Names({}, ("no classic reference library is there to know them by",))
    if known is not None:
        told = name_labels(labels, found, known)
    notes += naming.odd_labels(labels)
    if genres is None:
        if told.problems:
            raise ImportFormatError(_cannot_name(source, labels, told, notes))
        listing = ", ".join(f"{label} = {genre}" for label, genre in told.genres.items())
        notes.append(
            f"named its labels by {found.count} recordings that the classic reference knows: "
            f"{listing}"
        )
        return told.genres
    named = naming.parse(genres, labels, notes)
    wrong = [
        f"label {label} is not {genre} but {told.genres[label]}"
        for label, genre in named.items()
        if told.genres.get(label, genre) != genre and told.genres[label] in named.values()
    ]
    if wrong:
        notes.append(f"by the recordings that are known, --genres is wrong: {', '.join(wrong)}")
    return named


def _cannot_name(
    source: str | os.PathLike[str], labels: Sequence[int], told: Names, notes: Sequence[str]
) -> str:
    shown = told.problems[:3]
    more = f" and {len(told.problems) - 3} more" if len(told.problems) > 3 else ""
    found = ", ".join(f"{label} = {genre}" for label, genre in told.genres.items())
    parts = [f"{source}: cannot tell the genres of its labels: {'; '.join(shown)}{more}"]
    if found:
        parts.append(f"found {found}")
    parts += notes
    present = sorted(set(labels))
    example = ",".join(f"{label}=NAME" for label in present[:2]) + (
        ",…" if len(present) > 2 else ""
    )
    parts.append(f"say what they are with --genres {example}")
    return "; ".join(parts)


def _tracks(
    rows: Rows, named: dict[int, str], found: Recognized, known: Reference | None
) -> list[Track]:
    labels = [label for label in rows.labels if isinstance(label, int)]
    names = naming.numbered_names(rows.labels)
    if labels and naming.is_ten_blocks(labels) and set(named.values()) == set(naming.GTZAN):
        in_order = naming.gtzan_names(labels, named)
        if not _contradicted(in_order, found, known):
            names = in_order
    tracks = []
    each: Sequence[int | str] = rows.labels
    for name, label, row in zip(names, each, found.tracks, strict=True):
        same = known.tracks[row] if known is not None and row >= 0 else None
        tracks.append(
            Track(
                name=name,
                genre=label if isinstance(label, str) else named[label],
                artist=None if same is None else same.artist,
                title=None if same is None else same.title,
            )
        )
    return tracks


def _contradicted(names: Sequence[str], found: Recognized, known: Reference | None) -> bool:
    """Tell whether the recordings that are known lie in another order than the names say."""
    pairs = [
        (name, known.tracks[row].name)
        for name, row in zip(names, found.tracks, strict=True)
        if known is not None and row >= 0
    ]
    return bool(pairs) and sum(name == other for name, other in pairs) < len(pairs) / 2


def export_classic(library: Library, target: str | os.PathLike[str]) -> dict[int, str]:
    """Write the labelled tracks of a classic library as a ``my.dat``.

    Rows are ordered by genre, then as in a snapshot; labels are 1, 2, 3, … in the alphabetical
    order of the genres.

    Returns
    -------
    What each label stands for; the file itself cannot say it.

    Raises
    ------
    LibraryExtractor
        The library holds other features.
    LibraryEmpty
        It has no labelled tracks.
    ImportFormatError
        The file cannot be written.
    """
    own = classic_spec()
    if not _is_classic(library.spec):
        raise LibraryExtractor(
            f"{library.location}: holds vectors of {library.spec.name} {library.spec.version}; "
            f"a my.dat holds those of {own.name}: choose --library classic, or build a library "
            f"with --extractor {own.name}"
        )
    snapshot = library.snapshot()
    if not len(snapshot):
        raise LibraryEmpty(f"{library.location}: has no labelled tracks to write")
    labels = {genre: number for number, genre in enumerate(snapshot.genre_names, start=1)}
    each = np.array([labels[genre] for genre in snapshot.genres])
    order = np.argsort(each, kind="stable")
    write_rows(target, snapshot.vectors[order], each[order].tolist())
    return {number: genre for genre, number in labels.items()}
