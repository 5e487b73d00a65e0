"""How long leave-one-artist-out takes on 10,000 tracks.

    python benchmarks/evaluate_speed.py [TRACKS]

Made-up tracks of 10 genres by a fifth as many artists, in the shape of both feature extractors. The
promise is 30 s for the answers; the figures, the other splits beside them and the audit are timed
too. As a peer, the plain vote is also asked artist by artist through scikit-learn, with a fresh
classifier for each: how leave-one-group-out is usually written.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from sklearn import model_selection
from sklearn.neighbors import KNeighborsClassifier

from earmark.evaluation.auditing import audit
from earmark.evaluation.cross_validation import Vote, cross_val_predict
from earmark.evaluation.evaluation_set import EvaluationSet
from earmark.evaluation.scores import score_predictions
from earmark.evaluation.splits import LeaveOneArtistOut, RandomSplit
from earmark.features import Comparison, available, get_extractor
from earmark.features.gaussian import pack
from earmark.library import Track

PROMISE = 30.0
GENRES = 10


def timed(what: str, run: Callable[[], object]) -> float:
    """Run, print how long it took, and return that."""
    start, worked = time.perf_counter(), time.process_time()
    run()
    seconds, worked = time.perf_counter() - start, time.process_time() - worked
    print(f"  {what:<34} {seconds:7.2f} s, {worked:7.2f} s of processor time", flush=True)
    return seconds


def evaluation_set(
    vectors: np.ndarray, artists: np.ndarray, comparison: Comparison
) -> EvaluationSet:
    """Return made-up tracks with these vectors [n, d] and artists [n]."""
    names = [f"Artist {artist}" for artist in artists]
    return EvaluationSet(
        tracks=tuple(
            Track(name=f"{i:05}", genre=f"genre {artist % GENRES}", artist=names[i])
            for i, artist in enumerate(artists)
        ),
        vectors=vectors,
        comparison=comparison,
        extractor="made up",
        source="made up",
        artists=tuple(names),
        artists_from="the library",
    )


def made_up(n: int, comparison: Comparison) -> EvaluationSet:
    """Return n tracks that sound a little like their genre and more like their artist."""
    rng = np.random.default_rng(0)
    artists = rng.integers(0, n // 5, n)
    gaussian = comparison.similarity == "gaussian-kl"
    dimension = 13 if gaussian else 250
    voices = rng.normal(size=(GENRES, dimension))[artists % GENRES]
    voices = voices + rng.normal(size=(n // 5, dimension))[artists]
    points = voices + rng.normal(size=(n, dimension))
    if not gaussian:
        return evaluation_set(np.abs(points).astype(np.float32), artists, comparison)
    frames = rng.normal(size=(n, 40, 13)) * np.exp(0.3 * rng.normal(size=(n, 1, 13)))
    covariances = np.einsum("nfi,nfj->nij", frames, frames) / 40
    return evaluation_set(pack(points, covariances), artists, comparison)


def main(n: int) -> None:
    """Time both feature extractors, and the peer."""
    for name in available():
        comparison = get_extractor(name).spec.comparison
        print(f"{n:,} tracks, {name}")
        data = made_up(n, comparison)
        copies = timed("groups: artists and copies", lambda data=data: data.groups)
        answers = timed(
            "leave-one-artist-out",
            lambda data=data: cross_val_predict(data, LeaveOneArtistOut(), Vote()),
        )
        predictions = cross_val_predict(data, LeaveOneArtistOut(), Vote(majority=True))
        timed("all figures, with intervals", lambda c=data, j=predictions: score_predictions(c, j))
        timed(
            "random split beside it, 3 times",
            lambda c=data: cross_val_predict(c, RandomSplit(repeats=3), Vote()),
        )
        timed("audit", lambda c=data: audit(c))
        total = copies + answers
        verdict = "kept" if total < PROMISE else "BROKEN"
        print(f"  promise of {PROMISE:.0f} s for {n:,} tracks: {total:.1f} s, {verdict}")
    few = made_up(n // 5, "musicnn")
    print(f"{len(few):,} tracks, plain vote")
    groups = few.groups
    ours = timed(
        "earmark", lambda: cross_val_predict(few, LeaveOneArtistOut(), Vote(8, majority=True))
    )
    peer = KNeighborsClassifier(8, metric="cosine", algorithm="brute")
    theirs = timed(
        "scikit-learn, LeaveOneGroupOut",
        lambda: model_selection.cross_val_predict(
            peer, few.vectors, few.labels, groups=groups, cv=model_selection.LeaveOneGroupOut()
        ),
    )
    print(f"  ratio: {theirs / ours:.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
