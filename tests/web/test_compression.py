"""Texts travel compressed to those who take them so, and whole to the others."""

from __future__ import annotations

import gzip
import re

GZIP = {"Accept-Encoding": "gzip, br"}


def test_a_page_is_the_same_compressed_and_not(client) -> None:
    plain = client.get("/report", headers={"Accept-Encoding": "identity"})
    packed = client.get("/report", headers=GZIP)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert len(packed.data) < len(plain.data) / 2
    assert packed.content_length == len(packed.data)

    def without_secret(page: bytes) -> str:
        return re.sub(r'(csrf[_-]token"[^>]*(value|content)=)"[^"]*"', r"\1", page.decode())

    assert without_secret(gzip.decompress(packed.data)) == without_secret(plain.data)
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.headers["Vary"]


def test_static_files_are_compressed_once_and_may_be_kept(client) -> None:
    path = re.search(r'"(/static/[^"]*earmark\.css)"', client.get("/map").text).group(1)
    first, second = (client.get(path, headers=GZIP) for _ in range(2))
    assert first.data == second.data
    assert gzip.decompress(first.data) == client.get(path).data
    assert "Accept-Encoding" in first.headers["Vary"]
    assert "Cookie" not in first.headers["Vary"]
    again = client.get(path, headers={**GZIP, "If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""


def test_what_is_small_or_no_text_travels_as_it_is(client, app) -> None:
    assert "Content-Encoding" not in client.get("/api/v1/health", headers=GZIP).headers
    track = client.get("/api/v1/tracks").json["tracks"][0]
    sound = client.get(track["audio"], headers=GZIP)
    assert "Content-Encoding" not in sound.headers
    assert sound.data[:4] == b"RIFF"


def test_a_client_that_refuses_gzip_gets_none(client) -> None:
    answer = client.get("/map", headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in answer.headers
