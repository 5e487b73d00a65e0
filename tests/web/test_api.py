"""The HTTP API, request by request."""

from __future__ import annotations

import hashlib
import io
import json
import re

import numpy as np
import pytest

from earmark.library import open_library
from earmark.web.problems import without_folders
from support import sounds
from support.command import Command
from support.rough import roughly
from support.skips import NAMES_OF_BYTES, skip
from support.web import RATE, song, wait_until

API = "/api/v1"


def upload(*files):
    return {"file": [(io.BytesIO(content), name) for name, content in files]}


@pytest.fixture
def tune(tune_file):
    return tune_file.read_bytes()


def finish(client, job):
    wait_until(lambda: client.get(job["self_url"]).json["state"] in ("done", "failed"))
    return client.get(job["self_url"]).json


def assert_problem(answer, status, line=""):
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    body = answer.json
    assert body["status"] == status
    assert body["title"]
    assert body["type"]
    assert line in body["detail"]
    assert "\n" not in body["detail"]
    assert "Traceback" not in body["detail"]
    return body


# The classic request


@pytest.mark.parametrize("field", ["file", "image"])
def test_predict_answers_one_sentence(client, state, tune, field):
    answer = client.post("/predict", data={field: (io.BytesIO(tune), "tune.wav")})
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.text == "This song is classified as melody."
    assert state.uploads.left() == []


def test_predict_answers_an_error_in_one_line(client, state):
    answer = client.post("/predict", data={"file": (io.BytesIO(b"words"), "song.mp3")})
    assert answer.status_code == 415
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.text.startswith("song.mp3: ")
    assert answer.text.count("\n") == 1
    assert state.uploads.left() == []


def test_predict_without_a_file_says_so(client):
    answer = client.post("/predict")
    assert answer.status_code == 400
    assert "file" in answer.text


# Classify


@pytest.mark.slow
def test_one_song(client, state, tune):
    answer = client.post(f"{API}/classify", data=upload(("tune.wav", tune)))
    assert answer.status_code == 200
    (result,) = answer.json["results"]
    found = result["prediction"]
    assert result["name"] == found["path"] == "tune.wav"
    assert result["problem"] is None
    assert found["genre"] == "melody"
    assert found["sentence"] == "This song is classified as melody."
    assert sum(found["probabilities"].values()) == pytest.approx(1)
    # In JSON too the most probable stands first.
    assert next(iter(found["probabilities"])) == found["genre"]
    shares = list(found["probabilities"].values())
    assert shares == sorted(shares, reverse=True)
    assert len(found["neighbors"]) == 8
    distances = [near["distance"] for near in found["neighbors"]]
    assert distances == sorted(distances)
    assert found["neighbors"][0]["audio"].startswith("/media/tracks/")
    assert state.uploads.left() == []
    assert len(state.jobs) == 0


@pytest.mark.slow
def test_an_answer_is_that_of_the_command(
    client, tune, tune_file, library_file, monkeypatch, capsys
):
    printed = Command(monkeypatch, capsys)("classify", "--json", "-l", library_file, tune_file).out
    of_command = json.loads(printed)
    (result,) = client.post(f"{API}/classify", data=upload(("tune.wav", tune))).json["results"]
    answer = result["prediction"]
    assert answer["taught"] is False
    for near in answer["neighbors"]:
        near.pop("audio")
    # Where it was asked differs, and how long it took.
    for own in ("path", "seconds"):
        of_command.pop(own)
        answer.pop(own)
    # The server may know more, but never less.
    assert {key: answer[key] for key in of_command} == roughly(of_command)
    assert {"artist", "title", "sentence", "content_hash"} <= answer.keys()
    assert all(near["track_id"] for near in answer["neighbors"])


def test_several_songs_keep_their_order_and_a_bad_one_does_not_stop_the_others(client, tune):
    hiss = io.BytesIO()
    import soundfile

    soundfile.write(hiss, song("hiss", 50), RATE, format="FLAC")
    files = [("a.wav", tune), ("b.mp3", b"words"), ("c.flac", hiss.getvalue()), ("d.wav", b"")]
    answer = client.post(f"{API}/classify", data=upload(*files))
    assert answer.status_code == 200
    results = answer.json["results"]
    assert [result["name"] for result in results] == ["a.wav", "b.mp3", "c.flac", "d.wav"]
    genres = [r["prediction"] and r["prediction"]["genre"] for r in results]
    assert genres == ["melody", None, "hiss", None]
    assert [r["problem"] and r["problem"]["status"] for r in results] == [None, 415, None, 422]


@pytest.mark.slow
def test_more_songs_than_the_queue_holds_take_turns(make_app, tune):
    client = make_app(queue=1).test_client()
    files = [(f"{number}.wav", tune) for number in range(8)]
    results = client.post(f"{API}/classify", data=upload(*files)).json["results"]
    assert [result["name"] for result in results] == [name for name, _ in files]
    assert {result["prediction"]["genre"] for result in results} == {"melody"}


def test_where_no_file_can_be_used_the_answer_is_a_problem(client):
    files = [("a.mp3", b"words"), ("b.wav", b"")]
    body = assert_problem(client.post(f"{API}/classify", data=upload(*files)), 415, "a.mp3")
    assert body["type"] == "urn:earmark:problem:not-audio"
    assert len(body["results"]) == 2


@pytest.mark.parametrize(
    ("samples", "status", "kind"),
    [
        (sounds.silence(3), 422, "audio-silent"),
        (sounds.sine(0.4), 422, "audio-too-short"),
    ],
)
def test_sound_that_cannot_be_used_is_named(client, tmp_path, samples, status, kind):
    file = sounds.write(tmp_path / "x.wav", samples, RATE)
    answer = client.post(f"{API}/classify", data=upload(("x.wav", file.read_bytes())))
    assert assert_problem(answer, status, "x.wav")["type"] == f"urn:earmark:problem:{kind}"


def test_a_name_is_shown_without_folders_and_is_never_a_path(client, tune, state):
    for name in ("../../etc/passwd", "C:\\music\\tune.wav", "a\tb\x7fc.wav", "." * 300):
        answer = client.post(f"{API}/classify", data=upload((name, tune)))
        shown = answer.json["results"][0]["name"]
        assert "/" not in shown
        assert "\\" not in shown
        assert shown.isprintable()
        assert len(shown) <= 200
    assert state.uploads.left() == []


def test_a_request_that_is_too_large(make_app, tune):
    client = make_app(max_upload=1000).test_client()
    answer = client.post(f"{API}/classify", data=upload(("tune.wav", tune)))
    assert_problem(answer, 413, "larger than the limit of")
    assert client.post("/predict", data=upload(("tune.wav", tune))).status_code == 413


def test_a_song_that_is_too_long(make_app, tune):
    client = make_app(max_duration=2.0).test_client()
    assert_problem(client.post(f"{API}/classify", data=upload(("tune.wav", tune))), 422, "tune.wav")


def test_a_path_under_the_folder_of_music(client, music):
    answer = client.post(f"{API}/classify/path", json={"path": "hum/hum-3.wav"})
    assert answer.status_code == 200
    found = answer.json["results"][0]["prediction"]
    assert found["genre"] == "hum"
    assert found["path"] == "hum/hum-3.wav"
    # The track itself does not count.
    assert "hum-3" not in [near["track"] for near in found["neighbors"]]
    assert (music / "hum/hum-3.wav").exists()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("../small.earmark", 403),
        ("/etc/passwd", 403),
        ("hum/../../../../etc/passwd", 403),
        ("hum", 404),
        ("hum/none.wav", 404),
        ("a\x00b.wav", 404),
        ("x" * 999, 404),
    ],
)
def test_a_path_outside_or_amiss(client, path, status):
    assert_problem(client.post(f"{API}/classify/path", json={"path": path}), status)
    assert_problem(client.post(f"{API}/jobs/path", json={"path": path}), status)


def test_a_link_out_of_the_folder_is_outside(make_app, tmp_path, tune_file):
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "out.wav").symlink_to(tune_file)
    client = make_app(music=folder).test_client()
    assert_problem(client.post(f"{API}/classify/path", json={"path": "out.wav"}), 403)


def test_without_a_folder_of_music_there_are_no_paths(make_app):
    client = make_app(music=None).test_client()
    assert_problem(client.post(f"{API}/classify/path", json={"path": "a.wav"}), 403, "--music")


# A vote that is not possible


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.slow
def test_after_an_error_every_song_still_gets_its_own_answer(make_app, music, library_file):
    client = make_app().test_client()
    with open_library(library_file) as library:
        library.remove([track.id for track in library.tracks() if track.name != "hum-0"])
    for _ in range(2):
        alone = client.post(f"{API}/classify/path", json={"path": "hum/hum-0.wav"})
        assert_problem(alone, 409, "no other track of the library may vote")
        for name in ("hum/hum-1.wav", "hiss/hiss-2.wav", "melody/melody-3.wav"):
            answer = client.post(f"{API}/classify/path", json={"path": name})
            found = answer.json["results"][0]["prediction"]
            assert found["path"] == name
            assert found["content_hash"] == digest(music / name)


@pytest.mark.slow
def test_a_library_without_labelled_tracks_says_so_for_every_song(make_app, tune, library_file):
    app = make_app()
    client = app.test_client()
    job = client.post(f"{API}/jobs", data=upload(("tune.wav", tune))).json
    finish(client, job)
    with open_library(library_file) as library:
        library.remove([track.id for track in library.tracks()])
    for _ in range(2):
        answer = client.post(f"{API}/classify", data=upload(("tune.wav", tune)))
        body = assert_problem(answer, 409, "small.earmark: has no labelled tracks")
        assert body["type"] == "urn:earmark:problem:library-empty"
        path = client.post(f"{API}/classify/path", json={"path": "hum/hum-1.wav"})
        assert_problem(path, 409, "has no labelled tracks")
        assert client.post("/predict", data=upload(("tune.wav", tune))).status_code == 409
        failed = client.post(f"{API}/jobs", data=upload(("tune.wav", tune))).json
        assert finish(client, failed)["problem"]["status"] == 409
    for change in client.get(f"{API}/corrections?limit=1000").json["corrections"]:
        client.post(f"{API}/corrections/{change['id']}/undo")
    found = client.post(f"{API}/classify", data=upload(("tune.wav", tune))).json["results"][0]
    assert found["prediction"]["genre"] == "melody"
    assert app.extensions["earmark"].uploads.left() == []


# Similar


def test_tracks_similar_to_a_song(client, tune):
    answer = client.post(f"{API}/similar?k=3", data=upload(("tune.wav", tune)))
    near = answer.json["neighbors"]
    assert [n["genre"] for n in near] == ["melody"] * 3


def test_tracks_similar_to_a_track(client):
    track = client.get(f"{API}/tracks?search=hum-4").json["tracks"][0]
    near = client.get(f"{API}/tracks/{track['id']}/similar?k=5").json["neighbors"]
    assert len(near) == 5
    assert {n["genre"] for n in near} == {"hum"}
    assert track["id"] not in [n["track_id"] for n in near]
    assert_problem(client.get(f"{API}/tracks/{track['id']}/similar?k=0"), 422)


# Jobs


@pytest.mark.slow
def test_a_job_gives_the_answer_and_the_picture(client, state, tune):
    answer = client.post(f"{API}/jobs", data=upload(("tune.wav", tune)))
    assert answer.status_code == 202
    assert answer.headers["Location"] == answer.json["self_url"]
    job = finish(client, answer.json)
    assert job["state"] == "done"
    assert job["done"] == 1
    result = client.get(job["result_url"]).json
    assert result["prediction"]["genre"] == "melody"
    assert len(result["waveform"]) == 600
    assert 0.2 < max(result["waveform"]) <= 1
    timeline = result["timeline"]
    assert timeline[0]["start"] == 0
    assert timeline[-1]["stop"] == pytest.approx(6)
    assert {segment["genre"] for segment in timeline} == {"melody"}
    assert len(result["place"]) == 2
    assert state.uploads.left() == []


def test_a_job_that_fails_tells_why(client, state):
    job = client.post(f"{API}/jobs", data=upload(("song.mp3", b"words"))).json
    job = finish(client, job)
    assert job["state"] == "failed"
    assert job["problem"]["status"] == 415
    assert "song.mp3" in job["problem"]["detail"]
    assert_problem(client.get(job["result_url"]), 415, "song.mp3")
    assert state.uploads.left() == []


def test_a_job_of_a_path(client, music):
    job = client.post(f"{API}/jobs/path", json={"path": "hiss/hiss-0.wav"}).json
    assert finish(client, job)["state"] == "done"
    assert (music / "hiss/hiss-0.wav").exists()


@pytest.mark.slow
def test_a_track_has_a_vote_on_its_parts_where_it_has_one_on_the_whole(client, state, music):
    kept = ("hum-0", "hiss-0")
    state.library.remove([t.id for t in state.library.tracks() if t.name not in kept])

    def heard(job):
        finish(client, job)
        result = client.get(job["result_url"]).json
        voters = {near["track"] for near in result["prediction"]["neighbors"]}
        return voters, {segment["genre"] for segment in result["timeline"]}

    content = (music / "hum/hum-0.wav").read_bytes()
    job = client.post(f"{API}/jobs", data=upload(("a.wav", content))).json
    assert heard(job) == ({"hiss-0"}, {"hiss"})
    assert heard(client.post(f"{API}/jobs/path", json={"path": "hum/hum-0.wav"}).json) == (
        {"hiss-0"},
        {"hiss"},
    )
    taught = client.post(f"{API}/corrections", json={"job": job["id"], "genre": "hum"})
    assert taught.status_code == 201
    job = client.post(f"{API}/jobs/path", json={"path": "hum/hum-0.wav"}).json
    assert heard(job) == ({"hum-0", "hiss-0"}, {"hum"})


def test_a_job_is_forgotten_when_deleted(client, tune):
    job = client.post(f"{API}/jobs", data=upload(("tune.wav", tune))).json
    assert client.delete(job["self_url"]).status_code == 204
    assert_problem(client.get(job["self_url"]), 404)
    assert_problem(client.delete(job["self_url"]), 404)


def test_jobs_cannot_be_guessed_or_listed(client, tune):
    ids = {client.post(f"{API}/jobs", data=upload(("tune.wav", tune))).json["id"] for _ in range(3)}
    assert all(len(job_id) >= 20 for job_id in ids)
    assert client.get(f"{API}/jobs").status_code == 405


@pytest.mark.slow
def test_finished_jobs_are_forgotten_in_time(make_app, tune):
    app = make_app(job_lifetime=3600)
    client = app.test_client()

    def post():
        job = client.post(f"{API}/jobs", data=upload(("tune.wav", tune))).json
        finish(client, job)
        return job

    first = post()
    second = post()
    assert client.get(first["self_url"]).status_code == 200
    # An hour and a second ago.
    app.extensions["earmark"].jobs.get(first["id"]).ended -= 3601
    third = post()
    assert_problem(client.get(first["self_url"]), 404, "there is no such job, or it ended long ago")
    assert_problem(client.get(f"{first['self_url']}/result"), 404)
    for job in (second, third):
        assert client.get(job["self_url"]).json["state"] == "done"
        assert client.get(f"{job['self_url']}/result").status_code == 200


# Tracks


@pytest.mark.slow
def test_the_tracks_of_the_report_come_page_by_page(client, state):
    path = f"{API}/report/tracks"
    first = client.get(path).json
    assert (first["state"], first["tracks"]) == ("computing", [])
    wait_until(lambda: state.served.report.get()["state"] == "done", 60)
    found = client.get(path, query_string={"per_page": 20})
    assert found.json["pagination"] == {"page": 1, "per_page": 20, "pages": 2, "total": 27}
    assert 'rel="next"' in found.headers["Link"]
    rest = client.get(f"{path}?per_page=20&page=2").json["tracks"]
    both = found.json["tracks"] + rest
    assert len({one["track"]["id"] for one in both}) == 27
    sure = [one["probability"] for one in both]
    assert sure == sorted(sure, reverse=True)
    matrix = client.get(f"{API}/report").json["report"]
    assert "answers" not in matrix
    for label, counts in zip(matrix["genres"], matrix["confusion_matrix"], strict=True):
        for answer, count in zip(matrix["genres"], counts, strict=True):
            cell = client.get(path, query_string={"genre": label, "answer": answer}).json
            assert cell["pagination"]["total"] == len(cell["tracks"]) == count
            assert all((one["label"], one["answer"]) == (label, answer) for one in cell["tracks"])
    # One that was removed since is counted, and said to be gone.
    state.library.remove([both[0]["track"]["id"]])
    assert client.get(f"{path}?per_page=1").json["tracks"][0]["track"] is None
    assert_problem(client.get(f"{path}?per_page=0"), 422)


def test_tracks_come_page_by_page(client):
    first = client.get(f"{API}/tracks?per_page=10")
    assert first.json["pagination"] == {"page": 1, "per_page": 10, "pages": 3, "total": 27}
    links = dict(re.findall(r'<([^>]+)>; rel="(\w+)"', first.headers["Link"]))
    assert list(links.values()) == ["next"]
    names = [track["name"] for track in first.json["tracks"]]
    following = client.get(next(iter(links))).json
    assert following["pagination"]["page"] == 2
    names += [track["name"] for track in following["tracks"]]
    names += [t["name"] for t in client.get(f"{API}/tracks?per_page=10&page=3").json["tracks"]]
    assert len(set(names)) == 27
    assert client.get(f"{API}/tracks?page=99").json["tracks"] == []


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("genre=hum", 9),
        ("search=HISS-3", 1),
        ("artist=The hum 0", 2),
        ("genre=hum&search=hiss", 0),
        ("taught=true", 0),
        ("taught=false", 27),
        ("search=%25", 0),
    ],
)
def test_tracks_are_filtered(client, query, count):
    assert client.get(f"{API}/tracks?{query}").json["pagination"]["total"] == count


@pytest.mark.parametrize("query", ["page=0", "per_page=0", "per_page=501", "page=x", "taught=5"])
def test_a_query_that_makes_no_sense(client, query):
    body = assert_problem(client.get(f"{API}/tracks?{query}"), 422)
    assert body["errors"]


def test_a_track_that_is_not_there(client):
    for number in (999, 2**63, 10**30):
        assert_problem(client.get(f"{API}/tracks/{number}"), 404)
        assert_problem(client.patch(f"{API}/tracks/{number}", json={"genre": "x"}), 404)
        assert_problem(client.delete(f"{API}/tracks/{number}"), 404)
        assert_problem(client.get(f"{API}/tracks/{number}/similar"), 404)
        assert client.get(f"/media/tracks/{number}").status_code == 404


def test_a_song_can_be_added_with_its_genre(client, state, tune):
    data = {**upload(("tune.wav", tune)), "genre": "polka", "artist": "Anna", "title": "Tune"}
    answer = client.post(f"{API}/tracks", data=data)
    assert answer.status_code == 201
    track = answer.json
    assert track == client.get(answer.headers["Location"]).json
    assert (track["genre"], track["artist"], track["title"]) == ("polka", "Anna", "Tune")
    assert track["taught"] is True
    assert state.library.genres()["polka"] == 1
    assert state.uploads.left() == []


@pytest.mark.slow
@pytest.mark.parametrize("genre", ["", " ", " x", "a\nb", "x" * 101])
def test_a_genre_needs_a_sensible_name(client, tune, genre):
    data = {**upload(("tune.wav", tune)), "genre": genre}
    assert_problem(client.post(f"{API}/tracks", data=data), 422)
    assert_problem(client.patch(f"{API}/tracks/1", json={"genre": genre}), 422)


UNFIT = ["\ud800", "a\udfffb", "a\x85b", "a\u2028b", "\u202ecba", "a\u2067b", "a\n", "\x1bx"]


@pytest.mark.slow
@pytest.mark.parametrize("text", UNFIT)
def test_no_text_breaks_the_library_or_a_page(client, state, tune, text):
    (track,) = state.library.tracks(search="hum-1")
    for field in ("genre", "artist", "title"):
        answer = client.patch(f"{API}/tracks/{track.id}", json={field: text})
        assert_problem(answer, 422, field)
    job = client.post(f"{API}/jobs", data=upload(("tune.wav", tune))).json
    finish(client, job)
    taught = client.post(f"{API}/corrections", json={"job": job["id"], "genre": text})
    assert_problem(taught, 422, "genre")
    assert state.library.get(track.id) == track


def test_what_other_scripts_need_is_taken(client, state):
    (track,) = state.library.tracks(search="hum-1")
    for genre in ("ליווי שלי", "موسیقی\u200cها", "🎻\u200d♀️ folk", "Zürich 2-step"):
        answer = client.patch(f"{API}/tracks/{track.id}", json={"genre": genre})
        assert answer.json["genre"] == genre


def test_a_file_whose_name_is_no_text_can_be_taught(make_app, tmp_path, tune):
    folder = tmp_path / "odd"
    folder.mkdir()
    try:
        (folder / "a\udce9\u202eb.wav").write_bytes(tune)
    except (OSError, UnicodeEncodeError):
        skip("this file system takes no names that are not UTF-8", NAMES_OF_BYTES)
    client = make_app(music=folder).test_client()
    job = client.post(f"{API}/jobs/path", json={"path": "a\udce9\u202eb.wav"}).json
    assert job["name"] == "a\ufffd\ufffdb.wav"
    assert finish(client, job)["state"] == "done"
    answer = client.post(f"{API}/corrections", json={"job": job["id"], "genre": "polka"})
    assert answer.json["track"] == "a\ufffd\ufffdb"
    assert client.get(f"/answers/{job['id']}").status_code == 200


@pytest.mark.parametrize("name", ["endpoint", "_method", "_external", "_scheme", "_anchor", "x y"])
def test_a_query_that_nobody_asked_for_changes_nothing(client, name):
    answer = client.get(f"{API}/tracks", query_string={name: "POST&<>", "per_page": 10})
    assert answer.status_code == 200
    (link,) = re.findall(r"<([^>]+)>", answer.headers["Link"])
    assert link.startswith(f"{API}/tracks?")
    assert client.get(link).json["pagination"]["page"] == 2


def test_a_body_of_another_type_is_refused(client, state):
    (track,) = state.library.tracks(search="hum-1")
    requests = [
        ("PATCH", f"{API}/tracks/{track.id}"),
        ("POST", f"{API}/corrections"),
        ("POST", f"{API}/classify/path"),
        ("POST", f"{API}/jobs/path"),
    ]
    for method, path in requests:
        for body in ({"data": {"genre": "rock"}}, {"data": b"{}", "content_type": "text/plain"}):
            assert_problem(client.open(path, method=method, **body), 415, "application/json")
    assert state.library.get(track.id) == track


def test_a_change_must_say_what_changes(client, state):
    path = f"{API}/tracks/{state.library.tracks(search='hum-1')[0].id}"
    assert_problem(client.patch(path, json={}), 422, "There is nothing to change")
    assert_problem(client.patch(path), 422)
    assert_problem(client.patch(path, json={"gender": "rock"}), 422, "gender")
    assert state.library.history() == []


def test_no_answer_says_where_files_lie_on_the_server(app, client, state, music):
    folders = {str(state.library.file.parent), str(music), str(state.uploads.folder)}
    paths = ["/tracks/999", "/tracks/999/similar", "/jobs/none", f"/tracks/{2**70}"]
    answers = [client.get(API + path) for path in paths]
    answers.append(client.patch(f"{API}/tracks/999", json={"genre": "x"}))
    answers.append(client.post(f"{API}/corrections/999/undo"))
    answers.append(client.get("/media/tracks/999"))
    # Pages set a cookie, so each of these is another visitor.
    answers.append(app.test_client().post("/library/tracks/999/remove", data={"genre": "x"}))
    answers.append(app.test_client().post("/corrections/999/undo"))
    for answer in answers:
        assert answer.status_code == 404
        assert not any(folder in answer.text for folder in folders), answer.text
    assert answers[0].json["detail"] == "small.earmark: has no track 999"


def test_only_folders_of_the_server_are_left_out(app, state):
    folder = state.library.file.parent
    lines = {
        f"{folder}/small.earmark: is busy": "small.earmark: is busy",
        f"it is in {folder}": f"it is in {folder.name}",
        f"({folder}/a b.earmark, {folder}: x)": f"(a b.earmark, {folder.name}: x)",
        f"my{folder}/song.wav: silent": f"my{folder}/song.wav: silent",
        f"{folder}s/song.wav: silent": f"{folder}s/song.wav: silent",
    }
    with app.app_context():
        assert {line: without_folders(line) for line in lines} == lines


def test_too_many_parts_are_not_called_too_many_bytes(client):
    many = client.post(f"{API}/classify", data=upload(*[(f"{n}.wav", b"x") for n in range(1200)]))
    long = client.post(f"{API}/tracks", data={**upload(("a.wav", b"x")), "genre": "x" * 600_000})
    for answer in (many, long):
        body = assert_problem(
            answer, 413, "This form has more than 1,000 parts, or more than 500 kB"
        )
        assert "MB" not in body["detail"]


@pytest.mark.slow
def test_no_part_of_a_refused_form_stays_open(app, client, monkeypatch):
    opened = []
    inner = app.request_class._get_file_stream

    def note(self, *arguments, **named):
        opened.append(inner(self, *arguments, **named))
        return opened[-1]

    monkeypatch.setattr(app.request_class, "_get_file_stream", note)
    parts = upload(*[(f"{n}.wav", b"x") for n in range(1200)])
    assert client.post(f"{API}/classify", data=parts).status_code == 413
    assert len(opened) == 1000
    assert all(stream.closed for stream in opened)


def test_a_track_can_be_relabelled_and_removed(client):
    track = client.get(f"{API}/tracks?search=hum-1").json["tracks"][0]
    path = f"{API}/tracks/{track['id']}"
    changed = client.patch(path, json={"genre": "drone", "title": "Low"}).json
    assert (changed["genre"], changed["title"], changed["artist"]) == (
        "drone",
        "Low",
        track["artist"],
    )
    assert client.delete(path).status_code == 204
    assert_problem(client.get(path), 404)


# The rest


def test_what_the_library_holds(client):
    about = client.get(f"{API}/library").json
    assert about["tracks"] == about["labelled"] == 27
    assert about["genres"] == {"hiss": 9, "hum": 9, "melody": 9}
    assert about["extractor"] == "mfcc"
    assert about["artists"] == 15


def test_artists_are_counted_whatever_their_spelling_as_by_the_command(
    make_app, library_file, monkeypatch, capsys
):
    names = ["Nina Simone", "nina simone", "NINA  SIMONE", "Bob", "bob "]
    with open_library(library_file) as library:
        for number, track in enumerate(library.tracks(limit=27)):
            library.update(track.id, artist=names[number % 5])
    about = make_app().test_client().get(f"{API}/library").json
    assert about["artists"] == 2
    told = Command(monkeypatch, capsys)("info", "--json", library_file)
    assert json.loads(told.out)["artists"] == 2


def test_the_map_has_every_track(client):
    chart = client.get(f"{API}/map").json
    assert len(chart["points"]) == 27
    for axis in "xy":
        values = [point[axis] for point in chart["points"]]
        assert min(values) == pytest.approx(-1)
        assert max(values) == pytest.approx(1)
    assert 0 < sum(chart["share"]) <= 1
    assert chart == client.get(f"{API}/map").json


def test_the_points_of_the_map_are_those_of_its_json(client):
    answer = client.get(f"{API}/map/points")
    assert answer.mimetype == "application/octet-stream"
    chart = client.get(f"{API}/map").json
    wanted = sorted(point["id"] for point in chart["points"])
    assert np.frombuffer(answer.data, "<u4", 27, 64).tolist() == wanted
    assert answer.data == client.get(f"{API}/map/points").data


def test_tracks_of_the_map_are_found_by_their_ids_and_by_words(client):
    points = {point["id"]: point for point in client.get(f"{API}/map").json["points"]}
    some = [*points][5:2:-1]
    asked = [("id", one) for one in (*some, some[0], 999_999)]
    told = client.get(f"{API}/map/tracks", query_string=asked).json
    assert told["total"] == 3
    assert [track.pop("duration") > 0 for track in told["tracks"]] == [True] * 3
    assert told["tracks"] == [points[one] for one in some]
    query = {"search": "NUMBER hum 3", "limit": 2}
    found = client.get(f"{API}/map/tracks", query_string=query).json
    wanted = [
        point["id"]
        for point in points.values()
        if all(
            word in "\n".join(str(point[name]).lower() for name in ("track", "artist", "title"))
            for word in ("number", "hum", "3")
        )
    ]
    assert found["total"] == len(wanted) > 0
    assert [track["id"] for track in found["tracks"]] == wanted[:2]
    assert client.get(f"{API}/map/tracks").json["tracks"] == []
    many = [("id", one) for one in range(201)]
    assert client.get(f"{API}/map/tracks", query_string=many).status_code == 422


def test_health_and_readiness(client, state):
    assert client.get(f"{API}/health").json["status"] == "ok"
    ready = client.get(f"{API}/ready")
    assert ready.status_code == 200
    assert ready.json == {
        "schema": "earmark.ready/1",
        "ready": True,
        "workers": 1,
        "working": 0,
        "waiting": 0,
    }
    state.pool.close()
    assert client.get(f"{API}/ready").status_code == 503


def test_metrics_count(client, tune):
    client.post("/predict", data=upload(("tune.wav", tune)))
    client.post("/predict", data=upload(("tune.wav", b"words")))
    answer = client.get("/metrics")
    assert answer.content_type.startswith("text/plain")
    assert 'earmark_songs_total{outcome="answered"} 1.0' in answer.text
    assert 'earmark_songs_total{outcome="failed"} 1.0' in answer.text
    assert "earmark_library_tracks 27.0" in answer.text
    counted = 'earmark_http_requests_total{endpoint="plain.predict",method="POST",status="200"}'
    assert f"{counted} 1.0" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/api/v1/none", 404), ("put", "/api/v1/tracks", 405), ("get", "/none", 404)],
)
def test_what_is_not_there_is_a_problem_too(client, method, path, status):
    answer = getattr(client, method)(path)
    assert answer.status_code == status


def test_a_body_that_is_no_json(client):
    for body in (b"{", b"[]", b"\xff"):
        answer = client.post(f"{API}/corrections", data=body, content_type="application/json")
        assert answer.status_code in (400, 422)
        assert answer.content_type == "application/problem+json"


def test_an_unexpected_error_shows_no_inner_life(app, client, monkeypatch, state):
    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr(state.served, "describe", lambda: 1 / 0)
    body = assert_problem(client.get(f"{API}/library"), 500)
    assert "ZeroDivision" not in str(body)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[" * 200_000, 400),
        ('{"path": ' * 100_000, 400),
        ('{"path": ' + "9" * 100_000 + "}", 400),
        ('{"path": "' + "x" * 2**20 + '"}', 413),
    ],
    ids=["brackets", "objects", "digits", "length"],
)
@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("POST", "/classify/path"),
        ("POST", "/jobs/path"),
        ("POST", "/corrections"),
        ("PATCH", "/tracks/1"),
    ],
)
def test_json_beyond_what_can_be_read_is_refused(client, method, address, body, status):
    answer = client.open(
        f"{API}{address}", method=method, data=body, content_type="application/json"
    )
    assert_problem(answer, status, "JSON")
