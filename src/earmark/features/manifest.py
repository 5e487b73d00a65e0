"""``model.json``: what a model folder says of its model, read and checked.

The keys are those of the model files that Essentia publishes, and some of ours; the page "Which
ears fit your music" in ``docs/extractors.md`` explains each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from earmark.features.base import Card, ExtractorSpec
from earmark.features.fields import Fields, read_fields
from earmark.features.melspectrogram import Compression, MelSpectrogram

SIMILARITIES = ("cosine", "euclidean")
POOLINGS = ("mean", "max", "std")
MEL_KEYS = ("n_fft", "hop_length", "n_mels", "fmin", "fmax", "norm", "power", "log")

N_SEGMENTS = 20
SEGMENT_SECONDS = 10.0
LARGEST = 100_000  # numbers of an embedding
MOST_CELLS = 50_000_000  # numbers that one segment may be for the network

_NAME = re.compile(r"[A-Za-z0-9][\w. +-]{0,63}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")

Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """An output of the network that is a part of the vector.

    Attributes
    ----------
    name
        In the network.
    shape
        As stated; None where nothing is.
    meaning
        For people.
    """

    name: str
    shape: Shape | None
    meaning: str


@dataclass(frozen=True, slots=True)
class Probe:
    """The numbers that the network must give for a signal that Earmark makes.

    Attributes
    ----------
    signal
        The name of the signal.
    vector
        The first numbers of the vector, or all.
    """

    signal: str
    vector: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a model folder says of its model.

    Attributes
    ----------
    file
        The ``model.json``.
    name, version
        Of the extractor.
    sample_rate
        In Hz.
    front_end
        What makes the network's input of samples; None: the samples are its input.
    input_name, input_shape
        As stated; None where nothing is.
    predictions
        The output whose numbers are words for people; None where there is none.
    embeddings
        The outputs that vote.
    classes
        What the predictions are called.
    embed_dim
        How many numbers the embeddings have together; None where it is not stated.
    pooling
        How the segments of a recording are summed up: one or more of ``POOLINGS``, side by side.
    segment_seconds
        The length of a segment where the network takes any length.
    n_segments
        How many segments of a long recording are heard.
    level
        The root mean square to which a recording is brought; None: as it is.
    similarity, settling
        As in `ExtractorSpec`.
    sha256
        Of the model file; None where it is not stated.
    probe
        None where there is none.
    card
        For people; without the size.
    """

    file: Path
    name: str
    version: str
    sample_rate: int
    front_end: MelSpectrogram | None
    input_name: str | None
    input_shape: Shape | None
    predictions: Output | None
    embeddings: tuple[Output, ...]
    classes: tuple[str, ...]
    embed_dim: int | None
    pooling: tuple[str, ...]
    segment_seconds: float
    n_segments: int
    level: float | None
    similarity: str
    settling: float
    sha256: str | None
    probe: Probe | None
    card: Card

    @property
    def n_words(self) -> int:
        """How many of the first numbers of a vector are words for people."""
        return 0 if self.predictions is None else len(self.classes)

    def spec(self, embed_dim: int, checksum: str) -> ExtractorSpec:
        """Return the extractor's spec, given how many numbers the embeddings have."""
        dimension = self.n_words + embed_dim * len(self.pooling)
        return ExtractorSpec(
            name=self.name,
            version=self.version,
            dimension=dimension,
            similarity=self.similarity,
            dtype="float32",
            checksum=checksum,
            voting=(self.n_words, dimension),
            settling=self.settling,
            words=self.classes[: self.n_words],
        )


@cache
def front_ends() -> Mapping[str, Any]:
    """Return the algorithms that have a name, with their settings or another name."""
    text = files("earmark.data").joinpath("front-ends.json").read_text("utf-8")
    named: dict[str, Any] = json.loads(text)
    return named


def read_manifest(file: Path) -> Manifest:
    """Read a ``model.json``.

    Raises
    ------
    ExtractorRefused
        It is missing or wrong; the error names the key and what it needs to be.
    """
    fields = read_fields(file)
    name = fields.text("name", longest=200)
    if not _NAME.fullmatch(name):
        fields.refuse(
            "name",
            "needs to be up to 64 letters, digits, spaces and . _ + -, a letter or digit first",
        )
    inference = fields.object("inference")
    sample_rate = inference.count("sample_rate", 1_000, 384_000, unit=" Hz")
    front_end = _front_end(inference, sample_rate)
    inputs, predictions, embeddings = _schema(fields)
    segments = fields.object("segments")
    sha256 = fields.text("sha256", "").lower() or None
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        fields.refuse("sha256", "needs to be 64 hexadecimal digits")
    classes = fields.texts("classes")
    return Manifest(
        file=file,
        name=name,
        version=fields.text("version", longest=64),
        sample_rate=sample_rate,
        front_end=front_end,
        input_name=inputs.text("name", "") or None,
        input_shape=inputs.shape("shape"),
        predictions=predictions if classes else None,
        embeddings=embeddings,
        classes=classes,
        embed_dim=fields.count("embed_dim", 1, LARGEST) if "embed_dim" in fields else None,
        pooling=_pooling(fields),
        segment_seconds=segments.number("seconds", 0.1, 600, SEGMENT_SECONDS, " seconds"),
        n_segments=segments.count("most", 1, 1_000, N_SEGMENTS),
        level=segments.number("level", 1e-4, 1.0) if "level" in segments else None,
        similarity=fields.choice("similarity_fn_name", SIMILARITIES, "cosine"),
        settling=fields.number("settling", 0, 1_000, 0.0, " seconds"),
        sha256=sha256,
        probe=_probe(fields),
        card=_card(fields, predictions if classes else None, embeddings, classes),
    )


def _front_end(inference: Fields, sample_rate: int) -> MelSpectrogram | None:
    """Return what the algorithm does, None for ``waveform``."""
    algorithm = inference.text("algorithm", longest=200)
    if algorithm == "waveform":
        return None
    if algorithm == "melspectrogram":
        return _melspectrogram(inference, sample_rate)
    named = front_ends()
    if algorithm not in named:
        inference.refuse(
            "algorithm",
            f"is '{algorithm}', which Earmark does not know; it knows waveform, melspectrogram "
            f"and {', '.join(named)}",
        )
    settings = named[algorithm]
    while isinstance(settings, str):
        settings = named[settings]
    if settings["sample_rate"] != sample_rate:
        inference.refuse(
            "sample_rate",
            f"is {sample_rate}; {algorithm} works at {settings['sample_rate']} Hz",
        )
    return _melspectrogram(Fields(inference.file, settings, "inference."), sample_rate)


def _melspectrogram(settings: Fields, sample_rate: int) -> MelSpectrogram:
    """Read the settings of a mel spectrogram, each of which must be written out."""
    n_fft = settings.count("n_fft", 16, 1 << 16, unit=" samples")
    norm = settings.text("norm", "none").lower()
    if norm not in ("none", "slaney", "unit_tri"):
        settings.refuse("norm", f"is '{norm}'; it needs to be 'slaney' or null")
    log = settings.text("log", "none").lower()
    compression = None
    if log != "none":
        try:
            compression = Compression.parse(log)
        except ValueError as error:
            settings.refuse("log", f"is '{log}': {error}")
    missing = [name for name in MEL_KEYS if not settings.has(name)]
    if missing:
        settings.refuse(
            missing[0], f"is missing; melspectrogram needs {', '.join(MEL_KEYS)} written out"
        )
    fmin = settings.number("fmin", 0, sample_rate / 2, unit=" Hz")
    fmax = settings.number("fmax", 0, sample_rate / 2, unit=f" Hz, half of {sample_rate}")
    if fmin >= fmax:
        settings.refuse("fmin", f"is {fmin:g}; it needs to be below fmax, {fmax:g}")
    return MelSpectrogram(
        sample_rate=sample_rate,
        n_fft=n_fft,
        hop_length=settings.count("hop_length", 1, 1 << 16, unit=" samples"),
        n_mels=settings.count("n_mels", 2, 1_024),
        fmin=fmin,
        fmax=fmax,
        norm=None if norm == "none" else "slaney",
        power=settings.number("power", 0.1, 4),
        log=compression,
        win_length=settings.count("win_length", 2, n_fft, n_fft, " samples"),
        htk=settings.flag("htk", False),
    )


def _schema(fields: Fields) -> tuple[Fields, Output | None, tuple[Output, ...]]:
    """Return the input, the output of predictions and those of embeddings."""
    schema = fields.object("schema")
    inputs = schema.objects("inputs")
    if len(inputs) > 1:
        schema.refuse("inputs", f"has {len(inputs)} entries; Earmark gives a network one input")
    purposes: dict[str, list[Output]] = {"embeddings": [], "predictions": []}
    names = set()
    for entry in schema.objects("outputs"):
        purpose = entry.text("output_purpose", "").lower()
        if purpose not in purposes:
            continue
        name = entry.text("name", longest=500)
        if name in names:
            entry.refuse("name", f"is '{name}' a second time")
        names.add(name)
        meaning = entry.text("description", "", longest=200) or purpose
        purposes[purpose].append(Output(name, entry.shape("shape"), meaning))
    if not purposes["embeddings"]:
        schema.refuse("outputs", "names none with output_purpose 'embeddings', which is what votes")
    predictions = purposes["predictions"]
    embeddings = tuple(purposes["embeddings"])
    return (
        inputs[0] if inputs else Fields(fields.file, {}),
        # Of several kinds of predictions it is not known which the classes are of.
        predictions[0] if len(predictions) == 1 else None,
        embeddings,
    )


def _pooling(fields: Fields) -> tuple[str, ...]:
    text = fields.text("pooling", "mean").lower()
    parts = tuple(part.strip() for part in text.split("+"))
    if not set(parts) <= set(POOLINGS) or len(set(parts)) < len(parts):
        fields.refuse(
            "pooling",
            f"is '{text}'; it needs to be {', '.join(POOLINGS)}, or some of them joined by +",
        )
    if parts == ("std",):
        fields.refuse("pooling", "is 'std', which is zero for a short song; join it with mean")
    return parts


def _probe(fields: Fields) -> Probe | None:
    if "probe" not in fields:
        return None
    probe = fields.object("probe")
    vector = probe.numbers("vector", LARGEST)
    if not vector:
        probe.refuse("vector", "is missing or empty")
    return Probe(probe.text("signal", longest=200), vector)


def _card(
    fields: Fields,
    predictions: Output | None,
    embeddings: tuple[Output, ...],
    classes: tuple[str, ...],
) -> Card:
    dataset = fields.object("dataset").text("name", "") if fields.is_object("dataset") else ""
    outputs = [*([predictions] if predictions is not None else []), *embeddings]
    return Card(
        description=fields.text("description", fields.text("type", "")),
        license=fields.text("license", "") or "unknown",
        citation=fields.text("citation", "", longest=4_000),
        link=fields.text("link", ""),
        training_data=", ".join(fields.texts("training_datasets")) or dataset,
        outputs=tuple(
            (output.meaning, output.shape[-1] or 0 if output.shape else 0) for output in outputs
        ),
        classes=classes,
        doubtful=fields.texts("doubtful_classes"),
    )
