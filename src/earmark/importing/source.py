"""The files that are imported: ordinary ones only."""

from __future__ import annotations

import stat
from pathlib import Path

from earmark.errors import ImportFormatError


def require_ordinary(file: Path) -> None:
    """Refuse a pipe or a device, whose end may never come; what else is wrong is said on opening.

    Raises
    ------
    ImportFormatError
        It is none of an ordinary file and a folder.
    """
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ImportFormatError(
            f"{file}: this is a pipe or a device, not a file; save what it gives to a file"
        )
