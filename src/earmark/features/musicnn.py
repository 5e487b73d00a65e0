"""The learned feature extractor: the network MSD_musicnn of Pons and Serra (2019).

A recording is heard in patches of 3 s at one level; a track's vector is the mean over its
patches of the network's 50 tag outputs and, behind them, of its 200 penultimate outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from earmark.errors import FeatureError
from earmark.features.base import Card, ExtractorSpec, Samples, Span
from earmark.features.melspectrogram import PATCH_LENGTH, PATCH_SECONDS, SAMPLE_RATE, log_mel
from earmark.features.runtime import onnxruntime

TAGS = (
    *("rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s"),
    *("alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists"),
    *("classic rock", "soul", "indie rock", "mellow", "electronica", "80s", "folk", "90s", "chill"),
    *("instrumental", "punk", "oldies", "blues", "hard rock", "ambient", "acoustic"),
    *("experimental", "female vocalist", "guitar", "hip-hop", "70s", "party", "country"),
    *("easy listening", "sexy", "catchy", "funk", "electro", "heavy metal", "progressive rock"),
    *("60s", "rnb", "indie pop", "sad", "house", "happy"),
)
N_TAGS = len(TAGS)
N_PENULTIMATE = 200

# Chosen by leave-one-artist-out; docs/how-it-listens.md has the tables.
LEVEL = 0.1
N_PATCHES = 20

_QUIET = 1e-5  # RMS below which a patch is silence: one third of a 16-bit step
_PATCHES_A_RUN = 16

Float32 = NDArray[np.float32]


@cache
def session(providers: tuple[str, ...], threads: int) -> onnxruntime.InferenceSession:
    """Return the network, loaded once for each set of providers and number of threads.

    Parameters
    ----------
    providers
        Names of ONNX Runtime's execution providers, the preferred one first.
    threads
        How many threads one run may use; 0 leaves the choice to ONNX Runtime.

    Raises
    ------
    FeatureError
        An execution provider is not available here.
    """
    available = onnxruntime.get_available_providers()
    missing = [name for name in providers if name not in available]
    if missing:
        raise FeatureError(
            f"the execution provider {missing[0]} is not available here; "
            f"there are {', '.join(available)}"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that wait busily for the next patch take the processor from those that decode.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with as_file(files("earmark.data").joinpath("msd_musicnn.onnx")) as path:
        return onnxruntime.InferenceSession(str(path), options, providers=list(providers))


class MusiCNN:
    """The default feature extractor.

    A vector has 250 numbers: the mean over patches of the tags [50], then of the penultimate layer
    [200].

    Parameters
    ----------
    providers
        ONNX Runtime's execution providers, the preferred one first.
    threads
        How many threads one run may use; 0 leaves the choice to ONNX Runtime.
    n_patches
        How many patches of a long recording are heard; a shorter one is heard whole.
    level
        The root mean square to which every recording is brought; None leaves it as it is.
    """

    # The tags are words for people; the penultimate outputs vote.
    spec = ExtractorSpec(
        name="musicnn",
        version="1",
        dimension=N_TAGS + N_PENULTIMATE,
        similarity="cosine",
        dtype="float32",
        voting=(N_TAGS, N_TAGS + N_PENULTIMATE),
        settling=2.0,
        words=TAGS,
    )
    card = Card(
        description="a network that learned to hear 50 tags in music",
        license="ISC",
        citation="Pons and Serra, musicnn: pre-trained convolutional neural networks for music "
        "audio tagging, 2019",
        link="https://github.com/jordipons/musicnn",
        training_data="Million Song Dataset, 50 tags of Last.fm",
        outputs=(("tags", N_TAGS), ("penultimate", N_PENULTIMATE)),
        classes=TAGS,
    )
    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        *,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        threads: int = 0,
        n_patches: int = N_PATCHES,
        level: float | None = LEVEL,
    ) -> None:
        self._providers = tuple(providers)
        self._threads = threads
        self._n_patches = n_patches
        self._level = level

    def spans(self, duration: float) -> Sequence[Span]:
        """Return up to ``n_patches`` stretches of one patch each, evenly spread over a recording.

        A recording shorter than all of them together is used whole.
        """
        if duration <= self._n_patches * PATCH_SECONDS:
            return [Span(0.0, duration)]
        # The middles of n equal parts: neither the first nor the last seconds, which often fade.
        part = duration / self._n_patches
        starts = (np.arange(self._n_patches) + 0.5) * part - PATCH_SECONDS / 2
        return [Span(float(start), float(start) + PATCH_SECONDS) for start in starts]

    def extract(self, segments: Iterable[Samples]) -> Float32:
        """Return the vector [250] of a recording.

        Parameters
        ----------
        segments
            One array a span, or consecutive blocks of a whole recording; each is cut into patches,
            and one shorter than a patch is repeated to fill it.

        Raises
        ------
        FeatureError
            All patches are silent.
        """
        cuts = [patch for segment in segments for patch in cut(segment)]
        if not cuts:
            raise FeatureError("nothing of it was heard")
        heard = np.stack(cuts)
        levels = np.sqrt(np.mean(np.square(heard, dtype=np.float64), axis=1))
        sounding = heard[levels > _QUIET]
        if len(sounding) == 0:
            raise FeatureError("what was heard of it is silent")
        if self._level is not None:
            overall = np.sqrt(np.mean(np.square(levels[levels > _QUIET])))
            sounding = sounding * np.float32(self._level / overall)
        return self.mean_output(np.stack([log_mel(patch) for patch in sounding]))

    def mean_output(self, patches: Float32) -> Float32:
        """Return the mean output [250] of the network for patches [n, 187, 96]."""
        network = session(self._providers, self._threads)
        outputs = []
        for start in range(0, len(patches), _PATCHES_A_RUN):
            run = patches[start : start + _PATCHES_A_RUN]
            outputs.append(
                np.concatenate(network.run(["tags", "penultimate"], {"patches": run}), axis=1)
            )
        mean: Float32 = np.concatenate(outputs).mean(axis=0, dtype=np.float64).astype(np.float32)
        return mean


def cut(samples: Samples) -> Iterator[Samples]:
    """Cut samples [n] into patches [PATCH_LENGTH] that touch.

    What is left at the end is covered by a last patch that overlaps the one before it, where it is
    at least half a patch long. Fewer samples than one patch are repeated to fill it.
    """
    if len(samples) == 0:
        return
    if len(samples) < PATCH_LENGTH:
        yield np.tile(samples, -(-PATCH_LENGTH // len(samples)))[:PATCH_LENGTH]
        return
    for start in range(0, len(samples) - PATCH_LENGTH + 1, PATCH_LENGTH):
        yield samples[start : start + PATCH_LENGTH]
    if len(samples) % PATCH_LENGTH >= PATCH_LENGTH // 2:
        yield samples[-PATCH_LENGTH:]
