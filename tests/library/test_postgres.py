"""A library in PostgreSQL: addresses, servers that are away, rights, and many at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import (
    LibraryBusy,
    LibraryDamaged,
    LibraryError,
    LibraryExists,
    LibraryFormat,
    LibraryNotFound,
    LibraryReadOnly,
    LibraryRefused,
    LibraryReplaced,
    LibraryUnreachable,
)
from earmark.library import (
    ExtractorSpec,
    Library,
    Track,
    create_library,
    fitting,
    new_library,
    open_library,
    printable_location,
)
from earmark.library.backends import addresses, postgres, postgres_connections
from earmark.library.backends.addresses import parse
from support.postgres import Server
from support.web import wait_until

SPEC = ExtractorSpec("musicnn", "1", 3, "cosine", "float32")
PASSWORD = "s3/cr?e t@#:ü"
QUOTED = "s3%2Fcr%3Fe%20t%40%23%3A%C3%BC"


@pytest.fixture
def place(postgres: Server) -> str:
    """An address where no library is yet."""
    return postgres.new_place()


@pytest.fixture
def library(place: str) -> Iterator[Library]:
    with create_library(place, SPEC) as made:
        yield made


@pytest.fixture(scope="module")
def roles(postgres: Server) -> None:
    """Users with a password, and without rights."""
    postgres.execute(
        f"CREATE ROLE keyholder LOGIN SUPERUSER PASSWORD '{PASSWORD}'",
        "CREATE ROLE reader LOGIN",
        "CREATE ROLE stranger LOGIN",
    )


def track(number: int, genre: str | None = "rock") -> Track:
    return Track(name=f"song {number:03}", genre=genre, path=f"/m/{number}.wav")


# Addresses


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("postgresql://ada:x@db.example:5433/music", "postgresql://ada@db.example:5433/music"),
        ("postgres://ada:x@db.example/music", "postgresql://ada@db.example/music"),
        ("postgresql:///music", "postgresql:///music"),
        ("postgresql://", "postgresql:///"),
        ("postgresql://a:b@[::1]:5432/m", "postgresql://a@/m?host=::1&port=5432"),
        ("postgresql://h1:1,h2:2/m?password=x", "postgresql:///m?host=h1,h2&port=1,2"),
        ("postgresql://a:p@ss@h/m", "postgresql://a@h/m"),
        ("postgresql://a:p/q@h/m?schema=s&sslmode=require", "postgresql://a@h/m?sslmode=require&schema=s"),
        ("postgresql://a%40b:x@h/m%20n?host=/run/pg", "postgresql://a%40b@/m%20n?host=/run/pg"),
    ],
)  # fmt: skip
def test_a_location_is_the_address_without_its_password(text: str, location: str) -> None:
    assert parse(text).location == location
    assert parse(location).location == location


@pytest.mark.parametrize(
    "wrong",
    [
        "postgresql://ada:hidden@db:port/m",
        "postgresql://ada:hidden@db/m?what",
        "postgresql://db#hidden/m",
        "postgresql://ada:hid?den@db/m",
        "postgresql://ada:hidden@db/m/n",
        "postgresql://ada:hidden@db/m?schema=",
        "postgresql://ada:hidden@db/m?schema=" + "s" * 64,
        "postgresql://ada:hidden%00@db/m",
    ],
)
def test_an_address_that_cannot_be_read_is_not_repeated(wrong: str) -> None:
    with pytest.raises(LibraryError, match="address of a library") as caught:
        open_library(wrong)
    assert "hid" not in str(caught.value)


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(words, words, words, words.filter(lambda word: len(word.encode()) < 64))
def test_what_stands_in_an_address_comes_out_of_it(
    user: str, password: str, database: str, schema: str
) -> None:
    given = addresses.Address({"user": user, "dbname": database}, schema, {"password": password})
    read = parse(given.with_secrets)
    assert (read, read.secrets) == (given, given.secrets)
    assert parse(given.location) == given


def test_another_kind_of_database_is_refused_without_its_password() -> None:
    with pytest.raises(LibraryError, match="no way to one by mysql") as caught:
        open_library("mysql://ada:hidden@db/m")
    assert "hidden" not in str(caught.value)


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(postgres_connections.importlib, "import_module", missing)
    with pytest.raises(LibraryError, match=r"earmark\[postgres\]"):
        open_library("postgresql:///m")


# Passwords


@pytest.mark.usefixtures("roles")
def test_a_password_is_used_and_told_nowhere(
    postgres: Server, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    whole = place.replace("postgres@", f"keyholder:{QUOTED}@")
    with create_library(whole, SPEC) as made:
        location = made.location
        assert location == place.replace("postgres@", "keyholder@") == printable_location(whole)
        told = [repr(made), location, made.name, repr(vars(made)), repr(made._engine)]  # type: ignore[attr-defined]
        told.append(repr(made._engine.pool._creator))  # type: ignore[attr-defined]
        made.add([track(1)], np.zeros((1, 3)))
    # A location opens again in the process that knows the password.
    with open_library(location) as again:
        assert again.count() == 1
    told.append(caplog.text)
    wrong = place.replace("postgres@", "keyholder:another-one@")
    with pytest.raises(LibraryRefused, match="password authentication failed") as caught:
        open_library(wrong)
    told += [str(caught.value), repr(caught.value.__cause__), repr(caught.value.__context__)]
    for text in told:
        assert PASSWORD not in text
        assert QUOTED not in text
        assert "another-one" not in text


@pytest.mark.usefixtures("roles")
def test_a_missing_password_is_said(postgres: Server) -> None:
    with pytest.raises(LibraryRefused, match="no password supplied"):
        open_library(postgres.url(user="keyholder", schema="never_opened"))


# What is not there, or may not be done


def test_what_is_missing_is_said(postgres: Server, place: str) -> None:
    with pytest.raises(LibraryNotFound, match="no such database; make it with createdb"):
        open_library(postgres.url(database="nowhere"))
    with pytest.raises(LibraryNotFound, match="there is no library; make one with"):
        open_library(place)


def test_a_server_that_is_away_is_asked_again_and_then_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    paused: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        paused.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(postgres_connections.time, "sleep", sleep)
    monkeypatch.setattr(postgres_connections.time, "monotonic", lambda: now[0])
    with pytest.raises(LibraryUnreachable, match=r"cannot be reached .*; try again"):
        open_library(f"postgresql://ada:hidden@/m?host={tmp_path}")
    assert len(paused) > 3
    assert sum(paused) <= postgres_connections.PATIENCE


@pytest.mark.usefixtures("roles")
def test_rights_decide_what_can_be_done(postgres: Server, place: str, library: Library) -> None:
    library.add([track(1)], np.zeros((1, 3)))
    stranger, reader = (place.replace("postgres@", f"{role}@") for role in ("stranger", "reader"))
    schema = place.partition("schema=")[2]
    with pytest.raises(LibraryRefused, match=f"look into the schema {schema}"):
        open_library(stranger)
    postgres.execute(f"GRANT USAGE ON SCHEMA {schema} TO reader")
    with pytest.raises(LibraryRefused, match="may not read the tables"):
        open_library(reader)
    postgres.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader")
    with open_library(reader) as found:
        assert found.read_only
        assert len(found.snapshot()) == 1
        with pytest.raises(LibraryReadOnly):
            found.update(1, genre="jazz")
    with pytest.raises(LibraryRefused, match="lacks the right"):
        create_library(postgres.url(user="stranger", schema="of_a_stranger"), SPEC)


def test_a_server_without_the_extension_says_who_can_add_it(
    postgres: Server,
) -> None:
    postgres.execute("CREATE DATABASE bare", "CREATE ROLE owner LOGIN")
    postgres.execute("GRANT CREATE ON DATABASE bare TO owner")
    with pytest.raises(LibraryRefused, match="administrator run there: CREATE EXTENSION vector"):
        create_library(postgres.url(user="owner", database="bare"), SPEC)
    create_library(postgres.url(database="bare"), SPEC).close()
    postgres.execute("DROP EXTENSION vector CASCADE", database="bare")
    with pytest.raises(LibraryError, match="lacks the extension vector"):
        open_library(postgres.url(database="bare"))
    # A server on which it was never installed.
    postgres.execute("ALTER DATABASE bare SET extension_control_path = '/none'")
    with pytest.raises(LibraryError, match="lacks pgvector; install it there"):
        create_library(postgres.url(database="bare", schema="other"), SPEC)


def test_an_old_server_and_an_old_extension_are_refused(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(postgres, "OLDEST_SERVER", 99)
        with pytest.raises(LibraryError, match="Earmark needs 99 or later"):
            open_library(library.location)
    monkeypatch.setattr(postgres, "OLDEST_EXTENSION", (99, 1))
    with pytest.raises(LibraryError, match=r"needs 99\.1 or later: install it, then"):
        open_library(library.location)


def test_another_format_and_missing_tables_are_said(
    postgres: Server, place: str, library: Library
) -> None:
    schema = place.partition("schema=")[2]
    postgres.execute(f"UPDATE {schema}.meta SET value = '99' WHERE key = 'format'")
    with pytest.raises(LibraryFormat, match="newer Earmark"):
        open_library(place)
    postgres.execute(f"UPDATE {schema}.meta SET value = '3' WHERE key = 'format'")
    postgres.execute(f"DROP TABLE {schema}.vectors")
    with pytest.raises(LibraryDamaged, match="vectors"):
        library.snapshot()


# Making and replacing


def test_making_is_all_or_nothing(place: str) -> None:
    def make() -> None:
        with new_library(place, SPEC) as made:
            made.add([track(1)], np.zeros((1, 3)))
            assert made.count() == 1
            with pytest.raises(LibraryNotFound):
                open_library(place)
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError):
        make()
    with pytest.raises(LibraryNotFound):
        open_library(place)
    with new_library(place, SPEC) as made:
        made.add([track(1)], np.zeros((1, 3)))
    with open_library(place) as found:
        assert found.count() == 1


def test_only_a_library_is_replaced_and_who_has_it_open_is_told(
    postgres: Server, place: str
) -> None:
    with create_library(place, SPEC) as former:
        former.add([track(1)], np.zeros((1, 3)))
        assert former.count() == 1
        with pytest.raises(LibraryExists, match="there already"):
            create_library(place, SPEC)
        with create_library(place, SPEC, overwrite=True) as made:
            assert made.count() == 0
        with pytest.raises(LibraryReplaced):
            former.require_unchanged()
        with pytest.raises(LibraryReplaced):
            former.add([track(2)], np.zeros((1, 3)))
        assert former.count() == 0
    other = postgres.new_place()
    schema = other.partition("schema=")[2]
    postgres.execute(f"CREATE SCHEMA {schema}", f"CREATE TABLE {schema}.tracks (x int)")
    with pytest.raises(LibraryExists, match="no library"):
        create_library(other, SPEC, overwrite=True)


# Several at once


def test_a_change_of_one_is_seen_by_the_other(library: Library) -> None:
    with open_library(library.location) as other:
        assert library.count() == other.count() == 0
        other.add([track(1)], np.zeros((1, 3)))
        assert library.count() == 1
        assert len(library.snapshot()) == 1


@pytest.mark.slow
def test_many_writers_lose_nothing_and_keep_the_digest(library: Library) -> None:
    failures: list[BaseException] = []

    def work(base: int) -> None:
        try:
            with open_library(library.location) as own:
                for number in range(8):
                    (change,) = own.add([track(base + number)], np.full((1, 3), base))
                    own.update(change.track_id, genre="jazz", taught=True)
                    own.snapshot()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert library.genres() == {"jazz": 32}
    assert len(library.history()) == 32
    library.check()


def test_a_writer_that_holds_on_is_said(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_connections, "LOCK_TIMEOUT", 0.2)
    with open_library(library.location) as other, library.writing():  # type: ignore[attr-defined]
        with pytest.raises(LibraryBusy, match="another process"):
            other.add([track(1)], np.zeros((1, 3)))
        assert other.count() == 0


def test_text_that_no_database_text_can_hold_is_said(library: Library) -> None:
    with pytest.raises(LibraryError, match="cannot hold"):
        library.add([Track(name="a", genre="b", title="c\0d")], np.zeros((1, 3)))
    assert library.count() == 0


# Servers that stop


@pytest.mark.slow
def test_a_server_that_stops_is_said_and_used_again_when_it_is_back(
    postgres: Server, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library._engine.pool._creator, "_patience", 0.3)  # type: ignore[attr-defined]
    library.add([track(1)], np.zeros((1, 3)))
    postgres.stop()
    try:
        with pytest.raises(LibraryUnreachable, match="cannot be reached"):
            library.count(genre="rock")
        with pytest.raises(LibraryUnreachable):
            library.add([track(2)], np.zeros((1, 3)))
    finally:
        postgres.start()
    assert library.count(genre="rock") == 1
    library.add([track(2)], np.zeros((1, 3)))
    assert len(library.snapshot()) == 2


def test_a_connection_that_is_lost_in_the_middle_is_said(
    postgres: Server, library: Library
) -> None:
    def ask() -> None:
        with library.reading() as connection:  # type: ignore[attr-defined]
            (process,) = connection.exec_driver_sql("SELECT pg_backend_pid()").one()
            postgres.execute(f"SELECT pg_terminate_backend({process})")
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(LibraryUnreachable, match="went away"):
        ask()
    assert library.count() == 0


# Copies


def test_a_copy_there_and_back_keeps_ids_history_and_vote(place: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with create_library(tmp_path / "a.earmark", SPEC) as made:
        made.add([track(n) for n in range(9)], rng.normal(size=(9, 3)))
        made.update(3, genre="jazz", taught=True)
        made.remove([9, 2])
        made.set_parents({"jazz": "music"})
        made.store_parameters(b"\0\xff")
        made.copy(place)
        made.copy(tmp_path / "same.earmark")
    with open_library(place) as there:
        there.check()
        there.copy(tmp_path / "b.earmark")
    with (
        open_library(tmp_path / "same.earmark") as one,
        open_library(tmp_path / "b.earmark") as two,
    ):
        two.check()
        assert one.tracks() == two.tracks()
        assert one.history() == two.history()
        assert one.fitted() == two.fitted()
        assert one.parents() == two.parents()
        assert one.revision == two.revision
        np.testing.assert_array_equal(one.snapshot().vectors, two.snapshot().vectors)
        # The id of the track that was removed is not given again.
        assert [lib.add([track(20)], np.zeros((1, 3)))[0].track_id for lib in (one, two)] == [
            10,
            10,
        ]
        for lib in (one, two):
            lib.undo(2)
            assert lib.get(9).name == "song 008"


# The fitted vote


def test_the_vote_is_fitted_once_however_many_find_it_changed(
    postgres: Server, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    library.add([track(n, ("jazz", "rock")[n % 2]) for n in range(30)], rng.normal(size=(30, 3)))
    fits: list[object] = []
    found: list[object] = []
    original = fitting.fit

    def ask() -> None:
        with open_library(library.location) as own:
            found.append(fitting.voter(own).parameters)

    other = threading.Thread(target=ask)

    def fit(*arguments: object, **options: object) -> object:
        fits.append(arguments)
        if len(fits) == 1:
            other.start()
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            wait_until(lambda: postgres.ask(waiting) == 1)
        return original(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting, "fit", fit)
    found.append(fitting.voter(library).parameters)
    other.join()
    assert len(fits) == 1
    assert found[0] == found[1]
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    wait_until(lambda: postgres.ask(held) == 0)
