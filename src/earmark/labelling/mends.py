"""What an audit found as a plan of mends: looked through by a person, applied as one step.

A plan is a text file with one JSON object a line, ``earmark.mends/1``. It may have been edited or
come from elsewhere; nothing is done to a track that is not as the plan says it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from earmark import corrections
from earmark.atomic import new_file
from earmark.collection import originals
from earmark.errors import EvaluationError
from earmark.evaluation.auditing import Audit, CopyPair, Suspect
from earmark.library import Change, Library, Track, TrackChanges
from earmark.schemas import schema
from earmark.words import is_one_line, shown

Action = Literal["relabel", "remove", "keep"]
"""Give the track the genre; take it out; or note that its label is right."""

LONGEST_LINE = 2**16
MOST_LINES = 1_000_000


@dataclass(frozen=True, slots=True)
class Mend:
    """One thing to be done to a track.

    Attributes
    ----------
    action
        As in `Action`.
    track_id, track, content_hash, genre
        The track as it was audited: nothing is done where it is another or has another genre.
    new_genre
        For ``"relabel"``.
    why
        In a sentence.
    """

    action: Action
    track_id: int
    track: str
    content_hash: str | None
    genre: str
    new_genre: str | None = None
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the mend as JSON values."""
        return {
            "schema": schema("mends"),
            "action": self.action,
            "track_id": self.track_id,
            "track": self.track,
            "content_hash": self.content_hash,
            "genre": self.genre,
            "new_genre": self.new_genre,
            "why": self.why,
        }


def mends_of(found: Audit, library: Library) -> list[Mend]:
    """Return what can be mended of what an audit found.

    Labels that all neighbors speak against are to become the nearest genre. Of two exact copies
    under one genre that goes which is rather the copy, by its name, its age and its path. Copies
    under two genres are left to people, and so are hubs: a hub is no fault of its label.

    Parameters
    ----------
    found
        The audit.
    library
        What was audited.
    """
    pairs = [pair for pair in found.exact if not pair.across_genres]
    suspects = found.outvoted
    ids = {one.track_id for one in suspects} | {i for pair in pairs for i in pair.track_ids}
    tracks = library.get_many(i for i in ids if i is not None)
    removed: dict[int, Mend] = {}
    for pair in pairs:
        _one_goes(pair, tracks, removed)
    relabelled = [
        mend
        for suspect in suspects
        if (mend := _relabelled(suspect, tracks)) is not None and mend.track_id not in removed
    ]
    return relabelled + list(removed.values())


def _relabelled(suspect: Suspect, tracks: dict[int, Track]) -> Mend | None:
    track = tracks.get(-1 if suspect.track_id is None else suspect.track_id)
    if track is None:
        return None
    return _mend("relabel", track, suspect.why(), suspect.suggested)


def _one_goes(pair: CopyPair, tracks: dict[int, Track], removed: dict[int, Mend]) -> None:
    both = [tracks[i] for i in pair.track_ids if i is not None and i in tracks and i not in removed]
    if len(both) < 2:
        return
    kept, gone = sorted(both, key=lambda track: (track.path is None, *_rank(track)))
    # What was given by hand is worth more than which file came first.
    if gone.taught and not kept.taught:
        kept, gone = gone, kept
    removed[int(gone.id or 0)] = _mend("remove", gone, f"the same recording as {kept.name}")


def _rank(track: Track) -> tuple[bool, float, str, int]:
    return (*originals.rank(track.path or track.name), track.id or 0)


def _mend(action: Action, track: Track, why: str, new_genre: str | None = None) -> Mend:
    return Mend(
        action=action,
        track_id=int(track.id or 0),
        track=track.name,
        content_hash=track.content_hash,
        genre=str(track.genre),
        new_genre=new_genre,
        why=why,
    )


def write_mends(path: Path, mends: Sequence[Mend], *, overwrite: bool = False) -> None:
    """Write a plan, whole or not at all.

    Raises
    ------
    EvaluationError
        There is a file already, or it cannot be written.
    """
    try:
        with new_file(path, overwrite=overwrite) as part, part.open("w", encoding="ascii") as file:
            for mend in mends:
                # ASCII, so that what steers a terminal is seen in every editor.
                file.write(json.dumps(mend.to_json()) + "\n")
    except FileExistsError:
        raise EvaluationError(f"{path}: is there already; choose another name") from None
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be written ({error.strerror})") from error


def read_mends(path: Path) -> list[Mend]:
    """Read a plan.

    Raises
    ------
    EvaluationError
        It cannot be read, or a line is no mend; the message says which.
    """
    try:
        with path.open("rb") as file:
            return list(_mends(file.readline, path))
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror})") from error


def _mends(readline: Any, path: Path) -> Iterator[Mend]:
    met: set[int] = set()
    for number, line in enumerate(iter(lambda: readline(LONGEST_LINE + 1), b""), 1):
        where = f"{path}, line {number}"
        if len(line) > LONGEST_LINE or number > MOST_LINES:
            raise EvaluationError(f"{where}: the plan is too large; make it anew")
        if not line.strip():
            continue
        try:
            mend = _parsed(line)
        except (ValueError, RecursionError) as error:
            raise EvaluationError(f"{where}: is no mend ({shown(str(error), 200)})") from error
        if mend.track_id in met:
            raise EvaluationError(f"{where}: the same track twice")
        met.add(mend.track_id)
        yield mend


def _parsed(line: bytes) -> Mend:
    found = json.loads(line)
    if not isinstance(found, dict) or found.get("schema") != schema("mends"):
        raise ValueError(f"it is no {schema('mends')}")
    action, track_id = found.get("action"), found.get("track_id")
    if action not in get_args(Action):
        raise ValueError(f"its action is none of {', '.join(get_args(Action))}")
    if type(track_id) is not int or not 0 <= track_id < 2**63:
        raise ValueError("its track_id is no number of a track")
    texts = {key: found.get(key) for key in ("track", "genre", "why")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("track, genre or why is no text")
    content_hash, new_genre = found.get("content_hash"), found.get("new_genre")
    if not isinstance(content_hash, str | None):
        raise ValueError("its content_hash is no text")
    if action == "relabel" and not (isinstance(new_genre, str) and is_one_line(new_genre)):
        raise ValueError("its new_genre is no line of up to 200 characters")
    return Mend(
        action=cast(Action, action),
        track_id=track_id,
        track=str(texts["track"]),
        content_hash=content_hash,
        genre=str(texts["genre"]),
        new_genre=new_genre if action == "relabel" else None,
        why=str(texts["why"]),
    )


def apply_mends(library: Library, mends: Sequence[Mend]) -> tuple[list[Change], list[str]]:
    """Do what a plan says, as one step of the library's history.

    A label that is right, or that was given here, counts as given by hand: no later audit suspects
    it, and no build changes it.

    Returns
    -------
    changes
        What was changed.
    left
        Why some tracks were left as they are, a sentence each.

    Raises
    ------
    LibraryError
        The library cannot be changed.
    """
    tracks = library.get_many(mend.track_id for mend in mends)
    changes: dict[int, TrackChanges] = {}
    removed: list[int] = []
    left: list[str] = []
    for mend in mends:
        track = tracks.get(mend.track_id)
        if track is None or (track.name, track.content_hash) != (mend.track, mend.content_hash):
            left.append(f"{mend.track}: is no longer in the library")
        elif track.genre != mend.genre:
            left.append(f"{mend.track}: is {track.genre or 'unlabelled'} by now, not {mend.genre}")
        elif mend.action == "remove":
            removed.append(mend.track_id)
        else:
            changes[mend.track_id] = {
                "genre": mend.new_genre if mend.action == "relabel" else mend.genre
            }
    return corrections.change_all(library, changes, removed), left
