"""How an operation of the API is asked for, in the languages of those who ask."""

from __future__ import annotations

import json
import re
from typing import Any

SONG = "song.mp3"
"""The file that examples send."""


def snippets(address: str, operation: dict[str, Any]) -> dict[str, str]:
    """Return requests for an operation: by curl, in Python and in JavaScript.

    Parameters
    ----------
    address
        Of the server, without a slash at its end.
    operation
        As `earmark.web.api.reference.operations` describes it.
    """
    method = operation["method"]
    # Names in capitals stand for what the reader has.
    path = re.sub(r"{(\w+)}", lambda name: name[1].upper(), operation["path"])
    needed = [
        f"{one['name']}={one['name'].upper()}"
        for one in operation["parameters"]
        if one["in"] == "query" and one.get("required")
    ]
    url = f"{address}{path}{'?' if needed else ''}{'&'.join(needed)}"
    fields = [field for field in operation["fields"] if field["required"]]
    files = [field["name"] for field in fields if field["is_file"]]
    texts = {field["name"]: field["name"].upper() for field in fields if not field["is_file"]}
    if not operation["fields"]:
        return {
            "curl": " ".join(
                ["curl", *([] if method == "GET" else ["--request", method]), f"'{url}'"]
            ),
            "Python": f"requests.{method.lower()}({url!r})",
            "JavaScript": f'await fetch("{url}"{"" if method == "GET" else _options(method)})',
        }
    if operation["media_type"] == "application/json":
        # Where nothing is required, one of all is.
        body = json.dumps(texts or {operation["fields"][0]["name"]: "…"}, ensure_ascii=False)
        named = "" if method == "POST" else f" --request {method}"
        headers = '{"Content-Type": "application/json"}'
        return {
            "curl": f"curl{named} --json '{body}' '{url}'",
            "Python": f"requests.{method.lower()}({url!r}, json={body})",
            "JavaScript": f'await fetch("{url}"'
            f"{_options(method, headers=headers, body=f'JSON.stringify({body})')})",
        }
    forms = [f"--form {name}=@{SONG}" for name in files]
    forms += [f"--form {name}={value}" for name, value in texts.items()]
    sent = ", ".join(f'"{name}": open("{SONG}", "rb")' for name in files)
    data = f", data={json.dumps(texts)}" if texts else ""
    lines = [f'form.append("{name}", file)' for name in files]
    lines += [f'form.append("{name}", "{value}")' for name, value in texts.items()]
    return {
        "curl": f"curl {' '.join(forms)} '{url}'",
        "Python": f"requests.{method.lower()}({url!r}, files={{{sent}}}{data})",
        "JavaScript": "\n".join(
            [
                "const form = new FormData()",
                *lines,
                f'await fetch("{url}"{_options(method, body="form")})',
            ]
        ),
    }


def _options(method: str, **more: str) -> str:
    given = {"method": json.dumps(method), **more}
    return f", {{ {', '.join(f'{name}: {value}' for name, value in given.items())} }}"
