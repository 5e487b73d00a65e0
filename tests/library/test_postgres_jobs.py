"""Songs that wait in a database: each is taken by one at a time, and none is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from earmark.errors import LibraryError
from earmark.library import ExtractorSpec, create_library, open_library
from earmark.library.queueing import SongTable, song_table
from support.postgres import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def place(postgres: Server) -> str:
    location = postgres.new_place()
    create_library(location, ExtractorSpec("made", "1", 3, "cosine", "float32")).close()
    return location


@pytest.fixture
def table(place: str) -> Iterator[SongTable]:
    with open_library(place) as library:
        found = song_table(library)
        assert found is not None
        yield found


def test_a_song_is_taken_by_one_and_what_is_heard_is_there_for_all(
    place: str, table: SongTable
) -> None:
    table.add("a", "song a", b"sound", timeline=False)
    table.add("b", "song b", b"noise", timeline=False)
    with open_library(place) as library:
        other = song_table(library)
        assert other is not None
        one, two = table.take(), other.take()
        assert one is not None
        assert two is not None
        assert (one.id, one.name, one.content, one.heard) == ("a", "song a", b"sound", None)
        assert two.id == "b"
        assert table.take() is None
        assert table.under_way(["a", "b"]) == {"a", "b"}
        assert table.waiting() == 2
        one.write_heard(b"heard")
        two.fail("NotAudio", "is no sound")
        rows = other.read(["a", "b", "c"])
    assert set(rows) == {"a", "b"}
    assert (rows["a"].heard, rows["a"].ended, rows["a"].error) == (b"heard", True, None)
    assert (rows["b"].error, rows["b"].problem, rows["b"].ended) == (
        "NotAudio",
        "is no sound",
        True,
    )
    assert table.read(["a"], known=["a"])["a"].heard is None
    assert table.waiting() == 0


def test_what_is_given_back_or_lost_is_taken_by_another(
    place: str, postgres: Server, table: SongTable
) -> None:
    table.add("a", "song", b"sound", timeline=False)
    first = table.take()
    assert first is not None
    first.give_back()
    second = table.take()
    assert second is not None
    # As when the server that has it is killed.
    postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE state = 'idle in transaction' AND query LIKE '%song_jobs%'"
    )
    with pytest.raises(LibraryError, match="went away"):
        second.write_heard(b"too late")
    third = table.take()
    assert third is not None
    assert third.content == b"sound"
    third.write_heard(b"heard")
    assert table.read(["a"])["a"].heard == b"heard"


def test_answers_come_before_timelines_and_files_go_when_they_were_heard(
    postgres: Server, place: str, table: SongTable
) -> None:
    for name in ("a", "b"):
        table.add(name, name, b"sound", timeline=True)
    assert [table.read(["a", "b"])[name].ahead for name in ("a", "b")] == [0, 1]
    order = []
    while (song := table.take()) is not None:
        order.append((song.id, song.heard))
        if song.heard is None:
            song.write_heard(b"heard")
        else:
            song.write_drawn(b"drawn")
    assert order == [("a", None), ("b", None), ("a", b"heard"), ("b", b"heard")]
    schema = place.rpartition("schema=")[2]
    assert postgres.ask(f"SELECT count(content) FROM {schema}.song_jobs") == 0


def test_a_song_is_called_off_whether_somebody_has_it_or_not(table: SongTable) -> None:
    for name in ("a", "b"):
        table.add(name, name, b"sound", timeline=False)
    table.cancel("b")
    row = table.read(["b"])["b"]
    assert (row.error, row.ended) == ("Canceled", True)
    taken = table.take()
    assert taken is not None
    assert table.canceled(["a"]) == set()
    table.cancel("a")
    table.cancel("a")
    assert table.canceled(["a"]) == {"a"}
    # Nor does anybody take it again where who has it is lost.
    taken.give_back()
    assert table.take() is None
    table.cancel("unknown")


def test_old_and_forgotten_songs_go(table: SongTable) -> None:
    for name in ("a", "b", "c"):
        table.add(name, name, b"sound", timeline=False)
    for _ in range(2):
        song = table.take()
        assert song is not None
        song.write_heard(b"heard")
    table.sweep(1000)
    assert set(table.read(["a", "b", "c"])) == {"a", "b", "c"}
    table.forget("a")
    table.sweep(0)
    assert set(table.read(["a", "b", "c"])) == {"c"}


def test_many_who_take_at_once_hear_each_song_once(place: str, table: SongTable) -> None:
    names = [f"song {number:02}" for number in range(40)]
    for name in names:
        table.add(name, name, b"sound", timeline=False)
    taken: list[str] = []

    def work() -> None:
        while (song := table.take()) is not None:
            taken.append(song.id)
            song.write_heard(b"heard")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == names
    assert all(row.ended for row in table.read(names).values())


def test_a_library_that_cannot_be_written_keeps_no_songs(place: str, table: SongTable) -> None:
    with open_library(place, read_only=True) as library:
        assert song_table(library) is None


def test_songs_go_with_the_library_that_is_replaced(place: str, table: SongTable) -> None:
    table.add("a", "a", b"sound", timeline=False)
    spec = ExtractorSpec("other", "1", 4, "cosine", "float32")
    with create_library(place, spec, overwrite=True) as library:
        found = song_table(library)
        assert found is not None
        assert found.take() is None
