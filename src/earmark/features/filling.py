"""What only the model file itself can tell, written into a ``model.json`` that lacks it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from earmark.atomic import new_file
from earmark.errors import ExtractorRefused
from earmark.features import probe
from earmark.features.model import MANIFEST, open_folder

DIGITS = 7


def fill(folder: Path) -> list[str]:
    """Write the keys ``embed_dim``, ``sha256`` and ``probe`` that a ``model.json`` lacks.

    Keys that are there stay as they are, also where they are wrong.

    Returns
    -------
    The names of the keys that were written.

    Raises
    ------
    ExtractorRefused
        The folder holds no model that can be used, or cannot be written.
    """
    extractor = open_folder(folder)
    extractor.load()
    said = extractor.manifest
    missing: dict[str, Any] = {}
    if said.embed_dim is None:
        missing["embed_dim"] = extractor.network.embed_dim
    if said.sha256 is None:
        missing["sha256"] = extractor.checksum
    if said.probe is None:
        vector = [float(f"{number:.{DIGITS}g}") for number in extractor.probe_vector()]
        missing["probe"] = {"signal": probe.SIGNAL, "vector": vector}
    if missing:
        file = folder / MANIFEST
        values = json.loads(file.read_text("utf-8-sig"))
        try:
            text = json.dumps({**values, **missing}, indent=2, ensure_ascii=False) + "\n"
            with new_file(file, overwrite=True) as part:
                part.write_text(text, "utf-8")
        except OSError as error:
            raise ExtractorRefused(file, f"cannot be written ({error.strerror})") from error
    return list(missing)
