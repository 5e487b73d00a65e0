"""Make examples/war_of_freedom.ogg again: 20 s of a free recording, from its Debian package.

    python scripts/make_example.py

"War of freedom" by Sectoid comes as two tracks, the band and its guitar; this adds them up as the
game does that they were made for. Needs apt-get and dpkg-deb, that is Debian or Ubuntu. The samples
come out the same every time; the bytes differ by the random serial number of an Ogg stream.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

PACKAGE = "fretsonfire-songs-sectoid"
SONG = "usr/share/games/fretsonfire/data/songs/sectoid/War of freedom"
NOTICE = f"usr/share/doc/{PACKAGE}/copyright"
START, SECONDS, FADE = 60, 20, 0.05
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def main() -> None:
    """Download, unpack, mix, cut and write."""
    with tempfile.TemporaryDirectory() as folder:
        # apt's own user fetches the file, and has to be let in.
        Path(folder).chmod(0o755)
        subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, check=True)
        package = next(Path(folder).glob(f"{PACKAGE}_*.deb"))
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
        band, rate = soundfile.read(Path(folder, SONG, "song.ogg"), dtype="float64")
        guitar, guitar_rate = soundfile.read(Path(folder, SONG, "guitar.ogg"), dtype="float64")
        if guitar_rate != rate:
            raise SystemExit(f"the tracks differ in rate: {rate} Hz and {guitar_rate} Hz")
        excerpt = mix(band, guitar, rate)
        target = EXAMPLES / "war_of_freedom.ogg"
        write(target, excerpt, rate)
        (EXAMPLES / "LICENSE-war_of_freedom.txt").write_text(permission(Path(folder, NOTICE)))
    print(f"{target}: {len(excerpt) / rate:g} s, {target.stat().st_size} bytes")


def mix(
    band: np.ndarray, guitar: np.ndarray, rate: int
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the excerpt [n, channels]: the sum, at most full scale, faded at both ends."""
    length = max(len(band), len(guitar))
    whole = np.zeros((length, 2))
    for track in (band, guitar):
        whole[: len(track)] += track if track.ndim == 2 else track[:, None]
    whole /= max(1.0, np.abs(whole).max())
    excerpt = whole[START * rate : (START + SECONDS) * rate].copy()
    ramp = np.linspace(0, 1, round(FADE * rate))[:, None]
    excerpt[: len(ramp)] *= ramp
    excerpt[-len(ramp) :] *= ramp[::-1]
    return excerpt


def write(target: Path, samples: np.ndarray, rate: int) -> None:
    """Write Ogg Vorbis, in blocks, since libsndfile cannot encode long ones at once."""
    with soundfile.SoundFile(
        target, "w", rate, samples.shape[1], "VORBIS", format="OGG", compression_level=0.6
    ) as sound:
        sound.title = "War of freedom (excerpt)"
        sound.artist = "Sectoid"
        sound.copyright = "(c) 2006/2007 Carlos Viola Iborra, MIT license"
        for at in range(0, len(samples), 4096):
            sound.write(samples[at : at + 4096])


def permission(notice: Path) -> str:
    """Return what the package's notice says of the songs, without what it says of the package."""
    text = notice.read_text(encoding="utf-8")
    start, stop = text.index("The songs, performances"), text.index("Packaging:")
    return "War of freedom, by Sectoid (Carlos Viola Iborra)\n\n" + text[start:stop].strip() + "\n"


if __name__ == "__main__":
    main()
