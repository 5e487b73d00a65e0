"""The pages as they leave the server, without a browser."""

from __future__ import annotations

import dataclasses
import html
import io
import os
import re
import sqlite3
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from werkzeug.test import create_environ

import earmark.web
import earmark.web.pages
from earmark.library.fitting import refit
from earmark.web.http.headers import CONTENT_SECURITY_POLICY
from earmark.web.http.request import Request
from earmark.web.pages.filters import nearness
from support.web import wait_until

PAGES = ("/", "/library", "/audit", "/label", "/map", "/report", "/corrections", "/api/v1/docs")
HERE = Path(earmark.web.__file__).parent
VOID = {"meta", "link", "input", "br", "img", "hr", "source"}


class Page(HTMLParser):
    """Checks that tags are closed, and gathers what could load or run something."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.loads, self.inline, self.labels = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if "id" in values:
            self.ids.append(values["id"])
        for name in ("src", "href", "action", "data-source", "data-play"):
            if name in values:
                self.loads.append(values[name])
        self.inline += [name for name in values if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in values):
            self.inline.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def secret_of(client):
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/library").text)
    return found[1]


def send(client, content, name="tune.wav", path="/"):
    return client.post(path, data={"file": (io.BytesIO(content), name)})


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_and_loads_nothing_from_elsewhere(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    page = Page(answer.text)
    assert page.inline == []
    assert len(page.ids) == len(set(page.ids))
    assert [url for url in page.loads if not url.startswith(("/", "#"))] == []


def test_a_query_of_any_bytes_is_read(client) -> None:
    for path in ("/tracks", "/api/v1/tracks", "/api/similar_artists"):
        raw = {"QUERY_STRING": "search=\xb2%e9&limit=5&artist=\xff"}
        assert client.get(path, environ_overrides=raw).status_code in (200, 404)
    encoded = {"QUERY_STRING": "a=caf\xc3\xa9+%26&b=\xff"}
    args = Request(create_environ() | encoded).args
    assert args.to_dict() == {"a": "café &", "b": "%FF"}


def test_what_a_page_links_to_is_there(client):
    seen = set()
    for path in PAGES:
        for url in Page(client.get(path).text).loads:
            target = url.split("#")[0]
            if target and target not in seen and "/sign-out" not in target:
                seen.add(target)
                assert client.get(target).status_code in (200, 405), target
    assert any(url.endswith(".js") for url in seen)


def test_scripts_load_only_their_neighbors():
    for file in HERE.joinpath("static/js").glob("*.js"):
        for target in re.findall(r'(?:from|import) "([^"]+)"', file.read_text()):
            assert target.startswith("./")
            assert (file.parent / target).exists()


def test_nothing_in_the_files_names_another_host():
    for file in [*HERE.glob("static/**/*"), *HERE.glob("templates/*")]:
        if file.is_file():
            hosts = set(
                re.findall(r"https?://([^/\"' )]+)", file.read_bytes().decode(errors="replace"))
            )
            assert hosts <= {"www.w3.org"}, file


def test_the_policy_allows_nothing_inline_and_no_other_host(client):
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    for path in (*PAGES, "/api/v1/tracks", "/none", "/metrics"):
        headers = client.get(path).headers
        assert headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "microphone=(self)" in headers["Permissions-Policy"]
        assert headers["Cache-Control"] == "no-store"


def test_static_files_may_be_kept_because_their_address_changes_with_them(client):
    style = re.search(r'href="(/static/[0-9a-f]{12}/earmark.css)"', client.get("/").text)[1]
    answer = client.get(style)
    assert "max-age=31536000" in answer.headers["Cache-Control"]


def test_static_files_are_the_same_for_everyone_whatever_cookie_comes_along(make_app):
    client = make_app(local=False, token="a-secret-token").test_client()
    page = client.get("/")
    assert "Cookie" in page.headers.get("Vary", "")
    style = re.search(r'href="(/static/[0-9a-f]{12}/earmark.css)"', page.text)[1]
    answer = client.get(style)
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert "Set-Cookie" not in answer.headers


def test_the_home_page_leads_to_the_song(client):
    page = client.get("/").text
    assert 'href="#predict"' in page
    assert "Drop in the song you want to classify!" in page
    assert 'id="predict"' in page
    assert re.search(r"<button[^>]*>Predict</button>", page)


def test_without_scripts_a_form_gives_the_answer(client, state, tune_file):
    answer = send(client, tune_file.read_bytes())
    assert answer.status_code == 200
    Page(answer.text)
    assert re.search(r"This song is classified as <strong>melody</strong>", answer.text)
    assert "Because it sounds like" in answer.text
    assert state.uploads.left() == []


@pytest.mark.parametrize(
    ("content", "status", "line"),
    [(b"words", 415, "song.mp3: "), (b"", 422, "song.mp3: ")],
)
def test_a_bad_file_gets_a_page_with_one_line(client, content, status, line):
    answer = send(client, content, "song.mp3")
    assert answer.status_code == status
    Page(answer.text)
    assert f'role="alert">{line}' in answer.text
    assert "Traceback" not in answer.text


def test_names_are_shown_as_text_not_as_markup(client, tune_file):
    evil = "<img src=x onerror=alert(1)>.wav"
    page = send(client, tune_file.read_bytes(), evil).text
    assert "<img" not in page
    assert "&lt;img" in page


def test_the_library_page_searches_filters_and_pages(client, state):
    def rows(query):
        return re.findall(r'id="track-(\d+)"', client.get(f"/library?{query}").text)

    assert len(rows("")) == 27
    assert len(rows("genre=hum")) == 9
    assert len(rows("search=hum-1")) == 1
    assert len(rows("artist=The+hum+0")) == 2
    assert len(rows("only=taught")) == 0
    assert "Nothing here fits" in client.get("/library?search=none").text
    assert rows("page=2") == []


def test_relabel_remove_and_undo_without_scripts(client, state):
    page = client.get("/library").text
    form = {"csrf_token": re.search(r'name="csrf_token" value="([^"]+)"', page)[1]}
    track = state.library.tracks(search="hum-3")[0]
    relabel = {**form, "genre": " drone ", "back": "/library?genre=hum"}
    answer = client.post(f"/library/tracks/{track.id}/genre", data=relabel)
    assert answer.headers["Location"] == "/library?genre=hum"
    assert state.library.get(track.id).genre == "drone"
    assert "hum-3 is drone now" in client.get("/library").text
    remove = {**form, "back": "//evil.example"}
    answer = client.post(f"/library/tracks/{track.id}/remove", data=remove)
    assert answer.headers["Location"] == "/library"
    assert state.library.count() == 26
    for number in re.findall(r"/corrections/(\d+)/undo", client.get("/corrections").text):
        assert client.post(f"/corrections/{number}/undo", data=form).status_code == 302
    assert state.library.count() == 27
    assert state.library.tracks(search="hum-3")[0].genre == "hum"


def test_several_tracks_are_labelled_and_removed_at_once_and_that_is_undone(client, state):
    secret = secret_of(client)
    tracks = state.library.tracks(genre="hum")[:3]
    ids = [track.id for track in tracks]
    form = {"csrf_token": secret, "track": ids, "back": "/library?genre=hum"}

    def undo_of(text):
        shown = text[text.index('class="notice"') :]
        return re.findall(r'name="change" value="(\d+)"', shown[: shown.index("</form>")])

    answer = client.post("/library/tracks", data={**form, "genre": " deep  hum "})
    assert answer.headers["Location"] == "/library?genre=hum"
    shown = client.get("/library").text
    assert "Labelled deep hum: 3 tracks." in shown
    assert [state.library.get(one).genre for one in ids] == ["deep hum"] * 3
    # One step of the history, taken back as one.
    assert len({change.time for change in state.library.history(3)}) == 1
    undo = {"csrf_token": secret, "change": undo_of(shown)}
    client.post("/corrections/undo", data=undo)
    assert "Undone: 3 tracks are as they were." in client.get("/corrections").text
    assert state.library.tracks(genre="hum")[:3] == tracks
    client.post("/library/tracks", data={**form, "action": "remove"})
    assert state.library.count() == 24
    client.post("/corrections/undo", data={**undo, "change": undo_of(client.get("/library").text)})
    assert state.library.count() == 27


@pytest.mark.parametrize(
    ("sent", "line"),
    [
        ({"genre": "hum"}, "nothing was chosen"),
        ({"genre": "hum", "track": list(range(1, 300))}, "at most 200"),
        ({"track": [1]}, "a genre needs a name"),
        ({"genre": "hum", "track": [1, 999]}, "has no track 999"),
        ({"action": "remove", "track": [1, 999]}, "has no track 999"),
    ],
)
def test_what_cannot_be_done_with_chosen_tracks_changes_nothing(client, state, sent, line):
    secret = secret_of(client)
    before = state.library.revision
    answer = client.post("/library/tracks", data={"csrf_token": secret, **sent})
    assert answer.status_code in (400, 404)
    assert line in answer.text
    assert state.library.revision == before


def test_a_suspected_mislabel_is_found(client, state):
    wrong = state.library.tracks(search="hum-4")[0]
    state.library.update(wrong.id, genre="hiss")
    client.get("/library?only=suspects")
    wait_until(lambda: state.served.report.get()["state"] == "done", 60)
    page = client.get("/library?only=suspects").text
    assert f'id="track-{wrong.id}"' in page
    assert "sounds like <b>hum</b>" in page
    assert client.get("/api/v1/report").json["report"]["suspects"]


def test_the_report_appears(client, state):
    assert "in a moment" in client.get("/report").text
    wait_until(lambda: state.served.report.get()["state"] != "computing", 60)
    page = client.get("/report").text
    Page(page)
    assert "named rightly" in page
    assert str(state.library.file.parent) not in page
    whole = client.get("/report/download")
    assert whole.headers["Content-Disposition"].startswith("attachment")
    assert str(state.library.file.parent) not in whole.text


def cells(page: str) -> dict[str, int]:
    """Return the numbers of the confusion by where they lead."""
    found = re.findall(r'<td class="heat-\d+[^"]*"><a href="([^"]+)"[^>]*>(\d+)</a>', page)
    return {html.unescape(link): int(count) for link, count in found}


def test_each_number_of_the_confusion_leads_to_so_many_tracks(client, state):
    wrong = state.library.tracks(search="hum-4")[0]
    state.library.update(wrong.id, genre="hiss")
    assert "in a moment" in client.get("/report/tracks").text
    wait_until(lambda: state.served.report.get()["state"] == "done", 60)
    led = cells(client.get("/report").text)
    assert sum(led.values()) == 27
    for link, count in led.items():
        page = client.get(link).text
        Page(page)
        assert page.count('<th scope="row">') == count
        assert page.count('data-play="/media/tracks/') == count
    # Its label, and what the others make of it.
    (asked,) = [
        one for one in state.served.report.answers("hiss", None) if one.track_id == wrong.id
    ]
    cell = {"genre": "hiss", "answer": asked.answer}
    assert (
        f'data-play="/media/tracks/{wrong.id}'
        in client.get("/report/tracks", query_string=cell).text
    )
    # What became of it since the report was made is said.
    state.library.update(wrong.id, genre="drone")
    assert "now drone" in client.get("/report/tracks", query_string=cell).text
    wait_until(lambda: state.served.report.get()["state"] == "done", 60)
    assert "No track is so." in client.get("/report/tracks?genre=jazz").text


def test_an_unknown_page_is_a_page(client):
    answer = client.get("/none", headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 404
    assert answer.content_type.startswith("text/html")
    Page(answer.text)


def test_visitors_who_may_not_teach_are_not_asked_to(make_app, tune_file):
    client = make_app(local=False).test_client()
    page = send(client, tune_file.read_bytes()).text
    assert "<form" in page
    assert "teach-form" not in page
    assert "/genre" not in client.get("/library").text
    client = make_app(local=False, token="a-secret-token").test_client()
    assert "Sign in" in send(client, tune_file.read_bytes()).text


# Behind a proxy


def test_a_prefix_is_in_every_link_whether_the_proxy_cuts_it_off_or_not(make_app):
    client = make_app(prefix="/ear").test_client()
    for path in ("/", "/ear/"):
        page = Page(client.get(path).text)
        assert all(url.startswith(("/ear/", "#")) for url in page.loads)
    client = make_app(prefix="/ear").test_client()
    job = client.post("/ear/api/v1/jobs/path", json={"path": "hum/hum-0.wav"}).json
    assert job["self_url"].startswith("/ear/api/v1/jobs/")


def test_forwarded_headers_are_believed_from_a_proxy_that_was_announced(make_app):
    options = {"local": False, "token": "a-secret-token"}
    headers = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "music.example",
        "X-Forwarded-Prefix": "/ear",
    }
    trusting = make_app(**options, proxies=1, allowed_hosts=("music.example",)).test_client()
    answer = trusting.get("/", headers=headers)
    assert answer.status_code == 200
    assert "Secure" in answer.headers["Set-Cookie"]
    assert 'href="/ear/library"' in answer.text
    plain = make_app(**options, allowed_hosts=("music.example",)).test_client()
    assert plain.get("/", headers=headers).status_code == 421


# What is easily got wrong


def colors_of(page):
    return {
        name: color
        for listed in re.findall(r'<ul class="genre-colors" hidden>(.*?)</ul>', page)
        for color, name in re.findall(r'<li class="([^"]+)">([^<]+)</li>', listed)
    }


def taught(app, file, genre):
    """Teach a song, as a program does it; return its job."""
    program, owner = app.test_client(), app.extensions["earmark"]
    with file.open("rb") as stream:
        job = program.post("/api/v1/jobs", data={"file": (stream, file.name)}).json["id"]
    wait_until(lambda: owner.jobs.get(job).finished)
    answer = program.post("/api/v1/corrections", json={"job": job, "genre": genre})
    assert answer.status_code == 201
    return job


def test_a_new_genre_leaves_the_others_their_colors(app, client, state, tune_file, make_app):
    before = colors_of(client.get("/").text)
    assert sorted(before) == ["hiss", "hum", "melody"]
    assert len(set(before.values())) == 3
    job = taught(app, tune_file, "aria")
    # The part that a script puts in knows the color of a genre that the page does not.
    after = colors_of(client.get(f"/answers/{job}").text)
    assert before.items() <= after.items()
    assert after["aria"] not in [*before.values(), "g-none"]
    # After a restart they are the same.
    assert colors_of(make_app().test_client().get("/").text) == after
    # A genre that goes takes no color of another along.
    for track in state.library.tracks(genre="hiss"):
        state.library.remove([track.id])
    left = colors_of(client.get("/").text)
    assert left == {name: color for name, color in after.items() if name != "hiss"}


def test_more_genres_than_colors_share_them_evenly(client, state):
    for number, track in enumerate(state.library.tracks()):
        state.library.update(track.id, genre=f"genre {number}")
    used = list(colors_of(client.get("/").text).values())
    assert len(used) == 27
    assert {used.count(color) for color in used} == {2, 3}


@pytest.mark.parametrize(
    ("distances", "least"), [([0.0, 0.4, 0.5, 0.6], 0.3), ([0.3, 0.4], 0.5), ([0.0, 0.0], 1.0)]
)
def test_the_nearest_has_the_longest_bar_and_none_is_empty(distances, least):
    bars = nearness(distances)
    assert bars[0] == 1.0
    assert sorted(bars, reverse=True) == bars
    assert bars[-1] >= least


def test_neighbors_of_a_taught_song_have_bars(app, tune_file):
    def bars():
        page = send(app.test_client(), tune_file.read_bytes()).text
        near = page[page.index('<ol class="near">') :]
        return [float(width) for width in re.findall(r'width="([\d.]+)%" height="100%" cl', near)]

    assert min(bars()) > 20
    taught(app, tune_file, "melody")
    found = bars()
    assert found[0] == 100.0
    assert min(found) > 20


@pytest.mark.parametrize("page", ["2", "99999999999999999999", "-9", "x"])
@pytest.mark.parametrize("only", ["", "suspects", "taught"])
def test_a_page_of_any_number_is_answered(client, page, only):
    answer = client.get(f"/library?page={page}&only={only}")
    assert answer.status_code == 200
    Page(answer.text)


def test_beyond_the_last_page_is_the_way_back(client):
    page = client.get("/library?page=99999999999999999999").text
    assert "There are no more tracks" in page
    assert 'href="/library?page=1">Show the last ones' in page


def test_the_users_own_library_is_called_that(make_app, library_file, tmp_path, monkeypatch):
    assert "in the library <b>small</b>" in make_app().test_client().get("/").text
    monkeypatch.setattr(earmark.web.pages, "user_library_path", lambda: library_file)
    assert "in your library." in make_app().test_client().get("/").text
    public = make_app(local=False).test_client()
    assert "in the library of this server." in public.get("/").text


def test_the_report_tells_the_vote_in_words(client, state):
    page = client.get("/report").text
    vote = re.search(r"<dt>Vote</dt><dd>(.*?)</dd>", page)[1]
    assert vote == "The 8 nearest tracks vote, each with one vote."
    refit(state.library)
    vote = re.search(r"<dt>Vote</dt><dd>(.*?)</dd>", client.get("/report").text)[1]
    assert re.match(r"The \d+ nearest tracks vote, ", vote)
    assert not re.search("plain|False|True|floor|threshold", vote)


def test_the_map_says_that_it_needs_scripts(client):
    page = client.get("/map").text
    assert re.search(r"<noscript>.*needs scripts.*</noscript>", page)
    assert re.search(r'id="map-loading"[^>]* hidden', page)


def test_signing_in_leads_back_to_the_answer(make_app, tune_file):
    client = make_app(local=False, token="a-secret-token").test_client()
    page = send(client, tune_file.read_bytes()).text
    job = re.search(r'data-job="([^"]+)"', page)[1]
    link = re.search(r'href="(/sign-in\?next=[^"]+)">Sign in</a> to teach', page)[1]
    form = client.get(link).text
    data = {
        "token": "a-secret-token",
        "next": re.search(r'name="next" value="([^"]+)"', form)[1],
        "csrf_token": re.search(r'name="csrf_token" value="([^"]+)"', form)[1],
    }
    assert client.post("/sign-in", data=data).headers["Location"] == f"/#song={job}"


@pytest.mark.parametrize("page", ["/", "/library", "/corrections"])
@pytest.mark.parametrize("what", ["cut", "emptied", "other tables"])
def test_a_library_that_is_spoilt_while_it_is_served_is_told_on_a_page(
    make_app, library_file, page, what
):
    client = make_app().test_client()
    assert client.get("/library").status_code == 200
    if what == "other tables":
        with sqlite3.connect(library_file) as raw:
            raw.execute("ALTER TABLE tracks RENAME TO former_tracks")
        raw.close()
    else:
        log = library_file.with_name(library_file.name + "-wal")
        log.unlink(missing_ok=True)
        os.truncate(library_file, 5000 if what == "cut" else 0)
    client.get("/library")
    answer = client.get(page)
    assert answer.status_code in (200, 409)
    assert answer.mimetype == "text/html"
    assert client.get("/api/v1/nothing").status_code == 404
    missing = client.get("/nothing", headers={"Accept": "text/html"})
    assert (missing.status_code, missing.mimetype) == (404, "text/html")


def test_distances_of_an_answer_have_as_many_digits_each(client, tune_file):
    with tune_file.open("rb") as file:
        page = client.post("/", data={"file": (file, "tune.wav")}).text
    found = re.findall(r'distance</span> <span class="number">([^<]+)</span>', page)
    assert len(found) > 5
    assert len({len(number.partition(".")[2]) for number in found}) == 1


@pytest.mark.parametrize(("path", "is_told"), [(None, True), ("/music/short.wav", False)])
def test_why_tracks_are_that_short_is_told_of_those_without_a_file(client, state, path, is_told):
    whole = state.library.tracks(limit=1)[0]
    short = dataclasses.replace(
        whole, id=None, name="short", path=path, duration=2.9, content_hash=None, audio_hash=None
    )
    state.library.add([short], state.library.vector(whole.id)[None])
    page = client.get("/library?search=short").text
    assert ("no more of these recordings was at hand" in page) is is_told


def test_an_answer_counts_who_voted(client, tune_file):
    with tune_file.open("rb") as file:
        found = client.post("/api/v1/classify", data={"file": (file, "tune.wav")}).json
    genres = [near["genre"] for near in found["results"][0]["prediction"]["neighbors"]]
    with tune_file.open("rb") as file:
        page = client.post("/", data={"file": (file, "tune.wav")}).text
    told = re.search(r"voted: ([^<.]*)\.", page).group(1)
    whole = f"all {len(genres)}" if len(set(genres)) == 1 else f" of {len(genres)} "
    assert whole in told
    counts = re.findall(r"(\d+)(?: of \d+)? (?:are |is )?(\w+)", told)
    assert {genre: int(count) for count, genre in counts} == Counter(genres)
    assert [int(count) for count, _ in counts] == sorted(Counter(genres).values(), reverse=True)


def test_a_track_without_a_title_is_called_by_its_artist(client, state, tune_file):
    for track in state.library.tracks():
        state.library.update(track.id, title=None)
    with tune_file.open("rb") as file:
        page = client.post("/", data={"file": (file, "tune.wav")}).text
    assert "<b>A song by The melody" in page
