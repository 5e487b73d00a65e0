"""Sounds that are not music: what Earmark should not be sure about."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import soundfile

from support.programs import find

RATE = 22_050
SECONDS = 8.0

SENTENCES = {
    "en-us": "The train to the coast leaves at nine from platform four, and it is on time.",
    "en-gb-scotland": "Please keep your belongings with you, and mind the gap at the door.",
    "de": "Der Zug zur Küste fährt um neun Uhr von Gleis vier, und er hat heute keine Verspätung.",
    "fr": "Le train pour la côte part à neuf heures du quai numéro quatre, sans aucun retard.",
    "es": "El tren hacia la costa sale a las nueve del andén cuatro, y hoy no lleva retraso.",
    "it": "Il treno per la costa parte alle nove dal binario quattro, e oggi non porta ritardo.",
    "pt": "O comboio para a costa parte às nove da linha quatro, e hoje não tem nenhum atraso.",
    "pl": "Pociąg nad morze odjeżdża o dziewiątej z peronu czwartego, i dziś nie jest opóźniony.",
    "ru": "Поезд к побережью отправляется в девять часов с четвертого пути, и он не опаздывает.",
    "nl": "De trein naar de kust vertrekt om negen uur van spoor vier, en heeft geen vertraging.",
}
VOICES = ("", "+f3", "+m5")


def sounds(seed: int = 0) -> dict[str, np.ndarray]:
    """Return synthetic sounds by name, mono float at ``RATE``."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(SECONDS * RATE)) / RATE
    made: dict[str, np.ndarray] = {}
    for level in (0.02, 0.1, 0.3):
        made[f"white noise {level}"] = level * rng.standard_normal(len(t))
        made[f"pink noise {level}"] = level * colored(rng, len(t), 0.5)
        made[f"brown noise {level}"] = level * colored(rng, len(t), 1.0)
    for mains in (50, 60):
        hum = sum(np.sin(2 * np.pi * mains * n * t) / n for n in (1, 2, 3, 5))
        made[f"hum {mains} Hz"] = 0.01 * hum + 0.001 * rng.standard_normal(len(t))
        made[f"faint hum {mains} Hz"] = 0.001 * hum + 0.0001 * rng.standard_normal(len(t))
    for hertz in (110, 440, 1000, 3000, 8000):
        made[f"tone {hertz} Hz"] = 0.3 * np.sin(2 * np.pi * hertz * t)
    for low, high in ((20, 10_000), (200, 2_000), (5_000, 100)):
        phase = 2 * np.pi * low * SECONDS / np.log(high / low)
        made[f"sweep {low} to {high} Hz"] = 0.3 * np.sin(
            phase * (np.power(high / low, t / SECONDS) - 1)
        )
    made["swept tone, fast"] = 0.3 * np.sin(2 * np.pi * (500 * t + 200 * np.sin(2 * t)))
    for claps in (20, 60, 200):
        made[f"applause, {claps} claps a second"] = bursts(rng, len(t), claps)
    for clicks in (1, 4, 12):
        train = np.zeros(len(t))
        train[:: RATE // clicks] = 0.9
        made[f"clicks, {clicks} a second"] = train + 1e-4 * rng.standard_normal(len(t))
    made["rain"] = 0.1 * colored(rng, len(t), 0.25) + 0.1 * bursts(rng, len(t), 400)
    made["wind"] = 0.2 * colored(rng, len(t), 1.0) * (1.2 + np.sin(2 * np.pi * 0.3 * t))
    made["modem"] = 0.3 * np.sin(
        2 * np.pi * 1200 * t
        + 800
        * np.cumsum(rng.integers(0, 2, len(t) // 74 + 1).repeat(74)[: len(t)])
        / RATE
        * 2
        * np.pi
    )
    return {name: np.clip(sound, -1, 1).astype(np.float32) for name, sound in made.items()}


def colored(rng: np.random.Generator, n: int, slope: float) -> np.ndarray:
    """Return noise whose amplitude falls as frequency to the power of ``slope``, at RMS 1."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1.0) ** slope
    noise = np.fft.irfft(spectrum, n)
    return noise / noise.std()


def bursts(rng: np.random.Generator, n: int, per_second: int) -> np.ndarray:
    """Return short decaying bursts of noise at random times, as of clapping hands."""
    sound = np.zeros(n + RATE)
    length = RATE // 50
    decay = np.exp(-np.arange(length) / (RATE / 300))
    for start in rng.integers(0, n, int(per_second * n / RATE)):
        sound[start : start + length] += (
            rng.uniform(0.05, 0.3) * decay * rng.standard_normal(length)
        )
    return sound[:n]


def write_speech(folder: Path) -> list[Path]:
    """Write spoken sentences in several voices and languages; none without espeak-ng."""
    program = find("espeak-ng")
    if program is None:
        return []
    files = []
    for language, sentence in SENTENCES.items():
        for voice in VOICES:
            path = folder / f"speech {language}{voice}.wav"
            command = [program, "-v", language + voice, "-w", str(path), sentence]
            subprocess.run(command, check=True, capture_output=True)
            files.append(path)
    return files


def write_all(folder: Path) -> list[Path]:
    """Write every sound that is not music as a WAV file."""
    files = write_speech(folder)
    for name, sound in sounds().items():
        path = folder / f"{name}.wav"
        soundfile.write(path, sound, RATE, subtype="PCM_16")
        files.append(path)
    return files
