"""Worker processes that crash, hang, fill up and end."""

from __future__ import annotations

import threading

import pytest

from earmark.errors import AudioSilent, LibraryEmpty, ServerError
from earmark.web import pool as pool_module
from earmark.web.pool import Pool, Ticket
from earmark.web.trouble import Busy, Canceled, Shutdown, TookTooLong, WorkerDied
from support import web_workers
from support.web import wait_until

NEVER = "/nowhere/at/all"


class Asked(Ticket):
    """A request that keeps what comes of it."""

    def __init__(self, **request):
        self.messages = []
        self.ended = threading.Event()
        self.ends = []
        super().__init__(request, "song.mp3", self._hear, self._end)

    def _hear(self, message, arrays):
        self.messages.append(message)

    def _end(self, error):
        self.ends.append(error)
        self.ended.set()

    def result(self):
        assert self.ended.wait(30)
        assert len(self.ends) == 1
        return self.ends[0]


@pytest.fixture
def make_pool():
    pools = []

    def make(main=web_workers.main, **options):
        pools.append(Pool(main, **{"size": 1, "queue": 4, "time_limit": 30, **options}))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def ask(pool, **request):
    ticket = Asked(**request)
    pool.submit(ticket)
    return ticket


def test_one_process_serves_many_requests(make_pool):
    pool = make_pool()
    tickets = [ask(pool, do="answer") for _ in range(4)]
    assert [ticket.result() for ticket in tickets] == [None] * 4
    assert len({ticket.messages[0]["pid"] for ticket in tickets}) == 1


def test_an_error_does_not_end_the_process(make_pool):
    pool = make_pool()
    failed, answered = ask(pool, do="fail"), ask(pool, do="answer")
    error = failed.result()
    assert isinstance(error, AudioSilent)
    assert str(error) == "song.mp3: there is nothing in it"
    assert answered.result() is None
    assert pool.restarts == 0


@pytest.mark.parametrize("do", ["crash", "exit"])
def test_a_process_that_dies_takes_only_its_own_request_along(make_pool, do, tmp_path):
    pool = make_pool(size=2)
    long = ask(pool, do="wait", until=str(tmp_path / "go"))
    dead = ask(pool, do=do)
    next_one = ask(pool, do="answer")
    assert isinstance(dead.result(), WorkerDied)
    assert "song.mp3" in str(dead.result())
    assert next_one.result() is None
    (tmp_path / "go").touch()
    assert long.result() is None
    assert pool.restarts == 1


def test_a_process_that_babbles_is_an_error_of_the_server(make_pool):
    pool = make_pool()
    assert isinstance(ask(pool, do="babble").result(), ServerError)
    assert ask(pool, do="answer").result() is None


def test_what_a_process_babbles_is_not_the_end_of_the_next_request(make_pool):
    pool = make_pool()
    babbled, answered = ask(pool, do="babble"), ask(pool, do="answer", say="mine")
    assert isinstance(babbled.result(), ServerError)
    assert answered.result() is None
    assert [message["said"] for message in answered.messages] == ["mine"]


class Refusing(Asked):
    """A request whose first message cannot be used."""

    problem: Exception = LibraryEmpty("library: has no labelled tracks")

    def _hear(self, message, arrays):
        super()._hear(message, arrays)
        raise self.problem


def test_a_message_that_cannot_be_used_leaves_nothing_for_the_next_request(make_pool):
    pool = make_pool()
    for number in range(3):
        refused = Refusing(do="answer", say=f"refused {number}", more=2)
        pool.submit(refused)
        answered = ask(pool, do="answer", say=f"answered {number}", more=1)
        assert refused.result() is Refusing.problem
        # What comes after it is not asked for.
        assert len(refused.messages) == 1
        assert answered.result() is None
        assert [message["said"] for message in answered.messages] == [f"answered {number}"] * 2
    # The process is well.
    assert pool.restarts == 0


def test_a_fault_in_our_own_code_leaves_nothing_for_the_next_request(make_pool, caplog):
    pool = make_pool()
    broken = Refusing(do="answer", say="broken", more=2)
    broken.problem = ZeroDivisionError("a fault")
    pool.submit(broken)
    answered = ask(pool, do="answer", say="answered")
    assert isinstance(broken.result(), WorkerDied)
    assert answered.result() is None
    assert [message["said"] for message in answered.messages] == ["answered"]
    assert "a request was lost" in caplog.text


def test_a_process_does_not_go_on_for_long_with_what_nobody_can_use(make_pool, monkeypatch):
    monkeypatch.setattr(pool_module, "DRAIN_LIMIT", 0.0)
    pool = make_pool(time_limit=600)
    refused = Refusing(do="wait", say="refused", until=NEVER)
    pool.submit(refused)
    answered = ask(pool, do="answer", say="answered")
    assert refused.result() is Refusing.problem
    assert answered.result() is None
    assert [message["said"] for message in answered.messages] == ["answered"]


def test_messages_of_another_request_are_dropped(make_pool, caplog):
    pool = make_pool()
    for number in range(2):
        ticket = ask(pool, do="stray", say=number)
        assert ticket.result() is None
        assert [message["said"] for message in ticket.messages] == [number]
    assert "another request" in caplog.text


def test_a_request_whose_end_cannot_be_told_does_not_stop_the_slot(make_pool, caplog):
    pool = make_pool()
    ticket = Ticket({"do": "answer"}, "song.mp3", lambda *_: None, lambda _: 1 / 0)
    pool.submit(ticket)
    assert ask(pool, do="answer").result() is None
    assert "the end of a request was lost" in caplog.text


def test_calling_off_what_is_just_done_does_not_hit_the_next_request(make_pool):
    pool = make_pool()

    class TooLate(Asked):
        def _hear(self, message, arrays):
            super()._hear(message, arrays)
            # The process is ended, but all that it had to say is said already.
            pool.cancel(self)

    for _ in range(5):
        late = TooLate(do="answer", more=0)
        pool.submit(late)
        survivor = ask(pool, do="answer", say="mine")
        late.result()
        assert survivor.result() is None
        assert [message["said"] for message in survivor.messages] == ["mine"]


def test_a_request_that_takes_too_long_is_stopped(make_pool):
    pool = make_pool(time_limit=3)
    assert isinstance(ask(pool, do="wait", until=NEVER).result(), TookTooLong)
    assert ask(pool, do="answer").result() is None


def test_a_waiting_request_can_be_called_off(make_pool, tmp_path):
    pool = make_pool()
    long = ask(pool, do="wait", until=str(tmp_path / "go"))
    wait_until(lambda: pool.working == 1)
    waiting = ask(pool, do="answer")
    assert pool.place(waiting) == 0
    pool.cancel(waiting)
    assert isinstance(waiting.result(), Canceled)
    (tmp_path / "go").touch()
    assert long.result() is None
    assert waiting.messages == []
    assert pool.restarts == 0


def test_a_running_request_can_be_called_off(make_pool):
    pool = make_pool()
    long = ask(pool, do="wait", until=NEVER)
    wait_until(lambda: bool(long.messages))
    pool.cancel(long)
    assert isinstance(long.result(), Canceled)
    assert ask(pool, do="answer").result() is None


def test_calling_off_again_and_again_never_hits_another_request(make_pool):
    pool = make_pool(queue=100)
    for _ in range(3):
        doomed = ask(pool, do="wait", until=NEVER)
        survivor = ask(pool, do="answer")
        wait_until(lambda doomed=doomed: bool(doomed.messages))
        for _ in range(3):
            pool.cancel(doomed)
        assert isinstance(doomed.result(), Canceled)
        pool.cancel(doomed)
        assert survivor.result() is None


def test_a_full_queue_refuses(make_pool):
    pool = make_pool(queue=1)
    wait_until(lambda: pool.started == 1)
    running = ask(pool, do="wait", until=NEVER)
    wait_until(lambda: pool.working == 1)
    waiting = ask(pool, do="answer")
    with pytest.raises(Busy, match="wait already"):
        ask(pool, do="answer")
    pool.cancel(running)
    assert waiting.result() is None


def test_closing_ends_what_runs_and_what_waits(make_pool):
    pool = make_pool()
    running, waiting = ask(pool, do="wait", until=NEVER), ask(pool, do="answer")
    wait_until(lambda: bool(running.messages))
    pool.close()
    assert isinstance(running.result(), Shutdown)
    assert isinstance(waiting.result(), Shutdown)
    with pytest.raises(Shutdown):
        ask(pool, do="answer")


def test_a_process_that_never_gets_ready_is_told(make_pool):
    pool = make_pool(web_workers.never_ready)
    assert isinstance(ask(pool, do="answer").result(), WorkerDied)
    assert pool.started == 0
