"""The vote of a library: fitted to its tracks, kept in it, and fitted again when it has changed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from earmark import neighbors
from earmark.errors import LibraryBusy, LibraryDamaged, LibraryEmpty, LibraryReadOnly
from earmark.library import kept
from earmark.library.base import Library, marked
from earmark.library.inverted_lists import kept_lists
from earmark.library.keys_file import is_file, path_beside
from earmark.library.model import Fitted, Track
from earmark.library.snapshot import Snapshot
from earmark.neighbors import Excerpts, FittedVoter, Parameters, Voter

MOST_EXCERPTED = 2_000
"""Tracks of which parts are answered, to fit the vote to short songs."""

MOST_COMPARED = 20_000
"""Of more tracks only those that the vote is judged by are compared with all, to find copies."""

EXCERPTED = (1, 3)
"""So many segments of a track are such a part."""

CHANGE_LIMIT = 0.1
"""Parameters hold until this share of the tracks has changed."""


def contents_of(tracks: Sequence[Track]) -> NDArray[np.intp]:
    """Return a number for each track [n], the same where files have the same bytes or payload."""
    codes = (
        neighbors.codes_of([track.content_hash for track in tracks]),
        neighbors.codes_of([track.audio_hash for track in tracks]),
    )
    links = [pair for code in codes for pair in neighbors.links_of(code)]
    return neighbors.group_tracks([None] * len(tracks), links)


def tracks_together(snapshot: Snapshot, similarity: str) -> NDArray[np.intp]:
    """Return the group [n] of each track: those of one artist, and those of one recording."""
    recordings = neighbors.recording_groups(snapshot.vectors, similarity, snapshot.recording_codes)
    return neighbors.group_tracks(snapshot.artists, neighbors.links_of(recordings))


def _together_with(rows: NDArray[np.intp], snapshot: Snapshot, similarity: str) -> NDArray[np.intp]:
    """Return groups [n] that hold all copies of some tracks, of the others those by content."""
    links = neighbors.copies_of_many(rows, snapshot.vectors, similarity)
    contents = neighbors.links_of(snapshot.recording_codes)
    return neighbors.group_tracks(snapshot.artists, [*contents, *links])


def rows_of_song(
    library: Library,
    voter: Voter,
    snapshot: Snapshot,
    content_hash: str,
    audio_hash: str | None = None,
) -> NDArray[np.intp]:
    """Return the tracks [m] of a song that have no vote on it, sorted; often none.

    They are its own tracks, by the hash of its file or of the sound in it, and all copies of
    these, as fitting and evaluation know them.

    Parameters
    ----------
    library, voter, snapshot
        The library, and its vote for the tracks of a snapshot of it.
    content_hash, audio_hash
        Of the song's file and of the sound in it.
    """
    own = snapshot.rows_of_hash(content_hash, audio_hash)
    if not len(own):
        return own
    similarity = library.spec.comparison.similarity
    recordings = neighbors.Recordings(voter, snapshot.vectors, similarity, snapshot.recording_codes)
    return recordings.copies(own)


def excerpts_of(library: Library, snapshot: Snapshot) -> Excerpts | None:
    """Return parts of a library's tracks: one segment of each, and what three of it are together.

    They are made of the segments that it keeps; None where it keeps none. Of a large library some
    of the tracks are enough.
    """
    chosen = neighbors.subsample(np.arange(len(snapshot)), MOST_EXCERPTED)
    held = library.segments(snapshot.ids[chosen].tolist())
    rows: list[int] = []
    vectors: list[NDArray[np.floating]] = []
    seconds: list[float] = []
    for row in chosen.tolist():
        found = held.get(int(snapshot.ids[row]))
        for count in EXCERPTED:
            if found is None or len(found) <= count:
                continue
            # Another place in each track, the same every time.
            first = row % (len(found) - count + 1)
            part = slice(first, first + count)
            rows.append(row)
            vectors.append(found.vectors[part].mean(axis=0, dtype=np.float64))
            seconds.append(float((found.stops - found.starts)[part].sum()))
    if not rows:
        return None
    return Excerpts(
        np.array(rows, dtype=np.intp),
        np.stack(vectors).astype(snapshot.vectors.dtype),
        np.array(seconds),
    )


def fit(
    library: Library, snapshot: Snapshot | None = None, *, n_neighbors: int | None = None
) -> Parameters:
    """Fit the vote to the tracks of a library, without keeping the result.

    ``n_neighbors`` vote where it is given, else as many as suits the size of the genres.

    Raises
    ------
    LibraryEmpty
        It has no labelled tracks.
    """
    tracks = library.snapshot() if snapshot is None else snapshot
    if not len(tracks):
        raise LibraryEmpty(f"{library.location}: has no labelled tracks to compare with")
    comparison = library.spec.comparison
    judged = None
    # On a busy machine, threads that wait for each other cost more than they bring.
    with threadpool_limits(1, user_api="blas"):
        if neighbors.is_majority(comparison):
            # Nothing is fitted, so it does not matter who belongs together.
            groups = np.arange(len(tracks))
        elif len(tracks) <= MOST_COMPARED:
            groups = tracks_together(tracks, comparison.similarity)
        else:
            # To compare all with all takes hours where there are a million.
            judged = neighbors.subsample(np.arange(len(tracks)), MOST_EXCERPTED)
            groups = _together_with(judged, tracks, comparison.similarity)
        return neighbors.fit(
            tracks.vectors,
            tracks.top[0],
            groups,
            comparison=comparison,
            n_neighbors=n_neighbors,
            seconds=tracks.seconds,
            excerpts=excerpts_of(library, tracks),
            judged=judged,
            label_sets=tracks.label_sets,
        )


def refit(library: Library) -> Parameters:
    """Fit the vote to the tracks of a library and keep it there.

    Raises
    ------
    LibraryEmpty
        It has no labelled tracks.
    LibraryReadOnly, LibraryBusy
        It cannot be written, or not now.
    """
    snapshot = library.snapshot()
    parameters = fit(library, snapshot)
    library.store_parameters(parameters.to_bytes(), snapshot)
    return parameters


def is_stale(fitted: Fitted, revision: int, count: int, genres: tuple[str, ...]) -> bool:
    """Tell whether a library has changed too much for its stored parameters.

    That is when more than a tenth of its tracks were touched, or a genre appeared or vanished.

    Parameters
    ----------
    fitted
        The stored parameters.
    revision, count, genres
        Of the library now: its revision, the number of its labelled tracks, its genres, sorted.
    """
    touched = revision - fitted.revision
    return touched > CHANGE_LIMIT * count or fitted.genres != genres


def parameters_now(library: Library) -> Parameters:
    """Return the parameters of a library's vote, as `voter` has them; its tracks are not read.

    Where the stored ones do not hold, they are fitted anew, for which tracks are read.

    Raises
    ------
    LibraryEmpty
        It has no labelled tracks.
    """
    counts, labelled = library.genres(), library.count(labelled=True)
    fitted, genres = library.fitted(), tuple(counts)
    # Of several genres a track, or of styles, it depends on the tracks which genres stand together.
    plain = sum(counts.values()) == labelled and not neighbors.taxonomy(genres, library.parents())
    if plain and fitted is not None and not is_stale(fitted, library.revision, labelled, genres):
        parameters = _read(fitted, library)
        if parameters is not None and not parameters.thresholds:
            return parameters
    return voter(library).parameters


def _read(fitted: Fitted, library: Library) -> Parameters | None:
    """Return stored parameters; None for what an older version of the vote wrote."""
    with contextlib.suppress(LibraryDamaged):
        return Parameters.from_bytes(fitted.blob, library.spec.comparison)
    return None


def voter(
    library: Library, snapshot: Snapshot | None = None, *, n_neighbors: int | None = None
) -> Voter:
    """Return the vote of a library as it is now, or of a snapshot of it.

    ``n_neighbors`` vote where it is given, with probabilities that are fitted to it; else as many
    as is stored or fitted.

    The stored parameters are used where there are such and they still fit. Otherwise new ones are
    fitted, and kept if the library can be written and ``n_neighbors`` is not given.

    Raises
    ------
    LibraryEmpty
        It has no labelled tracks.
    """
    snapshot = library.snapshot() if snapshot is None else snapshot
    if not len(snapshot):
        raise LibraryEmpty(f"{library.location}: has no labelled tracks to compare with")
    parameters = kept_parameters(library, snapshot, n_neighbors=n_neighbors)
    if parameters is None and n_neighbors is None and not library.read_only:
        with library.fitting_alone():
            # Another process may have done it meanwhile.
            parameters = kept_parameters(library, snapshot)
            if parameters is None:
                parameters = fit(library, snapshot)
                with contextlib.suppress(LibraryReadOnly, LibraryBusy):
                    library.store_parameters(parameters.to_bytes(), snapshot)
    if parameters is None:
        parameters = fit(library, snapshot, n_neighbors=n_neighbors)
    if n_neighbors is not None or len(snapshot) < kept.KEPT_FROM:
        return neighbors.make_voter(snapshot.vectors, *snapshot.top, parameters)
    return _large_vote(library, snapshot, parameters)


def _large_vote(library: Library, snapshot: Snapshot, parameters: Parameters) -> Voter:
    """Return the vote of a large library as it is kept beside it; else make and keep it."""
    known = marked(library)
    if known is None or not is_file(library.location):
        return neighbors.make_voter(snapshot.vectors, *snapshot.top, parameters)
    path = path_beside(library.location)
    found = kept.kept_vote(path, known.token, snapshot, parameters)
    made = found or neighbors.make_voter(snapshot.vectors, *snapshot.top, parameters)
    if found is None and not library.read_only:
        now = known.mark()
        if now.revision == snapshot.revision:
            # Without room for it the library is only opened more slowly.
            with contextlib.suppress(OSError, ValueError):
                kept.write(path, library, snapshot, now, made)
    lists, ids = kept_lists(library, path) or (None, snapshot.ids)
    if lists is not None and isinstance(made, FittedVoter):
        made.look_at_few(lists, ids, snapshot.ids)
    return made


def kept_parameters(
    library: Library, snapshot: Snapshot, *, n_neighbors: int | None = None
) -> Parameters | None:
    """Return the stored parameters of a library; None where they have to be fitted anew.

    That is where there are none, where the library changed too much, or where ``n_neighbors`` is
    given and they are of another number of neighbors.
    """
    fitted = library.fitted()
    if fitted is None:
        return None
    if is_stale(fitted, snapshot.revision, len(snapshot), snapshot.genre_names):
        return None
    parameters = _read(fitted, library)
    if parameters is None or n_neighbors not in (None, parameters.n_neighbors):
        return None
    # What is a kind of what may have changed without a genre more or less.
    sets = snapshot.label_sets
    wanted = () if sets is None or parameters.majority else sets.names
    return parameters if tuple(name for name, _ in parameters.thresholds) == wanted else None


def follow(voter: Voter, old: Snapshot, new: Snapshot) -> Voter:
    """Return a voter with what changed from one snapshot to the next; nothing is fitted.

    Where little has changed, nothing is built anew either.

    Parameters
    ----------
    voter
        The vote of ``old``; it is left as it is.
    old, new
        The tracks that it knows, and those that it is to know.

    Returns
    -------
    The voter, whose rows are those of ``new``, with the same parameters.
    """
    labels = new.top
    if new.since is not None and new.since[0] == old.revision:
        removed, added = (np.sort(snapshot.rows_of(new.since[1])) for snapshot in (old, new))
        moved = False
    else:
        _, before, after = np.intersect1d(old.ids, new.ids, return_indices=True)
        same = (old.vectors[before] == new.vectors[after]).all(axis=1)
        before, after = before[same], after[same]
        removed = np.setdiff1d(np.arange(len(old)), before)
        added = np.setdiff1d(np.arange(len(new)), after)
        moved = bool((np.diff(after[np.argsort(before)]) < 0).any())
    if moved or len(removed) + len(added) > 1 + CHANGE_LIMIT * len(new):
        return neighbors.make_voter(new.vectors, *labels, voter.parameters)
    return voter.changed(removed, added, new.vectors[added], *labels)
