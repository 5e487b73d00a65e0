"""The learned features: the network against NumPy, its front end, and published outputs."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.errors import ExtractorError, FeatureError
from earmark.features import Span, get_extractor
from earmark.features.model import ModelExtractor
from earmark.features.musicnn import extractor
from earmark.features.network import CPU, open_session
from earmark.features.segments import cut
from earmark.library import open_default
from earmark.library.fitting import tracks_together, voter
from earmark.neighbors.fitting import members_of
from support import plain_musicnn, sounds

NETWORK = Path(__file__).resolve().parents[2] / "src" / "earmark" / "data" / "msd_musicnn.onnx"

SAMPLE_RATE, N_FFT, N_FRAMES, N_MELS, N_TAGS = 16_000, 512, 187, 96, 50
HOP = 256
PATCH_LENGTH = (N_FRAMES - 1) * HOP + N_FFT
PATCH_SECONDS = PATCH_LENGTH / SAMPLE_RATE
N_PATCHES = extractor().manifest.n_segments


@pytest.fixture(scope="module")
def network() -> ModelExtractor:
    return extractor()


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    return plain_musicnn.read_weights(NETWORK)


@cache
def session() -> Any:
    return open_session(NETWORK, CPU, 1)


def run(heard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return tags [n, 50] and penultimate outputs [n, 200] of patches [n, 187, 96]."""
    tags, penultimate = session().run(
        ["tags", "penultimate"], {"patches": heard.astype(np.float32)}
    )
    return tags, penultimate


def log_mel(samples: np.ndarray) -> np.ndarray:
    front_end = extractor().manifest.front_end
    assert front_end is not None
    return front_end(samples)


PATCHES = ("a tune", "noise", "silence", "anything")


@cache
def heard_patches() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    tune = sounds.tune(PATCH_SECONDS + 0.1, SAMPLE_RATE)[:PATCH_LENGTH]
    noise = sounds.noise(PATCH_SECONDS + 0.1, SAMPLE_RATE)[:PATCH_LENGTH]
    made = (
        log_mel(tune),
        log_mel(noise),
        np.zeros((N_FRAMES, N_MELS), np.float32),
        rng.uniform(0, 6, (N_FRAMES, N_MELS)).astype(np.float32),
    )
    return dict(zip(PATCHES, made, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", PATCHES)
def test_the_graph_is_the_plain_forward_pass(weights: dict[str, np.ndarray], name: str) -> None:
    patch = heard_patches()[name]
    tags, penultimate = run(patch[None])
    expected_tags, expected_penultimate = plain_musicnn.forward(weights, patch.astype(np.float64))
    assert np.abs(tags[0] - expected_tags).max() < 1e-4
    scale = np.abs(expected_penultimate).max()
    np.testing.assert_allclose(penultimate[0], expected_penultimate, atol=1e-4 * scale)


def test_the_network_is_the_one_that_was_published(weights: dict[str, np.ndarray]) -> None:
    # The paper counts what was learned, so not the running statistics.
    learned = [v for k, v in weights.items() if not k.startswith("axis") and "/moving_" not in k]
    assert sum(value.size for value in learned) == 787_159
    words = extractor().spec.words
    assert len(words) == len(set(words)) == N_TAGS


@pytest.mark.slow
def test_a_patch_is_heard_alike_in_any_company(network: ModelExtractor) -> None:
    # More patches than go through the network in one run.
    many = np.stack(list(heard_patches().values()) * 5)
    alone = np.stack([np.concatenate(run(patch[None]), axis=1)[0] for patch in many[:4]])
    together = np.concatenate(run(many), axis=1)
    np.testing.assert_allclose(together, np.tile(alone, (5, 1)), atol=1e-4)


@pytest.mark.slow
def test_the_vector_is_the_mean_of_tags_and_penultimate_outputs(network: ModelExtractor) -> None:
    samples = sounds.tune(3 * PATCH_SECONDS, SAMPLE_RATE)[: 3 * PATCH_LENGTH]
    vector = network.extract([samples])
    assert vector.shape == (network.spec.dimension,) == (N_TAGS + 200,)
    assert vector.dtype == network.spec.dtype
    level = np.sqrt(np.mean(samples.astype(np.float64) ** 2))
    by_hand = [
        np.concatenate(run(log_mel((part * (0.1 / level)).astype(np.float32))[None]), axis=1)[0]
        for part in np.split(samples, 3)
    ]
    np.testing.assert_allclose(vector, np.mean(by_hand, axis=0), atol=1e-3)
    assert np.all((vector[:N_TAGS] > 0) & (vector[:N_TAGS] < 1))


def test_a_missing_provider_is_named() -> None:
    with pytest.raises(
        ExtractorError, match=r"NoSuchProvider is not available here; there are .*CPU"
    ):
        get_extractor("musicnn", providers=["NoSuchProvider"]).extract([sounds.tune(4, 16_000)])


# Which parts are heard


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5 * PATCH_LENGTH))
def test_samples_are_cut_into_patches_that_touch(n_samples: int) -> None:
    samples = np.arange(n_samples, dtype=np.float32)
    made = list(cut(samples, PATCH_LENGTH))
    assert all(patch.shape == (PATCH_LENGTH,) for patch in made)
    if n_samples == 0:
        assert made == []
        return
    if n_samples < PATCH_LENGTH:
        np.testing.assert_array_equal(made, [np.arange(PATCH_LENGTH) % n_samples])
        return
    whole, rest = divmod(n_samples, PATCH_LENGTH)
    starts = [int(patch[0]) for patch in made]
    assert starts[:whole] == [PATCH_LENGTH * i for i in range(whole)]
    assert starts[whole:] == ([n_samples - PATCH_LENGTH] if rest >= PATCH_LENGTH // 2 else [])
    for patch in made:
        np.testing.assert_array_equal(np.diff(patch), 1)


@settings(max_examples=60, deadline=None)
@given(duration=st.floats(1.0, 4 * 3600.0))
def test_a_long_recording_is_heard_in_places_evenly_spread(
    network: ModelExtractor, duration: float
) -> None:
    spans = network.spans(duration)
    if duration <= N_PATCHES * PATCH_SECONDS:
        assert list(spans) == [Span(0.0, duration)]
        return
    assert len(spans) == N_PATCHES
    middles = [(span.start + span.stop) / 2 for span in spans]
    np.testing.assert_allclose(np.diff(middles), duration / N_PATCHES)
    np.testing.assert_allclose(middles[0], duration - middles[-1])
    for span in spans:
        assert span.stop - span.start == pytest.approx(PATCH_SECONDS)
    assert spans[0].start >= 0
    assert spans[-1].stop <= duration
    assert all(after.start >= before.stop - 1e-9 for before, after in pairwise(spans))


def test_a_short_clip_is_repeated_to_fill_a_patch(network: ModelExtractor) -> None:
    clip = sounds.tune(1.0, SAMPLE_RATE)
    repeated = np.tile(clip, 4)[:PATCH_LENGTH]
    np.testing.assert_allclose(network.extract([clip]), network.extract([repeated]), atol=1e-5)


# Level


@pytest.mark.parametrize("decibels", [-40, -20, -6, 6, 20])
def test_the_level_of_a_recording_does_not_matter(network: ModelExtractor, decibels: float) -> None:
    samples = sounds.tune(7.0, SAMPLE_RATE, seed=2)
    gain = np.float32(10 ** (decibels / 20))
    np.testing.assert_allclose(
        network.extract([samples * gain]), network.extract([samples]), atol=1e-4
    )


def test_the_loud_and_soft_parts_of_a_recording_stay_so(network: ModelExtractor) -> None:
    parts = np.split(sounds.tune(7.0, SAMPLE_RATE)[: 2 * PATCH_LENGTH], 2)
    alike = network.extract(parts)
    apart = network.extract([parts[0], 0.01 * parts[1]])
    assert np.abs(alike - apart).max() > 1e-2


def test_silent_segments_are_not_heard(network: ModelExtractor) -> None:
    samples = sounds.tune(PATCH_SECONDS, SAMPLE_RATE)[:PATCH_LENGTH]
    silent = np.zeros(2 * PATCH_LENGTH, np.float32)
    np.testing.assert_allclose(
        network.extract([silent, samples, silent]), network.extract([samples]), atol=1e-6
    )


@pytest.mark.parametrize(
    "segments",
    [
        [],
        [np.zeros(0, np.float32)],
        [np.zeros(100, np.float32)],
        [np.zeros(4 * PATCH_LENGTH, np.float32)],
        [np.full(PATCH_LENGTH, 1e-6, np.float32)],
    ],
)
def test_silence_is_refused(network: ModelExtractor, segments: list[np.ndarray]) -> None:
    with pytest.raises(FeatureError, match=r"silent|nothing"):
        network.extract(segments)


def clips(shared_data: Path, each: int) -> list[Path]:
    """Return that many full clips of every genre, spread over its tracks."""
    chosen = []
    for folder in sorted((shared_data / "gtzan" / "full").iterdir()):
        files = sorted(folder.glob("*.ogg"))
        chosen += files[:: max(1, len(files) // each)][:each]
    return chosen


def read_16k(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="float32")
    resampled: np.ndarray = soxr.resample(samples, rate, SAMPLE_RATE, "HQ")
    return resampled


@pytest.mark.slow
def test_a_change_of_level_changes_no_genre_of_real_clips(
    shared_data: Path, network: ModelExtractor
) -> None:
    files = clips(shared_data, 2)
    assert len(files) == 20
    with open_default("reference") as library:
        snapshot = library.snapshot()
        votes = voter(library)
        groups = tracks_together(snapshot, library.spec.similarity)
        row_of = {track.name: row for row, track in enumerate(library.tracks())}
    files = [file for file in files if file.stem in row_of]
    assert len(files) >= 18, "copies are left out of the reference library, no others are"
    rows = np.array([row_of[file.stem] for file in files])

    def genres(vectors: np.ndarray) -> list[str]:
        answers = votes.predict(vectors, exclude=members_of(groups, rows))
        return [answers.genre_names[winner] for winner in answers.winners]

    # At the level they have, the library heard them.
    as_they_are = genres(snapshot.vectors[rows])
    for decibels in (-20, 20):
        gain = np.float32(10 ** (decibels / 20))
        vectors = [network.extract([gain * read_16k(file)]) for file in files]
        assert genres(np.stack(vectors)) == as_they_are, decibels


# Published outputs


def published(shared_data: Path) -> dict[str, np.ndarray]:
    """Return the published mean tags [50] of GTZAN tracks by name."""
    with np.load(shared_data / "taggrams" / "msd_musicnn_gtzan_train443.npz") as arrays:
        tags, track = arrays["tags"], arrays["track"]
    return {str(name): tags[track == name].mean(axis=0) for name in np.unique(track)}


def tags_as_published(path: Path, network: ModelExtractor) -> np.ndarray:
    """Return the mean tags [50] of a clip, cut as for the published ones.

    Frames there are centered, over an edge that mirrors the clip, patches start every 61 frames,
    and no level is evened out.

    Of the 322 clips that are at hand and were published, 318 correlate by at least 0.98 (median
    0.999); disco.00028 (0.946), jazz.00050 (0.954), disco.00016 (0.976) and reggae.00016 (0.979) do
    not. It is the resampler: these clips are bright, and the highest bands lie where its filter
    falls off. For disco.00028 soxr's VHQ gives 0.957, MQ 0.938, a polyphase filter 0.80.
    """
    padded = np.pad(read_16k(path), N_FFT // 2, mode="reflect")
    starts = range(0, len(padded) - PATCH_LENGTH + 1, 61 * HOP)
    tags, _ = network.network.outputs([padded[at : at + PATCH_LENGTH] for at in starts])
    return tags.mean(axis=0)


@pytest.mark.slow
def test_published_outputs_are_met(shared_data: Path, network: ModelExtractor) -> None:
    known = published(shared_data)
    files = [file for file in clips(shared_data, 12) if file.stem in known]
    chosen = files[:: len(files) // 12][:12]
    assert len(chosen) == 12
    for file in chosen:
        correlation = np.corrcoef(tags_as_published(file, network), known[file.stem])[0, 1]
        assert correlation >= 0.98, file.stem
