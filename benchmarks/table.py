"""All speed claims in one table: `make bench` prints it and writes docs/benchmarks.md.

    python benchmarks/table.py [--rounds 5] [--group NAME] [--only WORD] [--write] [--check]

Each row does the same with the same input, by Earmark and by named peers, by turns and in one
process, on one thread; the figures are processor seconds, the least and the median of all rounds.
`--group` and `--only` measure some rows; with `--write` these take their places in the page, and
the others stay. `--check` compares the ratios with generous bounds and ends with 1 where one is
broken. The peers come with `pip install --group bench`; ffmpeg makes the inputs.
"""

from __future__ import annotations

import argparse
import os
import pickle
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import librosa
import numpy as np
import onnxruntime
import soundfile
from python_speech_features import mfcc as psf_mfcc
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from earmark import open_library
from earmark.audio import open_recording
from earmark.evaluation import Vote, load_evaluation_set
from earmark.evaluation import cross_val_predict as ask_all
from earmark.evaluation.auditing import audit
from earmark.evaluation.splits import LeaveOneArtistOut
from earmark.features import get_extractor
from earmark.features.musicnn import extractor as musicnn
from earmark.library import ExtractorSpec, Track, new_library
from earmark.library.fitting import refit, voter
from earmark.listen import listen
from earmark.neighbors import find_copies

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "war_of_freedom.ogg"
PAGE = ROOT / "docs" / "benchmarks.md"
SECONDS = 240
FORMATS = {
    "mp3": "-b:a 192k",
    "m4a": "-b:a 160k",
    "opus": "-b:a 96k",
    "ogg": "-q:a 5",
    "flac": "",
}

Run = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One line: what is done, by whom, and what no program can go below."""

    what: str
    ours: Run
    peers: dict[str, tuple[Run, float]]
    """By name: what it runs, and the ratio that `--check` wants at least."""
    limit: tuple[str, Run] | None = None
    rounds: int | None = None
    """How often, where it takes so long that fewer rounds than usual must do; then nothing is done
    for warming up."""


def processor_seconds() -> float:
    """Return what this process and those that it waited for have worked."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def measure(runs: dict[str, Run], rounds: int, *, warm: bool = True) -> dict[str, list[float]]:
    """Return the processor seconds of each run in each round, by turns."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values() if warm else ():
        run()
    for _ in range(rounds):
        for name, run in runs.items():
            began = processor_seconds()
            run()
            taken[name].append(processor_seconds() - began)
    return taken


def make_songs(folder: Path) -> dict[str, Path]:
    """Make a stereo song of four minutes in each format."""
    wave = folder / "song.wav"
    loop = ["ffmpeg", "-v", "error", "-stream_loop", "20", "-i", str(EXAMPLE), "-t", str(SECONDS)]
    subprocess.run([*loop, "-ac", "2", "-ar", "44100", str(wave)], check=True)
    songs = {}
    for ending, options in FORMATS.items():
        songs[ending] = folder / f"song.{ending}"
        command = ["ffmpeg", "-v", "error", "-i", str(wave), *options.split(), str(songs[ending])]
        subprocess.run(command, check=True)
    return songs


# What is compared


def decode(song: Path, rate: int) -> Row:
    """Compare decoding, mixing down and resampling."""

    def ours() -> None:
        with open_recording(song) as recording:
            for _ in recording.blocks(rate):
                pass

    def with_librosa() -> None:
        librosa.load(song, sr=rate, res_type="soxr_hq")

    def with_ffmpeg() -> None:
        command = ["ffmpeg", "-v", "error", "-threads", "1", "-i", str(song), "-ac", "1"]
        command += ["-ar", str(rate), "-f", "f32le", "-"]
        subprocess.run(command, stdout=subprocess.PIPE, check=True)

    def only_decode() -> None:
        with av.open(str(song)) as container:
            for _ in container.decode(audio=0):
                pass

    name = song.suffix.removeprefix(".")
    # What decodes M4A and Opus for librosa is FFmpeg in another process, or libsndfile.
    least = 1.2 if name in ("mp3", "flac") else 1.5
    return Row(
        f"4 minutes of stereo {name} to mono at {rate:,} Hz",
        ours,
        {"librosa": (with_librosa, least), "the ffmpeg command": (with_ffmpeg, 1.1)},
        ("FFmpeg's decoder alone", only_decode),
    )


def classic(song: Path) -> Iterator[Row]:
    """Compare the classic features, of samples and of a file."""
    rng = np.random.default_rng(0)
    samples = (0.1 * rng.standard_normal(30 * 22_050)).astype(np.float32)
    ours = get_extractor("mfcc")

    def psf() -> None:
        whole = (samples * 32_768).astype(np.int16)
        frames = psf_mfcc(whole, 22_050, winlen=0.02, numcep=13, nfft=512, appendEnergy=False)
        frames.mean(axis=0), np.cov(frames.T)

    def with_librosa(given: np.ndarray = samples) -> None:
        frames = librosa.feature.mfcc(
            y=given, sr=22_050, n_mfcc=13, n_fft=512, hop_length=221, n_mels=26
        )
        frames.mean(axis=1), np.cov(frames)

    yield Row(
        "the Gaussian of the MFCCs of 30 s",
        lambda: ours.extract([samples]),
        {"python_speech_features": (psf, 4.0), "librosa": (with_librosa, 1.3)},
    )
    yield Row(
        "4 minutes of mp3 to their classic features",
        lambda: listen(song, ours),
        {"a librosa script": (lambda: with_librosa(librosa.load(song, sr=22_050)[0]), 1.2)},
    )


def learned(song: Path) -> Row:
    """Compare the learned features with the network over a whole song."""
    ours = musicnn(threads=1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = ROOT / "src" / "earmark" / "data" / "msd_musicnn.onnx"
    session = onnxruntime.InferenceSession(str(model), options)
    (given,) = session.get_inputs()

    def whole_song() -> None:
        samples, _ = librosa.load(song, sr=16_000)
        mel = librosa.feature.melspectrogram(
            y=samples, sr=16_000, n_fft=512, hop_length=256, n_mels=96, htk=False
        )
        mel = np.log10(10_000 * mel + 1).T.astype(np.float32)
        for start in range(0, len(mel) - 187, 187):
            session.run(None, {given.name: mel[start : start + 187].reshape(1, 187, 96)})

    return Row(
        "4 minutes of mp3 to their learned features",
        lambda: listen(song, ours),
        {"librosa and ONNX Runtime over the whole song": (whole_song, 3.0)},
    )


def processes() -> Iterator[Row]:
    """Compare whole processes."""

    def command(*arguments: object) -> Run:
        whole = [sys.executable, *map(str, arguments)]
        return lambda: subprocess.run(whole, stdout=subprocess.DEVNULL, check=True)

    nothing = command("-c", "pass")
    load = command("-c", f"import librosa; librosa.load({str(EXAMPLE)!r}, sr=16000)")
    for option, least in (("--version", 1 / 12), ("--help", 1 / 15)):
        yield Row(
            f"earmark {option}",
            command("-m", "earmark", option),
            {"python -c pass": (nothing, least)},
        )
    yield Row(
        "earmark classify of a 20 s clip",
        command("-m", "earmark", "classify", "--no-cache", EXAMPLE),
        {"librosa.load of it": (load, 0.5)},
    )


def searches(folder: Path, count: int) -> Iterator[Row]:
    """Compare searching a library of made tracks."""
    path = make_library(folder / "made.earmark", count)
    library = open_library(path)
    snapshot = library.snapshot()
    vote = voter(library, snapshot)
    keys = np.ascontiguousarray(snapshot.vectors[:, 50:], dtype=np.float32)
    keys /= np.linalg.norm(keys, axis=1, keepdims=True)
    queries = np.asarray(snapshot.vectors[:257]) * np.float32(1.01)
    asked = keys[:257]
    peer = NearestNeighbors(n_neighbors=30, algorithm="brute", metric="cosine", n_jobs=1).fit(keys)
    yield Row(
        f"one query among {count:,} tracks",
        lambda: vote.kneighbors(queries[:1], 30),
        {"scikit-learn, brute force": (lambda: peer.kneighbors(asked[:1]), 1.5)},
        ("one pass over the keys", lambda: keys @ asked[0]),
    )
    yield Row(
        f"256 queries at once among {count:,} tracks",
        lambda: vote.kneighbors(queries[1:], 30),
        {"scikit-learn, brute force": (lambda: peer.kneighbors(asked[1:]), 1.5)},
        ("the matrix product alone", lambda: asked[1:] @ keys.T),
    )


def make_library(path: Path, count: int) -> Path:
    """Make a library of perturbed mixtures of the reference library's tracks."""
    with open_library("reference") as reference:
        known = reference.snapshot().vectors.astype(np.float32)
        spec: ExtractorSpec = reference.spec
    rng = np.random.default_rng(0)
    noise = known.std(axis=0) / 2
    with new_library(path, spec, overwrite=True) as library:
        for start in range(0, count, 20_000):
            n = min(20_000, count - start)
            one, other = rng.integers(len(known), size=(2, n))
            part = rng.random((n, 1)).astype(np.float32) / 2
            made = known[one] * (1 - part) + known[other] * part
            made += noise * rng.standard_normal(made.shape).astype(np.float32)
            tracks = [
                Track(name=f"t{start + i}", genre=f"g{one[i] % 10}", artist=f"a{(start + i) // 12}")
                for i in range(n)
            ]
            library.add(tracks, np.maximum(made, 0))
    return path


def libraries(folder: Path, count: int) -> Iterator[Row]:
    """Compare what is done with a large library as a whole."""
    path = make_library(folder / "large.earmark", count)
    with open_library(path) as library:
        refit(library)
        snapshot = library.snapshot()
        peer = NearestNeighbors(n_neighbors=30, algorithm="brute", metric="cosine", n_jobs=1)
        peer.fit(voter(library, snapshot).points(snapshot.vectors))
        similarity = library.spec.similarity
    dumped, plain = folder / "peer.pickle", folder / "vectors.npy"
    dumped.write_bytes(pickle.dumps(peer))
    np.save(plain, snapshot.vectors)

    def opened() -> None:
        with open_library(path, read_only=True) as library:
            voter(library).kneighbors(snapshot.vectors[:1], 30)

    def unpickled() -> None:
        pickle.loads(dumped.read_bytes()).kneighbors(peer._fit_X[:1])

    yield Row(
        f"a library of {count:,} tracks opened, not for the first time, and asked once",
        opened,
        {"scikit-learn's brute force from a pickle": (unpickled, 0.5)},
        ("reading the vectors from a file of NumPy's", lambda: np.load(plain).sum()),
    )
    count_them = (
        "import sqlite3, sys; held = sqlite3.connect(sys.argv[1]); held.execute('SELECT genre, "
        "artist, count(*) FROM track_genres JOIN tracks ON id = track_id GROUP BY 1, 2').fetchall()"
    )

    def process(*arguments: object) -> Run:
        whole = [sys.executable, *map(str, arguments)]
        return lambda: subprocess.run(whole, stdout=subprocess.DEVNULL, check=True)

    yield Row(
        f"earmark info of {count:,} tracks",
        process("-m", "earmark", "info", path),
        {"sqlite3 that counts genres and artists": (process("-c", count_them, path), 0.05)},
        ("python -c pass", process("-c", "pass")),
    )

    def nearest_of_all(some: np.ndarray) -> None:
        search = NearestNeighbors(n_neighbors=11, algorithm="brute", metric="cosine", n_jobs=1)
        search.fit(some).kneighbors(some)

    few = 20_000
    with open_library(path, read_only=True) as library:
        drawn = load_evaluation_set(library, most=few)
    yield Row(
        f"which of {few:,} tracks are copies",
        lambda: find_copies(drawn.vectors, similarity, np.arange(few)),
        {"scikit-learn, the 11 nearest of each": (lambda: nearest_of_all(drawn.vectors), 3.0)},
        ("equal vectors alone", lambda: np.unique(drawn.vectors, axis=0)),
        rounds=2,
    )
    units = drawn.vectors / np.linalg.norm(drawn.vectors, axis=1, keepdims=True)

    def products() -> None:
        for start in range(0, few, 1_000):
            units[start : start + 1_000] @ units.T

    yield Row(
        f"earmark audit of {few:,} tracks",
        lambda: audit(replace(drawn)),
        {"scikit-learn, the 11 nearest of each": (lambda: nearest_of_all(drawn.vectors), 0.5)},
        ("the products of all with all", products),
        rounds=2,
    )


def evaluation(folder: Path, count: int) -> Iterator[Row]:
    """Compare asking each track without its artist."""
    with open_library(make_library(folder / "some.earmark", count), read_only=True) as library:
        data = load_evaluation_set(library)
    labels, groups = data.labels, data.groups
    vote = KNeighborsClassifier(30, weights="distance", metric="cosine", algorithm="brute")
    split = LeaveOneArtistOut()

    def with_sklearn() -> None:
        cross_val_predict(vote, data.vectors, labels, groups=groups, cv=GroupKFold(10))

    units = data.vectors / np.linalg.norm(data.vectors, axis=1, keepdims=True)
    yield Row(
        f"each of {count:,} tracks answered without its artist, the vote fitted without it",
        lambda: ask_all(data, split, Vote()),
        {"scikit-learn, ten folds, a plain vote": (with_sklearn, 0.05)},
        ("the products of all with all", lambda: units @ units.T),
        rounds=2,
    )


def builds(folder: Path, count: int) -> Iterator[Row]:
    """Compare building a library of very short files."""
    music = folder / "short"
    rng = np.random.default_rng(0)
    for number in range(count):
        genre = music / f"genre {number % 5}"
        genre.mkdir(parents=True, exist_ok=True)
        samples = 0.1 * rng.standard_normal(26_460)
        soundfile.write(genre / f"{number}.wav", samples, 22_050)
    files = sorted(music.rglob("*.wav"))
    extractor = get_extractor("mfcc")

    def build() -> None:
        target = folder / "short.earmark"
        target.unlink(missing_ok=True)
        whole = [sys.executable, "-m", "earmark", "build", music, "-o", target]
        whole += ["--extractor", "mfcc", "--jobs", "1"]
        subprocess.run(list(map(str, whole)), capture_output=True, check=True)

    def with_librosa() -> None:
        for file in files:
            samples, _ = librosa.load(file, sr=22_050)
            frames = librosa.feature.mfcc(
                y=samples, sr=22_050, n_mfcc=13, n_fft=512, hop_length=221, n_mels=26
            )
            frames.mean(axis=1), np.cov(frames)

    def only_hear() -> None:
        for file in files:
            listen(file, extractor)

    yield Row(
        f"earmark build of {count:,} files of 1.2 s",
        build,
        {"a librosa script, nothing kept": (with_librosa, 0.2)},
        ("their features alone", only_hear),
        rounds=3,
    )


def memory() -> list[str]:
    """Return what `earmark classify` holds at most, beside what it holds before it hears."""
    look = """
import re, sys
def peak():
    # The system's count for a child has that of its parent in it; this one has not.
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
from earmark import Classifier, open_library
with open_library("reference") as library:
    classifier = Classifier(library)
    idle = peak()
    classifier.predict(sys.argv[1])
    print(f"{idle:.0f} {peak() - idle:.0f}")
"""
    done = subprocess.run(
        [sys.executable, "-c", look, str(EXAMPLE)], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


# The table


def shown(row: Row, taken: dict[str, list[float]]) -> Iterator[str]:
    """Yield a line for each peer of a row."""
    least, median = min(taken["ours"]), statistics.median(taken["ours"])
    limit = ""
    if row.limit is not None:
        limit = f"{row.limit[0]}: {least / max(min(taken['limit']), 1e-9):.2f}"
    for peer in row.peers:
        ratio = min(taken[peer]) / least
        middle = statistics.median(taken[peer]) / median
        yield (
            f"| {row.what} | {1_000 * least:,.1f} ms ({1_000 * median:,.1f}) | {peer} "
            f"| {ratio:.2f} ({middle:.2f}) | {limit} |"
        )


def broken(row: Row, taken: dict[str, list[float]]) -> Iterator[str]:
    """Yield what keeps less than its bound."""
    for peer, (_, least) in row.peers.items():
        ratio = min(taken[peer]) / min(taken["ours"])
        if ratio < least:
            yield f"{row.what}: {ratio:.2f} times {peer}, at least {least:.2f} was promised"


def sounds(folder: Path) -> Iterator[Row]:
    """Yield what is done with files of sound."""
    songs = make_songs(folder)
    for song in songs.values():
        for rate in (16_000, 22_050):
            yield decode(song, rate)
    yield from classic(songs["mp3"])
    yield learned(songs["mp3"])


GROUPS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "sounds": sounds,
    "processes": lambda _: processes(),
    "searches": lambda folder: searches(folder, 100_000),
    "libraries": lambda folder: libraries(folder, 100_000),
    "evaluation": lambda folder: evaluation(folder, 10_000),
    "builds": lambda folder: builds(folder, 500),
}


def rows(folder: Path, groups: Iterable[str]) -> Iterator[Row]:
    """Yield the rows of some groups."""
    for name in groups:
        yield from GROUPS[name](folder)


def replace_lines(lines: list[str]) -> None:
    """Put lines of the table into the page, in the places of those of the same work and peer."""

    def key(line: str) -> tuple[str, str]:
        cells = line.split(" | ")
        return cells[0], cells[2]

    page = PAGE.read_text(encoding="utf-8").split("\n")
    at = [number for number, line in enumerate(page) if line.startswith("| ")]
    held = {key(page[number]): page[number] for number in at[2:]}
    held |= {key(line): line for line in lines}
    page[at[2] : at[-1] + 1] = held.values()
    PAGE.write_text("\n".join(page), encoding="utf-8")


HEAD = """# Benchmarks

<!-- written by: make bench -->

Processor time of Earmark and of named peers for the same work on the same input, by turns in one
run, on one thread. The first figure is the least of all rounds, the median is in brackets. A ratio
above 1 says how many times as long the peer takes. The last column is what cannot be gone below,
and how many times that Earmark takes. Ratios differ less from machine to machine than times do.

| what | Earmark | peer | ratio | limit |
| --- | --- | --- | --- | --- |
"""


WHY = """
Why some rows are far from their limit:

- An audit computes the products of all with all in halves, since each serves both tracks, but
  twice: as the vectors are, and scaled by how crowded each place is, which is known only after the
  first time. Then it looks once more at the few blocks in which the nearest of each track can be.
- Answers without a track's artist come of ten votes that are fitted without a tenth of the artists
  each, and each of these is fitted by four more. So fifty indexes are made and asked; the
  products of all with all are a small part of that.
- Half of what `earmark info` takes is the import of NumPy and SQLAlchemy; most of the rest is what
  SQLite takes to count artists.
"""


def main() -> None:
    """Measure all rows, print them and write the page."""
    if not ONE_THREAD.items() <= os.environ.items():
        # Libraries read them when they are loaded.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="rows that have this word")
    parser.add_argument("--group", choices=list(GROUPS), action="append", help="these rows alone")
    parser.add_argument("--write", action="store_true", help="put some rows into the page")
    parser.add_argument("--check", action="store_true", help="compare with the bounds")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    lines: list[str] = []
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(Path(folder), arguments.group or GROUPS):
            if arguments.only not in row.what:
                continue
            runs = {"ours": row.ours, **{name: run for name, (run, _) in row.peers.items()}}
            if row.limit is not None:
                runs["limit"] = row.limit[1]
            fewer = row.rounds is not None
            rounds = arguments.rounds if row.rounds is None else min(row.rounds, arguments.rounds)
            taken = measure(runs, rounds, warm=not fewer)
            for line in shown(row, taken):
                print(line, flush=True)
                lines.append(line)
            faults += broken(row, taken)
    if arguments.write:
        replace_lines(lines)
    if arguments.only or arguments.group:
        if arguments.check and faults:
            sys.exit("\n".join(faults))
        return
    idle, more = memory()
    told = (
        f"\nPython that classifies a song holds {idle} MB before it hears, and {more} MB more "
        "then.\n"
    )
    print(told)
    if not arguments.check:
        where = (
            f"\nMeasured on {time.strftime('%Y-%m-%d')}: {platform.machine()}, Python "
            f"{platform.python_version()}, NumPy {np.__version__}, librosa {librosa.__version__}, "
            f"ONNX Runtime {onnxruntime.__version__}, PyAV {av.__version__}, libsndfile "
            f"{soundfile.__libsndfile_version__}; {arguments.rounds} rounds. "
            "`make bench` repeats it;\n`make bench-check` compares the ratios with generous "
            "bounds.\n"
        )
        PAGE.write_text(HEAD + "\n".join(lines) + "\n" + told + WHY + where, encoding="utf-8")
    if arguments.check and faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
