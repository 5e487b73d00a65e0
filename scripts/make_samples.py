"""Make the samples of the home page again: three short pieces to try when no song is at hand.

    python scripts/make_samples.py [FOLDER]

Two are played by this script: the opening of Pachelbel's canon, whose notes belong to nobody any
more, on made strings; and a beat as of a drum machine, which is of no genre of the reference
library. The third is cut from the free recording in `examples/`. They come out the same every
time, but for the random serial number of an Ogg stream.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

Sound = NDArray[np.float64]

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "src" / "earmark" / "web" / "static" / "samples"
RECORDING = ROOT / "examples" / "war_of_freedom.ogg"
RATE = 44_100
SECONDS = 12.0
LARGEST = 150_000
"""Bytes of a sample, so that trying one costs little."""

OURS = "(c) The Earmark developers, MIT license"
TAGS = {
    "strings": ("Canon in D, the opening", "Johann Pachelbel, on made strings", OURS),
    "guitars": (
        "War of freedom (excerpt)",
        "Sectoid",
        "(c) 2006/2007 Carlos Viola Iborra, MIT license",
    ),
    "beat": ("A beat", "a drum machine", OURS),
}


def main(folder: Path = SAMPLES) -> None:
    """Write all samples and what they may be used for."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, sound in (("strings", strings()), ("guitars", guitars()), ("beat", beat())):
        target = folder / f"{name}.ogg"
        write(target, sound, *TAGS[name])
        size = target.stat().st_size
        if size >= LARGEST:
            raise SystemExit(f"{target}: has {size} bytes, {LARGEST} are too many")
        print(f"{target}: {len(sound) / RATE:g} s, {size} bytes")
    notices = (ROOT / "LICENSE", ROOT / "examples" / "LICENSE-war_of_freedom.txt")
    ours, theirs = (notice.read_text(encoding="utf-8").strip() for notice in notices)
    (folder / "LICENSE.txt").write_text(
        f"strings.ogg and beat.ogg are part of Earmark:\n\n{ours}\n\n"
        f"guitars.ogg is an excerpt of this recording:\n\n{theirs}\n",
        encoding="utf-8",
    )


def write(target: Path, sound: Sound, title: str, artist: str, rights: str) -> None:
    """Write Ogg Vorbis, at 0.8 of full scale and faded out, in blocks as libsndfile needs it."""
    sound = 0.8 * sound / np.abs(sound).max()
    fade = RATE // 2
    sound[-fade:] *= np.linspace(1, 0, fade)
    # Under another name first, which is not a sample if this ends in the middle.
    making = target.with_suffix(".part")
    with soundfile.SoundFile(
        making, "w", RATE, 1, "VORBIS", format="OGG", compression_level=0.6
    ) as out:
        out.title, out.artist, out.copyright = title, artist, rights
        for at in range(0, len(sound), 4096):
            out.write(sound[at : at + 4096])
    shutil.move(making, target)


def guitars() -> Sound:
    """Return the middle of the free recording [n], its two channels as one."""
    whole, rate = soundfile.read(RECORDING, dtype="float64")
    if rate != RATE:
        raise SystemExit(f"{RECORDING}: has a rate of {rate} Hz, {RATE} Hz were expected")
    start = (len(whole) - round(SECONDS * RATE)) // 2
    return np.asarray(whole[start : start + round(SECONDS * RATE)].mean(axis=1))


# The strings

GROUND = (50, 45, 47, 42, 43, 38, 43, 45)
"""What the bass plays again and again, as numbers of MIDI."""

CHORDS_OF_CANON = (
    (62, 66, 69),
    (61, 64, 69),
    (62, 66, 71),
    (61, 66, 69),
    (62, 67, 71),
    (62, 66, 69),
    (62, 67, 71),
    (61, 64, 69),
)
CANON = (78, 76, 74, 73, 71, 69, 71, 73), (74, 73, 71, 69, 67, 66, 67, 64)
"""The theme, and what the second violin plays once the theme has gone round."""

BEAT = 0.75
"""Seconds to a note of the bass."""


def strings() -> Sound:
    """Return the canon's opening [n]: the theme, and then with a second voice."""
    rng = np.random.default_rng(7)
    sound = silence(SECONDS)
    for i in range(round(SECONDS / BEAT)):
        turn, place = divmod(i, len(GROUND))
        add(sound, i * BEAT, 0.5 * bowed(GROUND[place], 1.2 * BEAT, 1_200, rng))
        for note in CHORDS_OF_CANON[place]:
            add(sound, i * BEAT, 0.2 * bowed(note, 1.2 * BEAT, 1_800, rng))
        for voice in CANON[: turn + 1]:
            # Nobody plays like a clock.
            late = abs(rng.normal(0, 0.01))
            add(sound, i * BEAT + late, 0.4 * bowed(voice[place], 1.1 * BEAT, 2_500, rng))
    return in_a_room(sound, 2.5, 0.5, rng)


def bowed(note: int, seconds: float, cut: float, rng: np.random.Generator) -> Sound:
    """Return three bowed strings that are tuned almost alike [n], dull above a frequency in Hz."""
    time = np.arange(round(seconds * RATE)) / RATE
    out = np.zeros(len(time))
    for off in (-0.06, 0.0, 0.05):
        vibrato = 1 + 0.004 * np.sin(2 * np.pi * (5.2 + 3 * off) * time) * np.minimum(1, 2 * time)
        out += 2 * ((np.cumsum(hertz(note + off) * vibrato) / RATE + rng.random()) % 1) - 1
    return shaped(below(out / 3, cut), 0.12, 0.2)


# The beat

CHORDS = ((45, 48, 52, 55), (41, 45, 48, 52), (48, 52, 55, 59), (43, 47, 50, 53))
"""A bar each, as numbers of MIDI."""


def beat() -> Sound:
    """Return some bars of a drum machine, a bass and chords [n]."""
    rng = np.random.default_rng(3)
    sound = silence(SECONDS)
    step = 60 / 126 / 4
    for i in range(round(SECONDS / step)):
        at, chord = i * step, CHORDS[i // 16 % 4]
        if i % 4 == 0:
            add(sound, at, kick())
        if i % 8 == 4:
            add(sound, at, 0.5 * hiss(0.2, 1_200, 20, rng))
        add(sound, at, (0.3 if i % 4 == 2 else 0.12) * hiss(0.2, 7_000, 45, rng))
        if i % 4 != 0:
            add(sound, at, 0.35 * below(saw(chord[0] - 12, step), 600))
        if i % 16 in (0, 3, 6, 10, 13):
            for note in chord:
                add(sound, at, 0.1 * below(saw(note + 12, 1.6 * step), 2_500))
    return in_a_room(sound, 0.7, 0.1, rng)


def kick() -> Sound:
    """Return a drum whose pitch falls [n]."""
    time = np.arange(round(0.3 * RATE)) / RATE
    return np.sin(2 * np.pi * np.cumsum(48 + 120 * np.exp(-35 * time)) / RATE) * np.exp(-11 * time)


def hiss(seconds: float, lowest: float, decay: float, rng: np.random.Generator) -> Sound:
    """Return noise above a frequency in Hz that dies away [n]."""
    noise = rng.standard_normal(round(seconds * RATE))
    return (noise - below(noise, lowest)) * np.exp(-decay * np.arange(len(noise)) / RATE)


def saw(note: int, seconds: float) -> Sound:
    """Return three saw-tooth waves that are tuned almost alike [n]."""
    time = np.arange(round(seconds * RATE)) / RATE
    waves = [2 * (hertz(note + off) * time % 1) - 1 for off in (-0.08, 0.0, 0.07)]
    return shaped(np.sum(waves, axis=0) / 3, 0.005, 0.03)


# For both


def silence(seconds: float) -> Sound:
    """Return zeros [n]."""
    return np.zeros(round(seconds * RATE))


def hertz(note: float) -> float:
    """Return the frequency in Hz of a note of MIDI."""
    return float(440 * 2 ** ((note - 69) / 12))


def add(sound: Sound, at: float, part: Sound) -> None:
    """Add a part from a second on, as far as the sound reaches."""
    start = round(at * RATE)
    part = part[: max(0, len(sound) - start)]
    sound[start : start + len(part)] += part


def shaped(sound: Sound, rise: float, fall: float) -> Sound:
    """Return a sound that begins and ends softly, within so many seconds."""
    up, down = round(rise * RATE), round(fall * RATE)
    sound[:up] *= np.linspace(0, 1, up)
    sound[-down:] *= np.linspace(1, 0, down)
    return sound


def below(sound: Sound, cut: float) -> Sound:
    """Return what of a sound is below a frequency in Hz, as a Butterworth filter of order 2."""
    frequencies = np.fft.rfftfreq(len(sound), 1 / RATE)
    return np.fft.irfft(np.fft.rfft(sound) / np.sqrt(1 + (frequencies / cut) ** 4), len(sound))


def in_a_room(sound: Sound, seconds: float, share: float, rng: np.random.Generator) -> Sound:
    """Return a sound with the echo of a room that is gone after so many seconds."""
    n = round(seconds * RATE)
    echo = below(rng.standard_normal(n) * np.exp(-6 * np.arange(n) / n), 5_000)
    size = len(sound) + n
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(echo, size), size)[: len(sound)]
    return sound + share * wet / np.abs(wet).max() * np.abs(sound).max()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
