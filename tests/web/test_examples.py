"""The clients of examples/clients, and what the documentation says, against a running server."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.programs import needs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "examples" / "clients"
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def client_module():
    spec = importlib.util.spec_from_file_location("earmark_client", CLIENTS / "earmark_client.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_client_in_python(client_module, server, tune_file, tmp_path):
    client = client_module.Client(server.url)
    words = tmp_path / "words.mp3"
    words.write_text("words")
    good, bad = client.classify([tune_file, words])
    assert good["prediction"]["sentence"] == "This song is classified as melody."
    assert bad["problem"]["status"] == 415
    with pytest.raises(client_module.Problem, match=r"words\.mp3") as caught:
        client.classify([words])
    assert caught.value.status == 415
    result = client.listen(tune_file)
    assert result["timeline"]
    correction = client.correct(result["job"]["id"], "chamber pop")
    assert correction["genre_after"] == "chamber pop"
    assert len(client.tracks(genre="chamber pop")) == 1
    assert client.undo(correction["id"])["undone"] is True
    assert client.tracks(genre="chamber pop") == []


def test_the_client_in_python_as_a_program(server, tune_file):
    command = [sys.executable, CLIENTS / "earmark_client.py", server.url, tune_file]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == "tune.wav: This song is classified as melody. (100%)\n"


@needs("curl")
def test_the_client_with_curl(server, tune_file):
    command = [CLIENTS / "classify.sh", server.url, tune_file]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == f"{tune_file}: This song is classified as melody.\n"


@needs("curl")
def test_the_curl_line_of_the_documentation(server, tune_file):
    line = re.search(r"^\$ (curl .*)$", (DOCS / "http-api.md").read_text(), re.M)[1]
    line = line.replace("http://127.0.0.1:5000", server.url)
    line = line.replace("examples/war_of_freedom.ogg", str(tune_file))
    ended = subprocess.run(line.split(), capture_output=True, text=True, check=True)
    assert ended.stdout == "This song is classified as melody."


def test_the_documentation_names_every_endpoint(app):
    text = (DOCS / "http-api.md").read_text()
    for path in app.extensions["earmark-openapi"]["paths"]:
        short = path.removeprefix("/api/v1")
        plain = re.sub(r"\{\w+_id\}", "{id}", short)
        assert plain in text or plain.replace("/jobs/path", "…/jobs/path") in text, path


def test_the_documentation_names_every_status(app):
    text = (DOCS / "http-api.md").read_text()
    document = app.extensions["earmark-openapi"]
    statuses = {
        status
        for item in document["paths"].values()
        for operation in item.values()
        for status in operation["responses"]
        if not status.startswith("2")
    }
    assert statuses == set(re.findall(r"^\| (\d{3}) \|", text, re.M))
