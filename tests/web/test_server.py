"""``earmark serve`` as it runs: many uploads at once, clients that vanish, processes that die."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from earmark.library import open_library
from support import sounds
from support.forked import Process, earmark
from support.skips import needs_linux
from support.web import GENRES, RATE, Server, song, wait_until

pytestmark = [
    pytest.mark.slow,
    needs_linux("looks into /proc"),
]


@pytest.fixture(scope="module")
def own_server(tmp_path_factory, music, original):
    """A server of our own, whose processes may be killed."""
    folder = tmp_path_factory.mktemp("own-server")
    with start(folder, music, original) as running:
        yield running


def start(folder, music, original, *options):
    library = folder / "small.earmark"
    if not library.exists():
        shutil.copy(original, library)
    return Server(folder, "--library", str(library), "--music", str(music), *options, forked=False)


def predict(server, file, name="song.wav"):
    with file.open("rb") as stream:
        return requests.post(f"{server.url}/predict", files={"file": (name, stream)}, timeout=120)


def submit(server, file):
    with file.open("rb") as stream:
        answer = requests.post(f"{server.url}/api/v1/jobs", files={"file": stream}, timeout=60)
    assert answer.status_code == 202, answer.text
    return server.url + answer.json()["self_url"]


def only_refusals(errors):
    """Whether a server said nothing but what it refused, a line each."""
    return all(line.startswith("INFO refused ") for line in errors.splitlines())


def states_of(jobs):
    return [requests.get(job, timeout=9).json()["state"] for job in jobs]


@pytest.fixture(scope="module")
def long_file(tmp_path_factory):
    """A song that takes a while."""
    file = tmp_path_factory.mktemp("long") / "long.flac"
    return sounds.write(file, sounds.sine(2400.0, RATE, hertz=90.0), RATE, "flac")


def test_sixteen_uploads_at_once_and_pages_meanwhile(server, tmp_path):
    files = []
    for number in range(16):
        genre = GENRES[number % 3]
        file = sounds.write(tmp_path / f"{number}.wav", song(genre, 30 + number, 20.0), RATE)
        files.append((genre, file))
    with ThreadPoolExecutor(16) as pool:
        with server.paused():
            answers = [pool.submit(predict, server, file) for _, file in files]
            wait_until(lambda: (server.state()["working"], server.state()["waiting"]) == (2, 14))
            # The pages come all the same, while not one song is answered.
            for _ in range(10):
                assert requests.get(server.url, timeout=30).status_code == 200
            assert not any(answer.done() for answer in answers)
        for (genre, _), answer in zip(files, answers, strict=True):
            assert answer.result().status_code == 200
            assert answer.result().text == f"This song is classified as {genre}."
    wait_until(lambda: server.left() == [])


def test_a_full_queue_is_answered_at_once(tmp_path, music, original, long_file):
    with start(tmp_path, music, original, "--queue", "0") as server:
        with server.paused():
            jobs = [submit(server, long_file) for _ in range(2)]
            wait_until(lambda: states_of(jobs) == ["running"] * 2)
            refused = predict(server, music / "hum" / "hum-0.wav")
            assert refused.status_code == 503
            assert int(refused.headers["Retry-After"]) > 0
            assert refused.text.count("\n") == 1
            assert len(server.left()) == 2
            # Ending the server deletes what is under way.
            code, errors = server.stop(signal.SIGTERM)
        assert code == 0
        assert only_refusals(errors)
        assert list(server.uploads.iterdir()) == []


def test_a_job_that_is_called_off_leaves_nothing(own_server, long_file):
    with own_server.paused():
        job = submit(own_server, long_file)
        wait_until(lambda: states_of([job]) == ["running"])
        assert len(own_server.left()) == 1
        assert requests.delete(job, timeout=9).status_code == 204
        wait_until(lambda: own_server.left() == [])


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_client_that_vanishes_leaves_nothing(own_server, long_file, share):
    body = long_file.read_bytes()
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.flac"\r\n\r\n'
    tail = b"\r\n--x--\r\n"
    host, port = own_server.url.removeprefix("http://").split(":")
    with own_server.paused(), socket.create_connection((host, int(port))) as connection:
        length = len(head) + len(body) + len(tail)
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: %d\r\n\r\n" % length
        )
        connection.sendall((head + body + tail)[: int(length * share)])
        if share == 1.0:
            wait_until(lambda: len(own_server.left()) == 1)
    wait_until(lambda: own_server.left() == [])
    wait_until(lambda: own_server.state()["working"] == 0)


def test_a_worker_that_dies_takes_only_its_own_song_along(own_server, long_file, music):
    with own_server.paused():
        doomed = [submit(own_server, long_file) for _ in range(2)]
        wait_until(lambda: states_of(doomed) == ["running"] * 2)
        first, second = own_server.workers()
        os.kill(first, signal.SIGSEGV)
    wait_until(lambda: "failed" in states_of(doomed))
    assert sorted(states_of(doomed)) in (["done", "failed"], ["failed", "running"])
    # The slot goes on with a new process.
    answer = predict(own_server, music / "hum" / "hum-0.wav")
    assert answer.text == "This song is classified as hum."
    assert second in own_server.workers()
    failed = next(job for job in doomed if requests.get(job, timeout=9).json()["state"] == "failed")
    problem = requests.get(failed, timeout=9).json()["problem"]
    assert problem["status"] == 422
    assert problem["detail"].startswith("long.flac: crashes the program that decodes it (")
    for job in doomed:
        requests.delete(job, timeout=9)
    wait_until(lambda: own_server.left() == [])


def test_a_killed_server_leaves_songs_only_until_the_next_start(
    tmp_path, music, original, long_file
):
    with start(tmp_path, music, original) as server:
        pids = server.workers()
        with server.paused():
            submit(server, long_file)
            server.process.kill()
            server.process.wait()
        assert len(server.left()) == 1
    with start(tmp_path, music, original) as server:
        assert server.left() == []
        assert len(list(server.uploads.iterdir())) == 1
    # Workers notice that their server is gone.
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_stopped_while_it_starts_says_no_more_than_that(tmp_path, original, number):
    # As a terminal does it: the signal reaches the workers too, whatever they are doing.
    with subprocess.Popen(
        [sys.executable, "-m", "earmark", "serve", "--port", "0", "--library", str(original)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "EARMARK_UPLOADS": str(tmp_path)},
        start_new_session=True,
    ) as process:
        try:
            assert "http://" in process.stdout.readline()
            os.killpg(process.pid, number)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    # Whether it already served or was just about to.
    assert (process.returncode, errors.strip()) in {
        (0, ""),
        (130, "earmark: interrupted"),
        (143, ""),
    }


@pytest.mark.parametrize("path", ["/predict", "/api/v1/classify"])
def test_a_body_far_too_large_is_cut_off_in_our_words(own_server, path):
    host, port = own_server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n"
        connection.sendall(head.encode())
        said = b""
        while more := connection.recv(65_536):
            said += more
    assert said.startswith(b"HTTP/1.1 413 ")
    body = said.partition(b"\r\n\r\n")[2].decode()
    line = "This is larger than the limit of 1024 MB. Send a shorter piece."
    if path == "/predict":
        assert body == line + "\n"
    else:
        assert json.loads(body)["detail"] == line
        assert b"application/problem+json" in said


def run(*options, **env):
    return earmark("serve", *options, text=True, **env)


def test_a_port_that_is_taken(own_server):
    port = own_server.url.rpartition(":")[2]
    ended = run("--port", port)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"earmark: 127.0.0.1:{port}: cannot listen there")
    assert ended.stderr.count("\n") == 1


def test_a_setup_that_makes_no_sense(tmp_path):
    ended = run("--port", "0", "--read", "closed", EARMARK_TOKEN="")
    assert ended.returncode == 1
    assert "no token" in ended.stderr
    ended = run("--port", "0", "--library", str(tmp_path / "none.earmark"))
    assert ended.returncode == 1
    assert "none.earmark" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert run("--music", str(tmp_path / "none")).returncode == 2


def test_reading_that_is_closed_in_vain_is_told(tmp_path, music, original):
    token = ("--token", "a-secret-token", "--read", "closed")
    with start(tmp_path, music, original, *token) as server:
        # It still needs no token: only this machine can connect.
        assert requests.get(f"{server.url}/api/v1/tracks", timeout=60).status_code == 200
        code, errors = server.stop()
    assert code == 0
    assert errors.startswith("--read closed closes nothing here: only this machine can connect")
    assert errors.count("\n") == 1
    with start(tmp_path, music, original, *token, "--host", "0.0.0.0") as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        assert requests.get(f"{url}/api/v1/tracks", timeout=60).status_code == 401
        code, errors = server.stop()
        assert code == 0
        assert only_refusals(errors)


def test_what_the_environment_closes_a_token_of_the_command_line_opens(
    tmp_path, music, original, monkeypatch
):
    monkeypatch.setenv("EARMARK_READ", "closed")
    options = ("--token", "a-secret-token", "--host", "0.0.0.0")
    with start(tmp_path, music, original, *options) as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        assert requests.get(f"{url}/api/v1/tracks", timeout=60).status_code == 401
        known = {"Authorization": "Bearer a-secret-token"}
        assert requests.get(f"{url}/api/v1/tracks", headers=known, timeout=60).status_code == 200
        code, errors = server.stop()
        assert code == 0
        assert only_refusals(errors)


@pytest.mark.parametrize("level", ["info", "warning"])
def test_a_refusal_is_one_line_of_the_log_without_names(tmp_path, music, original, level):
    options = ("--log-format", "json", "--log-level", level)
    with start(tmp_path, music, original, *options) as server:
        url = f"{server.url}/api/v1/classify/path"
        first = requests.post(url, json={"path": "my-own/diary.wav"}, timeout=60)
        second = requests.get(f"{server.url}/secret-name?q=diary", timeout=60)
        assert requests.get(f"{server.url}/api/v1/tracks", timeout=60).status_code == 200
        code, errors = server.stop()
    assert code == 0
    assert "diary" not in errors
    assert "secret-name" not in errors
    events = [json.loads(line) for line in errors.splitlines()]
    if level == "warning":
        assert events == []
        return
    assert [(event["status"], event["route"], event["problem"]) for event in events] == [
        (404, "/api/v1/classify/path", "audio-not-found"),
        (404, "none", ""),
    ]
    numbers = [answer.headers["X-Request-ID"] for answer in (first, second)]
    assert [event["request"] for event in events] == numbers
    assert numbers[0] != numbers[1]


def test_every_song_gets_its_own_answer_after_an_error(tmp_path, music, original):
    library_file = tmp_path / "small.earmark"
    shutil.copy(original, library_file)
    with open_library(library_file) as library:
        library.remove([track.id for track in library.tracks() if track.name != "hum-0"])
    options = ("--library", str(library_file), "--music", str(music))
    with Server(tmp_path, *options, workers=1) as server:

        def classify(path):
            url = f"{server.url}/api/v1/classify/path"
            return requests.post(url, json={"path": path}, timeout=120)

        alone = classify("hum/hum-0.wav")
        assert alone.status_code == 409
        assert "no other track of the library may vote" in alone.json()["detail"]
        for path in ("hum/hum-1.wav", "hiss/hiss-2.wav", "melody/melody-3.wav"):
            found = classify(path).json()["results"][0]["prediction"]
            digest = hashlib.sha256((music / path).read_bytes()).hexdigest()
            assert (found["path"], found["content_hash"]) == (path, digest)
        with open_library(library_file) as library:
            library.remove([track.id for track in library.tracks()])
        for name in ("hum/hum-1.wav", "hiss/hiss-2.wav"):
            refused = predict(server, music / name)
            assert refused.status_code == 409
            assert refused.text == "small.earmark: has no labelled tracks to compare with\n"
        assert server.left() == []


def test_the_port_may_come_from_the_environment(tmp_path, original):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Process(
        ["serve", "--library", str(original)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PORT": str(port), "EARMARK_UPLOADS": str(tmp_path)},
    ) as process:
        assert f"http://127.0.0.1:{port}/" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) in (0, 130, -2)
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_is_moved_to_the_place_of_the_served_one_stays_whole(
    library_file: Path, tmp_path: Path
) -> None:
    served, other = tmp_path / "served.earmark", tmp_path / "other.earmark"
    for target in (served, other):
        with open_library(library_file) as library:
            library.copy(target)
    with open_library(other) as library:
        library.update(library.tracks()[0].id, genre="another", taught=True)
        expected = library.tracks()
    with Server(tmp_path, "--library", str(served)) as server:
        tracks = f"{server.url}/api/v1/tracks"
        first = requests.get(tracks, timeout=60).json()["tracks"][0]
        changed = requests.patch(f"{tracks}/{first['id']}", json={"genre": "changed"}, timeout=60)
        assert changed.status_code == 200
        other.replace(served)
        refused = requests.patch(f"{tracks}/{first['id']}", json={"genre": "again"}, timeout=60)
        assert refused.status_code == 409
        code, errors = server.stop()
    assert code == 0
    assert only_refusals(errors)
    assert not [file for file in tmp_path.iterdir() if file.name.startswith("served.earmark-")]
    with open_library(served) as library:
        library.check()
        assert library.tracks() == expected
