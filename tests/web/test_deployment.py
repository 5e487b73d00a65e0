"""What can be checked of the deployment without a container engine."""

from __future__ import annotations

import ast
import configparser
import fnmatch
import itertools
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from earmark.cli.serve import serve
from earmark.web.config import LOCAL_MAX_UPLOAD, Config

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
CONTAINERFILE = (ROOT / "Containerfile").read_text()
DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text()


def instructions():
    text = re.sub(r"^#.*\n", "", CONTAINERFILE, flags=re.M).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def last(name):
    return [value for word, value in instructions() if word == name][-1]


def options():
    return {name for parameter in serve.params for name in parameter.opts}


def test_what_is_copied_into_the_image_is_there_and_is_all_that_is_needed():
    ignored = (ROOT / ".containerignore").read_text().split()
    kept = {line[1:] for line in ignored if line.startswith("!")}
    copied = set()
    for word, value in instructions():
        if word == "COPY" and not value.startswith("--from"):
            copied |= {source.removeprefix("./") for source in value.split()[:-1]}
    assert copied == kept
    for name in copied:
        assert (ROOT / name).exists(), name
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {project["readme"], *project["license-files"]} <= copied
    assert any(fnmatch.fnmatch("src/earmark/__pycache__", line) for line in ignored)


def test_the_image_runs_as_an_ordinary_user_that_owns_its_data():
    assert last("USER") == "10001:10001"
    assert last("VOLUME") == "/data"
    assert "XDG_DATA_HOME=/data" in last("ENV")
    assert "--uid 10001" in CONTAINERFILE


def test_the_image_starts_what_there_is():
    command = json.loads(last("ENTRYPOINT"))
    assert command[:2] == ["earmark", "serve"]
    assert {word for word in command if word.startswith("--")} <= options()
    port = command[command.index("--port") + 1]
    assert last("EXPOSE") == port
    assert f":{port}/api/v1/ready" in last("HEALTHCHECK")


def test_the_health_check_is_python(app):
    check = json.loads(last("HEALTHCHECK").split("CMD", 1)[1])
    ast.parse(check[2])
    path = re.search(r"127\.0\.0\.1:\d+(/[^']+)'", check[2])[1]
    assert app.test_client().get(path).status_code == 200


def test_the_base_image_has_a_python_that_the_package_takes():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = tuple(map(int, project["requires-python"].removeprefix(">=").split(".")))
    bases = re.findall(r"^FROM \S+/python:(\d+)\.(\d+)-slim", CONTAINERFILE, re.M)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert tuple(map(int, bases[0])) >= wanted


def fenced(language):
    return re.findall(rf"^```{language}\n(.*?)^```", DEPLOYMENT, re.M | re.S)


def test_the_unit_for_systemd():
    (text,) = fenced("ini")
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read_string(text)
    command = shlex.split(unit["Service"]["ExecStart"])
    assert command[1] == "serve"
    assert {word for word in command if word.startswith("--")} <= options()
    variables = set(re.findall(r"^Environment=(\w+)=", text, re.M))
    assert variables <= known_variables()
    assert unit["Service"]["DynamicUser"] == "yes"


def known_variables():
    # In `tagging` such names are those of tags in sound files.
    source = "".join(
        path.read_text()
        for path in (ROOT / "src/earmark").rglob("*.py")
        if path.parent.name != "tagging"
    )
    return set(re.findall(r'"(EARMARK_\w+)"', source)) | {"XDG_DATA_HOME"}


def test_every_variable_is_documented_and_every_documented_one_is_read():
    table = DEPLOYMENT.split("## The environment")[1].split("##")[0]
    documented = set(re.findall(r"`((?:EARMARK|XDG)_\w+)`", table))
    assert documented == known_variables()


@pytest.mark.parametrize("page", ["deployment.md", "web.md"])
def test_every_option_that_is_named_exists(page):
    text = (ROOT / "docs" / page).read_text()
    named = set(re.findall(r"`(--[a-z-]+)", text))
    assert named
    assert named <= options()


def test_every_option_is_documented():
    text = (ROOT / "docs" / "web.md").read_text()
    assert {name for name in options() if name.startswith("--")} - {"--help"} <= set(
        re.findall(r"--[a-z-]+", text)
    )
    assert CliRunner().invoke(serve, ["--help"]).exit_code == 0


def test_the_limits_are_those_of_the_code():
    larger = f"; {LOCAL_MAX_UPLOAD // 2**20} MB where only this machine can connect"
    assert f"{Config.max_upload // 2**20} MB{larger} | 413" in DEPLOYMENT
    assert f"{Config.max_duration / 3600:.0f} hours | 422" in DEPLOYMENT
    assert f"{Config.time_limit / 60:.0f} minutes | 422" in DEPLOYMENT
    assert f"memory for one song | {Config.memory_limit // 2**20} MB | 422" in DEPLOYMENT
    assert f"songs that wait | {Config.queue} |" in DEPLOYMENT
    assert f"{Config.rate} a minute" in DEPLOYMENT


def containers():
    for file in sorted((ROOT / "examples" / "deploy").glob("*.yaml")):
        for part in yaml.safe_load_all(file.read_text()):
            if "template" in part["spec"]:
                (container,) = part["spec"]["template"]["spec"]["containers"]
                yield file.name, container


@pytest.mark.parametrize(("name", "container"), list(containers()))
def test_the_manifests_name_what_there_is(name, container, app):
    assert f"examples/deploy/{name}" in DEPLOYMENT
    assert {word for word in container["args"] if word.startswith("--")} <= options()
    assert {variable["name"] for variable in container["env"]} <= known_variables()
    ports = container["ports"]
    assert [port["containerPort"] for port in ports] == [int(last("EXPOSE"))]
    probes = [container[name]["httpGet"] for name in container if name.endswith("Probe")]
    assert {probe["port"] for probe in probes} <= {5000, "http"}
    for path in {probe["path"] for probe in probes}:
        assert app.test_client().get(path).status_code == 200


def test_the_manifest_for_kubernetes():
    text = (ROOT / "examples" / "deploy" / "kubernetes.yaml").read_text()
    volume, deployment, service = yaml.safe_load_all(text)
    assert deployment["spec"]["replicas"] == 1
    pod = deployment["spec"]["template"]["spec"]
    user, group = last("USER").split(":")
    context = pod["securityContext"]
    assert (context["runAsUser"], context["fsGroup"]) == (int(user), int(group))
    places = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert places == {"data": last("VOLUME"), "tmp": "/tmp"}
    (claim,) = [part for part in pod["volumes"] if part["name"] == "data"]
    assert claim["persistentVolumeClaim"]["claimName"] == volume["metadata"]["name"]
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]


def test_the_command_for_code_engine():
    (text,) = [block for block in fenced("console") if "ibmcloud" in block]
    words = shlex.split(text.replace("\\\n", " "))
    given = [after for word, after in itertools.pairwise(words) if word == "--argument"]
    assert {word for word in given if word.startswith("--")} <= options()
    literals = [after for word, after in itertools.pairwise(words) if word == "--from-literal"]
    assert {literal.partition("=")[0] for literal in literals} <= known_variables()
    assert words[words.index("--port") + 1] == last("EXPOSE")


def test_another_wsgi_server_finds_the_application(tmp_path, original, monkeypatch):
    (command,) = [line for line in DEPLOYMENT.splitlines() if line.startswith("$ gunicorn")]
    assert "'earmark.web:create_app()'" in command
    monkeypatch.setenv("EARMARK_LIBRARY", str(original))
    monkeypatch.setenv("EARMARK_UPLOADS", str(tmp_path / "uploads"))
    monkeypatch.setenv("EARMARK_WORKERS", "1")
    monkeypatch.setenv("EARMARK_PREFIX", "/ear")
    from earmark.web import create_app

    app = create_app()
    client = app.test_client()
    assert client.get("/ear/api/v1/health").status_code == 200
    # Not known to be on a loopback address: nothing may be changed.
    assert client.delete("/api/v1/tracks/1").status_code == 403
    app.extensions["earmark"].close()
    assert list((tmp_path / "uploads").iterdir()) == []
