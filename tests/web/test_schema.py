"""schemathesis against the OpenAPI document: no server error, no answer that breaks it."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from earmark.web import Config
from earmark.web.app import create_app
from earmark.web.state import ServerState
from support.web import ThreadPool, make_library, make_music

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]

EXAMPLES = 12
UNPACKED = {"Accept-Encoding": "identity"}
PLAIN = ("/predict", "/metrics")
# Any bytes are a file to the document, but most are no sound.
EXCLUDED = [positive_data_acceptance]


@pytest.fixture(scope="module")
def api_app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schema")
    music = make_music(folder / "music")
    config = Config(
        library=str(make_library(folder / "small.earmark", music)),
        music=music,
        local=True,
        workers=1,
        rate=0,
        uploads=folder / "uploads",
    )
    state = ServerState(config, make_pool=ThreadPool)
    yield create_app(config, state=state)
    assert state.uploads.left() == []
    state.close()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_api_keeps_to_its_document(api_app, mode):
    document = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", api_app)
    asked = 0
    for result in document.get_all_operations():
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and not can_be_wrong(operation):
            continue

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def check(case):
            nonlocal asked
            asked += 1
            # Asked in this process, nobody unpacks what is compressed.
            case.call_and_validate(headers=UNPACKED, excluded_checks=EXCLUDED)

        # A form with a file can hardly be wrong: any text is a file.
        with contextlib.suppress(Unsatisfiable):
            check()
    assert asked > 50


def can_be_wrong(operation):
    """Whether there is anything in a request that could be against the document."""
    return bool(operation.query or operation.path_parameters or operation.body)


def test_the_document_is_complete(api_app):
    document = api_app.test_client().get("/api/v1/openapi.json").json
    assert document["openapi"].startswith("3.")
    rules = {
        rule.rule.replace("<int:", "{").replace("<string:", "{").replace("<", "{").replace(">", "}")
        for rule in api_app.url_map.iter_rules()
        if rule.rule.startswith(("/api/v1/", "/media/")) or rule.rule in ("/predict", "/metrics")
    }
    described = set(document["paths"])
    assert rules - described == {"/api/v1/docs", "/api/v1/openapi.json"}
    assert urlsplit(str(document)).netloc == ""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], (method, path)
            for status, response in operation["responses"].items():
                if not status.startswith("2") and not path.endswith("/ready"):
                    kind = "text/plain" if path in PLAIN else "application/problem+json"
                    assert list(response["content"]) == [kind]


def test_every_answer_has_an_example_that_keeps_to_its_form(api_app):
    document = api_app.test_client().get("/api/v1/openapi.json").json
    seen = 0
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for status, answer in operation["responses"].items():
                content = answer.get("content", {}).get("application/json", {})
                if status.startswith("2") and content.get("schema"):
                    seen += 1
                    whole = {**content["schema"], "components": document["components"]}
                    validate = jsonschema.Draft202012Validator(whole)
                    assert [*validate.iter_errors(content["example"])] == [], (method, path)
    assert seen > 20


def test_every_answer_of_the_api_says_what_it_is(app) -> None:
    """By a name with a version, from the one list of such names."""
    description = app.test_client().get("/api/v1/openapi.json").json
    kinds = set()
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                for kind, content in answer.get("content", {}).items():
                    if not kind.endswith("json"):
                        continue
                    body = content["schema"]
                    if "$ref" in body:
                        name = body["$ref"].rpartition("/")[2]
                        body = description["components"]["schemas"][name]
                    if body.get("properties", {}) == {}:
                        continue
                    (name,) = body["properties"]["schema"]["enum"]
                    kinds.add(name)
                    assert name.startswith("earmark."), (path, method, status)
    # Those that docs/json.md says a route answers with; the rest are of commands and files.
    page = (ROOT / "docs" / "json.md").read_text("utf-8")
    of_routes = {
        name
        for row in page.splitlines()
        if row.startswith("| `earmark.")
        for names, _, where in [row.strip("| ").split(" | ", 2)]
        if re.search(r"`(GET |POST )?/|every error of the API", where)
        for name in re.findall(r"`([^`]+)`", names)
    }
    assert kinds == of_routes
