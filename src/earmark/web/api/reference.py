"""The description of this API: a corrected OpenAPI document, and a page made from it."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

from apiflask import APIFlask

from earmark.web import media
from earmark.web.api.libraries import FILE_TYPE
from earmark.web.api.lists import TYPES
from earmark.web.problems import PROBLEM_TYPE

TAGS = ("Songs", "Tracks", "Lists", "Teaching", "Library", "Music", "System")
"""The groups of operations, in the order in which they are shown."""

HERE = Path(__file__).resolve().parent

PLAIN = frozenset({"/predict", "/metrics"})
"""What is answered in plain text, also when something is wrong."""

TEXT: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}

LIST_TYPES = tuple(sorted({kind.partition(";")[0] for kind in TYPES.values()}))
SOUND_TYPES = (*sorted(set(media.TYPES.values())), media.OTHER_TYPE)

DESCRIPTION = """\
Hears what genre a piece of music is, how sure that is, and which labelled tracks it sounds like.
Errors are problem documents (RFC 9457). Where the server has a token, changes need it, as in
`Authorization: Bearer TOKEN`; on a server that only this machine can reach there is none."""


def describe_api(app: APIFlask) -> None:
    """Make the OpenAPI document of ``app``, which must have all its endpoints."""
    app.config.update(
        DESCRIPTION=DESCRIPTION,
        AUTO_SERVERS=False,
        AUTO_OPERATION_ID=True,
        AUTO_404_RESPONSE=False,
        LICENSE={"name": "MIT"},
        SPEC_PROCESSOR_PASS_OBJECT=False,
    )
    app.security_schemes = {"token": {"type": "http", "scheme": "bearer"}}

    # What these operations answered, kept by scripts/make_api_examples.py.
    examples = json.loads((HERE / "examples.json").read_text(encoding="utf-8"))

    @app.spec_processor
    def put_right(spec: dict[Any, Any] | str) -> dict[Any, Any] | str:
        if isinstance(spec, str):
            return spec
        for path, item in spec["paths"].items():
            for method, operation in item.items():
                if isinstance(operation, dict) and "responses" in operation:
                    _put_operation_right(path, method, operation)
                    _add_example(operation, examples.get(f"{method} {path}"))
        # RFC 9457 lets a problem say more, such as which results there are.
        spec["components"]["schemas"]["Problem"]["additionalProperties"] = True
        # Forms that people write by hand often bring a button's name along.
        for form in ("FileIn", "FilesIn"):
            spec["components"]["schemas"][form]["additionalProperties"] = True
        for unused in ("HTTPError", "ValidationError"):
            spec["components"]["schemas"].pop(unused, None)
        return spec

    with app.app_context(), warnings.catch_warnings():
        # A schema that is met inside another first and by itself later is one and the same.
        warnings.filterwarnings("ignore", message=".*has already been added to the spec")
        # Kept by the application, so this is done once, before there are threads.
        app.extensions["earmark-openapi"] = json.loads(json.dumps(app.spec))


def _put_operation_right(path: str, method: str, operation: dict[str, Any]) -> None:
    """Say which errors there are, as problem documents, and that changes need the token."""
    operation["summary"] = operation["summary"].rstrip(".")
    problem: dict[str, Any] = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    if path in PLAIN:
        problem = TEXT
    for status, response in operation["responses"].items():
        if path.endswith("/ready") and status == "503":
            # It says what is lacking in the same form as when nothing is.
            response["content"] = operation["responses"]["200"]["content"]
        elif not status.startswith("2"):
            response["content"] = problem
        elif path in PLAIN:
            response["content"] = TEXT
        elif path.endswith("/libraries/{name}/file"):
            response["content"] = {
                FILE_TYPE: {"schema": {"type": "string", "format": "binary"}},
            }
        elif path.startswith("/media/"):
            sound = {"schema": {"type": "string", "format": "binary"}}
            response["content"] = dict.fromkeys(SOUND_TYPES, sound)
        elif path.endswith("/map/points"):
            body = {"schema": {"type": "string", "format": "binary"}}
            response["content"] = {"application/octet-stream": body}
        elif path.endswith("/lists/file"):
            response["content"] = {
                kind: {"schema": {} if kind == "application/json" else {"type": "string"}}
                for kind in LIST_TYPES
            }
    everywhere = {
        "401": "Reading needs the token, too, on this server.",
        "403": "The request comes from another site, or is not allowed.",
        "421": "The server does not go by the name it was called by.",
    }
    if method != "get":
        everywhere |= {"413": "The request is too large.", "429": "Too many requests."}
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
        everywhere["400"] = "The body cannot be read, or lacks something."
        everywhere["415"] = "The body is of another type than is taken here."
    for status, line in everywhere.items():
        if status not in operation["responses"]:
            operation["responses"][status] = {
                "description": line,
                "content": problem,
            }
    operation["security"] = [{}, {"token": []}]
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" and parameter["schema"].get("type") == "integer":
            parameter["schema"]["minimum"] = 0


def _add_example(operation: dict[str, Any], example: Any) -> None:
    """Show what an operation answered."""
    for status, response in operation["responses"].items():
        if example is not None and status.startswith("2"):
            response["content"]["application/json"]["example"] = example


def operations(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the operations of an OpenAPI document, ready to be shown, grouped by tag."""
    schemas = spec.get("components", {}).get("schemas", {})
    found = []
    for path, item in spec["paths"].items():
        shared = item.get("parameters", [])
        for method, operation in item.items():
            if method == "parameters":
                continue
            body = operation.get("requestBody", {}).get("content", {})
            media_type = next(iter(body), None)
            content = body.get(media_type, {})
            found.append(
                {
                    "id": re.sub(r"\W+", "-", f"{method}{path}").strip("-"),
                    "method": method.upper(),
                    "path": path,
                    "tag": (operation.get("tags") or ["Other"])[0],
                    "summary": operation.get("summary", ""),
                    "description": operation.get("description", ""),
                    "parameters": [*shared, *operation.get("parameters", [])],
                    "media_type": media_type,
                    "fields": _fields(content.get("schema", {}), schemas),
                    "responses": [
                        {"status": status, "description": response.get("description", "")}
                        for status, response in sorted(operation["responses"].items())
                    ],
                    "output": _output(operation, schemas),
                    "example": _example(operation),
                }
            )
    ranks = {tag: rank for rank, tag in enumerate(TAGS)}
    return sorted(found, key=lambda operation: ranks.get(operation["tag"], len(ranks)))


def _resolve(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    found: dict[str, Any] = schemas.get(name, schema) if name else schema
    return found


def _fields(schema: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of a body or an answer: name, type, whether needed, description."""
    schema = _resolve(schema, schemas)
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "type": type_name(value),
            "required": name in required,
            "is_file": "binary" in str(value),
            "many": value.get("type") == "array",
            "description": value.get("description", ""),
        }
        for name, value in schema.get("properties", {}).items()
    ]


def _output(operation: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            content: dict[str, Any] = next(iter(response.get("content", {}).values()), {})
            return _fields(content.get("schema", {}), schemas)
    return []


def _example(operation: dict[str, Any]) -> str:
    """Return what an operation answered once, as JSON; empty where that is no JSON."""
    for response in operation["responses"].values():
        for content in response.get("content", {}).values():
            if "example" in content:
                return json.dumps(content["example"], indent=2, ensure_ascii=False)
    return ""


def type_name(schema: dict[str, Any]) -> str:
    """Return the type of a field in words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema or "oneOf" in schema:
        kinds = schema.get("anyOf") or schema.get("oneOf") or []
        return " or ".join(type_name(kind) for kind in kinds)
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(map(str, kind))
    if kind == "array":
        return f"list of {type_name(schema.get('items', {}))}"
    if schema.get("format") == "binary":
        return "file"
    return str(kind)
