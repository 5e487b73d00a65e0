"""What ``earmark watch`` does with the files that have settled."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from earmark.cache import EmbeddingCache
from earmark.classify import Classifier
from earmark.cli.classify import answer_for
from earmark.errors import AudioError, JournalError
from earmark.hearing import Hearing
from earmark.library import open_default
from earmark.listen import FileIdentity, identify
from earmark.prediction import told_genres
from earmark.tagging import apply as applying
from earmark.tagging.apply import Options
from earmark.tagging.containers import mutagen_module
from earmark.tagging.journal import Journal
from earmark.tagging.plan import Proposal
from earmark.tagging.propose import Left, Rules
from earmark.tagging.propose import propose as propose_genres
from earmark.tagging.undo import sweep
from earmark.watching import Known, Watch, has_notices, state_of
from earmark.words import length, percent, plural, shown
from earmark.workers import Limits, WorkerPool, available_cores, preload

AGAIN = 60.0
"""Seconds until a file is tried again that could not be written for want of room or the like."""


@dataclass(frozen=True)
class Asked:
    """What is watched, and what becomes of the files.

    Attributes
    ----------
    folder
        The folder, absolute.
    library_name
        The library; None: the default.
    rules
        What is written; None: nothing.
    existing
        Whether the files count that are there at the first start.
    settle, poll
        In seconds, as `Watch` has them.
    jobs, films, max_duration
        How files are heard.
    """

    folder: str
    library_name: str | None
    rules: Rules | None
    existing: bool
    settle: float
    poll: float
    jobs: int | None
    films: bool
    max_duration: float


def watch(asked: Asked, limits: Limits) -> None:
    """Deal with files as they come; ends by a signal only."""
    if asked.rules is not None:
        # Said once, and before anything is heard.
        mutagen_module()
    with (
        open_default(asked.library_name) as library,
        WorkerPool(asked.jobs or available_cores(), limits=limits) as pool,
    ):
        pool.prepare(preload, ["earmark.extraction", "earmark.tagging.propose"])
        known = Known.of(asked.folder, library.name)
        watched = Watch(
            asked.folder,
            known,
            settle=asked.settle,
            poll=asked.poll,
            films=asked.films,
            say=_say,
        )
        if known.is_new and not asked.existing:
            for path, state in watched.existing():
                known.add(path, state)
        known.forget_gone()
        _saved(known, whole=True)
        walks = f"walks every {length(asked.poll)}"
        how = f"notices and {walks}"
        if not has_notices():
            how = f"{walks} (with the package watchfiles, new files are found at once)"
        _say(
            f"watching {asked.folder} by {how}; "
            f"{len(known)} {plural(len(known), 'file')} known; library {library.name}"
        )
        cache = EmbeddingCache(library.spec)
        hearing = Hearing(pool, library.spec, cache=cache, max_duration=asked.max_duration)
        classifier = Classifier(library)
        if asked.rules is not None:
            sweep()
        for batch in watched.batches():
            if not batch:
                continue
            if asked.rules is None:
                told = _classified(batch, hearing, classifier)
            else:
                told = _tagged(batch, asked, asked.rules, pool, hearing, classifier)
            for path, line, again in told:
                _say(f"{path}: {line}")
                if again:
                    watched.later(path, AGAIN)
                elif (now := state_of(path)) is not None:
                    known.add(path, now)
            _saved(known)
            cache.trim()


def _say(line: str) -> None:
    click.echo(shown(line))


def _saved(known: Known, *, whole: bool = False) -> None:
    try:
        if whole:
            known.save_all()
        else:
            known.save()
    except OSError as error:
        _say(f"what was dealt with cannot be noted now ({error.strerror}); trying again later")


def _classified(
    batch: Sequence[str], hearing: Hearing, classifier: Classifier
) -> Iterator[tuple[str, str, bool]]:
    for path, found in hearing.all(batch):
        answer = answer_for(classifier, path, found)
        if isinstance(answer, AudioError):
            yield path, answer.problem, False
        else:
            genres = answer.genre if answer.abstained else told_genres(answer.genres)
            sure = f"not sure: {answer.reason}" if answer.abstained else "sure"
            yield path, f"{genres} {percent(answer.confidence, 0)} ({sure})", False


def _tagged(
    batch: Sequence[str],
    asked: Asked,
    rules: Rules,
    pool: WorkerPool,
    hearing: Hearing,
    classifier: Classifier,
) -> Iterator[tuple[str, str, bool]]:
    def identified(path: str) -> FileIdentity:
        return pool.call(identify, path, name=path).result()

    roots = dict.fromkeys(batch, asked.folder)
    plan: list[Proposal] = []
    for found in propose_genres(batch, roots, pool, hearing, classifier, rules):
        if isinstance(found, Proposal):
            plan.append(found)
        else:
            yield found.path, _left(found), False
    if not plan:
        return
    by_path = {proposal.path: proposal for proposal in plan}
    try:
        with Journal() as journal:
            for outcome in applying.apply(plan, journal, identified, Options()):
                proposal = by_path.pop(outcome.path)
                if outcome.done:
                    genres = ", ".join(proposal.genres)
                    sure = percent(proposal.probability, 0)
                    yield outcome.path, f"{genres} {sure}, written ({journal.folder.name})", False
                else:
                    # Room, or a program that is writing it: both may pass.
                    gone = not os.path.lexists(outcome.path)
                    yield outcome.path, f"left as it is: {outcome.why}", not gone
    except JournalError as error:
        for path in by_path:
            yield path, f"left as it is: {error}; trying again later", True


def _left(found: Left) -> str:
    if found.genre is None or found.probability is None:
        # An error names its file, as the line does already.
        return f"left as it is: {found.why.removeprefix(f'{found.path}: ')}"
    return f"left as it is: {found.genre} {percent(found.probability, 0)}, {found.why}"
