"""What lies in the folder of music, remembered for a while."""

from __future__ import annotations

import time
from pathlib import Path

from earmark.audio import is_audio_name


class Listing:
    """Which files lie in which folder, by their names without ending; read once a minute."""

    LIFETIME = 60.0

    def __init__(self) -> None:
        self._folders: dict[Path, tuple[float, dict[str, Path]]] = {}

    def find(self, folder: Path, name: str) -> Path | None:
        """Return the sound file in ``folder`` that has this name apart from its ending."""
        now = time.monotonic()
        read_at, files = self._folders.get(folder, (-self.LIFETIME, {}))
        if now - read_at >= self.LIFETIME:
            try:
                files = {file.stem: file for file in folder.iterdir() if is_audio_name(file)}
            except (OSError, ValueError):
                files = {}
            self._folders[folder] = (now, files)
        return files.get(name)
