"""Genres are proposed, looked at, written and taken back on the command line."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from earmark.tagging.genremap import read_map
from earmark.tagging.genres import read_tags, write_genres
from earmark.tagging.plan import read_plan
from earmark.tagging.profiles import PROFILES
from support import sounds, tagged
from support.command import Command
from support.web import GENRES, RATE, make_library, make_music, song

pytestmark = pytest.mark.slow


PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tagging.md").read_text("utf-8")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    return make_library(folder / "made.earmark", make_music(folder / "music"))


@pytest.fixture
def run(
    tmp_path: Path,
    library: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("EARMARK_LIBRARY", str(library))
    return Command(monkeypatch, capsys)


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Three songs, of which one has a genre."""
    folder = tmp_path / "songs"
    folder.mkdir()
    for genre in GENRES:
        sounds.write(folder / f"{genre}.flac", song(genre, 12), RATE, "flac")
    run_genres = tagged.Memory((folder / "hum.flac").read_bytes(), "hum.flac")
    write_genres(run_genres, ["Drone"])
    (folder / "hum.flac").write_bytes(run_genres.getvalue())
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def genres(path: Path) -> tuple[str, ...]:
    with path.open("rb") as file:
        return read_tags(file).genres


def test_plan_look_apply_undo(run: Command, songs: Path, tmp_path: Path) -> None:
    before = contents(songs)
    plan = tmp_path / "plan.jsonl"
    ran = run("tag", songs, "--plan", plan)
    assert (ran.code, ran.err) == (0, "")
    rows = [line.split() for line in ran.out.splitlines()]
    assert ["file", "genre", "now", "proposed", "sure", "why"] in rows
    assert ["1", "hiss"] in rows
    assert "1  have a genre; see --replace and --add" in ran.out
    assert f"earmark tag --apply {plan}" in ran.out
    assert contents(songs) == before
    proposed = {Path(each.path).name: each.genres for each in read_plan(plan)}
    assert proposed == {"hiss.flac": ("hiss",), "melody.flac": ("melody",)}

    ran = run("tag", "--apply", plan)
    assert (ran.code, ran.err) == (0, "")
    assert genres(songs / "hiss.flac") == ("hiss",)
    assert genres(songs / "hum.flac") == ("Drone",)
    # Once more: what is done is not done again, and nothing else happens.
    again = run("tag", "--apply", plan)
    assert again.code == 1
    assert "has other genres than when the plan was made" in again.err

    ran = run("tag", "--history", "--json")
    # What changed no file has no place there.
    (first,) = map(json.loads, ran.out.splitlines())
    assert (first["files"], first["left"]) == (2, 2)
    ran = run("tag", "--undo")
    assert ran.code == 0
    assert first["journal"] in ran.out
    assert contents(songs) == before
    ran = run("tag", "--undo")
    assert ran.code == 1
    assert "nothing to undo" in ran.err


def test_both_in_one_and_json(run: Command, songs: Path) -> None:
    before = contents(songs)
    ran = run("tag", "--write", "--replace", "--json", "--evidence", songs)
    found = [json.loads(line) for line in ran.out.splitlines()]
    proposals = [one for one in found if one["schema"] == "earmark.plan/1"]
    outcomes = [one for one in found if one["schema"] == "earmark.tag-outcome/1"]
    assert len(proposals) == len(outcomes) == 3
    hum = next(one for one in outcomes if one["path"].endswith("hum.flac"))
    assert (hum["done"], hum["before"], hum["after"]) == (True, ["Drone"], ["hum"])
    with (songs / "hum.flac").open("rb") as file:
        assert read_tags(file).evidence["EARMARK_LIBRARY"] == "made"
    assert run("tag", "--undo", hum["journal"]).code == 0
    assert contents(songs) == before


def test_a_broken_file_is_named_once_and_an_empty_plan_leads_nowhere(
    run: Command, songs: Path, tmp_path: Path
) -> None:
    broken = songs / "broken.mp3"
    broken.write_bytes(bytes(3000))
    only = ("--exclude", "hiss*", "--exclude", "melody*")
    ran = run("tag", songs, *only, "--plan", tmp_path / "plan.jsonl")
    assert ran.code == 3
    (told,) = [line for line in ran.err.splitlines() if "tags cannot be read" in line]
    assert told.count(str(broken)) == 1
    assert "there is nothing to write" in ran.out
    assert "--apply" not in ran.out


def test_only_what_is_asked_for(run: Command, songs: Path, tmp_path: Path) -> None:
    table = tmp_path / "map.csv"
    table.write_text("from,to\nhiss,Noise; Harsh\n")
    ran = run("tag", songs, "--match", "h*", "--exclude", "*um.flac", "--map", table, "--json")
    (found,) = map(json.loads, ran.out.splitlines())
    assert found["genres"] == ["Noise", "Harsh"]
    ran = run("tag", songs, "--genre-now", "dr*", "--replace", "--json")
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert [one["schema"] for one in found].count("earmark.plan/1") == 1
    assert {one.get("reason") for one in found} == {None, "other-genre"}
    assert run("tag", songs, "--extension", "mp3", "--json").out == ""


def test_a_plan_is_applied_below_some_folders_only(
    run: Command, songs: Path, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.jsonl"
    run("tag", songs, "--plan", plan)
    before = contents(songs)
    ran = run("tag", "--apply", plan, tmp_path / "elsewhere")
    assert (ran.code, contents(songs) == before) == (1, True)
    assert run("tag", "--apply", plan, songs / "hiss.flac").code == 0
    assert genres(songs / "hiss.flac") == ("hiss",)
    assert genres(songs / "melody.flac") == ()


def test_a_plan_of_another_machine(run: Command, songs: Path, tmp_path: Path) -> None:
    plan, there = tmp_path / "plan.jsonl", tmp_path / "there"
    run("tag", songs, "--plan", plan)
    songs.rename(there)
    ran = run("tag", "--apply", plan)
    assert ran.code == 1
    assert "is gone" in ran.err
    assert run("tag", "--apply", plan, "--root", f"{songs}={there}").code == 0
    assert genres(there / "hiss.flac") == ("hiss",)


def test_what_cannot_be_used_is_named(run: Command, songs: Path, tmp_path: Path) -> None:
    (songs / "broken.mp3").write_bytes(b"no sound")
    ran = run("tag", songs, tmp_path / "nowhere")
    assert ran.code == 3
    assert f"{songs}/broken.mp3" in ran.err
    assert f"{tmp_path}/nowhere" in ran.err
    assert run("tag", songs / "broken.mp3").code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name files or folders"),
        (("--apply", "plan", "--undo"), "separate tasks"),
        (("--history", "song.mp3"), "separate tasks"),
        (("--apply", "plan", "--replace"), "--replace is about"),
        (("song.mp3", "--keep-mtime"), "--keep-mtime is about"),
        (("song.mp3", "--root", "a=b"), "--root is about"),
        (("--apply", "plan", "--root", "ab"), "OLD=NEW"),
        (("song.mp3", "--genre-now", "rock"), "add --replace or --add"),
    ],
)
def test_tasks_that_make_no_sense(run: Command, arguments: tuple[str, ...], said: str) -> None:
    ran = run("tag", *arguments)
    assert ran.code == 2
    assert said in ran.err


def test_plans_are_not_overwritten(run: Command, songs: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.jsonl"
    plan.write_text("precious")
    ran = run("tag", songs, "--plan", plan)
    assert ran.code == 1
    assert "is there already" in ran.err
    assert plan.read_text() == "precious"
    ran = run("tag", "--apply", plan)
    assert ran.code == 1
    assert "plan.jsonl, line 1" in ran.err


def test_what_a_player_understands(run: Command, songs: Path, tmp_path: Path) -> None:
    table = tmp_path / "map.csv"
    table.write_text('hiss,"Folk, World, & Country;Noise"\n')
    ran = run("tag", songs, "--map", table, "--for", "navidrome", "--match", "hiss*", "--json")
    assert json.loads(ran.out)["genres"] == ["Folk, World, & Country", "Noise"]
    assert "Folk, World, & Country is parted" in ran.err
    assert "Noise" not in ran.err
    ran = run("tag", songs, "--map", table, "--for", "itunes", "--match", "hiss*", "--json")
    assert json.loads(ran.out)["genres"] == ["Folk, World, & Country"]
    assert ran.err == ""


def test_the_page_has_the_table_of_players() -> None:
    rows = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    found = {row[0].strip("| `"): row for row in rows if len(row) == 4}
    assert found.keys() == PROFILES.keys()
    for name, profile in PROFILES.items():
        assert found[name][1] == f"`{profile.sign}`"
        assert f"({profile.source})" in found[name][3]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_goes_from_plan_to_undo(
    run: Command, songs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    music = tmp_path / "Music"
    (music / "Jazz").mkdir(parents=True)
    (songs / "hiss.flac").rename(music / "hiss.flac")
    (songs / "melody.flac").rename(music / "Jazz" / "melody.flac")
    before = (music / "hiss.flac").read_bytes()
    monkeypatch.chdir(tmp_path)
    (first, second, third) = blocks("sh")
    codes = []
    for line in [*first.splitlines(), *second.splitlines(), *third.splitlines()]:
        command = line.split("#")[0].replace("~/Music", str(music))
        if "JOURNAL" in command:
            journal = json.loads(run("tag", "--history", "--json").out.splitlines()[-1])
            command = command.replace("JOURNAL", journal["journal"])
        codes.append(run(*shlex.split(command)[1:]).code)
    # The second plan finds its file done already; in the end nothing is left to take back.
    assert codes == [0, 0, 1, 0, 0, 0, 0]
    assert (music / "hiss.flac").read_bytes() == before


def test_the_maps_of_the_page_are_maps(tmp_path: Path) -> None:
    tables = [block for block in blocks("text") if block.startswith("from,to")]
    trees = blocks("yaml")
    assert (len(tables), len(trees)) == (1, 2)
    for number, (text, ending) in enumerate(
        [(tables[0], "csv"), (trees[0], "yaml"), (trees[1], "yaml")]
    ):
        path = tmp_path / f"{number}.{ending}"
        path.write_text(text, "utf-8")
        table = read_map(path)
        assert table.known
    assert table("deathmetal") == ("Heavy Metal",)
    assert table("A podcast") == ()
