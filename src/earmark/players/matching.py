"""Which track of a library a music server's song is."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from earmark.audio.tags import read_tags
from earmark.library import Track
from earmark.neighbors import fold_artist

SAME_LENGTH = 3.0
"""Seconds by which two files of one recording may differ; servers tell whole seconds."""


@dataclass(frozen=True, slots=True)
class PlayerSong:
    """A song as a music server tells of it.

    Attributes
    ----------
    id
        The server's.
    path
        As the server tells it: often relative, sometimes made up from the tags.
    artist, title
        As far as known.
    seconds
        Its length; None where not known.
    artist_id
        The server's id of the artist.
    recording
        The MusicBrainz identifier of the recording.
    """

    id: str
    path: str | None = None
    artist: str | None = None
    title: str | None = None
    seconds: float | None = None
    artist_id: str | None = None
    recording: str | None = None


def recordings_of(track: Track) -> tuple[str, ...]:
    """Return the MusicBrainz identifiers in the tags of a track's file; none where it is gone."""
    return read_tags(track.path).recordings if track.path else ()


def match(
    songs: Iterable[PlayerSong],
    tracks: Sequence[Track],
    recordings: Callable[[Track], Collection[str]] = recordings_of,
) -> dict[str, int]:
    """Return the ids of tracks by those of the songs that they are.

    A song is the track whose path ends as the song's does, in at least the file's name and its
    folder, or in the name alone where the lengths agree, too; else the one track whose file has
    the same MusicBrainz identifier in its tags; else the one of the same artist and title and about
    the same length. Where several tracks fit equally well, none is taken.

    Parameters
    ----------
    songs
        Of a server.
    tracks
        Of a library.
    recordings
        Returns the MusicBrainz identifiers of a track. Only asked where a song needs it, of the
        tracks that are no other song's.

    Examples
    --------
    >>> track = Track(name="x", genre=None, path="/music/Nina/Best/01 Sinnerman.flac", id=3)
    >>> match([PlayerSong("a1", "Best/01 Sinnerman.flac")], [track])
    {'a1': 3}
    """
    by_name: dict[str, list[tuple[tuple[str, ...], Track]]] = defaultdict(list)
    by_title: dict[tuple[str, str], list[Track]] = defaultdict(list)
    for track in tracks:
        if track.id is None:
            continue
        if track.path:
            parts = _parts(track.path)
            by_name[parts[0]].append((parts, track))
        key = _title_key(track.artist, track.title)
        if key is not None:
            by_title[key].append(track)
    listed = list(songs)
    found: dict[str, int] = {}

    def take(way: Callable[[PlayerSong], Track | None]) -> None:
        for song in listed:
            same = way(song) if song.id not in found else None
            if same is not None and same.id is not None:
                found[song.id] = same.id

    take(lambda song: _by_path(song, by_name))
    by_recording: dict[str, list[Track]] = defaultdict(list)
    if any(song.recording for song in listed if song.id not in found):
        taken = set(found.values())
        for track in tracks:
            for recording in recordings(track) if track.id not in taken else ():
                by_recording[recording].append(track)
    take(lambda song: _by_recording(song, by_recording))
    take(lambda song: _by_title(song, by_title))
    return found


def by_track(songs: Mapping[str, int]) -> dict[int, str]:
    """Return the ids of songs by those of tracks; of several songs of one track the first.

    >>> by_track({"a": 1, "b": 2, "c": 1})
    {1: 'a', 2: 'b'}
    """
    found: dict[int, str] = {}
    for song, track in songs.items():
        found.setdefault(track, song)
    return found


def _parts(path: str) -> tuple[str, ...]:
    """Return the parts of a path, the file first, without differences of case and form."""
    text = unicodedata.normalize("NFC", path.replace("\\", "/")).casefold()
    return tuple(reversed(PurePosixPath(text).parts)) or ("",)


def _title_key(artist: str | None, title: str | None) -> tuple[str, str] | None:
    folded = fold_artist(artist)
    words = " ".join(unicodedata.normalize("NFC", title or "").casefold().split())
    return (unicodedata.normalize("NFC", folded), words) if folded and words else None


def _by_path(
    song: PlayerSong, by_name: dict[str, list[tuple[tuple[str, ...], Track]]]
) -> Track | None:
    if not song.path:
        return None
    parts = _parts(song.path)
    candidates = [(_common(parts, other), track) for other, track in by_name.get(parts[0], ())]
    most = max((common for common, _ in candidates), default=0)
    best = [track for common, track in candidates if common == most]
    if len(best) > 1:
        best = [track for track in best if _as_long(song, track)]
    if len(best) != 1 or (most < 2 and not _as_long(song, best[0])):
        return None
    return best[0]


def _common(parts: tuple[str, ...], others: tuple[str, ...]) -> int:
    """Return how many parts two paths have in common at their ends."""
    count = 0
    for part, other in zip(parts, others, strict=False):
        if part != other:
            break
        count += 1
    return count


def _by_recording(song: PlayerSong, by_recording: dict[str, list[Track]]) -> Track | None:
    same = by_recording.get((song.recording or "").lower(), ())
    if len(same) > 1:
        same = [track for track in same if _as_long(song, track)]
    return same[0] if len(same) == 1 else None


def _by_title(song: PlayerSong, by_title: dict[tuple[str, str], list[Track]]) -> Track | None:
    key = _title_key(song.artist, song.title)
    fitting = [track for track in by_title.get(key, ()) if _as_long(song, track)] if key else []
    return fitting[0] if len(fitting) == 1 else None


def _as_long(song: PlayerSong, track: Track) -> bool:
    if song.seconds is None or track.duration is None:
        return False
    return abs(song.seconds - track.duration) <= SAME_LENGTH
