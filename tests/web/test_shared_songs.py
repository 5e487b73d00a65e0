"""Several servers over one database: each hears and answers for all of them."""

from __future__ import annotations

import io
import threading

import pytest
import requests

from support import misdeeds, sounds
from support.web import RATE, Server, song, wait_until

API = "/api/v1"

pytestmark = pytest.mark.slow


@pytest.fixture
def tune(tmp_path):
    return sounds.write(tmp_path / "melody.wav", song("melody", 50, 4.0), RATE, "wav-16")


@pytest.fixture
def pair(make_app, place, tmp_path):
    """Two servers, and a file whose existence lets their worker processes go on."""
    apps = [make_app(library=place, uploads=tmp_path / name) for name in ("one", "two")]
    gate = tmp_path / "gate"
    yield [app.extensions["earmark"] for app in apps], [app.test_client() for app in apps], gate
    gate.touch()


def keep_busy(state, gate):
    """Give the one worker process of a server something to do."""
    state.pool.call(misdeeds.wait_for, "busy", str(gate), name="busy")
    wait_until(lambda: state.pool.working == 1)


def send(client, file):
    data = {"file": (io.BytesIO(file.read_bytes()), "song.wav")}
    answer = client.post(f"{API}/jobs", data=data)
    assert answer.status_code == 202, answer.text
    return answer.json


def test_a_song_sent_to_one_server_is_heard_by_another_and_answered_by_both(pair, tune):
    (busy, _), (one, two), gate = pair
    keep_busy(busy, gate)
    job = send(one, tune)
    for client in (two, one):
        wait_until(lambda asked=client: asked.get(job["self_url"]).json["state"] == "done")
    mine, others = (client.get(job["result_url"]).json for client in (one, two))
    assert mine["prediction"]["genre"] == "melody"
    assert mine["timeline"]
    assert mine["waveform"]
    # How long the vote took is each one's own.
    for found in (mine, others):
        del found["prediction"]["seconds"]
    assert others["prediction"] == mine["prediction"]
    assert (others["timeline"], others["waveform"]) == (mine["timeline"], mine["waveform"])
    assert busy.pool.working == 1
    # Nothing of it lies about, and the other server may be told to forget it.
    assert two.delete(f"{job['self_url']}?forget=true").status_code == 204
    assert not busy.uploads.left()


def test_a_file_that_is_no_sound_is_told_by_both(pair, tmp_path):
    _, (one, two), _ = pair
    bad = tmp_path / "bad.mp3"
    bad.write_bytes(b"no sound at all" * 100)
    job = send(one, bad)
    for client in (two, one):
        wait_until(lambda asked=client: asked.get(job["self_url"]).json["state"] == "failed")
        answer = client.get(job["result_url"])
        assert answer.status_code == 415
        assert answer.json["detail"].startswith("song.wav: ")


def test_one_server_calls_off_what_another_has(pair, tune, monkeypatch):
    (first, second), (one, two), gate = pair
    keep_busy(second, gate)

    def asked_of(taken, path):
        return first.pool.call(misdeeds.wait_for, "long", str(gate), name="long")

    monkeypatch.setattr(first.songs, "_asked_of", asked_of)
    running, waiting = send(one, tune), send(one, tune)
    wait_until(lambda: two.get(running["self_url"]).json["state"] == "running")
    assert two.get(waiting["self_url"]).json["state"] == "queued"
    for job in (waiting, running):
        assert two.delete(f"{job['self_url']}?forget=false").status_code == 204
    for client in (one, two):
        for job in (running, waiting):
            wait_until(lambda c=client, j=job: c.get(j["self_url"]).json["state"] == "canceled")
    wait_until(lambda: first.pool.working == 0)


def test_a_queue_is_full_for_all_servers(make_app, place, tmp_path, tune):
    apps = [make_app(library=place, uploads=tmp_path / name, queue=1) for name in ("one", "two")]
    gate = tmp_path / "gate"
    for app in apps:
        keep_busy(app.extensions["earmark"], gate)
    one, two = (app.test_client() for app in apps)
    jobs = [send(client, tune) for client in (one, two)]
    answer = one.post(f"{API}/jobs", data={"file": (io.BytesIO(tune.read_bytes()), "song.wav")})
    assert answer.status_code == 503
    assert one.get(jobs[1]["self_url"]).json["ahead"] == 1
    gate.touch()
    wait_until(lambda: one.get(jobs[1]["self_url"]).json["state"] == "done")


def test_a_database_that_goes_away_while_a_song_is_heard_loses_none(
    make_app, place, postgres, tune, monkeypatch
):
    app = make_app(library=place)
    songs, client = app.extensions["earmark"].songs, app.test_client()
    write, stopped = songs._write, threading.Event()

    def write_when_it_is_away(*arguments):
        if not stopped.is_set():
            postgres.stop()
            stopped.set()
        write(*arguments)

    monkeypatch.setattr(songs, "_write", write_when_it_is_away)
    job = send(client, tune)
    assert stopped.wait(60)
    try:
        answer = client.post(f"{API}/jobs", data={"file": (io.BytesIO(b"sound"), "song.wav")})
        assert answer.status_code == 503
        assert "the server cannot be reached" in answer.json["detail"]
    finally:
        postgres.start()
    wait_until(lambda: client.get(job["self_url"]).json["state"] == "done")
    assert client.get(job["result_url"]).json["prediction"]["genre"] == "melody"


def test_a_server_that_is_killed_loses_no_song(place, tmp_path, tune):
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    jobs = []

    def states(server):
        return [requests.get(f"{server.url}{job['self_url']}", timeout=60).json() for job in jobs]

    # Held, so that it has one song and the others wait when it is killed.
    with Server(folders[0], "--library", place, workers=1) as first, first.paused():
        for _ in range(4):
            files = {"file": ("song.wav", tune.read_bytes())}
            sent = requests.post(f"{first.url}{API}/jobs", files=files, timeout=60)
            assert sent.status_code == 202, sent.text
            jobs.append(sent.json())
        wait_until(lambda: [job["state"] for job in states(first)] == ["running", *3 * ["queued"]])
        first.process.kill()
        first.process.wait()
    with Server(folders[1], "--library", place, workers=1) as second:
        wait_until(lambda: all(job["state"] == "done" for job in states(second)), 120)
        for job in jobs:
            found = requests.get(f"{second.url}{job['result_url']}", timeout=60).json()
            assert found["prediction"]["genre"] == "melody"


def test_servers_that_share_songs_keep_the_library_that_they_were_started_with(pair):
    client = pair[1][0]
    refused = client.post("/api/v1/libraries/classic/choose")
    assert refused.status_code == 409
    assert refused.json["detail"].startswith("this server shares its songs with others")
    assert client.get("/api/v1/libraries").json["libraries"][0]["kind"] == "started"
