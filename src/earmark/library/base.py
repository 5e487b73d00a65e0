"""What every library can do, wherever it is kept: the one interface that the other rooms know."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, Unpack, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earmark.features import Segments
from earmark.library.model import (
    Change,
    ExtractorSpec,
    Fitted,
    Mark,
    Since,
    Track,
    TrackChanges,
)
from earmark.library.snapshot import Snapshot

if TYPE_CHECKING:
    from earmark.library.arrays import Arrays
    from earmark.recommend import Suggestion
    from earmark.recommend.lists import Choice, Song, Wanted


class Library(Protocol):
    """Labelled tracks with vectors of one feature extractor.

    `earmark.library.open_library` opens one and `create_library` makes one. Use it as a context
    manager, or `close` it. Several threads may share an object.

    Every method may raise a `earmark.errors.LibraryError`: `LibraryDamaged` where what is kept
    cannot be read, `LibraryBusy` where another process keeps writing, `LibraryReadOnly` for a
    change of one that is open for reading.

    Examples
    --------
    >>> from earmark import open_library
    >>> with open_library("reference") as library:
    ...     jazz = library.tracks(genre="jazz", limit=3)
    ...     snapshot = library.snapshot()
    >>> [track.name for track in jazz]
    ['jazz.00000', 'jazz.00001', 'jazz.00002']
    >>> snapshot.vectors.shape
    (738, 250)
    """

    @property
    def location(self) -> str:
        """Where it is kept, as `open_library` takes it: the path of a file, absolute, or a URL."""
        ...

    @property
    def name(self) -> str:
        """What people call it, without where it is kept."""
        ...

    @property
    def spec(self) -> ExtractorSpec:
        """The extractor of its vectors."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether changes are refused: that was asked for, or it may not be written."""
        ...

    @property
    def revision(self) -> int:
        """Grows for every track added, changed or removed, by whichever process."""
        ...

    def close(self) -> None:
        """Let go of it. Nothing can be asked afterwards."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def require(self, name: str, version: str, checksum: str | None = None) -> None:
        """See that the vectors are of a certain extractor.

        Parameters
        ----------
        name, version
            Of the extractor.
        checksum
            Of its model; None: whatever it is.

        Raises
        ------
        LibraryExtractor
            They are of another, or of another version of it.
        """
        ...

    def require_unchanged(self) -> None:
        """See that what lies at its location is still what was opened.

        Raises
        ------
        LibraryNotFound
            There is nothing any more.
        LibraryReplaced
            Something else is there.
        """
        ...

    def check(self) -> None:
        """Compare all vectors, labels and parameters with the digest that was kept of them.

        Raises
        ------
        LibraryDamaged
            They differ: something else than Earmark changed them.
        """
        ...

    # Tracks

    def get(self, track_id: int) -> Track:
        """Return one track.

        Raises
        ------
        TrackNotFound
            There is no such track.
        """
        ...

    def get_many(self, track_ids: Iterable[int]) -> dict[int, Track]:
        """Return tracks by their ids, without those that are not there."""
        ...

    def find_hash(self, content_hash: str) -> list[Track]:
        """Return the tracks whose file had these bytes; often none."""
        ...

    def find_audio_hash(self, audio_hash: str) -> list[Track]:
        """Return the tracks whose file had this sound in it; often none."""
        ...

    def find_path(self, path: str | os.PathLike[str]) -> Track | None:
        """Return the track of a file, None where there is none. The path is taken as it is."""
        ...

    def tracks(
        self,
        *,
        genre: str | None = None,
        artist: str | None = None,
        search: str | tuple[str, ...] | None = None,
        taught: bool | None = None,
        labelled: bool | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> list[Track]:
        """Return the tracks that fit every filter given, by name, then path.

        Parameters
        ----------
        genre, artist
            Exactly this one.
        search
            Part of name, artist or title, in upper or lower case, with accents or without; of
            several all must be there.
        taught
            Labelled by hand, or not.
        labelled
            With a genre, or without.
        offset, limit
            Skip so many, return at most so many. A page far down costs little more than the first.
        """
        ...

    def count(
        self,
        *,
        genre: str | None = None,
        artist: str | None = None,
        search: str | tuple[str, ...] | None = None,
        taught: bool | None = None,
        labelled: bool | None = None,
    ) -> int:
        """Return how many tracks fit the filters of `tracks`."""
        ...

    def genres(self) -> dict[str, int]:
        """Return the number of tracks of each genre, genres sorted; the unlabelled do not count."""
        ...

    def artists(self, *, genre: str | None = None, labelled: bool | None = None) -> dict[str, int]:
        """Return the number of tracks of each artist, artists sorted, unknown ones left out.

        Only tracks that fit the filters count, which are those of `tracks`.
        """
        ...

    def parents(self) -> dict[str, str]:
        """Return the taxonomy: of each genre that is a kind of another, that other."""
        ...

    def vector(self, track_id: int) -> NDArray[np.floating]:
        """Return the vector [dimension] of a track.

        Raises
        ------
        TrackNotFound
            There is no such track.
        """
        ...

    def segments(self, track_ids: Iterable[int]) -> dict[int, Segments]:
        """Return what a few segments of tracks sound like, by their ids, in the order of time.

        Tracks of which none are kept are left out.
        """
        ...

    def snapshot(self, *, unlabelled: bool = False) -> Snapshot:
        """Return all labelled tracks and their vectors, as of one moment.

        The order of its rows is by name, path and content hash, so that two libraries of the same
        music agree whatever the order in which they were filled. Kept until the library changes.

        Parameters
        ----------
        unlabelled
            Take the tracks without a genre too. They have no vote, so this is for lists of songs
            and for asking people what they are.
        """
        ...

    def to_arrays(self) -> Arrays:
        """Return the labelled tracks as arrays: vectors, genres, groups and names.

        Examples
        --------
        >>> from earmark import open_library
        >>> with open_library("reference") as library:
        ...     X, y, groups, names = library.to_arrays()
        >>> X.shape, y[0], len(groups), names[0]
        ((738, 250), np.str_('blues'), 738, 'blues.00000')
        """
        ...

    # Lists of songs

    def similar(
        self,
        *songs: Song,
        n: int = 20,
        unlike: tuple[Song, ...] = (),
        **wanted: Unpack[Wanted],
    ) -> list[Suggestion]:
        """Return the n tracks that sound most like some songs, the most similar first.

        Parameters
        ----------
        songs
            One or several: sound files, which are heard, or tracks by their name, their title,
            "artist - title", their id, or as `Track`. They, copies and other versions of them are
            not in the list.
        n
            How many; fewer where the rules leave no more.
        unlike
            Songs to keep away from.
        wanted
            ``left_out``, ``genres``, ``not_genres``, ``words``, ``not_words``, ``rules``,
            ``variety`` and ``seed``, as `earmark.recommend.Recommender.similar` takes them. Who
            asks many times makes a `earmark.recommend.Recommender` once.

        Raises
        ------
        RecommendError
            A genre is not in the library, a word is none to pick by, or a number is out of range.
        TrackNotFound
            A name is that of no track, and of no file.
        LibraryError
            It is that of several tracks.
        AudioError
            A file cannot be used.

        Examples
        --------
        >>> from earmark import open_library
        >>> with open_library("reference") as library:
        ...     found = library.similar("metal.00005", n=3, not_genres=["rock"])
        >>> [suggestion.track.genre for suggestion in found]
        ['metal', 'metal', 'metal']
        """
        ...

    def path(
        self, start: Song, end: Song, n: int = 10, **choice: Unpack[Choice]
    ) -> list[Suggestion]:
        """Return n songs that lead from one track to another in small, even steps.

        Parameters
        ----------
        start, end
            The first and the last, as for `similar`; both are tracks of the library.
        n
            How many in all; fewer where the rules leave no path of n.
        choice
            ``left_out``, ``genres``, ``not_genres``, ``words``, ``not_words`` and ``rules``, as for
            `similar`; they hold for the songs between the two.

        Raises
        ------
        RecommendError
            As for `similar`; or an end is no track, or both are the same.
        TrackNotFound, LibraryError, AudioError
            As for `similar`.

        Examples
        --------
        >>> from earmark import open_library
        >>> with open_library("reference") as library:
        ...     found = library.path("classical.00003", "metal.00005", 5)
        >>> found[0].track.name, len(found), found[-1].track.name
        ('classical.00003', 5, 'metal.00005')
        """
        ...

    def playlist(
        self,
        *songs: Song,
        minutes: float | None = 60.0,
        n: int | None = None,
        unlike: tuple[Song, ...] = (),
        **wanted: Unpack[Wanted],
    ) -> list[Suggestion]:
        """Return songs like some others for so many minutes, in an order of small steps.

        Parameters
        ----------
        songs, unlike, wanted
            As for `similar`. Without any song, the list is of what is most typical of the
            ``genres``, or of the ``words``.
        minutes
            How long it is.
        n
            How many songs instead.

        Raises
        ------
        RecommendError
            As for `similar`, or there is no song, genre or word to start from.
        TrackNotFound, LibraryError, AudioError
            As for `similar`.

        Examples
        --------
        >>> from earmark import open_library
        >>> with open_library("reference") as library:
        ...     found = library.playlist(genres=["jazz"], n=12)
        >>> len(found), {suggestion.track.genre for suggestion in found}
        (12, {'jazz'})
        """
        ...

    # Changes

    def add(
        self,
        new: Sequence[Track],
        vectors: ArrayLike,
        *,
        segments: Sequence[Segments | None] | None = None,
        remember: bool | None = None,
        at: datetime.datetime | None = None,
    ) -> list[Change]:
        """Record tracks with their vectors, all of them or none.

        A track whose path is in the library already replaces what is known of it and keeps its id.

        Parameters
        ----------
        new
            n tracks; their ``id`` does not matter.
        vectors
            [n, dimension], finite.
        segments
            A few of each track [n], by which the vote is fitted to short songs; None for tracks
            without. They go when the track goes or gets another vector, and do not come back.
        remember
            Keep an entry of the history for each, so that it can be undone. By default for those
            that are ``taught``.
        at
            When, in UTC, for the history; by default now. What was changed at one moment is one
            step of it, also where several calls did it.

        Returns
        -------
        list of Change
            The n changes that this made; those that are not kept have no ``id``.

        Raises
        ------
        ValueError
            The vectors have another shape or are not finite, or so have segments.
        """
        ...

    def update(
        self, track_id: int, *, remember: bool = True, **changes: Unpack[TrackChanges]
    ) -> Change | None:
        """Change what is known of a track; its vector stays.

        Returns
        -------
        Change or None
            What this changed; None where all was so already.

        Raises
        ------
        TrackNotFound
            There is no such track.
        LibraryError
            Another track has that path.
        """
        ...

    def update_many(
        self, changes: Mapping[int, TrackChanges], *, at: datetime.datetime | None = None
    ) -> list[Change]:
        """Change what is known of several tracks, of all of them or none.

        Parameters
        ----------
        changes
            What to change, by the ids of the tracks.
        at
            As for `add`.

        Returns
        -------
        list of Change
            What this changed, without tracks of which all was so already.

        Raises
        ------
        TrackNotFound
            One of them is not there.
        LibraryError
            Another track has a path that is to be set.
        """
        ...

    def set_identity(
        self,
        track_id: int,
        *,
        audio_hash: str | None = None,
        content_hash: str | None = None,
        size: int | None = None,
        modified_ns: int | None = None,
    ) -> None:
        """Write down by what the file of a track is recognized; this is no change of the history.

        What is None stays as it is.

        Raises
        ------
        TrackNotFound
            There is no such track.
        """
        ...

    def set_parents(self, parents: Mapping[str, str]) -> None:
        """Replace the taxonomy: of each genre that is a kind of another, that other.

        Raises
        ------
        ValueError
            A genre would be a kind of itself, directly or through others.
        """
        ...

    def remove(
        self,
        track_ids: Iterable[int],
        *,
        remember: bool = True,
        at: datetime.datetime | None = None,
    ) -> list[Change]:
        """Take tracks out of the library, all of them or none; return what this changed.

        ``at`` is as for `add`.

        Raises
        ------
        TrackNotFound
            One of them is not there.
        """
        ...

    def undo(self, change_id: int) -> Change:
        """Take back one change of the history; return it as it is then.

        Raises
        ------
        ChangeNotFound
            There is no such change.
        LibraryError
            It was undone already, or the track was changed again since.
        """
        ...

    def change(self, change_id: int) -> Change:
        """Return one change of the history.

        Raises
        ------
        ChangeNotFound
            There is no such change.
        """
        ...

    def history(self, limit: int = 50, *, track_id: int | None = None) -> list[Change]:
        """Return the latest changes, newest first, optionally those of one track."""
        ...

    # The fitted vote

    def fitted(self) -> Fitted | None:
        """Return the stored parameters and how the library looked then, None without."""
        ...

    def store_parameters(self, blob: bytes, snapshot: Snapshot | None = None) -> None:
        """Keep parameters of the vote.

        Parameters
        ----------
        blob
            ``Parameters.to_bytes()``.
        snapshot
            What they were fitted to; by default the library as it is now. The revision does not
            change.
        """
        ...

    def fitting_alone(self) -> AbstractContextManager[None]:
        """Let the vote be fitted in the block by one process at a time; others wait.

        Where several share a library on a server, what one has fitted is there for the others
        when it is their turn. In a file each that finds it changed may fit it.
        """
        ...

    def copy(
        self, location: str | os.PathLike[str], *, overwrite: bool = False, packed: bool = False
    ) -> None:
        """Write the library, as it is now, to another place.

        Parameters
        ----------
        location
            Where to, as `create_library` takes it.
        overwrite
            Replace a library that is there.
        packed
            Make it small and fit to be given away: without history, and without paths, sizes and
            times of files, which say something about this machine, as does where a model lay.

        Raises
        ------
        LibraryExists
            Something is there.
        """
        ...


class Marked(Library, Protocol):
    """A library that knows whether it is as it was, so that files beside it can be trusted."""

    @property
    def token(self) -> str:
        """What tells one state of it from every other; each change makes another, at random."""
        ...

    def mark(self) -> Mark:
        """Return by what it is known again."""
        ...

    def since(self, before: Mark, ids: NDArray[np.int64], most: int) -> Since | None:
        """Return what came since a mark.

        Parameters
        ----------
        before
            The mark.
        ids
            Of the tracks that were labelled then [n].
        most
            How many may have come at most.

        Returns
        -------
        Since or None
            None where a vector went away or became another, where more came, and where it is
            another library.
        """
        ...


def marked(library: Library) -> Marked | None:
    """Return a library as one that knows whether it is as it was; None where it does not."""
    return cast(Marked, library) if hasattr(library, "mark") else None
