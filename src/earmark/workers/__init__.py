"""Supervised processes for everything that reads files of strangers.

A decoder may crash on a hostile file, never return, or eat all memory. Each costs one call in one
process, is named for what it was, and another process takes its place. Build, classify, evaluation
and the server share this one design; so can any program that has such work.

>>> from earmark.workers import WorkerPool
>>> from earmark.listen import hash_file
>>> with WorkerPool(1) as pool:
...     answer = pool.submit(hash_file, "examples/war_of_freedom.ogg")
...     len(answer.result())
64
"""

import logging

from earmark.workers.child import preload, report_progress
from earmark.workers.limits import Limits, available_cores
from earmark.workers.pool import Call, WorkerPool

__all__ = ["Call", "Limits", "WorkerPool", "available_cores", "preload", "report_progress"]

# Programs that set up no log, such as commands, say what is to be said of a file themselves.
logging.getLogger(__name__).addHandler(logging.NullHandler())
