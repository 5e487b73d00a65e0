"""A build hears what is new, keeps what is known, and ends with the same library in any case."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import shutil
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutagen import id3

from earmark import extraction
from earmark.collection import BuildReport, build, open_for_build, read_manifest, scan_folder
from earmark.errors import LibraryExtractor, NotAudio
from earmark.features import get_extractor
from earmark.library import ExtractorSpec, create_library, open_library
from earmark.listen import Extracted, hash_file

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hear files without decoding them: the vector is made of the bytes. Lists what was heard."""
    names: list[str] = []

    def listen(path: str, extractor: Any, **_: Any) -> Extracted:
        content = Path(path).read_bytes()
        if content.startswith(b"bad"):
            raise NotAudio(path, "is no sound")
        names.append(Path(path).name)
        rng = np.random.default_rng(list(hashlib.sha256(content).digest()))
        mean = np.concatenate([rng.normal(size=13), np.eye(13)[np.triu_indices(13)]])
        odd = ("ends early",) if content.startswith(b"odd") else ()
        return Extracted(path, mean, 30.0, odd, 0.0, 30.0)

    monkeypatch.setattr(extraction, "listen", listen)
    return names


class Shuffled(Executor):
    """Finishes calls in an order of its own."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.waiting: list[tuple[Future[Any], Any]] = []

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = _Lazy(self)
        self.waiting.append((future, lambda: function(*arguments, **options)))
        if len(self.waiting) > 5:
            self.finish_one()
        return future

    def finish_one(self) -> None:
        future, call = self.waiting.pop(self.random.randrange(len(self.waiting)))
        try:
            future.set_result(call())
        except NotAudio as error:
            future.set_exception(error)


class _Lazy(Future[Any]):
    """Runs something as soon as somebody looks."""

    def __init__(self, executor: Shuffled) -> None:
        super().__init__()
        self._executor = executor

    def __hash__(self) -> int:
        # `wait` looks its futures up before it waits for them.
        if not self.done() and self._executor.waiting:
            self._executor.finish_one()
        return id(self)


def put(root: Path, **content: str) -> None:
    for name, text in content.items():
        genre, _, stem = name.partition("_")
        path = root / genre / f"{stem}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def run(path: Path, music: Path, executor: Executor | None = None, **options: Any) -> BuildReport:
    with open_for_build(path, "mfcc") as library:
        executor = executor or ThreadPoolExecutor(1)
        source = read_manifest(music) if music.is_file() else scan_folder(music)
        return build(library, source, executor=executor, jobs=2, **options)


def content(path: Path) -> list[Any]:
    with open_library(path) as library:
        snapshot = library.snapshot()
    return [
        (dataclasses.replace(track, id=None), vector.tobytes())
        for track, vector in zip(library.tracks(), snapshot.vectors, strict=True)
    ]


def labels(path: Path) -> dict[str, str | None]:
    with open_library(path) as library:
        return {f"{Path(t.path or '').parent.name}/{t.name}": t.genre for t in library.tracks()}


@pytest.fixture
def music(tmp_path: Path) -> Path:
    root = tmp_path / "music"
    put(root, rock_a="one", rock_b="two", jazz_c="three", jazz_d="four")
    return root


@pytest.fixture
def lib(tmp_path: Path) -> Path:
    return tmp_path / "my.earmark"


def test_a_first_build_hears_everything_and_fits_the_vote(music: Path, lib: Path) -> None:
    report = run(lib, music)
    assert (report.heard, report.finished, report.total) == (4, 4, 4)
    assert labels(lib) == {"rock/a": "rock", "rock/b": "rock", "jazz/c": "jazz", "jazz/d": "jazz"}
    with open_library(lib) as library:
        assert library.fitted() is not None
        track = library.find_path(str(music / "rock" / "a.wav"))
        assert track is not None
        assert track.duration == 30.0
        assert track.content_hash is not None


def test_a_second_build_opens_nothing(
    music: Path, lib: Path, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(lib, music)
    before = content(lib)
    heard.clear()
    monkeypatch.setattr(extraction, "look", None)
    report = run(lib, music)
    assert (report.heard, report.unchanged) == (0, 4)
    assert content(lib) == before
    assert heard == []


def test_only_what_is_new_or_changed_is_heard(music: Path, lib: Path, heard: list[str]) -> None:
    run(lib, music)
    heard.clear()
    put(music, rock_a="changed", pop_e="new")
    os.utime(music / "rock" / "b.wav", ns=(1, 1))
    report = run(lib, music)
    assert sorted(heard) == ["a.wav", "e.wav"]
    assert (report.heard, report.recognized, report.unchanged) == (2, 1, 2)
    assert run(lib, music).unchanged == 5


def test_moved_files_are_known_by_their_bytes(music: Path, lib: Path, heard: list[str]) -> None:
    run(lib, music)
    heard.clear()
    with open_library(lib) as library:
        ids = {t.content_hash: t.id for t in library.tracks()}
    (music / "rock" / "deep").mkdir()
    (music / "rock" / "a.wav").rename(music / "rock" / "deep" / "renamed.wav")
    (music / "jazz" / "c.wav").rename(music / "rock" / "c.wav")
    report = run(lib, music)
    assert heard == []
    assert report.recognized == 2
    assert labels(lib)["deep/renamed"] == "rock"
    assert labels(lib)["rock/c"] == "rock"
    with open_library(lib) as library:
        assert {t.content_hash: t.id for t in library.tracks()} == ids


def test_a_whole_folder_that_was_moved_is_not_heard_again(
    music: Path, lib: Path, heard: list[str]
) -> None:
    run(lib, music)
    heard.clear()
    shutil.move(music, music.with_name("elsewhere"))
    report = run(lib, music.with_name("elsewhere"))
    assert heard == []
    assert report.recognized == 4
    assert report.missing == 0


@pytest.mark.parametrize("seed", range(6))
def test_files_that_changed_places_are_both_right(music: Path, lib: Path, seed: int) -> None:
    run(lib, music)
    put(music, rock_a="two", rock_b="one")
    # Clocks of file systems may be coarse.
    for name in ("a.wav", "b.wav"):
        os.utime(music / "rock" / name, (1, 1))
    run(lib, music, Shuffled(seed))
    with open_library(lib) as library:
        snapshot = library.snapshot()
        rows = {t.name: v for t, v in zip(library.tracks(), snapshot.vectors, strict=True)}
    fresh = lib.with_name("fresh.earmark")
    run(fresh, music)
    with open_library(fresh) as library:
        for track in library.tracks():
            np.testing.assert_array_equal(rows[track.name], library.vector(track.id or 0))


def test_copies_of_one_genre_are_one_track(music: Path, lib: Path, heard: list[str]) -> None:
    put(music, rock_z="one", rock_0="one")
    rock = music / "rock"
    for seconds, name in enumerate(("0.wav", "a.wav", "z.wav")):
        os.utime(rock / name, (seconds, seconds))
    report = run(lib, music)
    assert heard.count("a.wav") + heard.count("z.wav") + heard.count("0.wav") == 1
    assert sorted(left for left, _ in report.duplicates) == [
        str(rock / "a.wav"),
        str(rock / "z.wav"),
    ]
    assert "rock/0" in labels(lib)
    assert len(labels(lib)) == 4
    heard.clear()
    again = run(lib, music)
    assert (again.heard, again.unchanged, len(again.duplicates)) == (0, 4, 2)
    # The one that stays when the other is deleted.
    (rock / "0.wav").unlink()
    run(lib, music, prune=True)
    assert heard == []
    assert "rock/a" in labels(lib)


@pytest.mark.parametrize(
    "copy",
    [
        *("song (copy)", "song (another copy)", "song (3rd copy)", "song - Copy", "song copy 2"),
        *("song - Copy (2)", "Copy of song", "song (1)", "song - Kopie"),
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_the_plain_name_is_kept_and_not_that_of_a_copy(
    tmp_path: Path, lib: Path, copy: str, seed: int
) -> None:
    (tmp_path / "music" / "rock").mkdir(parents=True)
    for name in (copy, "song"):
        (tmp_path / "music" / "rock" / f"{name}.wav").write_text("same")
    # Also where the copy kept a time that is before that of the original.
    os.utime(tmp_path / "music" / "rock" / f"{copy}.wav", (1, 1))
    run(lib, tmp_path / "music", Shuffled(seed))
    assert labels(lib) == {"rock/song": "rock"}


def test_the_older_of_two_plain_names_is_kept(music: Path, lib: Path) -> None:
    put(music, rock_0="one")
    os.utime(music / "rock" / "a.wav", (1, 1))
    run(lib, music)
    assert "rock/a" in labels(lib)
    assert "rock/0" not in labels(lib)


def test_what_is_left_behind_is_the_same_whichever_copy_was_there_first(
    music: Path, lib: Path, heard: list[str]
) -> None:
    copy = music / "rock" / "a (copy).wav"
    copy.write_text("one")
    (music / "rock" / "a.wav").rename(music / "a.wav")
    run(lib, music)
    assert "rock/a (copy)" in labels(lib)
    (music / "a.wav").rename(music / "rock" / "a.wav")
    heard.clear()
    run(lib, music)
    assert heard == []
    assert labels(lib).get("rock/a") == "rock"
    assert "rock/a (copy)" not in labels(lib)


def test_copies_under_two_genres_are_two_tracks(music: Path, lib: Path, heard: list[str]) -> None:
    put(music, jazz_z="one")
    report = run(lib, music)
    assert len(heard) == 4
    assert report.duplicates == []
    assert labels(lib)["rock/a"] == "rock"
    assert labels(lib)["jazz/z"] == "jazz"
    assert run(lib, music).unchanged == 5


def test_tracks_that_left_stay_unless_pruned(music: Path, lib: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    put(other, pop_x="x")
    run(lib, music)
    run(lib, other)
    (music / "rock" / "a.wav").unlink()
    report = run(lib, music)
    assert (report.missing, report.pruned) == (1, 0)
    assert "rock/a" in labels(lib)
    report = run(lib, music, prune=True)
    assert (report.missing, report.pruned) == (0, 1)
    assert "rock/a" not in labels(lib)
    assert "pop/x" in labels(lib)


def test_damaged_files_are_listed_and_do_not_stop_the_others(music: Path, lib: Path) -> None:
    put(music, rock_x="bad one", rock_y="odd one")
    report = run(lib, music)
    assert [(Path(p.path).name, p.reason) for p in report.problems] == [("x.wav", "is no sound")]
    assert [str(w).rsplit("/", 1)[-1] for w in report.warnings] == ["y.wav: ends early"]
    assert report.heard == 5
    assert report.finished == report.total == 6


def test_a_megabyte_of_a_name_costs_neither_the_build_nor_the_disk(music: Path, lib: Path) -> None:
    tag = id3.ID3()
    tag.add(id3.TPE1(0, "A" * 1_500_000))
    tag.add(id3.TIT2(3, ["\x1b[2J[/rock]" * 100_000, "two"]))
    for name in ("e", "f"):
        path = music / "rock" / f"{name}.mp3"
        tag.save(path, v2_version=3)
        path.write_bytes(path.read_bytes() + name.encode())
    report = run(lib, music)
    assert (report.heard, report.problems) == (6, [])
    assert lib.stat().st_size < 200_000
    with open_library(lib) as library:
        track = library.find_path(str(path))
        assert track is not None
        assert (track.artist or "").startswith("AAAA")
        assert len(track.artist or "") < 2_000
        assert "\x1b" not in (track.title or "")


def test_a_file_that_became_damaged_keeps_its_track(music: Path, lib: Path) -> None:
    run(lib, music)
    put(music, rock_a="bad now")
    report = run(lib, music, prune=True)
    assert len(report.problems) == 1
    assert "rock/a" in labels(lib)


def test_what_was_taught_by_hand_is_not_undone(music: Path, lib: Path, heard: list[str]) -> None:
    run(lib, music)
    with open_library(lib) as library:
        for name in ("a.wav", "b.wav"):
            track = library.find_path(str(music / "rock" / name))
            assert track is not None
            library.update(track.id or 0, genre="metal", taught=True)
    (music / "rock" / "a.wav").rename(music / "jazz" / "a.wav")
    put(music, rock_b="tagged anew")
    run(lib, music)
    assert labels(lib)["jazz/a"] == "metal"
    assert labels(lib)["rock/b"] == "metal"
    with open_library(lib) as library:
        assert library.count(taught=True) == 2


def test_a_manifest_relabels_without_hearing(music: Path, lib: Path, heard: list[str]) -> None:
    manifest = music / "list.csv"
    manifest.write_text("path,genre,artist\nrock/a.wav,rock,A\nrock/b.wav,pop,\n")
    run(lib, manifest)
    heard.clear()
    manifest.write_text("path,genre,artist,source\nrock/a.wav,metal,A,\nrock/b.wav,pop,B,tapes\n")
    report = run(lib, manifest)
    assert (report.relabeled, report.unchanged) == (2, 2)
    assert heard == []
    with open_library(lib) as library:
        assert library.artists() == {"A": 1, "B": 1}
        assert library.genres() == {"metal": 1, "pop": 1}
        assert [track.source for track in library.tracks()] == [None, "tapes"]
    manifest.write_text("path,genre\nrock/b.wav,pop\n")
    assert run(lib, manifest, prune=True).pruned == 1


@pytest.mark.parametrize("seed", range(8))
def test_the_library_does_not_depend_on_who_finishes_first(
    tmp_path: Path, music: Path, seed: int
) -> None:
    put(music, rock_z="one", rock_0="one", jazz_y="one", jazz_x="one", pop_q="bad", pop_r="odd")
    put(music, **{f"pop_n{n}": f"content {n % 7}" for n in range(20)})
    run(tmp_path / "ordered.earmark", music)
    report = run(tmp_path / "shuffled.earmark", music, Shuffled(seed))
    assert report.finished == report.total
    assert content(tmp_path / "shuffled.earmark") == content(tmp_path / "ordered.earmark")


@pytest.mark.parametrize("after", [0, 1, 3, 6])
def test_a_build_that_was_stopped_goes_on_to_the_same_library(
    tmp_path: Path, music: Path, heard: list[str], after: int
) -> None:
    put(music, **{f"pop_n{n}": f"content {n}" for n in range(8)})
    run(tmp_path / "whole.earmark", music)
    heard.clear()

    def stop(report: BuildReport) -> None:
        if report.heard >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts.earmark", music, progress=stop)
    with open_library(tmp_path / "parts.earmark") as library:
        done = library.count()
    assert done >= after
    before = len(heard)
    run(tmp_path / "parts.earmark", music)
    assert len(heard) - before == 12 - done
    assert content(tmp_path / "parts.earmark") == content(tmp_path / "whole.earmark")


def test_the_extractor_of_a_library_is_kept(lib: Path, music: Path, tmp_path: Path) -> None:
    run(lib, music)
    with open_for_build(lib) as library:
        assert library.spec.name == "mfcc"
    with pytest.raises(LibraryExtractor):
        open_for_build(lib, "musicnn")
    old = tmp_path / "old.earmark"
    create_library(old, dataclasses.replace(get_extractor("mfcc").spec, version="0")).close()
    foreign = tmp_path / "foreign.earmark"
    create_library(foreign, ExtractorSpec("foreign", "x", 2, "cosine", "float32")).close()
    for path in (old, foreign):
        with pytest.raises(LibraryExtractor):
            open_for_build(path)


def hear_instead(monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]) -> None:
    """Have something happen to each file just after it was heard."""
    genuine = extraction.listen

    def listen(path: str, *arguments: Any, **options: Any) -> Extracted:
        found = genuine(path, *arguments, **options)
        change(Path(path))
        return found

    monkeypatch.setattr(extraction, "listen", listen)


@pytest.mark.parametrize("gone", [False, True])
def test_a_file_that_changes_while_it_is_heard_is_no_track(
    music: Path, lib: Path, heard: list[str], monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    put(music, rock_z="one")
    changed: list[Path] = []

    def change(path: Path) -> None:
        if not changed and path.name in {"a.wav", "z.wav"}:
            changed.append(path)
            path.unlink()
            if not gone:
                path.write_text("something longer")

    with monkeypatch.context() as patched:
        hear_instead(patched, change)
        report = run(lib, music)
    (file,) = changed
    assert [(p.path, p.reason) for p in report.problems] == [
        (str(file), "changed while it was read; build again")
    ]
    # The other file of what it was is heard in its stead.
    other = "z" if file.stem == "a" else "a"
    assert (report.heard, report.failed, report.finished, report.total) == (4, 1, 5, 5)
    assert sorted(labels(lib)) == sorted(["jazz/c", "jazz/d", "rock/b", f"rock/{other}"])
    heard.clear()
    again = run(lib, music)
    assert heard == ([] if gone else [file.name])
    assert again.problems == []
    with open_library(lib) as library:
        track = library.find_path(str(file))
        assert (track is None) == gone
        if track is not None:
            assert track.content_hash == hash_file(file)
            expected = extraction.listen(str(file), None).vector
            np.testing.assert_array_equal(library.vector(track.id or 0), expected)


def test_of_files_with_the_same_bytes_each_is_tried_until_one_is_heard(
    music: Path, lib: Path, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(music, rock_x="same", rock_y="same", rock_z="same", pop_q="bad", pop_r="bad")
    genuine = extraction.listen
    misled: list[str] = []

    def listen(path: str, *arguments: Any, **options: Any) -> Extracted:
        if not misled and Path(path).name in {"x.wav", "y.wav", "z.wav"}:
            misled.append(path)
            raise NotAudio(path, "its name misled a decoder")
        return genuine(path, *arguments, **options)

    monkeypatch.setattr(extraction, "listen", listen)
    report = run(lib, music)
    damaged = [str(music / "pop" / "q.wav"), str(music / "pop" / "r.wav")]
    assert sorted(problem.path for problem in report.problems) == [*damaged, *misled]
    assert (report.failed, report.finished, report.total) == (3, 9, 9)
    same = {str(music / "rock" / f"{name}.wav") for name in "xyz"}
    ((left, kept),) = report.duplicates
    assert {left, kept} == same - set(misled)
    assert len({"x.wav", "y.wav", "z.wav"} & set(heard)) == 1
    with open_library(lib) as library:
        assert same & {track.path for track in library.tracks()} == {kept}


def test_a_file_put_in_the_place_of_another_takes_its_own_track_along(
    music: Path, lib: Path, heard: list[str]
) -> None:
    run(lib, music)
    heard.clear()
    with open_library(lib) as library:
        ids = {track.name: track.id for track in library.tracks()}
    (music / "rock" / "b.wav").replace(music / "rock" / "a.wav")
    report = run(lib, music)
    assert heard == []
    assert (report.recognized, report.missing, report.problems) == (1, 0, [])
    with open_library(lib) as library:
        held = {track.name: track.id for track in library.tracks()}
    # What stood there before is nowhere now.
    assert held == {"a": ids["b"], "c": ids["c"], "d": ids["d"]}


def test_a_better_named_copy_put_in_the_place_of_another_song_is_one_track(
    music: Path, lib: Path, heard: list[str]
) -> None:
    (music / "rock" / "b.wav").rename(music / "rock" / "b (copy).wav")
    run(lib, music)
    heard.clear()
    with open_library(lib) as library:
        ids = {track.name: track.id for track in library.tracks()}
    put(music, rock_a="two")
    report = run(lib, music)
    assert heard == []
    assert report.duplicates == [
        (str(music / "rock" / "b (copy).wav"), str(music / "rock" / "a.wav"))
    ]
    with open_library(lib) as library:
        held = {track.name: track.id for track in library.tracks()}
    assert held == {"a": ids["b (copy)"], "c": ids["c"], "d": ids["d"]}


class AtOnce(Executor):
    """Does what it is given before it takes the next; counts looks that no hearing followed."""

    def __init__(self) -> None:
        self.ahead = self.furthest = 0

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*arguments, **options))
        self.ahead += 1 if function is extraction.look else -1
        self.furthest = max(self.furthest, self.ahead)
        return future


def test_files_are_looked_at_no_further_ahead_than_they_are_heard(tmp_path: Path) -> None:
    # With thousands looked at first, what a disk's cache holds of them is gone when they are heard.
    put(tmp_path / "music", **{f"pop_n{n:02}": f"content {n}" for n in range(60)})
    executor = AtOnce()
    report = run(tmp_path / "l.earmark", tmp_path / "music", executor)
    assert report.heard == 60
    assert executor.ahead == 0
    # Two jobs: as many under way as keep both busy.
    assert 2 <= executor.furthest <= 6


def arrange(music: Path, choose: random.Random) -> None:
    """Put some of a few sounds at some of a few places."""
    shutil.rmtree(music, ignore_errors=True)
    for second, place in enumerate(choose.sample(PLACES, choose.randint(4, len(PLACES)))):
        put(music, **{place: choose.choice(["one", "two", "three", "four", "bad"])})
        genre, _, stem = place.partition("_")
        # Each has a time of its own, which says which of two copies is the older.
        os.utime(music / genre / f"{stem}.wav", (second + 1, choose.randint(1, 10**6)))


PLACES = ["rock_a", "rock_b", "rock_a (copy)", "rock_c", "jazz_a", "jazz_d", "jazz_e"]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_was_moved_replaced_or_copied_the_library_is_as_if_built_anew(
    tmp_path: Path, music: Path, lib: Path, seed: int
) -> None:
    choose = random.Random(seed)
    for _ in range(3):
        arrange(music, choose)
        report = run(lib, music, Shuffled(seed), prune=True)
        assert report.finished == report.total
    fresh = tmp_path / "fresh.earmark"
    run(fresh, music)
    damaged = {str(path) for path in music.rglob("*.wav") if path.read_text() == "bad"}
    held = {(t.path, t.genre, t.content_hash, vector) for t, vector in content(lib)}
    expected = {(t.path, t.genre, t.content_hash, vector) for t, vector in content(fresh)}
    # A file that became damaged keeps its track.
    assert {one for one in held if one[0] not in damaged} == expected
