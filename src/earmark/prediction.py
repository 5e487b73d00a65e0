"""What is said of a song: its genre, how sure that is, and the tracks that it sounds like."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from earmark.features import Vector
from earmark.library import Track
from earmark.neighbors import STYLE_SIGN
from earmark.schemas import schema
from earmark.version import __version__
from earmark.words import fill, in_html, say, tell_shares

LEAST_SHARE = 0.15
"""Other genres that have less of the time together do not make a recording mixed."""

LITTLE_HEARD = 5.0
"""Where fewer seconds of a song were heard the answer says so."""


@dataclass(frozen=True)
class Neighbor:
    """A track of the library near the song, with its distance.

    Attributes
    ----------
    track, genre, artist, title, track_id
        Of the track.
    distance
        As the vote has it.
    source
        All that the library knows of the track, as of the moment of the answer.
    genres
        All its genres, and those that they are styles of.

    Examples
    --------
    >>> near = Neighbor("rock-1", "rock", "The Stones", None, distance=0.25, track_id=1)
    >>> near.to_json()["distance"]
    0.25
    """

    track: str
    genre: str
    artist: str | None
    title: str | None
    distance: float
    track_id: int
    source: Track | None = field(default=None, repr=False, compare=False)
    genres: tuple[str, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "genres", self.genres or (self.genre,))

    def to_json(self) -> dict[str, Any]:
        """Return the neighbor as JSON values."""
        return {
            "track": self.track,
            "genre": self.genre,
            "artist": self.artist,
            "title": self.title,
            "distance": round(self.distance, 6),
            "track_id": self.track_id,
        }


@dataclass(frozen=True, repr=False)
class Prediction:
    """What Earmark says of one song.

    Attributes
    ----------
    path
        The song, as the caller named it.
    genre
        The most probable genre, also where the answer is "not sure". Of genres that have styles
        one of those at the top.
    confidence
        Its probability.
    probabilities
        Of every genre of the library, most probable first.
    neighbors
        The tracks that voted, nearest first.
    abstained
        Whether the answer is "not sure".
    reason
        Why, a part of a sentence; None where it is sure.
    prediction_set
        The genres that stand out for songs like this one. Over many songs like the library's such
        sets hold the right genre at a rate of ``coverage``; of one song they say less.
    coverage
        None where the vote is not calibrated.
    tags
        The network's own words and how strongly it hears them, strongest first; empty where the
        feature extractor has none.
    seconds
        How long the answer took.
    duration
        Of the song, in seconds.
    warnings
        What was odd about the file.
    content_hash
        SHA-256 of the file.
    vector
        The song's vector [d].
    artist, title
        As the file's own tags have them; None where they say nothing.
    unlike
        Whether it is "not sure" because the song is unlike the library's.
    audio_hash
        SHA-256 of the sound in the file, which no tag changes; None where it cannot be found.
    heard
        How many seconds of it were heard: neither silence nor what lies between the segments of a
        long song. None where that is not known.
    genres
        All genres that it is said to be of, ``genre`` first. More than one only where tracks of the
        library have several, or genres have styles; a style stands behind its genre.
    mixed
        Whether its segments disagree beyond what those of one song do: it is several things.
    shares
        Which share of its time sounds like which genre, the largest first, by its segments; empty
        where these are too few, or the feature extractor tells of none.

    Examples
    --------
    >>> from earmark import Classifier, open_library
    >>> with open_library("reference") as library:
    ...     prediction = Classifier(library).predict("examples/war_of_freedom.ogg")
    >>> prediction
    <Prediction of 'examples/war_of_freedom.ogg': This song is classified as metal.>
    >>> prediction.abstained, prediction.reason
    (False, None)
    >>> next(iter(prediction.probabilities)) == prediction.genre
    True
    >>> prediction.tags[0][0]
    'heavy metal'
    """

    path: str
    genre: str
    confidence: float
    probabilities: dict[str, float]
    neighbors: tuple[Neighbor, ...]
    abstained: bool
    reason: str | None
    prediction_set: tuple[str, ...]
    coverage: float | None
    tags: tuple[tuple[str, float], ...]
    seconds: float
    duration: float
    warnings: tuple[str, ...]
    content_hash: str
    vector: Vector = field(compare=False)
    artist: str | None = None
    title: str | None = None
    unlike: bool = False
    audio_hash: str | None = None
    heard: float | None = None
    genres: tuple[str, ...] = ()
    mixed: bool = False
    shares: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Who gives it another genre takes all others away.
        if self.genres[:1] != (self.genre,):
            object.__setattr__(self, "genres", (self.genre,))

    def __repr__(self) -> str:
        return f"<Prediction of {self.path!r}: {self.sentence()}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the answer, probable genres and the nearest tracks."""
        genres = "".join(
            f"<tr><td>{in_html(name)}</td><td>{p:.0%}</td></tr>"
            for name, p in list(self.probabilities.items())[:5]
        )
        near = "".join(
            f"<tr><td>{in_html(one.track)}</td><td>{in_html(one.artist or '')}</td>"
            f"<td>{in_html(one.genre)}</td><td>{one.distance:.3g}</td></tr>"
            for one in self.neighbors[:8]
        )
        return (
            f"<p><b>{in_html(self.path)}</b>: {in_html(self.sentence(), 1_000)}</p>"
            f"<table><tr><th>genre</th><th>probability</th></tr>{genres}</table>"
            "<table><tr><th>neighbor</th><th>artist</th><th>genre</th><th>distance</th></tr>"
            f"{near}</table>"
        )

    def sentence(self) -> str:
        """Say the answer in one sentence."""
        if self.mixed:
            return f"This recording is mixed: {tell_shares(self.shares)} of its time."
        if self.abstained:
            return f"Not sure: {self.reason}. The best guess is {self.genre}."
        return f"This song is classified as {told_genres(self.genres)}."

    def caution(self) -> str | None:
        """Say it where so little was heard that the answer is often wrong; None where not."""
        if self.heard is None or self.heard >= LITTLE_HEARD:
            return None
        seconds = f"{self.heard:.1f}".removesuffix(".0")
        if seconds == "1":
            return say("Only 1 second was heard of it, so this is less sure than for a whole song.")
        return say(
            "Only %(seconds)s seconds were heard of it,"
            " so this is less sure than for a whole song.",
            seconds=seconds,
        )

    def shortlist(self) -> tuple[str, ...]:
        """Return the prediction set where it says something that the genre does not.

        It is empty for a set of one genre or of all, for what is unlike the library's songs, and
        for what is mixed: sets promise nothing about these.
        """
        count = len(self.prediction_set)
        told = self.coverage is not None and not self.unlike and not self.mixed
        return self.prediction_set if told and 1 < count < len(self.probabilities) else ()

    def to_json(self) -> dict[str, Any]:
        """Return the prediction as JSON values, without the vector."""
        return {
            "schema": schema("prediction"),
            "path": self.path,
            "artist": self.artist,
            "title": self.title,
            "sentence": self.sentence(),
            "genre": self.genre,
            "genres": list(self.genres),
            "confidence": round(self.confidence, 4),
            "abstained": self.abstained,
            "reason": self.reason,
            "unlike": self.unlike,
            "prediction_set": list(self.prediction_set),
            "shortlist": list(self.shortlist()),
            "coverage": self.coverage,
            "probabilities": {name: round(p, 6) for name, p in self.probabilities.items()},
            "neighbors": [neighbor.to_json() for neighbor in self.neighbors],
            "tags": {tag: round(strength, 4) for tag, strength in self.tags},
            "duration": round(self.duration, 3),
            "heard": None if self.heard is None else round(self.heard, 3),
            "caution": self.caution(),
            "mixed": self.mixed,
            "shares": {name: round(share, 4) for name, share in self.shares.items()},
            "warnings": list(self.warnings),
            "seconds": round(self.seconds, 3),
            "content_hash": self.content_hash,
        }

    def to_acousticbrainz(self) -> dict[str, Any]:
        """Return the prediction as AcousticBrainz wrote what its classifiers said of a recording.

        The classifier is called ``genre_earmark``. Only ``not_sure`` has no place in that form.
        Format: Porter et al. 2015, "AcousticBrainz: a community platform for gathering music
        information obtained from audio".
        """
        version = {"earmark": __version__}
        tags = {"artist": self.artist, "title": self.title}
        return {
            "highlevel": {
                "genre_earmark": {
                    "all": {name: round(p, 6) for name, p in self.probabilities.items()},
                    "probability": round(self.confidence, 6),
                    "value": self.genre,
                    "not_sure": self.abstained,
                    "version": version,
                }
            },
            "metadata": {
                "audio_properties": {"length": round(self.duration, 3)},
                "tags": {
                    "file_name": os.path.basename(self.path),  # noqa: PTH119
                    **{name: [value] for name, value in tags.items() if value is not None},
                },
                "version": {"highlevel": version},
            },
        }


def told_genres(genres: Sequence[str], last_two: str = "%(others)s and %(last)s") -> str:
    """Say several genres, with styles in parentheses.

    Parameters
    ----------
    genres
        Each style behind its genre.
    last_two
        How a language joins the last of several to the others.

    >>> told_genres(["Electronic", "Electronic---House", "Pop"])
    'Electronic (House) and Pop'
    """
    styles: dict[str, list[str]] = {}
    for name in genres:
        above, _, style = name.rpartition(STYLE_SIGN)
        if above in genres:
            styles.setdefault(above.partition(STYLE_SIGN)[0], []).append(style)
        else:
            styles.setdefault(name, [])
    *most, last = [f"{name} ({', '.join(of)})" if of else name for name, of in styles.items()]
    return fill(last_two, {"others": ", ".join(most), "last": last}) if most else last


@dataclass(frozen=True)
class Segment:
    """What a part of a song, in seconds from its start, sounds like.

    Examples
    --------
    >>> from earmark import Classifier, open_library
    >>> with open_library("reference") as library:
    ...     parts = Classifier(library).timeline("examples/war_of_freedom.ogg", step=10)
    >>> [(part.start, part.stop) for part in parts]
    [(0.0, 10.0), (10.0, 20.0)]
    """

    start: float
    stop: float
    genre: str
    confidence: float
