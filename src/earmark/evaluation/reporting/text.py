"""An evaluation and an audit as plain text, for a terminal, a log or a mail."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

import numpy as np

from earmark.evaluation.auditing import Audit
from earmark.evaluation.comparison import Comparison
from earmark.evaluation.evaluating import Evaluation
from earmark.evaluation.intervals import Interval
from earmark.evaluation.scores import Scores
from earmark.evaluation.sources import SourceScores
from earmark.words import percent, plural

WIDTH = 88
BAR = 20
MATRIX_GENRES = 12
SHOWN = 10
BELIEVE = {"honest": "believe it", "leaky": "do not", "unknown": "unknown"}


def evaluation_text(evaluation: Evaluation) -> str:
    """Write an evaluation as lines of text."""
    e, f = evaluation, evaluation.scores
    lines = [*_wrap(e.sentence()), "", *_wrap(e.verdict.reason)]
    for note in e.notes:
        lines += _wrap(f"Note: {note}.")
    lines += [
        "",
        *_side_by_side(e),
        "",
        *_facts(f, e.data.n_artists > 0),
        "",
        *_genres(f),
        "",
        *_confusion(f),
    ]
    if e.sources:
        lines += ["", *_sources(e.sources)]
    if e.mistakes:
        lines += ["", "Surest mistakes"]
        for mistake in e.mistakes[:5]:
            who = f" ({mistake.artist})" if mistake.artist else ""
            told = f"{mistake.track}{who}: {mistake.genre} taken for {mistake.named}"
            lines += _wrap(f"{told} at {percent(mistake.probability, 0)}; {mistake.why()}", "  ")
    if e.comparison is not None:
        lines += ["", *_comparison(e.comparison)]
    copies = [copy for copy in e.data.copies if copy.how != "likely"]
    if copies and e.audit is None:
        pairs = f"{len(copies)} {plural(len(copies), 'pair')}"
        lines += ["", *_wrap(f"{pairs} of exact copies; earmark audit says which.")]
    return "\n".join(lines) + "\n"


def _wrap(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")


def table(rows: Iterable[Sequence[str]], right: str) -> list[str]:
    """Align columns; ``right`` has an ``r`` for each column aligned to the right, else ``l``."""
    cells = list(rows)
    widths = [max(len(row[i]) for row in cells) for i in range(len(right))]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    ]


def _range(interval: Interval | None) -> str:
    if interval is None:
        return "no interval"
    return f"{percent(interval.low)} to {percent(interval.high)}"


def _side_by_side(e: Evaluation) -> list[str]:
    rows = [("split", "accuracy", "95% interval", "balanced", "artists met", "believe")]
    main = (e.title, e.scores, e.verdict)
    for title, scores, verdict in [main, *((b.title, b.scores, b.verdict) for b in e.other_splits)]:
        rows.append(
            (
                title,
                percent(scores.accuracy),
                _range(scores.interval),
                percent(scores.balanced_accuracy),
                percent(scores.artist_known, 0),
                BELIEVE[verdict.level],
            )
        )
    return ["Side by side", *table(rows, "lrrrrl")]


def groups_text(count: int, artists_known: bool) -> str:
    """Say how many groups there are; without artists, a group is a recording and its copies."""
    if artists_known:
        return f"{count:,} {plural(count, 'artist or group', 'artists or groups')}"
    return f"{count:,} {plural(count, 'recording')}"


def _facts(f: Scores, artists_known: bool) -> list[str]:
    groups = groups_text(f.n_groups, artists_known)
    rows = [("accuracy", percent(f.accuracy), f"{_range(f.accuracy_interval)} (Wilson)")]
    if f.spread is not None:
        low, high = min(f.accuracies), max(f.accuracies)
        told = f"± {percent(f.spread)} over {len(f.accuracies)} repeats"
        rows.append(("", "", f"{told}, {percent(low)} to {percent(high)}"))
    rows += [
        ("", "", f"{_range(f.accuracy_by_group)} (bootstrap over {groups})"),
        ("class-balanced accuracy", percent(f.balanced_accuracy), _range(f.balanced_interval)),
        ("macro F1", percent(f.macro_f1), _range(f.f1_interval)),
        ("most frequent genre", percent(f.baseline), "what a guess would score"),
        ("log loss", f"{f.log_loss:.3f}", f"{np.log(len(f.genres)):.3f} for knowing nothing"),
        ("calibration error", percent(f.calibration_error), "10 bins of equal counts"),
    ]
    eighty = f.at_share(0.8)
    rows.append(
        (
            "surest 80% answered",
            percent(eighty.accuracy),
            f"confidence from {percent(eighty.threshold, 0)}",
        )
    )
    if f.accuracy_answered is not None and f.answered < 1:
        rows.append(
            (
                'not "not sure"',
                percent(f.accuracy_answered),
                f"of the {percent(f.answered)} that were answered",
            )
        )
    if f.sets is not None and f.coverage is not None:
        rows.append(
            (
                "prediction sets",
                percent(f.sets.coverage),
                f"promised {percent(f.coverage, 0)}; {f.sets.mean_size:.1f} genres on average",
            )
        )
    if f.lists is not None:
        rows += [
            (
                "all genres, F1",
                percent(f.lists.f1),
                f"{_range(f.lists_interval)}; of all genres and styles of a track",
            ),
            (
                "",
                "",
                f"{percent(f.lists.precision)} of the listed are right, {percent(f.lists.recall)} "
                "of the right are listed",
            ),
            (
                "",
                "",
                f"{f.lists.listed:.1f} listed on average, tracks have {f.lists.held:.1f}; "
                f"{percent(f.lists.exact)} exactly",
            ),
        ]
    return ["Figures", *table(rows, "lrl"), *_lengths(f)]


def _lengths(f: Scores) -> list[str]:
    """Show how good answers are by how much was heard, where that differs."""
    if len(f.by_length) < 2:
        return []
    rows = [("heard", "right", "sure", "sets hold it", "genres", "answers")]
    rows += [
        (
            one.heard,
            percent(one.accuracy),
            percent(one.confidence),
            "" if one.sets is None else percent(one.sets.coverage),
            "" if one.sets is None else f"{one.sets.mean_size:.1f}",
            f"{one.count:,}",
        )
        for one in f.by_length
    ]
    return ["", "By length heard, of tracks and of parts of tracks", *table(rows, "lrrrrr")]


def _genres(f: Scores) -> list[str]:
    rows = [("genre", "recall", "", "precision", "F1", "tracks asked")]
    for genre, one in zip(f.genres, f.per_genre, strict=True):
        filled = round(one.recall * BAR)
        rows.append(
            (
                genre,
                percent(one.recall, 0),
                "█" * filled + "░" * (BAR - filled),
                percent(one.precision, 0),
                percent(one.f1, 0),
                str(one.support),
            )
        )
    return table(rows, "lrlrrr")


def _sources(sources: Sequence[SourceScores]) -> list[str]:
    rows = [("source", "tracks", "accuracy", "95% interval", "balanced")]
    for one in sources[:SHOWN] if len(sources) <= SHOWN else [*sources[:SHOWN], sources[-1]]:
        named = (one.source, f"{one.tracks:,}", percent(one.accuracy), _range(one.interval))
        rows.append((*named, percent(one.balanced_accuracy)))
    more = len(sources) - SHOWN - 1
    lines = ["By source", *table(rows, "lrrrr")]
    if more > 0:
        lines.append(f"  … --json has {more} smaller {plural(more, 'source', 'sources')} more.")
    return lines


def _confusion(f: Scores) -> list[str]:
    if len(f.genres) <= MATRIX_GENRES:
        head = ["true \\ named", *(_short(genre) for genre in f.genres)]
        rows = [head]
        for genre, counts in zip(f.genres, f.confusion, strict=True):
            rows.append([genre, *(str(n) if n else "·" for n in counts)])
        return table(rows, "l" + "r" * len(f.genres))
    off = f.confusion - np.diag(np.diag(f.confusion))
    order = np.argsort(-off, axis=None, kind="stable")[:SHOWN]
    lines = ["Most frequent confusions"]
    for cell in order:
        true, named = divmod(int(cell), len(f.genres))
        if off[true, named]:
            lines.append(f"  {off[true, named]:>4}  {f.genres[true]} taken for {f.genres[named]}")
    return lines


def _short(genre: str) -> str:
    return genre if len(genre) <= 6 else genre[:5] + "."


def _comparison(c: Comparison) -> list[str]:
    rows = [
        ("", "accuracy", "balanced", "only this one right"),
        (
            "first",
            percent(c.first.accuracy),
            percent(c.first.balanced_accuracy),
            str(c.accuracy.only_first),
        ),
        (
            "second",
            percent(c.second.accuracy),
            percent(c.second.balanced_accuracy),
            str(c.accuracy.only_second),
        ),
    ]
    lines = [f"Comparison, {c.n_tracks:,} {plural(c.n_tracks, 'track')}, {c.split}"]
    lines += [f"  first:  {c.first.title}", f"  second: {c.second.title}"]
    lines += [*table(rows, "lrrr"), *_wrap(c.sentence(), "  ")]
    if not c.repeated:
        lines.append(f"  McNemar's exact test over tracks: p = {c.accuracy.mcnemar:.3g}")
    for name, side in (("first", c.first), ("second", c.second)):
        if side.left_out:
            were = plural(side.left_out, "track of the {} was", "tracks of the {} were")
            lines += _wrap(
                f"{side.left_out:,} {were.format(name)} left out: the other has none of that "
                "name or content under that genre.",
                "  ",
            )
    for note in c.notes:
        lines += _wrap(f"Note: {note}.", "  ")
    return lines


def audit_text(audit: Audit) -> str:
    """Write an audit as lines of text."""
    a = audit
    lines = [*_wrap(audit_sentence(a))]
    if a.drawn is not None:
        lines += _wrap(a.drawn)
    if a.exact:
        lines += ["", "The same recording twice"]
        for pair in a.exact:
            across = f"   ACROSS GENRES: {' and '.join(pair.genres)}" if pair.across_genres else ""
            how = "same bytes" if pair.how == "content" else "same features"
            lines.append(f"  {pair.first} = {pair.second}   {how}{across}")
    if a.likely:
        lines += ["", "Seem to be one recording in two forms (another mastering, another excerpt)"]
        for pair in a.likely:
            across = f"   ACROSS GENRES: {' and '.join(pair.genres)}" if pair.across_genres else ""
            distance = f"distance {pair.distance:.3g}"
            lines.append(f"  {pair.first} ≈ {pair.second}   {distance}{across}")
    if a.artists:
        lines += ["", "One artist under several genres"]
        for one in a.artists:
            counts = ", ".join(f"{genre} {count}" for genre, count in one.genres.items())
            lines.append(f"  {one.artist}: {counts}")
    if a.suspects:
        lines += ["", "Labels to check first (most suspicious first)"]
        for rank, suspect in enumerate(a.suspects[:SHOWN], start=1):
            who = f" ({suspect.artist})" if suspect.artist else ""
            told = f"{rank:>2}. {suspect.track}{who}: {suspect.genre}, or {suspect.suggested}?"
            lines += [f"  {told}", *_wrap(suspect.why(), "      ")]
            nearest = ", ".join(f"{w.track} ({w.genre})" for w in suspect.neighbors[:3])
            lines += _wrap(f"nearest: {nearest}", "      ")
        if len(a.suspects) > SHOWN:
            lines.append(f"  … --json has all {len(a.suspects):,}, ranked.")
    lines += ["", "Hubs, tracks that are neighbor to everything", *_hubs(a)]
    if a.small_genres:
        lines += ["", "Genres too small to judge"]
        for small in a.small_genres:
            tracks = f"{small.tracks} {plural(small.tracks, 'track')}"
            known = a.n_unknown < a.n_tracks
            groups = groups_text(small.artists, known)
            lines.append(f"  {small.genre}: {tracks} {'by' if known else 'of'} {groups}")
    if a.files:
        lines += ["", "Files"]
        lines += [f"  {one.what}: {one.path} ({one.track})" for one in a.files]
    return "\n".join(lines) + "\n"


def _hubs(a: Audit) -> list[str]:
    skewed = "strong" if a.hubness > 2 else "some" if a.hubness > 1 else "hardly any"
    lines = _wrap(
        f"{skewed} hubness (skewness {a.hubness:.2f}); {percent(a.never)} of the tracks are "
        "neighbor to no other.",
        "  ",
    )
    lines += [f"  {hub.track} ({hub.genre}): neighbor of {hub.times}" for hub in a.hubs[:SHOWN]]
    return lines


def audit_sentence(a: Audit) -> str:
    """Sum an audit up."""

    def some(count: int, one: str, many: str) -> str:
        return f"{count or 'no'} {plural(count, one, many)}"

    across = sum(pair.across_genres for pair in a.exact)
    parts = [
        some(len(a.exact), "exact copy", "exact copies")
        + (f" ({across} across genres)" if across else ""),
        some(len(a.likely), "likely one", "likely ones"),
        some(len(a.artists), "artist under several genres", "artists under several genres"),
        some(len(a.outvoted), "track", "tracks") + " whose neighbors all disagree with the label",
        some(len(a.hubs), "hub", "hubs"),
        some(len(a.small_genres), "genre", "genres") + " too small to judge",
    ]
    files = (
        f" {len(a.files) or 'None'} of {a.files_checked:,} {plural(a.files_checked, 'file')} "
        f"{plural(len(a.files) or 1, 'is', 'are')} gone or changed."
        if a.files_checked
        else " No file is known, so none was looked at."
    )
    without = plural(a.n_unknown, "track has", "tracks have")
    unknown = f" {a.n_unknown:,} {without} no artist." if a.n_unknown else ""
    tracks = f"{a.n_tracks:,} {plural(a.n_tracks, 'track')}"
    return f"{tracks}: {', '.join(parts)}.{files}{unknown}"
