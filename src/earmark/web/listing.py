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
        self._below: dict[Path, tuple[float, dict[str, Path | None]]] = {}

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

    def find_below(self, root: Path, name: str) -> Path | None:
        """Return the only sound file of this name in the folders that ``root`` has.

        None where there is no such file, or where several folders have one.
        """
        now = time.monotonic()
        read_at, files = self._below.get(root, (-self.LIFETIME, {}))
        if now - read_at >= self.LIFETIME:
            files = {}
            for folder in _folders_of(root):
                # It fills what is known of the folder.
                self.find(folder, name)
                for stem, file in self._folders[folder][1].items():
                    files[stem] = None if stem in files else file
            self._below[root] = (now, files)
        return files.get(name)


def _folders_of(root: Path) -> list[Path]:
    try:
        return sorted(folder for folder in root.iterdir() if folder.is_dir())
    except OSError:
        return []
