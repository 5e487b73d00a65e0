"""Corrections: what is taught counts at once, is listed, and can be taken back."""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path

import pytest

from earmark.library import Track, open_default, open_library, user_library, user_library_path
from support import sounds
from support.retag import set_by_mutagen
from support.statements import statements
from support.web import RATE, song, wait_until

API = "/api/v1"


def sound(genre, seed, tmp_path, seconds=4.0, kind="wav-16"):
    return sounds.write(tmp_path / f"{genre}.{kind}", song(genre, seed, seconds), RATE, kind)


def submit(client, file, name="song.wav"):
    data = {"file": (io.BytesIO(file.read_bytes()), name)}
    job = client.post(f"{API}/jobs", data=data).json
    wait_until(lambda: client.get(job["self_url"]).json["state"] in ("done", "failed"))
    return job, client.get(job["result_url"]).json


def predict(client, file):
    return submit(client, file)[1]["prediction"]


def correct(client, job, genre):
    answer = client.post(f"{API}/corrections", json={"job": job["id"], "genre": genre})
    assert answer.status_code == 201, answer.text
    return answer.json


def test_an_answer_and_what_is_taught_ask_the_database_a_few_times(client, tmp_path):
    job, _ = submit(client, sound("melody", 50, tmp_path))
    with statements() as sent:
        assert len(client.get(job["result_url"]).json["prediction"]["neighbors"]) > 5
    assert len(sent) <= 5, sent
    with statements() as sent:
        made = correct(client, job, "polka")
    with statements() as undone:
        assert client.post(f"{API}/corrections/{made['id']}/undo").status_code == 200
    assert max(len(sent), len(undone)) <= 30, (sent, undone)


def test_a_correction_counts_in_the_very_next_prediction(client, tmp_path):
    file = sound("melody", 50, tmp_path)
    job, before = submit(client, file)
    assert before["prediction"]["genre"] == "melody"
    correct(client, job, "polka")
    after = predict(client, file)
    assert after["genre"] == "polka"
    assert after["taught"] is True
    assert after["sentence"] == "This song is classified as polka."
    assert after["neighbors"][0]["genre"] == "polka"
    assert after["neighbors"][0]["distance"] == pytest.approx(0, abs=0.01)


def test_a_taught_song_is_known_with_other_tags_and_another_picture(client, state, tmp_path):
    file = sound("melody", 50, tmp_path, kind="flac")
    job, _ = submit(client, file)
    correct(client, job, "polka")
    count = state.library.count()
    set_by_mutagen(file)
    job, retagged = submit(client, file)
    assert retagged["prediction"]["taught"] is True
    assert retagged["prediction"]["genre"] == "polka"
    again = correct(client, job, "waltz")
    assert (again["what"], again["genre_before"]) == ("relabel", "polka")
    assert state.library.count() == count
    assert predict(client, file)["genre"] == "waltz"


def test_a_correction_counts_for_other_songs_too(client, tmp_path):
    job, _ = submit(client, sound("melody", 50, tmp_path))
    correct(client, job, "polka")
    # Another coding of the same tune is another file: no taught one, but near to it.
    near = predict(client, sound("melody", 50, tmp_path, kind="flac"))
    assert near["taught"] is False
    assert near["neighbors"][0]["genre"] == "polka"
    assert "polka" in near["probabilities"]


def test_enough_corrections_change_the_vote(client, tmp_path):
    target = sound("hum", 12, tmp_path)
    assert predict(client, target)["genre"] == "hum"
    for seed in range(10, 19):
        if seed != 12:
            job, _ = submit(client, sound("hum", seed, tmp_path))
            correct(client, job, "drone")
    assert predict(client, target)["genre"] == "drone"


def test_a_correction_can_be_undone(client, state, tmp_path):
    file = sound("melody", 50, tmp_path)
    job, before = submit(client, file)
    correction = correct(client, job, "polka")
    listed = client.get(f"{API}/corrections").json["corrections"]
    assert listed == [correction]
    assert (correction["what"], correction["genre_after"]) == ("add", "polka")
    undone = client.post(f"{API}/corrections/{correction['id']}/undo")
    assert undone.status_code == 200
    assert undone.json["undone"] is True
    assert "polka" not in state.library.genres()
    after = predict(client, file)
    assert after["genre"] == before["prediction"]["genre"]
    assert after["neighbors"] == before["prediction"]["neighbors"]
    again = client.post(f"{API}/corrections/{correction['id']}/undo")
    assert again.status_code == 409
    assert client.post(f"{API}/corrections/999/undo").status_code == 404


def test_a_second_correction_of_a_song_relabels_it(client, state, tmp_path):
    file = sound("melody", 50, tmp_path)
    job, _ = submit(client, file)
    first = correct(client, job, "polka")
    second = correct(client, job, "waltz")
    assert second["what"] == "relabel"
    assert second["track_id"] == first["track_id"]
    assert state.library.count() == 28
    assert predict(client, file)["genre"] == "waltz"
    client.post(f"{API}/corrections/{second['id']}/undo")
    assert predict(client, file)["genre"] == "polka"


def test_a_song_of_the_library_is_relabelled_not_doubled(client, state, music):
    job, _ = submit(client, music / "hum" / "hum-0.wav")
    correction = correct(client, job, "drone")
    assert correction["what"] == "relabel"
    assert correction["genre_before"] == "hum"
    assert state.library.count() == 27


def test_removing_and_relabelling_can_be_undone(client, state):
    track = client.get(f"{API}/tracks?search=hum-1").json["tracks"][0]
    path = f"{API}/tracks/{track['id']}"
    client.patch(path, json={"genre": "drone"})
    client.delete(path)
    for correction in client.get(f"{API}/corrections").json["corrections"]:
        client.post(f"{API}/corrections/{correction['id']}/undo")
    restored = client.get(f"{API}/tracks?search=hum-1").json["tracks"][0]
    assert {**restored, "id": None} == {**track, "id": None}


def test_undoing_out_of_order_says_which_change_comes_first(client):
    (track,) = client.get(f"{API}/tracks?search=hum-1").json["tracks"]
    path = f"{API}/tracks/{track['id']}"
    for change in ({"genre": "drone"}, {"genre": "wind"}, {"title": "Low"}, None):
        if change is None:
            client.delete(path)
        else:
            client.patch(path, json=change)
    corrections = client.get(f"{API}/corrections").json["corrections"]
    ids = [correction["id"] for correction in corrections]
    said = []
    for position in range(3):
        refused = client.post(f"{API}/corrections/{ids[-1]}/undo")
        assert refused.status_code == 409
        said.append(refused.json["detail"])
        assert client.post(f"{API}/corrections/{ids[position]}/undo").status_code == 200
    assert said == [
        "hum-1: was removed after this change; undo that one first",
        "hum-1: was edited after this change; undo that one first",
        "hum-1: was labelled wind after this change; undo that one first",
    ]
    again = client.post(f"{API}/corrections/{ids[0]}/undo")
    assert again.json["detail"] == "hum-1: this change was undone already"


def test_undoing_does_not_say_where_a_file_lies(client, state):
    track = state.library.tracks(search="hum-1")[0]
    state.library.update(track.id, path="/somewhere/else/hum-1.wav")
    state.library.remove([track.id])
    vector = state.library.snapshot().vectors[:1]
    state.library.add([Track(name="new", genre="hum", path="/somewhere/else/hum-1.wav")], vector)
    removed = client.get(f"{API}/corrections").json["corrections"][0]
    refused = client.post(f"{API}/corrections/{removed['id']}/undo")
    assert refused.status_code == 409
    assert refused.json["detail"].startswith("hum-1: its file is in the library again")


def test_what_changes_nothing_makes_no_copy(make_app, library_file, tmp_path):
    app = make_app()
    state = app.extensions["earmark"]
    state.serve_copy(open_library(library_file, read_only=True), of=state.served)
    client = app.test_client()
    (track,) = client.get(f"{API}/tracks?search=hum-1").json["tracks"]
    path = f"{API}/tracks/{track['id']}"
    assert client.patch(path, json={}).status_code == 422
    assert client.patch(path, data={"genre": "rock"}).status_code == 415
    assert client.patch(path, json={"artist": track["artist"]}).json == track
    assert client.delete(f"{API}/tracks/999").status_code == 404
    assert client.post(f"{API}/corrections/999/undo").status_code == 404
    data = {"file": (io.BytesIO(b"words"), "bad.mp3"), "genre": "rock"}
    assert client.post(f"{API}/tracks", data=data).status_code == 415
    assert not user_library_path().exists()
    assert client.get(f"{API}/library").json["writable"] is False
    assert client.patch(path, json={"genre": "rock"}).json["genre"] == "rock"
    assert user_library_path().exists()


def test_a_track_that_is_not_in_the_users_own_library_is_not_taken_for_another(
    make_app, library_file
):
    app = make_app()
    state = app.extensions["earmark"]
    shown = open_library(library_file, read_only=True)
    with user_library(shown) as own:
        vectors = own.snapshot().vectors
        own.remove([track.id for track in own.tracks()])
        own.add([Track(name=f"other-{n}", genre="hum") for n in range(len(vectors))], vectors)
        before = own.tracks()
    client = app.test_client()
    for change in (
        lambda path: client.patch(path, json={"genre": "rock"}),
        lambda path: client.delete(path),
    ):
        state.serve_copy(shown, of=state.served)
        (track,) = client.get(f"{API}/tracks?search=hum-1").json["tracks"]
        refused = change(f"{API}/tracks/{track['id']}")
        assert refused.status_code == 409
        assert refused.json["detail"].startswith("hum-1: is not in your own library")
    with open_default() as own:
        assert own.tracks() == before


def changes_of(client, tmp_path):
    """Return the answers to all kinds of changes."""
    job, _ = submit(client, sound("melody", 50, tmp_path))
    (track,) = client.get(f"{API}/tracks?search=hum-1").json["tracks"]
    path = f"{API}/tracks/{track['id']}"
    yield lambda: client.patch(path, json={"genre": "drone"})
    yield lambda: client.post(f"{API}/corrections", json={"job": job["id"], "genre": "polka"})
    yield lambda: client.post(f"{API}/corrections/1/undo")
    yield lambda: client.delete(path)


def test_nothing_is_written_into_a_library_that_was_deleted(client, library_file, tmp_path):
    changes = list(changes_of(client, tmp_path))
    aside = library_file.rename(tmp_path / "aside.earmark")
    for change in changes:
        answer = change()
        assert answer.status_code == 409
        assert answer.json["detail"].startswith("small.earmark: is no longer there; put it back")
    aside.rename(library_file)
    assert changes[0]().status_code == 200
    with open_library(library_file) as library:
        assert library.genres()["drone"] == 1


def test_a_library_that_replaced_the_served_one_is_left_alone(
    client, state, library_file, original, tmp_path
):
    changes = list(changes_of(client, tmp_path))
    assert changes[0]().status_code == 200  # which the former file's log may hold
    new = tmp_path / "new.earmark"
    with open_library(original) as source:
        source.copy(new)
    with open_library(new) as library:
        library.add([Track(name="new", genre="new")], library.snapshot().vectors[:1])
    digest = hashlib.sha256(new.read_bytes()).digest()
    new.replace(library_file)
    for change in changes[1:]:
        refused = change()
        assert refused.status_code == 409
        assert refused.json["detail"].startswith("small.earmark: was replaced by another file")
    state.close()
    state.library.close()
    assert hashlib.sha256(library_file.read_bytes()).digest() == digest


def test_a_file_that_is_no_library_is_not_taken_up(client, library_file, tmp_path):
    change = next(changes_of(client, tmp_path))
    library_file.unlink()
    library_file.write_bytes(b"words")
    for _ in range(2):
        answer = change()
        assert answer.status_code == 409
        assert answer.json["detail"].startswith("small.earmark: was replaced by another file")
    assert client.get(f"{API}/library").json["tracks"] == 27


def test_what_was_not_answered_cannot_be_corrected(client, tmp_path):
    (tmp_path / "bad.mp3").write_bytes(b"words")
    data = {"file": (io.BytesIO(b"words"), "bad.mp3")}
    job = client.post(f"{API}/jobs", data=data).json
    wait_until(lambda: client.get(job["self_url"]).json["state"] == "failed")
    for job_id in (job["id"], "none"):
        answer = client.post(f"{API}/corrections", json={"job": job_id, "genre": "x"})
        assert answer.status_code == 404


def test_artist_and_title_are_those_of_the_files_own_tags(client, state, tmp_path):
    tags = {"artist": "Anna\nMagdalena", "title": "A <tune>"}
    file = sounds.write(tmp_path / "t.flac", song("melody", 51, 4.0), RATE, "flac", tags=tags)
    job, result = submit(client, file)
    assert result["prediction"]["artist"] == "Anna Magdalena"
    track = state.library.get(correct(client, job, "polka")["track_id"])
    assert (track.artist, track.title) == ("Anna Magdalena", "A <tune>")
    page = client.get(f"/answers/{job['id']}").text
    assert "<b>A &lt;tune&gt;</b> by Anna Magdalena" in page


def test_a_library_that_is_not_ours_is_never_changed(make_app, library_file, tmp_path):
    # Like that of the package: it may be read and nothing else.
    theirs = Path(shutil.copy(library_file, tmp_path / "theirs.earmark"))
    digest = hashlib.sha256(theirs.read_bytes()).digest()
    theirs.chmod(0o444)
    app = make_app()
    state = app.extensions["earmark"]
    state.serve_copy(open_library(theirs, read_only=True), of=state.served)
    client = app.test_client()
    assert client.get(f"{API}/library").json["writable"] is False
    file = sound("melody", 50, tmp_path)
    job, _ = submit(client, file)
    correct(client, job, "polka")
    assert predict(client, file)["genre"] == "polka"
    assert client.get(f"{API}/library").json["writable"] is True
    assert hashlib.sha256(theirs.read_bytes()).digest() == digest
    assert state.library.file == user_library_path().resolve()
    # The next start finds what was taught.
    with open_default() as own:
        assert own.genres()["polka"] == 1
        assert own.count() == 28


def test_teaching_what_a_track_already_is_is_refused(client, state, music):
    file = music / "hum" / "hum-1.wav"
    heard = client.post(
        f"{API}/jobs", data={"file": (io.BytesIO(file.read_bytes()), "hum-1.wav")}
    ).json
    wait_until(lambda: client.get(f"{API}/jobs/{heard['id']}").json["answered"])

    def teach(genre):
        return client.post(f"{API}/corrections", json={"job": heard["id"], "genre": genre})

    assert teach("wind").status_code == 201
    other = teach("water")
    assert other.status_code == 201
    assert client.post(f"{API}/corrections/{other.json['id']}/undo").status_code == 200
    refused = teach("wind")
    assert refused.status_code == 409
    assert refused.json["detail"] == "hum-1: is wind already, so there is nothing to change"
