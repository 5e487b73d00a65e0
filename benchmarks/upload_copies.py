"""How often a server writes an upload: bytes that it gives to files, by bytes of the song.

    python benchmarks/upload_copies.py

A song of 40 MB is sent to `earmark serve` as a form, and Linux is asked how many bytes the process
of the server wrote meanwhile (``wchar`` of /proc/PID/io; what it sends to sockets is little). What
its worker processes do does not count.
"""

from __future__ import annotations

import re
import tempfile
import wave
from pathlib import Path

import numpy as np
import requests

from served import served

MEGABYTES = 40
RATE = 44_100


def written(pid: int) -> int:
    """Return how many bytes a process wrote so far."""
    return int(re.search(r"wchar: (\d+)", Path(f"/proc/{pid}/io").read_text())[1])  # type: ignore[index]


def main() -> None:
    """Measure, and print a line for each way to send."""
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "song.wav"
        with wave.open(str(song), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            noise = np.random.default_rng(0).integers(-9000, 9000, MEGABYTES * 500_000)
            file.writeframes(noise.astype("<i2").tobytes())
        size = song.stat().st_size
        own = {"EARMARK_UPLOADS": f"{folder}/uploads", "XDG_DATA_HOME": folder, "TMPDIR": folder}
        options = ("--workers", "1", "--library", "classic")
        with served(*options, environment=own) as (url, process):
            for path in ("predict", "api/v1/jobs", "api/v1/classify"):
                before = written(process)
                with song.open("rb") as sound:
                    answer = requests.post(f"{url}{path}", files={"file": sound}, timeout=600)
                copies = (written(process) - before) / size
                print(f"POST /{path}: {answer.status_code}, {copies:.2f} times {size} bytes")


if __name__ == "__main__":
    main()
