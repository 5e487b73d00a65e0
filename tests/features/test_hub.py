"""Model folders from a hub: a local server that answers as the real one does."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from earmark.errors import ExtractorError, ExtractorNotFound, ExtractorRefused
from earmark.features import get_extractor
from support import models
from support.skips import require_package

pytestmark = pytest.mark.slow

require_package("huggingface_hub")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = f"hf:somebody/small@{COMMIT}"


class Hub:
    """A hub with one model, and what was asked of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(body=True)

            def do_HEAD(self) -> None:
                self.answer(body=False)

            def answer(self, *, body: bool) -> None:
                hub.requests.append((self.command, self.path, dict(self.headers)))
                owner, _, rest = self.path.lstrip("/").partition("/small/resolve/")
                revision, _, name = rest.partition("/")
                file = hub.folder / name
                code, error = 200, ""
                if owner != "somebody":
                    code, error = 401, "RepoNotFound"
                elif revision not in (COMMIT, "v1"):
                    code, error = 404, "RevisionNotFound"
                elif not file.is_file():
                    code, error = 404, "EntryNotFound"
                content = file.read_bytes() if code == 200 else b""
                self.send_response(code)
                if error:
                    self.send_header("X-Error-Code", error)
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if body:
                    self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    served = Hub(models.make_model(tmp_path / "served"))
    (served.folder / "evil.py").write_text("raise SystemExit(1)")
    monkeypatch.setenv("HF_ENDPOINT", served.url)
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    yield served
    served.stop()


def test_a_folder_is_fetched_once_and_then_used_offline(hub: Hub, tmp_path: Path) -> None:
    extractor = get_extractor(NAME)
    assert extractor.spec.source == NAME
    assert extractor.spec.checksum == models.read(hub.folder)["sha256"]
    files = {path.rpartition("/")[2] for _, path, _ in hub.requests}
    assert files == {"model.json", "model.onnx"}
    for _, _, headers in hub.requests:
        told = " ".join(headers.values())
        assert "secret" not in told
        assert "torch" not in told
    asked = len(hub.requests)
    hub.stop()
    assert get_extractor(NAME).spec == extractor.spec
    assert get_extractor(extractor.spec).spec == extractor.spec
    assert len(hub.requests) == asked
    left = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert left == [], "all that is kept is in our cache"
    assert list((tmp_path / "cache" / "earmark" / "hub").rglob("model.onnx"))


def test_a_tag_is_a_revision(hub: Hub) -> None:
    assert get_extractor("hf:somebody/small@v1").spec == get_extractor(NAME).spec


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("hf:somebody/small", "hf:OWNER/NAME@REVISION"),
        ("hf:somebody/small@", "hf:OWNER/NAME@REVISION"),
        ("hf:small@v1", "hf:OWNER/NAME@REVISION"),
        ("hf:somebody/small@main", "main moves"),
        ("hf:../../x@v1", "hf:OWNER/NAME@REVISION"),
        ("hf:nobody/small@v1", "no such model"),
        ("hf:somebody/small@v2", "no revision v2"),
    ],
)
def test_names_that_lead_nowhere(hub: Hub, name: str, match: str) -> None:
    with pytest.raises(ExtractorError, match=match) as caught:
        get_extractor(name)
    assert "\n" not in str(caught.value)


def test_what_is_fetched_is_checked(hub: Hub) -> None:
    models.change(hub.folder, sha256="0" * 64)
    with pytest.raises(ExtractorRefused, match="damaged, or another model"):
        get_extractor(NAME)


def test_the_checksum_must_be_stated_before_the_model_is_fetched(hub: Hub) -> None:
    models.change(hub.folder, sha256=...)
    with pytest.raises(ExtractorRefused, match="states no 'sha256'"):
        get_extractor(NAME)
    assert not any("model.onnx" in path for _, path, _ in hub.requests)


def test_a_folder_without_a_model(hub: Hub) -> None:
    (hub.folder / "model.onnx").unlink()
    with pytest.raises(ExtractorNotFound, match=r"has no model\.onnx"):
        get_extractor(NAME)


def test_a_library_never_fetches(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = get_extractor(NAME).spec
    asked = len(hub.requests)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another-cache"))
    with pytest.raises(ExtractorNotFound, match="earmark extractors check hf:somebody/small@"):
        get_extractor(spec)
    assert len(hub.requests) == asked


def test_a_hub_that_cannot_be_reached(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.stop()
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with pytest.raises(ExtractorError, match="cannot be fetched") as caught:
        get_extractor(NAME)
    assert "\n" not in str(caught.value)
