"""The documentation as a site: whole, from this machine alone; its tutorials do what they say."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from earmark.testing import make_music
from support import forked

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as ``make docs`` does: a warning, such as a broken link, is an error."""
    target = tmp_path_factory.mktemp("site")
    targets = (ROOT / "Makefile").read_text("utf-8")
    (made,) = re.findall(r"^\t\$\(BIN\)/python (-m sphinx .*)$", targets, re.M)
    command = [*shlex.split(made)[:-1], str(target)]
    # What reached for a network would not get far.
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    built = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return target


def test_every_page_of_the_documentation_is_in_the_site(site: Path) -> None:
    pages = {page.stem for page in (*DOCS.glob("*.md"), *DOCS.glob("*.rst"))}
    assert pages <= {page.stem for page in site.glob("*.html")}


def test_pages_take_nothing_from_other_machines(site: Path) -> None:
    for page in site.glob("*.html"):
        text = page.read_text("utf-8")
        taken = re.findall(r"<(?:script|img|iframe)[^>]*\ssrc=\"([^\"]*)\"", text)
        for link in re.findall(r"<link[^>]*>", text):
            if re.search(r'rel="(stylesheet|icon)"', link):
                taken += re.findall(r'href="([^"]*)"', link)
        assert [address for address in taken if re.match(r"(https?:)?//", address)] == []
    for style in site.rglob("*.css"):
        assert "url(http" not in style.read_text("utf-8")


def test_words_of_pages_and_names_of_python_can_be_searched(site: Path) -> None:
    index = (site / "searchindex.js").read_text("utf-8")
    found = json.loads(index.removeprefix("Search.setIndex(").rstrip().removesuffix(")"))
    assert {"tagging", "teaching", "python"} <= set(found["docnames"])
    assert {"artist", "playlist", "neighbor"} <= set(found["terms"])
    (names,) = [group for prefix, group in found["objects"].items() if prefix == "earmark"]
    assert "Classifier" in {name[-1] for name in names}


def commands_of(page: str) -> list[str]:
    """Return the lines of a tutorial that a reader types into a shell."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def type_them(commands: list[str], folder: Path) -> dict[str, str]:
    """Type commands one after the other in a folder; return what each printed."""
    printed = {}
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "COLUMNS": "100"}
    home |= {"XDG_CACHE_HOME": str(folder / "cache")}
    for command in commands:
        program, *arguments = shlex.split(command)
        typed = [argument.replace("scripts/", f"{ROOT}/scripts/") for argument in arguments]
        if program == "earmark":
            done = forked.earmark(*typed, folder=folder, **home)
        else:
            assert program == "python"
            done = subprocess.run(
                [sys.executable, *typed],
                cwd=folder,
                env={**os.environ, **home},
                capture_output=True,
            )
        # 3: done, and some songs had no sure answer or were passed over.
        assert done.returncode in (0, 3), (command, (done.stdout + done.stderr).decode())
        printed[command] = done.stdout.decode()
    return printed


def test_music_is_put_in_order_as_the_tutorial_says(tmp_path: Path) -> None:
    make_music(tmp_path / "Sorted", each=4)
    music = tmp_path / "Music"
    music.mkdir()
    shutil.copy(ROOT / "examples" / "war_of_freedom.ogg", music / "song.ogg")
    shutil.copy(tmp_path / "Sorted" / "hiss" / "hiss-1.wav", music / "noise.wav")
    before = (music / "song.ogg").read_bytes()
    first = [line for line in commands_of("sort-my-music.md") if line.startswith("earmark")]
    until_undone = first[: first.index("earmark tag --undo") + 1]
    printed = type_them(until_undone, tmp_path)
    assert "metal" in printed["earmark classify Music --brief"]
    assert "metal" in printed["earmark tag Music --plan plan.jsonl"]
    assert (music / "song.ogg").read_bytes() == before
    printed = type_them(first[len(until_undone) :], tmp_path)
    assert (music / "song.ogg").read_bytes() != before
    assert (tmp_path / "evening.m3u8").read_text("utf-8").startswith("#EXTM3U")
    assert "hum" in printed["earmark evaluate my.earmark"]
    # The songs have genres by then, and still there is something to apply.
    (planned,) = [said for typed, said in printed.items() if "mine.jsonl" in typed]
    assert "earmark tag --apply mine.jsonl" in planned


def test_own_ears_are_brought_as_the_tutorial_says(tmp_path: Path) -> None:
    music = make_music(tmp_path / "Sorted", each=4)
    shutil.copy(music / "hum" / "hum-1.wav", tmp_path / "song.ogg")
    printed = type_them(commands_of("your-own-ears.md"), tmp_path)
    compared = printed["earmark evaluate default.earmark --against small.earmark"]
    assert "points" in compared
    assert "hum" in printed["earmark classify song.ogg --library small.earmark"]


def test_a_changed_sample_rate_is_refused_as_the_tutorial_says(tmp_path: Path) -> None:
    type_them(commands_of("your-own-ears.md")[:2], tmp_path)
    described = json.loads((tmp_path / "small" / "model.json").read_text("utf-8"))
    described["inference"]["sample_rate"] //= 2
    (tmp_path / "small" / "model.json").write_text(json.dumps(described), "utf-8")
    with pytest.raises(
        AssertionError, match="the sample rate, the algorithm or the model is another"
    ):
        type_them(["earmark extractors check ./small"], tmp_path)
