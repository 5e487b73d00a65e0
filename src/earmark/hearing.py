"""Many files heard by worker processes, in order, each recording once."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from earmark import extraction
from earmark.audio import MAX_DURATION
from earmark.cache import EmbeddingCache
from earmark.errors import AudioError, EarmarkError, WorkerError, WorkersDoNotStart
from earmark.extraction import Extracted, Looked
from earmark.features import ExtractorSpec
from earmark.workers import Call, WorkerPool

TELL_EVERY = 0.5
"""Seconds between two calls of ``waiting``."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a file holds and sounds like."""

    looked: Looked
    extracted: Extracted


class Hearing:
    """Hears files ahead of those who ask for them.

    Parameters
    ----------
    pool
        Worker processes.
    spec
        The extractor.
    cache
        What was heard before; None: nothing is kept.
    providers
        ONNX Runtime's execution providers for a network; None is the processor.
    max_duration
        The longest recording that is accepted, in seconds.
    """

    def __init__(
        self,
        pool: WorkerPool,
        spec: ExtractorSpec,
        *,
        cache: EmbeddingCache | None = None,
        providers: Sequence[str] | None = None,
        max_duration: float = MAX_DURATION,
    ) -> None:
        self._max_duration = max_duration
        self._pool = pool
        self._spec = spec.to_json()
        self._cache = cache
        self._providers = None if providers is None else list(providers)
        self._lock = threading.Lock()
        # Recordings that are being heard, so that a second copy waits for the first.
        self._heard: dict[str, Call[Extracted]] = {}
        self.finished = 0
        self.under_way: list[str] = []
        pool.prepare(extraction.load, self._spec, self._providers)

    def all(
        self, paths: Sequence[str], waiting: Callable[[], None] | None = None
    ) -> Iterator[tuple[str, Found | EarmarkError]]:
        """Yield what each file sounds like, or what is wrong with it, in the order of the paths.

        Parameters
        ----------
        paths
            The files.
        waiting
            Called now and then while the next file is not done.

        Raises
        ------
        EarmarkError
            What is no fault of a file: the extractor cannot run, workers do not start.
        """
        ahead: deque[tuple[str, Future[Found]]] = deque()
        rest = iter(paths)
        exhausted = False
        while True:
            # Beyond the workers' number, so that one long file does not hold up the others.
            while not exhausted and len(ahead) < 8 * self._pool.size:
                path = next(rest, None)
                exhausted = path is None
                if path is not None:
                    ahead.append((path, self._start(path)))
            if not ahead:
                return
            path, song = ahead[0]
            while not song.done():
                self.under_way = [name for name, other in ahead if not other.done()]
                with contextlib.suppress(TimeoutError):
                    song.exception(TELL_EVERY)
                if waiting is not None:
                    waiting()
            ahead.popleft()
            try:
                found: Found | EarmarkError = song.result()
            except WorkersDoNotStart:
                raise
            except (AudioError, WorkerError) as error:
                found = error
            yield path, found

    def _start(self, path: str) -> Future[Found]:
        song: Future[Found] = Future()
        song.add_done_callback(self._count)
        call = self._pool.call(extraction.look, path, name=path)
        call.add_done_callback(partial(self._settle, song, path, partial(self._looked, song, path)))
        return song

    def _count(self, _: Future[Found]) -> None:
        with self._lock:
            self.finished += 1

    def _settle(
        self, song: Future[Found], path: str, then: Callable[[Any], None], call: Call[Any]
    ) -> None:
        """Go on with what a call returned; whatever goes wrong is the song's."""
        try:
            then(call.result())
        except AudioError as error:
            # It may be that of a copy.
            song.set_exception(type(error)(path, error.problem))
        except WorkerError as error:
            song.set_exception(type(error)(error.problem, path))
        except Exception as error:
            song.set_exception(error)

    def _looked(self, song: Future[Found], path: str, looked: Looked) -> None:
        known = None if self._cache is None else self._cache.get(looked.recording)
        # What is too long by now is refused by those who hear it.
        if known is not None and known.duration <= self._max_duration:
            song.set_result(Found(looked, known))
            return
        with self._lock:
            call = self._heard.get(looked.recording)
            if call is None:
                call = self._heard[looked.recording] = self._pool.call(
                    extraction.extract,
                    path,
                    self._spec,
                    name=path,
                    options={
                        "providers": self._providers,
                        "max_duration": self._max_duration,
                        "segments": extraction.TOLD_OF,
                    },
                )
        call.add_done_callback(
            partial(self._settle, song, path, partial(self._extracted, song, looked))
        )

    def _extracted(self, song: Future[Found], looked: Looked, extracted: Extracted) -> None:
        if self._cache is not None:
            self._cache.put(looked.recording, extracted)
            with self._lock:
                self._heard.pop(looked.recording, None)
        song.set_result(Found(looked, extracted))
