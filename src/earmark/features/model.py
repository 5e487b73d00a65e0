"""A feature extractor that is a folder with a network and a page that describes it; no code."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.errors import ExtractorRefused, FeatureError
from earmark.features import probe
from earmark.features.base import Card, ExtractorSpec, Samples, Segments, Span
from earmark.features.manifest import Manifest, read_manifest
from earmark.features.network import CPU, Network
from earmark.features.segments import QUIET, cut_all, leveled, rms, sounding, spread
from earmark.features.weights import sha256_of

MANIFEST = "model.json"
MODEL = "model.onnx"

Float32 = NDArray[np.float32]


class ModelExtractor:
    """The extractor of a model folder.

    A recording is heard in segments of the length that the network takes; the vector is what its
    outputs for them are pooled to: first the predictions that have names (their mean), then the
    embeddings.

    Parameters
    ----------
    manifest
        What is said of the network.
    model
        The ONNX file.
    source
        How `earmark.features.get_extractor` finds this extractor again; None: by its name.
    providers
        ONNX Runtime's execution providers, the preferred one first.
    threads
        How many threads one run may use; 0 leaves the choice to ONNX Runtime.

    Raises
    ------
    ExtractorRefused
        The network is missing, or another than the one that is described.
    """

    def __init__(
        self,
        manifest: Manifest,
        model: Path,
        *,
        source: str | None = None,
        providers: Sequence[str] = CPU,
        threads: int = 0,
    ) -> None:
        self.manifest = manifest
        self._model = model
        self._source = source
        self._providers = tuple(providers)
        self._threads = threads

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self.manifest.sample_rate

    @cached_property
    def checksum(self) -> str:
        """The SHA-256 of the model file, computed from its bytes.

        Raises
        ------
        ExtractorRefused
            The file is missing, or has another checksum than the stated one.
        """
        found = sha256_of(self._model)
        stated = self.manifest.sha256
        if stated is not None and stated != found:
            raise ExtractorRefused(
                self._model,
                f"has the SHA-256 {found[:12]}…, not {stated[:12]}… as {MANIFEST} says; it is "
                "damaged, or another model",
            )
        return found

    @cached_property
    def spec(self) -> ExtractorSpec:
        """Which extractor this is; needs the network where its size is not stated."""
        embed_dim = self.manifest.embed_dim
        if embed_dim is None:
            embed_dim = self.network.embed_dim
        stated = self.manifest.sha256
        spec = self.manifest.spec(embed_dim, self.checksum if stated is None else stated)
        return dataclasses.replace(spec, source=self._source)

    @cached_property
    def card(self) -> Card:
        """Where it comes from and what it may be used for."""
        try:
            size = self._model.stat().st_size
        except OSError:
            size = 0
        return dataclasses.replace(self.manifest.card, size=size)

    @cached_property
    def network(self) -> Network:
        """The network, loaded and found to be the one that is described.

        Raises
        ------
        ExtractorError
            It cannot be loaded, or is another.
        """
        _ = self.checksum  # before anything of the file is believed
        network = Network(self._model, self.manifest, self._providers, self._threads)
        self._check_answers(network)
        return network

    @property
    def segment_length(self) -> int:
        """Samples of one segment."""
        return self.network.segment_length

    def load(self) -> None:
        """Load the network now and see that it is the one that is described.

        Raises
        ------
        ExtractorRefused
            It is not.
        """
        _ = self.network, self.spec

    def _check_answers(self, network: Network) -> None:
        """See that the network gives its own numbers, and different ones for unlike signals."""
        stated = self.manifest.probe
        if stated is not None and stated.signal != probe.SIGNAL:
            raise ExtractorRefused(
                self.manifest.file,
                f"'probe.signal' is '{stated.signal}'; this Earmark makes {probe.SIGNAL}",
            )
        seconds = network.segment_length / self.sample_rate
        vectors = np.stack(
            [self._pooled(network, [made(seconds, self.sample_rate)]) for made in probe.UNLIKE]
        )
        if not np.isfinite(vectors).all():
            raise ExtractorRefused(self._model, "answers a signal with numbers that are not finite")
        off = None if stated is None else probe.difference(vectors[0], stated.vector)
        if off is not None:
            raise ExtractorRefused(
                self.manifest.file,
                f"the network does not give the numbers of 'probe': {off}; the sample rate, the "
                "algorithm or the model is another than the one they were made with",
            )
        if probe.is_one_place(vectors[:, self.manifest.n_words :]):
            raise ExtractorRefused(
                self._model, "answers a sweep, noise and clicks alike, so it cannot compare music"
            )

    def probe_vector(self) -> Float32:
        """Return the vector of the signal whose numbers a folder states, unchecked."""
        network = Network(self._model, self.manifest, self._providers, self._threads)
        seconds = network.segment_length / self.sample_rate
        return self._pooled(network, [probe.sweep(seconds, self.sample_rate)])

    def spans(self, duration: float) -> Sequence[Span]:
        """Return the segments that are heard: evenly spread over a long recording.

        A recording shorter than all of them together is used whole.
        """
        seconds = self.segment_length / self.sample_rate
        return spread(duration, seconds, self.manifest.n_segments)

    def extract(self, segments: Iterable[Samples]) -> Float32:
        """Return the vector of a recording, or of a window given as a single segment.

        Parameters
        ----------
        segments
            One array a span, or consecutive blocks of a whole recording; each is cut into segments
            of the network's length, and one that is shorter is repeated to fill it.

        Raises
        ------
        FeatureError
            All segments are silent, or the network answers with numbers that are not finite.
        """
        return self.extract_with_segments(segments)[0]

    def extract_with_segments(self, segments: Iterable[Samples]) -> tuple[Float32, Segments | None]:
        """Return what ``extract`` does, and what each segment of the network's length sounds like.

        Without these where the vector is more than their mean. Those that are silent are left out.

        Raises
        ------
        FeatureError
            As ``extract``.
        """
        parts, places = cut_all(segments, self.segment_length)
        heard = sounding(parts)
        if self.manifest.level is not None:
            heard = leveled(heard, self.manifest.level)
        words, embeddings = self.network.outputs(heard)
        vector = self._pool(words, embeddings)
        if not np.isfinite(vector).all():
            raise FeatureError("the network answers it with numbers that are not finite")
        if self.manifest.pooling != ("mean",):
            return vector, None
        if len(heard) < len(parts):
            places = places[[rms(part) > QUIET for part in parts]]
        starts, stops = (places / self.sample_rate).T
        return vector, Segments(starts, stops, np.concatenate([words, embeddings], axis=1))

    def _pooled(self, network: Network, segments: Sequence[Float32]) -> Float32:
        return self._pool(*network.outputs(segments))

    def _pool(self, words: Float32, embeddings: Float32) -> Float32:
        exact = embeddings.astype(np.float64)
        pooled = [getattr(np, how)(exact, axis=0) for how in self.manifest.pooling]
        said = words.astype(np.float64).mean(axis=0)
        return np.concatenate([said, *pooled]).astype(np.float32)


def open_folder(
    folder: Path,
    *,
    source: str | None = None,
    providers: Sequence[str] | None = None,
    threads: int = 0,
) -> ModelExtractor:
    """Return the extractor of a model folder, without loading its network.

    Raises
    ------
    ExtractorRefused
        It is no model folder, or its ``model.json`` is wrong.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "there is no such folder"
        raise ExtractorRefused(folder, f"{what}; a model is a folder with {MODEL} and {MANIFEST}")
    manifest = read_manifest(folder / MANIFEST)
    model = folder / MODEL
    if not model.is_file():
        raise ExtractorRefused(model, "there is no such file")
    return ModelExtractor(
        manifest, model, source=source, providers=providers or CPU, threads=threads
    )
