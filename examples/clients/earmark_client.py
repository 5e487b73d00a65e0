"""A client of Earmark's HTTP API that needs nothing but Python.

Classify songs, as a program::

    python earmark_client.py http://127.0.0.1:5000 song.mp3 another.flac

or from your own code::

    client = Client("http://127.0.0.1:5000")
    for result in client.classify(["song.mp3"]):
        print(result["prediction"]["sentence"])
"""

# The address comes from whoever runs this, and answers go to the terminal.
# ruff: noqa: S310, T201

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Problem(Exception):
    """The server's answer was a problem document (RFC 9457)."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(document["detail"])
        self.status: int = document["status"]
        self.document = document


class Client:
    """One Earmark server.

    Parameters
    ----------
    url
        Where it is, such as ``http://127.0.0.1:5000``.
    token
        What it was started with; needed for changes unless it runs on this machine.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._token = token

    def classify(self, paths: Sequence[str | Path]) -> list[dict[str, Any]]:
        """Classify files; each result has a ``prediction`` or a ``problem``."""
        body, kind = _form([("file", Path(path)) for path in paths])
        results: list[dict[str, Any]] = self._ask("POST", "/api/v1/classify", body, kind)["results"]
        return results

    def listen(self, path: str | Path, every: float = 0.3) -> dict[str, Any]:
        """Submit a song as a job and wait for its prediction, waveform and timeline."""
        body, kind = _form([("file", Path(path))])
        job = self._ask("POST", "/api/v1/jobs", body, kind)
        while job["state"] in ("queued", "running"):
            time.sleep(every)
            job = self._ask("GET", job["self_url"])
        result: dict[str, Any] = self._ask("GET", job["result_url"])
        return result

    def correct(self, job: str, genre: str) -> dict[str, Any]:
        """Teach the genre of a song that ``listen`` classified; returns the correction."""
        body = json.dumps({"job": job, "genre": genre}).encode()
        correction: dict[str, Any] = self._ask(
            "POST", "/api/v1/corrections", body, "application/json"
        )
        return correction

    def undo(self, correction: int) -> dict[str, Any]:
        """Take a correction back."""
        undone: dict[str, Any] = self._ask("POST", f"/api/v1/corrections/{correction}/undo", b"")
        return undone

    def tracks(self, **filters: str) -> list[dict[str, Any]]:
        """Return all tracks that fit, such as those with ``genre="jazz"``, page after page."""
        found: list[dict[str, Any]] = []
        page = pages = 1
        while page <= pages:
            query = urllib.parse.urlencode({**filters, "page": page, "per_page": 200})
            answer = self._ask("GET", f"/api/v1/tracks?{query}")
            found += answer["tracks"]
            pages = answer["pagination"]["pages"]
            page += 1
        return found

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> Any:
        request = urllib.request.Request(self._url + path, data=body, method=method)
        if kind:
            request.add_header("Content-Type", kind)
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.headers.get_content_type() == "application/problem+json":
                raise Problem(json.load(error)) from None
            raise


def _form(files: Sequence[tuple[str, Path]]) -> tuple[bytes, str]:
    """Return files as the body of a form, and the content type of that."""
    boundary = uuid.uuid4().hex
    parts = []
    for field, path in files:
        name = path.name.replace('"', "'")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"'
        parts += [head.encode(), b"\r\n\r\n", path.read_bytes(), b"\r\n"]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), (
        f"multipart/form-data; boundary={boundary}"
    )


def main() -> int:
    """Classify the files that the command line names."""
    if len(sys.argv) < 3:
        print(__doc__)
        return 2
    try:
        results = Client(sys.argv[1]).classify(sys.argv[2:])
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    for result in results:
        if result["problem"]:
            print(result["problem"]["detail"], file=sys.stderr)
            continue
        found = result["prediction"]
        print(f"{result['name']}: {found['sentence']} ({found['confidence']:.0%})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
