"""Servers over one library in PostgreSQL: what one is taught the other knows, and outages."""

from __future__ import annotations

import io

import pytest

from earmark.library import open_library
from support import sounds
from support.web import RATE, song, wait_until

API = "/api/v1"

pytestmark = pytest.mark.slow


def submit(client, file):
    data = {"file": (io.BytesIO(file.read_bytes()), "song.wav")}
    answer = client.post(f"{API}/jobs", data=data)
    assert answer.status_code == 202, answer.text
    job = answer.json
    wait_until(lambda: client.get(job["self_url"]).json["state"] in ("done", "failed"))
    return job, client.get(job["result_url"]).json


def test_what_one_server_is_taught_the_next_request_on_another_knows(make_app, place, tmp_path):
    one = make_app(library=place).test_client()
    two = make_app(library=place, uploads=tmp_path / "other").test_client()
    file = sounds.write(tmp_path / "melody.wav", song("melody", 50, 4.0), RATE, "wav-16")
    assert submit(two, file)[1]["prediction"]["genre"] == "melody"
    job, _ = submit(one, file)
    made = one.post(f"{API}/corrections", json={"job": job["id"], "genre": "polka"})
    assert made.status_code == 201, made.text
    answer = submit(two, file)[1]["prediction"]
    assert (answer["genre"], answer["taught"]) == ("polka", True)
    # And what one was taught, the other takes back.
    assert two.post(f"{API}/corrections/{made.json['id']}/undo").status_code == 200
    assert submit(one, file)[1]["prediction"]["genre"] == "melody"
    with open_library(place) as library:
        library.check()


def test_a_server_of_a_library_that_is_away_says_so_and_works_again(
    make_app, place, postgres, tmp_path
):
    app = make_app(library=place)
    client, browser = app.test_client(), app.test_client()
    file = sounds.write(tmp_path / "melody.wav", song("melody", 50, 4.0), RATE, "wav-16")
    assert submit(client, file)[1]["prediction"]["genre"] == "melody"
    postgres.stop()
    try:
        for address in (f"{API}/library", f"{API}/tracks"):
            answer = client.get(address)
            assert answer.status_code == 503, answer.text
            assert "the server cannot be reached" in answer.json["detail"]
            assert "postgresql://" not in answer.text
            assert str(postgres.folder) not in answer.text
            assert int(answer.headers["Retry-After"]) > 0
        page = browser.get("/library", headers={"Accept": "text/html"})
        assert page.status_code == 503
        assert "the server cannot be reached" in page.text
        assert str(postgres.folder) not in page.text
    finally:
        postgres.start()
    assert client.get(f"{API}/library").status_code == 200
    assert submit(client, file)[1]["prediction"]["genre"] == "melody"


def test_the_report_is_made_by_a_process_that_knows_the_password(make_app, place, postgres):
    postgres.execute("CREATE ROLE reporter LOGIN SUPERUSER PASSWORD 'hidden'")
    rules = postgres.folder / "pg_hba.conf"
    rules.write_text("local all reporter scram-sha-256\n" + rules.read_text())
    postgres.execute("SELECT pg_reload_conf()")
    client = make_app(library=place.replace("postgres@", "reporter:hidden@")).test_client()
    wait_until(lambda: client.get(f"{API}/report").json["state"] != "computing", 120)
    found = client.get(f"{API}/report")
    assert found.json["state"] == "done", found.json
    for secret in ("hidden", "postgresql://", str(postgres.folder)):
        assert secret not in found.text
