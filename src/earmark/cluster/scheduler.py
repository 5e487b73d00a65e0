"""The way to a scheduler of Dask, and what is said where it leads nowhere."""

from __future__ import annotations

import importlib.util
import re
import sys
import threading
from typing import TYPE_CHECKING

from earmark.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10.0
"""How long a scheduler may take to answer."""

_ADDRESS = re.compile(r"((tcp|tls|ws|wss|ucx)://)?([^\s/:]+|\[[^\s/]+\]):\d{1,5}")


def connect(address: str) -> Client:
    """Open a connection to a scheduler.

    Raises
    ------
    ClusterError
        Nothing answers there, or nothing here can ask.
    """
    if importlib.util.find_spec("distributed") is None:
        raise ClusterError("clusters need another package: pip install 'earmark[cluster]'")
    if not _ADDRESS.fullmatch(address):
        raise ClusterError(
            f"{address!r} is no address of a Dask scheduler; give one such as tcp://scheduler:8786"
        )
    import dask

    if "distributed" not in sys.modules:
        # What it logs by itself is said by our errors.
        quiet = ("distributed", "distributed.client", "tornado")
        dask.config.set({"logging": dict.fromkeys(quiet, "critical")})
    from distributed import Client

    found: list[Client | Exception] = []

    def ask() -> None:
        try:
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="earmark")
        except Exception as error:
            found.append(error)
        else:
            found.append(client)

    # Where something else answers than a scheduler, Dask waits for ever.
    asking = threading.Thread(target=ask, name="earmark-connect", daemon=True)
    asking.start()
    asking.join(2 * CONNECT_SECONDS)
    if found and not isinstance(found[0], Exception):
        return found[0]
    raise ClusterError(
        f"no Dask scheduler answers at {address}; see whether it runs (dask scheduler), and "
        "whether its address is right, such as tcp://scheduler:8786"
    )


def said_of_worker(error: BaseException) -> str:
    """Say what is wrong with a worker, after its address."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("earmark"):
        return f"has no Earmark ({error}); install it there"
    return f"does not answer ({type(error).__name__}: {error})"
