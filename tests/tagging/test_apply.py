"""Files are as before or finished, nothing but the genre changes, and all can be taken back."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import mutagen
import numpy as np
import pytest
from mutagen.flac import FLAC
from mutagen.id3 import ID3

from earmark.audio import open_recording
from earmark.errors import JournalError
from earmark.listen import identify
from earmark.tagging import apply as applying
from earmark.tagging.apply import Options, Outcome, apply
from earmark.tagging.files import mapped
from earmark.tagging.genres import read_tags
from earmark.tagging.history import find_journal, read_journal, stories
from earmark.tagging.journal import Journal
from earmark.tagging.plan import Proposal
from earmark.tagging.undo import sweep, undo
from support import tagged
from support.skips import needs_linux

SOUNDING = [kind for kind in tagged.KINDS if kind not in tagged.SILENT]


def proposal(file_path: Path, *genres: str, **fields: object) -> Proposal:
    with file_path.open("rb") as file:
        tags = read_tags(file)
    audio_hash = identify(file_path).audio_hash
    assert audio_hash is not None
    found = Proposal(
        path=str(file_path),
        root=str(file_path.parent),
        audio_hash=audio_hash,
        kind=tags.kind,
        seen=tags.stored,
        genres=genres,
        probability=0.9,
    )
    return Proposal(**{**vars(found), **fields})


@pytest.fixture
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    opened = Journal(tmp_path_factory.mktemp("journals"))
    yield opened
    opened.close()


def write(journal: Journal, *proposals: Proposal, **options: object) -> list[Outcome]:
    return list(apply(proposals, journal, identify, Options(**options)))  # type: ignore[arg-type]


def take_back(journal: Journal, **options: object) -> list[Outcome]:
    journal.close()
    return list(undo(read_journal(journal.folder), **options))  # type: ignore[arg-type]


def stored(path: Path) -> tuple[str, ...]:
    with path.open("rb") as file:
        return read_tags(file).genres


def samples(path: Path) -> np.ndarray:
    with open_recording(path) as recording:
        return recording.read(22_050)


@pytest.mark.parametrize("kind", SOUNDING)
def test_written_and_taken_back(kind: str, tmp_path: Path, journal: Journal) -> None:
    path = tagged.write(tmp_path, kind)
    before, heard, status = path.read_bytes(), samples(path), path.stat()
    told = {"EARMARK_GENRE": "Jazz"}
    (outcome,) = write(journal, proposal(path, "Jazz", "Folk, World, & Country", evidence=told))
    assert (outcome.done, outcome.why) == (True, "")
    assert outcome.joined == (kind == "mp3-v23")
    assert stored(path) == ("Jazz", "Folk, World, & Country")
    assert np.array_equal(samples(path), heard)
    (entry,) = read_journal(journal.folder).entries
    assert entry.genres_before == ()
    assert sum(step.length for step in entry.steps if step.offset is None) < 20_000
    (undone,) = take_back(journal)
    assert (undone.done, undone.why) == (True, "")
    assert path.read_bytes() == before
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert list(tmp_path.iterdir()) == [path]


def test_undo_twice_does_nothing(tmp_path: Path, journal: Journal) -> None:
    path = tagged.write(tmp_path, "flac")
    write(journal, proposal(path, "Jazz"))
    assert [outcome.done for outcome in take_back(journal)] == [True]
    assert take_back(journal) == []
    with pytest.raises(JournalError, match="nothing to undo"):
        find_journal("last", journal.folder.parent)


def test_a_file_that_changed_since_is_left(tmp_path: Path, journal: Journal) -> None:
    path, other = tagged.write(tmp_path, "flac", "a"), tagged.write(tmp_path, "flac", "b")
    before = other.read_bytes()
    write(journal, proposal(path, "Jazz"), proposal(other, "Jazz"))
    flac = FLAC(path)
    flac["title"] = "by hand"
    flac.save()
    changed = path.read_bytes()
    second, first = take_back(journal)
    assert (second.done, other.read_bytes()) == (True, before)
    assert not first.done
    assert "changed since" in first.why
    assert path.read_bytes() == changed
    # It can be asked for again, once the file is as it was written.
    assert [entry.path for entry in read_journal(journal.folder).left] == [str(path)]


def test_what_changed_since_the_plan_is_left(tmp_path: Path, journal: Journal) -> None:
    genre, sound, gone = (tagged.write(tmp_path, "flac", name) for name in "abc")
    plan = [proposal(path, "Jazz") for path in (genre, sound, gone)]
    flac = FLAC(genre)
    flac["genre"] = "Polka"
    flac.save()
    sound.write_bytes(tagged.content("mp3-v24"))
    gone.unlink()
    contents = genre.read_bytes(), sound.read_bytes()
    outcomes = write(journal, *plan)
    assert [outcome.done for outcome in outcomes] == [False] * 3
    for outcome, why in zip(outcomes, ("other genres", "another sound", "gone"), strict=True):
        assert why in outcome.why
    assert (genre.read_bytes(), sound.read_bytes()) == contents


def test_other_tags_may_change_since_the_plan(tmp_path: Path, journal: Journal) -> None:
    path = tagged.write(tmp_path, "flac")
    plan = proposal(path, "Jazz")
    flac = FLAC(path)
    flac["title"] = "A new title"
    flac.save()
    (outcome,) = write(journal, plan)
    assert outcome.done
    assert FLAC(path)["title"] == ["A new title"]


def test_rights_and_times(tmp_path: Path, journal: Journal) -> None:
    path, other = tagged.write(tmp_path, "mp3-v24", "a"), tagged.write(tmp_path, "ogg", "b")
    for each in (path, other):
        each.chmod(0o640)
        os.utime(each, ns=(10**18, 10**18))
    write(journal, proposal(path, "Jazz"), keep_mtime=True)
    write(journal, proposal(other, "Jazz"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(other.stat().st_mode) == 0o640
    assert path.stat().st_mtime_ns == 10**18
    assert other.stat().st_mtime_ns > 10**18


@pytest.mark.parametrize("kind", ["flac", "mp3-v24", "ogg", "m4a", "wavpack", "wav"])
def test_other_names_of_a_file_stay_its_names(kind: str, tmp_path: Path, journal: Journal) -> None:
    path = tagged.write(tmp_path, kind)
    other = tmp_path / "other name"
    other.hardlink_to(path)
    before = path.read_bytes()
    (outcome,) = write(journal, proposal(path, "Jazz"))
    assert (outcome.done, outcome.why) == (True, "")
    assert other.samefile(path)
    assert stored(path) == ("Jazz",)
    (undone,) = take_back(journal)
    assert undone.done
    assert other.samefile(path)
    assert other.read_bytes() == before


def test_links_are_followed_within_the_folder_only(tmp_path: Path, journal: Journal) -> None:
    root = tmp_path / "music"
    root.mkdir()
    inside, outside = tagged.write(root, "flac"), tagged.write(tmp_path, "flac", "outside")
    before = outside.read_bytes()
    (root / "in.flac").symlink_to(inside)
    (root / "out.flac").symlink_to(outside)
    done, left = write(
        journal,
        proposal(root / "in.flac", "Jazz"),
        proposal(root / "out.flac", "Jazz"),
    )
    assert done.done
    assert (root / "in.flac").is_symlink()
    assert stored(inside) == ("Jazz",)
    assert not left.done
    assert "leads out of the folder" in left.why
    assert outside.read_bytes() == before
    (allowed,) = write(
        journal, proposal(root / "out.flac", "Jazz"), inside=[str(root), str(tmp_path)]
    )
    assert allowed.done
    assert len(take_back(journal)) == 2
    assert outside.read_bytes() == before


def test_read_only_files_are_left(tmp_path: Path, journal: Journal) -> None:
    path = tagged.write(tmp_path, "flac")
    path.chmod(0o444)
    (outcome,) = write(journal, proposal(path, "Jazz"))
    assert not outcome.done
    assert outcome.why.startswith("is read-only; ")
    assert path.read_bytes() == tagged.content("flac")


@needs_linux("leases of files")
def test_files_that_are_being_written_are_left(tmp_path: Path, journal: Journal) -> None:
    path = tagged.write(tmp_path, "flac")
    plan = proposal(path, "Jazz")
    with path.open("ab"):
        (outcome,) = write(journal, plan)
    assert not outcome.done
    assert "being written" in outcome.why
    (outcome,) = write(journal, plan)
    assert outcome.done


def test_a_plan_of_another_machine(tmp_path: Path, journal: Journal) -> None:
    path = tagged.write(tmp_path, "flac")
    plan = proposal(path, "Jazz", path="/mnt/disk/music/song.flac", root="/mnt/disk/music")
    (outcome,) = write(journal, plan, roots=[("/mnt/disk/music", str(tmp_path))])
    assert (outcome.done, outcome.path) == (True, str(path))
    moved = tmp_path / "moved"
    moved.mkdir()
    path.rename(moved / path.name)
    (undone,) = take_back(journal, roots=[(str(tmp_path), str(moved))])
    assert undone.done
    assert (moved / path.name).read_bytes() == tagged.content("flac")


@pytest.mark.parametrize(
    ("path", "old", "new", "there"),
    [
        ("/a/b/c", "/a", "/x", "/x/b/c"),
        ("/a/b/c", "/a/", "/x/", "/x/b/c"),
        ("/ab/c", "/a", "/x", "/ab/c"),
        ("/a", "/a", "/x", "/x"),
        ("/a/../b", "/a", "/x", "/a/../b"),
        ("C:\\M\\a b.mp3", "C:\\M", "/x", "/x/a b.mp3"),
        ("C:\\M\\a.mp3", "c:/m/", "/x", "/x/a.mp3"),
        ("C:\\M\\a.mp3", "/M", "/x", "C:\\M\\a.mp3"),
        ("/a/b", "/", "/x", "/x/a/b"),
    ],
)
def test_beginnings_of_paths(path: str, old: str, new: str, there: str) -> None:
    assert mapped(path, [(old, new)]) == there


@pytest.mark.parametrize("kind", ["flac", "mp3-v24", "m4a"])
def test_large_files_with_room_for_tags_are_changed_in_place(
    kind: str, tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tagged.write(tmp_path, kind)
    opened = mutagen.File(path)
    opened.save(padding=lambda _: 5000)
    before = path.read_bytes()
    monkeypatch.setattr(applying, "LARGE", 1000)
    number = path.stat().st_ino
    (outcome,) = write(journal, proposal(path, "Jazz"))
    assert outcome.done
    assert path.stat().st_ino == number
    assert stored(path) == ("Jazz",)
    (entry,) = read_journal(journal.folder).entries
    assert entry.in_place
    take_back(journal)
    assert path.read_bytes() == before


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_change_in_place_that_was_cut_off_is_taken_back(
    by_hand: bool, tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tagged.write(tmp_path, "mp3-v24")
    (tmp_path / "other").hardlink_to(path)
    before = path.read_bytes()

    def half(target: str, changes: list[tuple[int, bytes]], length: int) -> None:
        with Path(target).open("r+b") as file:
            at, data = next(iter(changes))
            file.seek(at)
            file.write(data[: len(data) // 2])
        os._exit(9)

    child = os.fork()
    if child == 0:
        monkeypatch.setattr(applying, "write_at", half)
        write(journal, proposal(path, "Jazz"))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert path.read_bytes() != before
    if by_hand:
        (undone,) = take_back(journal)
        assert undone.done
    else:
        # What whoever writes genres next does. The process that was ended closed nothing.
        journal._file.close()
        sweep(journal.folder.parent)
    assert path.read_bytes() == before
    assert read_journal(journal.folder).left == []


def test_damaged_journals_restore_nothing(tmp_path: Path, journal: Journal) -> None:
    path = tagged.write(tmp_path, "flac")
    write(journal, proposal(path, "Jazz"))
    written = path.read_bytes()
    (kept,) = journal.folder.glob("*.former")
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    (undone,) = take_back(journal)
    assert not undone.done
    assert "damaged" in undone.why
    assert path.read_bytes() == written


def test_a_journal_that_is_being_written_is_left(tmp_path: Path, journal: Journal) -> None:
    write(journal, proposal(tagged.write(tmp_path, "flac"), "Jazz"))
    with pytest.raises(JournalError, match="another earmark tag"):
        list(undo(read_journal(journal.folder)))


def test_history_is_the_newest_first(tmp_path: Path) -> None:
    folder = tmp_path / "journals"
    names = []
    for _ in range(3):
        opened = Journal(folder)
        opened.part("/music/.earmark-part")
        names.append(opened.folder)
        opened.close()
    # One that tells of no file does not stay.
    Journal(folder).close()
    assert len(list(folder.iterdir())) == 3
    (folder / "stray").mkdir()
    (folder / "stray" / "journal.jsonl").write_text("nonsense")
    assert [story.folder for story in stories(folder)] == names[::-1]
    assert find_journal(names[0].name, folder).folder == names[0]
    assert find_journal(str(names[0]), folder).folder == names[0]
    with pytest.raises(JournalError, match="no such journal"):
        find_journal("nowhere", folder)


def test_a_wrong_header_costs_one_line(tmp_path: Path, journal: Journal) -> None:
    path = tagged.write(tmp_path, "wav")
    path.write_bytes(b"RIFF" + bytes([40, 0, 0, 0]) + path.read_bytes()[8:])
    (outcome,) = write(journal, proposal(path, "Jazz"))
    if not outcome.done:
        assert "\n" not in outcome.why


def test_padding_of_id3_is_used(tmp_path: Path, journal: Journal) -> None:
    path = tagged.write(tmp_path, "mp3-v24")
    size = path.stat().st_size
    write(journal, proposal(path, "Jazz"))
    assert path.stat().st_size == size
    assert ID3(path)["TCON"].text == ["Jazz"]
