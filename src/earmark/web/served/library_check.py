"""Whether something else than Earmark changed the library that is served."""

from __future__ import annotations

import logging
import threading

from earmark.errors import EarmarkError, LibraryDamaged
from earmark.library import Library

logger = logging.getLogger(__name__)

CHECKED_AT_ONCE = 50_000
"""Tracks. To compare more with their digest takes longer than a server may need to start."""


class LibraryCheck:
    """A library is compared with its digest: a large one in the background, while it is served.

    Parameters
    ----------
    library
        The library.

    Raises
    ------
    LibraryDamaged
        It differs, and is small.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._damage: str | None = None
        self._thread: threading.Thread | None = None
        if library.count() <= CHECKED_AT_ONCE:
            library.check()
            return
        self._thread = threading.Thread(target=self._check, name="earmark-check", daemon=True)
        self._thread.start()

    def _check(self) -> None:
        try:
            self._library.check()
        except LibraryDamaged as error:
            self._damage = str(error)
            logger.error("%s; songs are not answered any more", error)
        except EarmarkError as error:
            # It was closed or replaced meanwhile: others say so.
            logger.warning("the library could not be compared with its digest: %s", error)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until a check in the background is done; False if that takes too long.

        ``timeout`` is in seconds; None: as long as it takes.
        """
        if self._thread is not None:
            self._thread.join(timeout)
            return not self._thread.is_alive()
        return True

    def require_whole(self) -> None:
        """Refuse to answer by a library that was found damaged.

        Raises
        ------
        LibraryDamaged
            It was.
        """
        if self._damage is not None:
            raise LibraryDamaged(self._damage)
