"""Large forms that are read as they come in, as Werkzeug reads them, with one copy of each song."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser

from earmark.web.http.forms import FormBuffer, boundary_of, keep
from support import sounds
from support.web import song, wait_until

BOUNDARY = "x-y"
NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
# What looks like the end of a part is the hard case.
CONTENT = st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b"--", b"--x-y", b"\r\n--x", b"a", b"sound" * 9])
).map(b"".join)
PARTS = st.lists(st.tuples(NAMES, st.none() | st.just("") | NAMES, CONTENT), max_size=5)


def body_of(parts):
    lines = []
    for name, filename, content in parts:
        said = f'; filename="{filename}"' if filename is not None else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{said}\r\n\r\n'
        lines.append(head.encode() + content + b"\r\n")
    return b"".join(lines) + f"--{BOUNDARY}--\r\n".encode()


def buffer(folder, **options):
    def new():
        return Path(folder) / str(len(list(Path(folder).iterdir())))

    limits = {"max_parts": 1000, "max_field": 500_000, **options}
    return FormBuffer(BOUNDARY.encode(), new, **limits)


def fill(form, body, step):
    for start in range(0, len(body), step):
        form.append(body[start : start + step])


def told(parsed):
    """Return the fields and files of a form as plain values."""
    _, fields, files = parsed
    held = [(name, one.filename, one.read()) for name, some in files.lists() for one in some]
    for _, some in files.lists():
        for one in some:
            one.close()
    return list(fields.lists()), held


def by_werkzeug(body, step):
    """Return the form as Werkzeug reads it; it tells some line ends by where its pieces end."""
    parser = MultiPartParser(lambda *_, **__: io.BytesIO(), buffer_size=step)
    try:
        return body, *parser.parse(io.BytesIO(body), BOUNDARY.encode(), len(body))
    except ValueError:
        return body, MultiDict(), MultiDict()


@given(parts=PARTS, step=st.integers(1024, 1200) | st.integers(1, 200), cut=st.integers(0, 60))
def test_a_form_is_read_as_werkzeug_reads_it(parts, step, cut):
    body = body_of(parts)
    # Sometimes its end is missing.
    body = body[: len(body) - cut] if cut > 40 else body
    with tempfile.TemporaryDirectory() as folder:
        form = buffer(folder)
        fill(form, body, step)
        assert len(form) == len(body)
        assert told(form.parse()) == told(by_werkzeug(body, step))
        form.close()
        assert list(Path(folder).iterdir()) == []


@given(content=st.binary(max_size=3000), step=st.integers(200, 4000))
def test_a_file_is_written_as_it_is(content, step):
    with tempfile.TemporaryDirectory() as folder:
        form = buffer(folder)
        fill(form, body_of([("file", "song.wav", content), ("genre", None, b"rock")]), step)
        assert told(form.parse()) == ([("genre", ["rock"])], [("file", "song.wav", content)])
        form.close()


def test_too_much_is_refused_as_without_it(tmp_path):
    for body, options in (
        (body_of([("a", None, b"x")] * 4), {"max_parts": 3}),
        (body_of([("a", None, b"x" * 4000)]), {"max_field": 3000}),
    ):
        form = buffer(tmp_path, **options)
        fill(form, body, 500)
        with pytest.raises(RequestEntityTooLarge):
            form.parse()
        form.close()
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_stays_and_the_rest_goes(tmp_path, monkeypatch):
    body = body_of([("file", "a.wav", b"one"), ("file", "b.wav", b"two")])
    for links in (True, False):
        if not links:
            monkeypatch.delattr("os.link")
            monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(OSError), raising=False)
        folder = tmp_path / str(links)
        folder.mkdir()
        form = buffer(folder)
        fill(form, body, 7)
        _, _, files = form.parse()
        first, second = files.getlist("file")
        keep(first, folder / "kept")
        first.close()
        second.close()
        form.close()
        assert [path.read_bytes() for path in folder.iterdir()] == [b"one"]
        form.close()


def test_a_file_that_came_in_memory_is_kept_too(tmp_path):
    keep(FileStorage(io.BytesIO(b"one"), "a.wav"), tmp_path / "kept")
    assert (tmp_path / "kept").read_bytes() == b"one"


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        ("multipart/form-data; boundary=a", b"a"),
        ('Multipart/Form-Data; charset=utf-8; boundary="a b"', b"a b"),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=\xe4", None),
        ("application/json; boundary=a", None),
        ("", None),
    ],
)
def test_only_forms_with_files_are_read_like_this(kind, boundary):
    assert boundary_of(kind) == boundary


# The whole server


@pytest.fixture(scope="module")
def long_song(tmp_path_factory):
    """A file of 2 MB, beyond what stays in memory."""
    file = tmp_path_factory.mktemp("long") / "long.wav"
    return sounds.write(file, song("melody", 100, 48.0), 22050)


def written(pid):
    return int(re.search(r"wchar: (\d+)", Path(f"/proc/{pid}/io").read_text())[1])


def sent(server, path, files, **options):
    return requests.post(f"{server.url}{path}", files=files, timeout=120, **options)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/predict", "/api/v1/jobs?picture=0", "/api/v1/classify"])
def test_an_upload_is_written_once(server, long_song, path):
    content = long_song.read_bytes()
    before = written(server.process.pid)
    answer = sent(server, path, {"file": ("long.wav", content)})
    assert answer.status_code in (200, 202)
    copies = (written(server.process.pid) - before) / len(content)
    assert copies < 1.3
    if answer.status_code == 202:
        url = f"{server.url}{answer.json()['self_url']}"
        wait_until(lambda: requests.get(url, timeout=60).json()["state"] == "done")
    wait_until(lambda: [p.name for p in server.uploads.glob("run-*/*")] == ["in-use"])


@pytest.mark.slow
def test_several_large_files_and_fields_of_one_form(server, long_song):
    content = long_song.read_bytes()
    files = [("file", ("long.wav", content)), ("file", ("bad.wav", b"words" * 200_000))]
    results = sent(server, "/api/v1/classify", files, data={"more": "text"}).json()["results"]
    assert [one["name"] for one in results] == ["long.wav", "bad.wav"]
    assert results[0]["prediction"]["genre"] == "melody"
    assert results[1]["problem"]["status"] == 415
    wait_until(lambda: [p.name for p in server.uploads.glob("run-*/*")] == ["in-use"])


@pytest.mark.slow
def test_large_bodies_that_are_no_form_or_a_broken_one(server):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    part = b"--x\r\nnothing: here\r\n\r\n"
    for body in (part + b"sound" * 200_000, iter([part, b"sound" * 200_000])):
        answer = requests.post(f"{server.url}/predict", data=body, headers=headers, timeout=60)
        assert answer.status_code == 400
        assert answer.text.startswith("there is no file in this request")
    body = b"no form at all" * 100_000
    answer = requests.post(f"{server.url}/predict", data=body, headers=headers, timeout=60)
    assert answer.status_code == 413
    wait_until(lambda: [p.name for p in server.uploads.glob("run-*/*")] == ["in-use"])
