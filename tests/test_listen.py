"""From sound files to vectors: any container, only what is asked for, and clear refusals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from earmark.audio import MAX_DURATION
from earmark.errors import AudioError, AudioIsFolder, AudioNotFound, AudioSilent, AudioTooLong
from earmark.features import FeatureExtractor, Samples, Span, get_extractor
from earmark.library import open_default
from earmark.listen import hash_file, listen, listen_windows
from earmark.neighbors import MajorityVoter, Parameters, Voter, fit, make_voter, one_hot
from support import sounds

pytestmark = pytest.mark.slow

FORMATS = ("wav-16", "flac", "mp3", "m4a", "ogg", "opus")
EXTRACTORS = ("mfcc", "musicnn")


class Recorder:
    """An extractor that keeps what it is given, and asks for the spans it was made with."""

    name, version, metric, dtype = "recorder", "1", "euclidean", "float32"
    sample_rate, dimension = 16_000, 1

    def __init__(self, spans: Sequence[Span] | None) -> None:
        self._spans = spans
        self.segments: list[Samples] = []
        self.duration = 0.0

    def spans(self, duration: float) -> Sequence[Span] | None:
        self.duration = duration
        return self._spans

    def extract(self, segments: Iterable[Samples]) -> np.ndarray:
        self.segments = list(segments)
        return np.zeros(1, np.float32)


@pytest.mark.parametrize("name", EXTRACTORS)
def test_a_file_gives_the_vector_of_its_samples(name: str, tmp_path: Path) -> None:
    extractor = get_extractor(name)
    samples = sounds.tune(5.0, extractor.sample_rate)
    heard = listen(sounds.write(tmp_path / "a.wav", samples, extractor.sample_rate), extractor)
    np.testing.assert_allclose(heard.vector, extractor.extract([samples]), rtol=1e-4, atol=1e-4)
    assert heard.duration == pytest.approx(5.0)
    assert heard.path == str(tmp_path / "a.wav")
    assert heard.warnings == ()
    assert 0 < heard.seconds < 60


def test_only_the_spans_asked_for_are_read(tmp_path: Path) -> None:
    samples = sounds.tune(20.0, 16_000)
    path = sounds.write(tmp_path / "a.flac", samples, 16_000, "flac")
    recorder = Recorder([Span(2.0, 5.0), Span(12.5, 13.0)])
    listen(path, recorder)
    assert recorder.duration == pytest.approx(20.0)
    np.testing.assert_array_equal(recorder.segments[0], samples[32_000:80_000])
    np.testing.assert_array_equal(recorder.segments[1], samples[200_000:208_000])


def test_without_spans_all_of_it_is_read_in_blocks(tmp_path: Path) -> None:
    samples = sounds.tune(8.0, 16_000)
    recorder = Recorder(None)
    listen(sounds.write(tmp_path / "a.wav", samples, 16_000), recorder)
    np.testing.assert_array_equal(np.concatenate(recorder.segments), samples)


def test_a_long_song_is_heard_in_places(tmp_path: Path) -> None:
    extractor = get_extractor("musicnn")
    samples = sounds.tune(90.0, 16_000)
    path = sounds.write(tmp_path / "long.flac", samples, 16_000, "flac")
    spans = extractor.spans(90.0)
    assert spans is not None
    assert len(spans) > 1
    by_hand = [samples[round(s.start * 16_000) : round(s.stop * 16_000)] for s in spans]
    expected = extractor.extract(by_hand)
    np.testing.assert_allclose(listen(path, extractor).vector, expected, atol=0.01)


@pytest.mark.parametrize("name", EXTRACTORS)
def test_silence_is_refused_with_its_file(name: str, tmp_path: Path) -> None:
    path = sounds.write(tmp_path / "quiet.wav", sounds.silence(3.0), 22_050)
    with pytest.raises(AudioSilent, match=r"quiet\.wav: "):
        listen(path, get_extractor(name))


def test_what_is_too_long_is_not_decoded(tmp_path: Path) -> None:
    path = sounds.write(tmp_path / "long.wav", sounds.noise(5.0), 22_050)
    with pytest.raises(AudioTooLong):
        listen(path, get_extractor("mfcc"), max_duration=4.0)
    assert listen(path, get_extractor("mfcc"), max_duration=MAX_DURATION).duration == 5.0


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    extractor = get_extractor("mfcc")
    (tmp_path / "text.mp3").write_text("not music\n" * 500)
    with pytest.raises(AudioNotFound):
        listen(tmp_path / "none.mp3", extractor)
    with pytest.raises(AudioIsFolder):
        listen(tmp_path, extractor)
    with pytest.raises(AudioError, match=r"text\.mp3"):
        listen(tmp_path / "text.mp3", extractor)


# Segments


def test_segments_are_heard_each_for_itself(tmp_path: Path) -> None:
    extractor = get_extractor("mfcc")
    samples = sounds.tune(11.0, 22_050)
    path = sounds.write(tmp_path / "a.wav", samples, 22_050)
    starts, vectors = listen_windows(path, extractor, step=3.0)
    # What is left is a segment of its own if it is more than half of one, else part of the last.
    np.testing.assert_array_equal(starts, [0, 3, 6, 9])
    for start, vector in zip(starts, vectors, strict=True):
        part = samples[round(start * 22_050) : round((start + 3) * 22_050)]
        np.testing.assert_allclose(vector, extractor.extract([part]), rtol=1e-4, atol=1e-3)
    starts, vectors = listen_windows(path, extractor, step=5.0)
    np.testing.assert_array_equal(starts, [0, 5])
    np.testing.assert_allclose(
        vectors[1], extractor.extract([samples[5 * 22_050 :]]), rtol=1e-4, atol=1e-3
    )


def test_a_recording_shorter_than_a_segment_is_one(tmp_path: Path) -> None:
    path = sounds.write(tmp_path / "a.wav", sounds.tune(2.0), 22_050)
    starts, vectors = listen_windows(path, get_extractor("mfcc"), step=30.0)
    assert starts.tolist() == [0.0]
    assert vectors.shape == (1, 104)


def test_silent_segments_are_left_out(tmp_path: Path) -> None:
    parts = [sounds.tune(4.0), sounds.silence(4.0), sounds.noise(4.0)]
    path = sounds.write(tmp_path / "a.wav", np.concatenate(parts), 22_050)
    for name in EXTRACTORS:
        starts, _ = listen_windows(path, get_extractor(name), step=4.0)
        assert starts.tolist() == [0.0, 8.0]
    silent = sounds.write(tmp_path / "quiet.wav", sounds.silence(9.0), 22_050)
    with pytest.raises(AudioSilent, match="quiet"):
        listen_windows(silent, get_extractor("mfcc"), step=4.0)


# Content


def test_content_is_known_by_its_sha256(tmp_path: Path) -> None:
    path = sounds.write(tmp_path / "a.wav", sounds.noise(60.0), 22_050)
    assert hash_file(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(AudioNotFound, match=r"b\.wav: there is no such file"):
        hash_file(tmp_path / "b.wav")
    with pytest.raises(AudioError, match="cannot be read"):
        hash_file(tmp_path)


# The same song in other containers


def stereo_44k(samples: np.ndarray, rate: int) -> np.ndarray:
    """Return mono samples [n] as [m, 2] at 44,100 Hz, a little to the left."""
    resampled = soxr.resample(samples, rate, 44_100, "HQ")
    return np.stack([1.05 * resampled, 0.95 * resampled], axis=1).clip(-1, 1)


def encoded(folder: Path, samples: np.ndarray, rate: int) -> dict[str, Path]:
    """Write the samples in each of ``FORMATS`` at 44,100 Hz stereo."""
    both = stereo_44k(samples, rate)
    files = {}
    for kind in FORMATS:
        if kind == "opus":  # which knows only 48,000 Hz
            files[kind] = sounds.write(folder, soxr.resample(both, 44_100, 48_000), 48_000, kind)
        else:
            files[kind] = sounds.write(folder, both, 44_100, kind)
    return files


def check_nearest(
    files: dict[str, Path],
    extractor: FeatureExtractor,
    voter: Voter,
    names: Sequence[str],
    original: str,
    genre: str | None,
) -> None:
    """Check that every file has the same genre and the original as its nearest track."""
    vectors = np.stack([listen(path, extractor).vector for path in files.values()])
    answers = voter.predict(vectors)
    nearest = {kind: names[row] for kind, row in zip(files, answers.neighbors[:, 0], strict=True)}
    assert nearest == dict.fromkeys(files, original)
    genres = {answers.genre_names[winner] for winner in answers.winners}
    assert len(genres) == 1
    assert genre is None or genres == {genre}


@pytest.mark.parametrize("name", EXTRACTORS)
def test_a_tune_is_the_same_in_every_container(name: str, tmp_path: Path) -> None:
    extractor = get_extractor(name)
    tunes = [sounds.tune(4.0, 22_050, seed=seed) for seed in range(8)]
    vectors = np.stack(
        [
            listen(sounds.write(tmp_path / f"{seed}.wav", tune, 22_050), extractor).vector
            for seed, tune in enumerate(tunes)
        ]
    )
    # Of one genre each, so that the nearest alone decides.
    genres = [f"genre {seed}" for seed in range(8)]
    voter = MajorityVoter(vectors, *one_hot(genres), Parameters(extractor.spec.comparison, 1))
    files = encoded(tmp_path, tunes[5], 22_050)
    check_nearest(files, extractor, voter, genres, "genre 5", "genre 5")


def songs_of(known: list[str], shared_data: Path) -> list[Path]:
    """Return some full clips that are in the library, by its tracks' names, of different genres."""
    chosen = []
    for genre in ("classical", "hiphop", "metal"):
        files = sorted((shared_data / "gtzan" / "full" / genre).glob("*.ogg"))
        chosen.append(next(file for file in files[5:] if file.stem in known))
    return chosen


@pytest.mark.parametrize(("name", "packaged"), [("mfcc", "classic"), ("musicnn", "reference")])
def test_a_real_song_is_the_same_in_every_container(
    shared_data: Path, tmp_path: Path, name: str, packaged: str
) -> None:
    extractor = get_extractor(name)
    with open_default(packaged) as opened:
        library = opened.snapshot()
        tracks = opened.get_many(library.ids.tolist())
    parameters = fit(
        library.vectors,
        one_hot(library.genres)[0],
        np.arange(len(library)),
        comparison=extractor.spec.comparison,
        seconds=library.seconds,
    )
    voter = make_voter(library.vectors, *one_hot(library.genres), parameters)
    names = [tracks[track_id].name for track_id in library.ids.tolist()]
    songs = songs_of(names, shared_data)
    for song in songs[: 3 if name == "mfcc" else 1]:
        folder = tmp_path / song.stem
        folder.mkdir()
        samples, rate = soundfile.read(song, dtype="float32")
        check_nearest(encoded(folder, samples, rate), extractor, voter, names, song.stem, None)
