"""What a worker process does with a song: its vector first, then its picture.

The answer does not wait for the picture. The picture is the loudness over time and one vector for
every stretch, from which the server makes the timeline.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from earmark.audio import open_recording
from earmark.collection.tags import read_tags
from earmark.errors import EarmarkError, ServerError
from earmark.features import ExtractorSpec, FeatureExtractor, Samples, Vector, get_extractor
from earmark.listen import hash_file, listen, listen_windows
from earmark.web import wire

logger = logging.getLogger(__name__)

PEAKS = 600
"""Points of a waveform."""

SHORTEST_STRETCH = 5.0
MOST_STRETCHES = 120
PEAK_RATE = 4000
"""In Hz; enough to see where a song is loud, and cheap."""


def main(connection: Connection, extractor: ExtractorSpec) -> None:
    """Serve requests until the server goes away; runs in a process of its own."""
    # Ctrl-C goes to the whole group of processes; the server ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        # Pages come first when all cores are busy.
        os.nice(5)
    if sys.platform != "win32":
        import resource

        # A decoder that crashes must not leave a dump of somebody's music.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with threadpool_limits(1):
        serve(connection, get_extractor(extractor, threads=1))


def serve(connection: Connection, extractor: FeatureExtractor) -> None:
    """Answer requests, one after the other, until the other side closes the connection."""
    wire.send(connection, {"kind": "ready"})
    while True:
        try:
            request, _ = wire.receive(connection)
            error = _answer(connection, extractor, request)
            _tell(connection, request, error or {"kind": "done"})
        except (EOFError, OSError):
            return


def _tell(
    connection: Connection,
    request: dict[str, Any],
    message: Mapping[str, Any],
    arrays: wire.Arrays | None = None,
) -> None:
    """Send a message with the number of the request that it is about."""
    wire.send(connection, {**message, "number": request["number"]}, arrays)


def _answer(
    connection: Connection, extractor: FeatureExtractor, request: dict[str, Any]
) -> dict[str, str] | None:
    """Analyze one file; return what went wrong as a message."""
    problem: EarmarkError
    try:
        analyze(connection, extractor, request)
        return None
    except EarmarkError as error:
        problem = error
    except MemoryError:
        problem = ServerError("not enough memory for it; send a shorter piece")
    except OSError:
        # The server is gone: there is nobody to tell.
        raise
    except Exception:
        logger.exception("an analysis failed")
        problem = ServerError("the analysis failed, which is a fault of Earmark")
    return wire.error_to_message(problem)


def analyze(connection: Connection, extractor: FeatureExtractor, request: dict[str, Any]) -> None:
    """Analyze one file and send what is found as it is found.

    Parameters
    ----------
    connection
        To the server.
    extractor
        Of the library in use.
    request
        ``number``, which all messages repeat, ``path``, ``max_duration`` in seconds, and whether a
        ``picture`` is wanted.

    Raises
    ------
    AudioError
        The file cannot be used.
    """
    path = str(request["path"])
    content_hash = hash_file(path)
    heard = listen(path, extractor, max_duration=float(request["max_duration"]))
    artist, title = read_tags(path)
    facts = {
        "kind": "heard",
        "artist": artist,
        "title": title,
        "content_hash": content_hash,
        "duration": heard.duration,
        "warnings": list(heard.warnings),
        "seconds": heard.seconds,
    }
    _tell(connection, request, facts, {"vector": heard.vector})
    if not request.get("picture"):
        return

    def progress(done: float) -> None:
        _tell(connection, request, {"kind": "progress", "done": done})

    peaks = waveform(path, heard.duration, lambda done: progress(0.3 * done))
    step = max(SHORTEST_STRETCH, heard.duration / MOST_STRETCHES)
    expected = max(1, round(heard.duration / step))
    watched = _Watched(extractor, lambda count: progress(0.3 + 0.7 * min(1.0, count / expected)))
    starts, vectors = listen_windows(path, watched, step=step)
    arrays: wire.Arrays = {
        "peaks": peaks,
        "starts": starts,
        "vectors": np.asarray(vectors, dtype=np.float64),
    }
    _tell(connection, request, {"kind": "picture", "step": step}, arrays)


def waveform(path: str, duration: float, progress: Any = None) -> NDArray[np.float32]:
    """Return how loud a file is over time: the largest absolute sample of equal stretches.

    Parameters
    ----------
    path
        Any sound file.
    duration
        Of the file in seconds; what goes beyond it falls into the last stretch.
    progress
        Called with the share that is done, now and then.

    Returns
    -------
    At most ``PEAKS`` numbers in [0, 1].

    Raises
    ------
    AudioError
        The file cannot be used.
    """
    total = max(1, round(duration * PEAK_RATE))
    count = min(PEAKS, total)
    peaks = np.zeros(count, dtype=np.float32)
    done = 0
    told = 0.0
    with open_recording(path) as recording:
        for block in recording.blocks(PEAK_RATE):
            at = np.minimum((done + np.arange(len(block))) * count // total, count - 1)
            np.maximum.at(peaks, at, np.abs(block))
            done += len(block)
            if progress is not None and done / total >= told + 0.05:
                told = done / total
                progress(min(1.0, told))
    return np.clip(peaks, 0, 1)


class _Watched:
    """A feature extractor that tells how many stretches it has done."""

    def __init__(self, inner: FeatureExtractor, tell: Any) -> None:
        self._inner = inner
        self._tell = tell
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def extract(self, pieces: Iterable[Samples]) -> Vector:
        vector = self._inner.extract(pieces)
        self._count += 1
        self._tell(self._count)
        return vector
