"""Build the image of the Containerfile without a daemon, and run it as a container service would.

    apt install buildah mmdebstrap
    python scripts/check_image.py

As root, on Debian. The base image is not asked of a registry: a minimal Debian with Python stands
in for it, so what is tried is each line of the Containerfile, not the base. Then the server runs as
the user of the image with a volume and a token: it must become ready, classify the example, learn a
label with the token and none without it, end on SIGTERM, and know the label again afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples" / "clients"))

from earmark_client import Client, Problem  # noqa: E402 (a file, not a package)

EXAMPLE = ROOT / "examples" / "war_of_freedom.ogg"
PROGRAMS = ("buildah", "mmdebstrap")
INCLUDED = "python3,python3-venv,ca-certificates"
RELEASE = "bookworm"
USER = 10001
TOKEN = "a-long-secret-of-a-test"
READY_SECONDS = 120


class Engine:
    """buildah, with everything that it keeps below one folder.

    Parameters
    ----------
    folder
        For its layers; a gigabyte and more.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        storage = folder / "storage.conf"
        storage.write_text(
            f'[storage]\ndriver = "vfs"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/graph"\n'
        )
        (folder / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self.environment = {
            **os.environ,
            "CONTAINERS_STORAGE_CONF": str(storage),
            "BUILDAH_ISOLATION": "chroot",
        }

    def command(self, verb: str, *arguments: str) -> list[str]:
        """Return a command of buildah as a list of words."""
        policy = ()
        if verb in ("bud", "from", "commit"):
            policy = ("--signature-policy", str(self.folder / "policy.json"))
        return ["buildah", verb, *policy, *arguments]

    def __call__(self, verb: str, *arguments: str) -> str:
        """Run a command of buildah, and return what it printed last."""
        done = subprocess.run(
            self.command(verb, *arguments),
            cwd=ROOT,
            env=self.environment,
            check=False,
            text=True,
            capture_output=True,
        )
        if done.returncode:
            raise SystemExit(f"buildah {verb} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout.strip().rpartition("\n")[2]


def make_base(engine: Engine, names: set[str]) -> None:
    """Make a Debian with Python, under the names that the Containerfile begins from."""
    tar = engine.folder / "base.tar"
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={INCLUDED}", RELEASE, str(tar)],
        check=True,
    )
    container = engine("from", "scratch")
    engine("add", "--quiet", container, str(tar), "/")
    engine("run", container, "--", "ln", "-s", "python3", "/usr/bin/python")
    for name in names:
        engine("commit", "--quiet", container, name)
    engine("rm", container)
    tar.unlink()


def build(engine: Engine) -> str:
    """Build the image and return its name."""
    # The certificates of this machine: its way to the packages may be one of its own.
    settings = engine.folder / "pip.conf"
    settings.write_text("[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n")
    lent = (f"{settings}:/etc/pip.conf:ro", "/etc/ssl/certs:/etc/ssl/certs:ro")
    volumes = [word for volume in lent for word in ("--volume", volume)]
    engine("bud", "--pull-never", "--format", "docker", "--tag", "earmark", *volumes, ".")
    return "localhost/earmark"


@contextlib.contextmanager
def served(engine: Engine, container: str, command: list[str], data: Path) -> Iterator[str]:
    """Run the server of an image, and yield its address; end it by SIGTERM."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = [*command[: command.index("--port")], "--port", port]
    running = subprocess.Popen(
        engine.command(
            "run",
            *("--volume", f"{data}:/data"),
            *("--env", f"EARMARK_TOKEN={TOKEN}"),
            *(container, "--", *words),
        ),
        env=engine.environment,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(address, running)
        yield address
        begun = time.monotonic()
        os.kill(server_process(port), signal.SIGTERM)
        code = running.wait(30)
        if code:
            raise SystemExit(f"after SIGTERM the server ended with {code}")
        print(f"ended {time.monotonic() - begun:.1f} s after SIGTERM")
    finally:
        if running.poll() is None:
            running.kill()


def wait_until_ready(address: str, running: subprocess.Popen[bytes]) -> None:
    """Wait until the server takes songs."""
    begun = time.monotonic()
    while time.monotonic() - begun < READY_SECONDS:
        if running.poll() is not None:
            raise SystemExit(f"the server ended with {running.returncode}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/api/v1/ready"):
            print(f"ready after {time.monotonic() - begun:.1f} s")
            return
        time.sleep(0.2)
    raise SystemExit("the server did not become ready")


def server_process(port: str) -> int:
    """Return the process of the server itself, which is the user's of the image."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0") if folder.name.isdigit() else []
            if port.encode() in words and b"python" in words[0] and folder.stat().st_uid == USER:
                return int(folder.name)
    raise SystemExit(f"no server process of the user {USER}")


def try_out(address: str) -> None:
    """Classify the example and teach its genre, as a stranger and with the token."""
    song = Client(address).listen(EXAMPLE)
    print(song["prediction"]["sentence"])
    job = song["job"]["id"]
    try:
        Client(address).correct(job, "freedom")
    except Problem as problem:
        print(f"taught without the token: {problem.status}")
    else:
        raise SystemExit("who has no token could teach")
    Client(address, TOKEN).correct(job, "freedom")


def main() -> None:
    """Build, run, ask, end, and run again."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.parse_args()
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing or os.geteuid() != 0:
        sys.exit(f"needs root, and Debian's packages {' and '.join(PROGRAMS)}")
    text = (ROOT / "Containerfile").read_text("utf-8")
    command = json.loads(re.findall(r"^ENTRYPOINT (.+)$", text, re.MULTILINE)[-1])
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Path(folder))
        make_base(engine, set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)))
        image = build(engine)
        data = engine.folder / "data"
        data.mkdir()
        os.chown(data, USER, USER)
        container = engine("from", "--pull-never", image)
        with served(engine, container, command, data) as address:
            try_out(address)
        with served(engine, container, command, data) as address:
            if len(Client(address).tracks(genre="freedom")) != 1:
                raise SystemExit("what was taught is gone")
            print("what was taught is still known")


if __name__ == "__main__":
    main()
