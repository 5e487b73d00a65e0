"""Ask the HTTP API everything once and keep what it answers: the examples of its description.

`make_api_examples.py` writes `src/earmark/web/api/examples.json` from answers for
`examples/war_of_freedom.ogg` by the reference library. Long lists are cut short.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from earmark.web import Config
from earmark.web.app import create_app

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "src" / "earmark" / "web" / "api" / "examples.json"
SONG = ROOT / "examples" / "war_of_freedom.ogg"
NAME = SONG.name

MOST_ENTRIES = 2
MOST_NAMES = 4
FIGURES = ("accuracy", "balanced_accuracy", "calibration_error", "summary")


def shortened(value: Any, key: str = "") -> Any:
    """Return a value with its lists and tables cut short."""
    if isinstance(value, list):
        return [shortened(one) for one in value[:MOST_ENTRIES]]
    if isinstance(value, dict):
        names = list(value)
        if key == "report":
            names = [name for name in FIGURES if name in value]
        elif key in ("probabilities", "genres", "tags"):
            names = names[:MOST_NAMES]
        return {name: shortened(value[name], name) for name in names}
    return round(value, 4) if isinstance(value, float) else value


class Asker:
    """Asks an application and keeps the answers by method and path."""

    def __init__(self, app: Any) -> None:
        self._client = app.test_client()
        self.answers: dict[str, Any] = {}

    def ask(self, method: str, path: str, **request: Any) -> Any:
        """Ask once, as the description writes the path; returns the answer."""
        query = request.pop("query", None)
        names = {name: request.pop(name) for name in list(request) if f"{{{name}}}" in path}
        if request.pop("song", False):
            request["data"] = {**request.get("data", {}), "file": (SONG.open("rb"), NAME)}
        answer = self._client.open(
            path.format(**names), method=method.upper(), query_string=query, **request
        )
        assert answer.status_code < 300, (method, path, answer.text)
        if answer.is_json:
            self.answers[f"{method} {path}"] = shortened(answer.json)
        return answer.json if answer.is_json else answer.text

    def until(self, path: str, ready: Any, **names: Any) -> Any:
        """Ask until the answer is there."""
        while not ready(answer := self.ask("get", path, **names)):
            time.sleep(0.2)
        return answer


def main() -> None:
    """Ask and write."""
    folder = Path(tempfile.mkdtemp())
    library = folder / "reference.earmark"
    shutil.copy(ROOT / "src" / "earmark" / "data" / library.name, library)
    (folder / "music").mkdir()
    shutil.copy(SONG, folder / "music")
    (folder / "music" / "metal").mkdir()
    shutil.copy(SONG, folder / "music" / "metal")
    config = Config(
        library=str(library), music=folder / "music", local=True, workers=1, rate=0,
        uploads=folder / "uploads",
    )  # fmt: skip
    app = create_app(config)
    v1, asker = "/api/v1", Asker(app)
    while not asker.ask("get", f"{v1}/health") or not app.extensions["earmark"].is_ready():
        time.sleep(0.2)
    for path in ("ready", "library", "libraries", "map"):
        asker.ask("get", f"{v1}/{path}")
    asker.ask("get", f"{v1}/map/tracks", query={"search": "boogie lee"})
    asker.until(f"{v1}/report", lambda found: found["state"] == "done")
    asker.ask("get", f"{v1}/report/tracks", query={"genre": "rock", "answer": "metal"})
    asker.ask("post", f"{v1}/classify", song=True)
    asker.ask("post", f"{v1}/classify/path", json={"path": NAME})
    asker.ask("post", f"{v1}/similar", song=True, query={"k": 2})
    lies = asker.ask("post", f"{v1}/jobs/path", json={"path": NAME})["id"]
    job = asker.ask("post", f"{v1}/jobs", song=True)["id"]
    asker.until(f"{v1}/jobs/{{job_id}}", lambda found: found["state"] == "done", job_id=job)
    asker.ask("get", f"{v1}/jobs/{{job_id}}/result", job_id=job)
    asker.ask("get", f"{v1}/music")
    asker.ask("post", f"{v1}/tags/plan", json={"jobs": [lies], "mode": "replace"})
    asker.ask("get", f"{v1}/tracks", query={"genre": "metal"})
    for path in ("", "/similar"):
        asker.ask("get", f"{v1}/tracks/{{track_id}}{path}", track_id=1)
    asker.ask("get", f"{v1}/lists/similar", query={"song": 1, "n": 2})
    asker.ask("get", f"{v1}/lists/path", query={"start": 1, "end": 400, "n": 4})
    asker.ask("get", f"{v1}/lists/playlist", query={"genre": "jazz", "n": 2})
    taught = asker.ask("post", f"{v1}/corrections", json={"job": job, "genre": "chamber pop"})
    asker.ask("get", f"{v1}/corrections")
    undo = f"{v1}/corrections/{{correction_id}}/undo"
    asker.ask("post", undo, correction_id=taught["id"])
    added = asker.ask("post", f"{v1}/tracks", song=True, data={"genre": "metal"})
    track = f"{v1}/tracks/{{track_id}}"
    asker.ask("patch", track, track_id=added["id"], json={"genre": "speed metal"})
    asker.ask("post", f"{v1}/libraries/{{name}}/choose", name="gtzan")
    asker.ask("post", f"{v1}/libraries", json={"name": "mine", "genre_level": 1})
    asker.until(f"{v1}/libraries/build", lambda found: found["state"] != "running")
    gone = asker.ask("delete", f"{v1}/libraries/{{name}}", name="mine")["removed"][0]["name"]
    asker.ask("post", f"{v1}/libraries/removed/{{name}}/put-back", name=gone)
    asker.ask("post", f"{v1}/corrections/undo-all")
    app.extensions["earmark"].close()
    text = json.dumps(dict(sorted(asker.answers.items())), indent=1, ensure_ascii=False)
    EXAMPLES.write_text(f"{text}\n".replace(str(folder), "/home/anna"), encoding="utf-8")


if __name__ == "__main__":
    main()
