"""Calls done by the machines of a Dask cluster, each in a guarded process there.

`ClusterExecutor` is a `concurrent.futures.Executor`, as `earmark.workers.WorkerPool` is one, so a
build does not know which of them it was given. Calls go to the cluster some at a time
(`executor.py`); on each machine a pool of guarded worker processes does them (`task.py`), so that a
file which crashes or never ends costs itself there, too.
"""

from earmark.cluster.executor import BATCH_SIZE, ClusterExecutor

__all__ = ["BATCH_SIZE", "ClusterExecutor"]
