"""What ``earmark tag`` does: propose, apply, undo, history. Each task returns the exit code."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click

from earmark.cache import EmbeddingCache
from earmark.classify import Classifier
from earmark.cli.classify import expanded
from earmark.cli.common import EXIT_PARTLY, passed_over
from earmark.cli.progress import State, progress_of
from earmark.cli.tag_shown import Shown
from earmark.errors import AudioError, PlanError
from earmark.hearing import Hearing
from earmark.library import open_default
from earmark.listen import FileIdentity, identify
from earmark.tagging import apply as applying
from earmark.tagging.apply import Options, Outcome
from earmark.tagging.containers import mutagen_module
from earmark.tagging.files import mapped
from earmark.tagging.history import find_journal, stories
from earmark.tagging.journal import Journal
from earmark.tagging.plan import Proposal, read_plan, write_plan
from earmark.tagging.profiles import Profile
from earmark.tagging.propose import Left, Rules
from earmark.tagging.propose import propose as propose_genres
from earmark.tagging.selection import Selection
from earmark.tagging.undo import sweep
from earmark.tagging.undo import undo as undo_journal
from earmark.words import shown
from earmark.workers import Limits, WorkerPool, available_cores, preload

MODULES = ("earmark.extraction", "earmark.tagging.propose")
"""What worker processes load while nobody waits for them."""


@dataclass(frozen=True)
class Asked:
    """What genres are to be proposed for, and how.

    Attributes
    ----------
    paths
        Files and folders.
    selection
        Which files of them.
    rules
        What is proposed.
    library_name
        The library; None: the default.
    evidence
        Whether it is written where a genre comes from.
    plan
        Takes up the proposals; None: they are only shown.
    profile
        The program that is to understand the genres; None: any.
    films, max_duration, cached, jobs
        How files are heard.
    """

    paths: Sequence[str]
    selection: Selection
    rules: Rules
    library_name: str | None
    evidence: bool
    plan: Path | None
    profile: Profile | None
    films: bool
    max_duration: float
    cached: bool
    jobs: int | None


def propose(asked: Asked, options: Options | None, limits: Limits, show: Shown) -> int:
    """Propose genres, and write them where there are ``options`` for it."""
    # Said once, and before anything is heard.
    mutagen_module()
    if asked.plan is not None and os.path.lexists(asked.plan):
        raise PlanError(f"{asked.plan}: is there already; choose another name for the plan")
    with WorkerPool(asked.jobs or available_cores(), limits=limits) as pool:
        pool.prepare(preload, list(MODULES))
        proposals: list[Proposal] = []
        n_used = n_failed = 0
        for found in _found(asked, pool, show):
            show.found(found)
            if isinstance(found, Proposal):
                proposals.append(found)
            failed = isinstance(found, Left) and found.reason == "failed"
            n_used, n_failed = n_used + (not failed), n_failed + failed
        if asked.plan is not None:
            write_plan(asked.plan, proposals)
        if asked.profile is not None:
            _warn_of(asked.profile, proposals)
        show.proposed(asked.plan, writing=options is not None)
        if options is None or not proposals:
            return _code(n_used, n_failed)
        n_done, n_left = _write(proposals, pool, options, show)
    return _code(n_done, n_left + n_failed)


def apply_plan(
    plan: Path, paths: Sequence[str], options: Options, limits: Limits, show: Shown
) -> int:
    """Write the genres of a plan; where there are ``paths``, only below these."""
    mutagen_module()
    # As a whole first: a plan that is broken in its middle changes nothing.
    proposals = list(read_plan(plan))
    if paths:
        inside = [os.path.abspath(path) for path in paths]  # noqa: PTH100 (a link stays one)
        options = replace(options, inside=inside)
        proposals = [
            proposal
            for proposal in proposals
            if any(Path(mapped(proposal.path, options.roots)).is_relative_to(p) for p in inside)
        ]
    if not proposals:
        raise PlanError(
            f"{plan}: proposes nothing" + (" for files below the PATHs" if paths else "")
        )
    show.begin([mapped(proposal.path, options.roots) for proposal in proposals])
    with WorkerPool(1, limits=limits) as pool:
        return _code(*_write(proposals, pool, options, show))


def undo(name: str, roots: Sequence[tuple[str, str]], show: Shown) -> int:
    """Give back the former files of a journal."""
    story = find_journal(name)
    show.begin([mapped(entry.path, roots) for entry in story.left])
    outcomes = undo_journal(story, roots)
    n_done, n_left = _show_all(outcomes, story.folder.name, show)
    show.undone(n_done, n_left, story.folder.name)
    return _code(n_done, n_left)


def history(show: Shown) -> int:
    """List the journals."""
    show.history(stories())
    return 0


def _code(n_done: int, n_failed: int) -> int:
    if not n_failed:
        return 0
    return EXIT_PARTLY if n_done else 1


def _found(asked: Asked, pool: WorkerPool, show: Shown) -> Iterator[Proposal | Left]:
    left_out: Counter[str] = Counter()
    roots: dict[str, str] = {}
    failed: list[Left] = []
    for path in asked.paths:
        whole = os.path.abspath(path)  # noqa: PTH100 (a link stays one)
        is_folder = os.path.isdir(whole)  # noqa: PTH112
        root = whole if is_folder else os.path.dirname(whole)  # noqa: PTH120
        for entry in expanded(whole, left_out, films=asked.films):
            if isinstance(entry, AudioError):
                failed.append(Left(entry.path, "failed", entry.problem))
            elif asked.selection.has(entry, root):
                roots.setdefault(entry, root)
    if left_out:
        click.echo(
            "earmark: passed over, since they are not named like sound files: "
            f"{passed_over(left_out)}",
            err=True,
        )
    yield from failed
    paths = list(roots)
    show.begin(paths)
    with open_default(asked.library_name) as library:
        rules = replace(asked.rules, library=library.name if asked.evidence else None)
        cache = EmbeddingCache(library.spec) if asked.cached else None
        hearing = Hearing(pool, library.spec, cache=cache, max_duration=asked.max_duration)
        n_found = 0
        with _progress(hearing, len(paths), lambda: n_found) as tell:
            for found in propose_genres(
                paths, roots, pool, hearing, Classifier(library), rules, waiting=tell
            ):
                n_found += 1
                yield found
        if cache is not None:
            cache.trim()


@contextmanager
def _progress(
    hearing: Hearing, total: int, n_found: Callable[[], int]
) -> Iterator[Callable[[], None]]:
    with progress_of(
        "listening", bar_allowed=not sys.stdout.isatty(), ends_with_line=False
    ) as update:

        def tell() -> None:
            # What needs no genre is found before anything is heard.
            done = max(hearing.finished, n_found())
            update(State(done, total, done, total, 0, 0, hearing.under_way))

        yield tell


def _warn_of(profile: Profile, proposals: Sequence[Proposal]) -> None:
    genres = dict.fromkeys(genre for proposal in proposals for genre in proposal.genres)
    for genre in profile.parted(genres):
        click.echo(
            f"earmark: {shown(genre)} is parted at a sign in it by that program; "
            "a --map gives it another name",
            err=True,
        )


def _write(
    proposals: Sequence[Proposal], pool: WorkerPool, options: Options, show: Shown
) -> tuple[int, int]:
    """Write proposals; return how many files are done, and how many are left."""
    sweep()

    def identified(path: str) -> FileIdentity:
        return pool.call(identify, path, name=path).result()

    n_done = n_left = 0
    with Journal() as journal:
        try:
            for outcome in applying.apply(proposals, journal, identified, options):
                n_done, n_left = n_done + outcome.done, n_left + (not outcome.done)
                show.outcome(outcome, journal.folder.name)
        finally:
            # Also where the disk is full, or where it was interrupted.
            show.written(n_done, n_left, journal.folder.name)
    return n_done, n_left


def _show_all(outcomes: Iterable[Outcome], journal: str, show: Shown) -> tuple[int, int]:
    n_done = n_left = 0
    for outcome in outcomes:
        n_done, n_left = n_done + outcome.done, n_left + (not outcome.done)
        show.outcome(outcome, journal)
    return n_done, n_left
