"""Plans are kept as they were, and a stranger's plan is refused in one line."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import PlanError
from earmark.tagging.genremap import GenreMap, read_map
from earmark.tagging.plan import LONGEST_LINE, PlanNeighbor, Proposal, read_plan, write_plan

PROPOSAL = Proposal(
    path="/music/odd\nname \udcff.mp3",
    root="/music",
    audio_hash="0123456789abcdef" * 4,
    kind="ID3v2.3",
    seen=("(17)", "x"),
    genres=("Jazz", "Düster"),
    probability=0.93,
    why="7 of the 8 nearest tracks are jazz",
    neighbors=(PlanNeighbor("jazz.1", "jazz", None, "Tïtle", 0.25),),
    evidence={"EARMARK_GENRE": "Jazz"},
)


def changed(**fields: Any) -> bytes:
    return json.dumps({**PROPOSAL.to_json(), **fields}).encode()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    plan = tmp_path / "plan.jsonl"
    write_plan(plan, [PROPOSAL])
    assert list(read_plan(plan)) == [PROPOSAL]
    with pytest.raises(PlanError, match="is there already"):
        write_plan(plan, [])
    assert list(read_plan(plan)) == [PROPOSAL]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 40_000,
        b'{"schema": "earmark.plan/1"}',
        changed(schema="earmark.plan/2"),
        changed(path="relative.mp3"),
        changed(path="/music/../etc/passwd"),
        changed(path="C:\\music\\..\\a.mp3"),
        changed(path="\\music\\a.mp3"),
        changed(path="/a\0b"),
        changed(path=["/a"]),
        changed(path="/" + "a" * 5000),
        changed(root=None),
        changed(audio_hash="A" * 64),
        changed(audio_hash="a" * 63),
        changed(genres=[]),
        changed(genres="Jazz"),
        changed(genres=["17"]),
        changed(genres=["a\nb"]),
        changed(genres=["x", "x"]),
        changed(genres=[{"a": 1}]),
        changed(genres=["x" * 300]),
        changed(probability=True),
        changed(probability=1.5),
        changed(probability="1"),
        changed(probability=10**400),
        changed(tags_seen=[]),
        changed(tags_seen={"kind": "x", "genres": [1]}),
        changed(neighbors={}),
        changed(neighbors=[1]),
        changed(neighbors=[{"track": "a", "genre": "b", "distance": "0"}]),
        changed(evidence={"TITLE": "x"}),
        changed(evidence={"EARMARK_GENRE": "a\nb"}),
        changed(evidence=[]),
        changed(why=7),
        changed()[:-1] + b', "path": "/other"}',
        changed(probability=float("nan")),
        changed(padding="x" * LONGEST_LINE),
    ],
)
def test_what_is_no_proposal_is_refused_in_one_line(line: bytes, tmp_path: Path) -> None:
    plan = tmp_path / "plan.jsonl"
    plan.write_bytes(line + b"\n")
    with pytest.raises(PlanError, match="line 1") as raised:
        list(read_plan(plan))
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 1000


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    plan = tmp_path / "plan.jsonl"
    plan.write_bytes(changed() + b"\n\n" + changed() + b"\n")
    with pytest.raises(PlanError, match="line 3: the same file twice"):
        list(read_plan(plan))


def test_keys_that_came_later_are_passed_over(tmp_path: Path) -> None:
    plan = tmp_path / "plan.jsonl"
    plan.write_bytes(changed(new_key=[1]))
    assert list(read_plan(plan)) == [PROPOSAL]


@given(st.binary(max_size=300))
def test_noise_gives_one_error(noise: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder, "plan.jsonl")
        plan.write_bytes(noise)
        with contextlib.suppress(PlanError):
            list(read_plan(plan))


def test_a_map_of_genres(tmp_path: Path) -> None:
    table = tmp_path / "map.csv"
    table.write_text(
        '\ufefffrom,to\nhiphop,Hip-Hop; Rap\n"folk, world","Folk, World, & Country"\n\n*disco*,\n'
    )
    names = read_map(table)
    assert names("HIPHOP") == ("Hip-Hop", "Rap")
    assert names("Folk, World") == ("Folk, World, & Country",)
    assert names("italodisco") == ()
    assert names("rock") == ("rock",)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ('from;to\nhiphop;"Hip-Hop;Rap"\n', "cp1252"),
        ("From\tTo\r\nhiphop\tHip-Hop;Rap\r\n", "utf-16"),
        ('"from","to"\n"hiphop","Hip-Hop;Rap"\n', "utf-8"),
        ("hiphop,Hip-Hop;Rap", "utf-8"),
    ],
)
def test_a_map_as_spreadsheets_write_it(text: str, encoding: str, tmp_path: Path) -> None:
    table = tmp_path / "map.csv"
    table.write_bytes(text.encode(encoding))
    assert read_map(table)("HipHop") == ("Hip-Hop", "Rap")


@pytest.mark.parametrize("text", ["a,b,c\n", ",b\n", '"a\n', "a," + "x" * 201, "\0a,b\n"])
def test_a_map_that_is_none(text: str, tmp_path: Path) -> None:
    table = tmp_path / "map.csv"
    table.write_text(text)
    with pytest.raises(PlanError, match=r"map\.csv"):
        read_map(table)


TREE = """
- blues:
    - country blues:
        - delta blues
- Rock:
    - heavy metal:
        - Death Metal
    - "Pop/Rock"
    -
- No
"""


def yaml_map(tmp_path: Path, text: str) -> GenreMap:
    table = tmp_path / "map.yaml"
    table.write_text(text, "utf-8")
    return read_map(table)


def test_a_tree_as_beets_has_it_leads_to_its_top(tmp_path: Path) -> None:
    table = yaml_map(tmp_path, TREE)
    assert table("Delta Blues") == ("blues",)
    assert table("death metal") == table("ROCK") == ("Rock",)
    assert table("no") == ("No",)
    assert table("Polka") == ("Polka",)
    assert "Pop/Rock" in table.known
    assert "" not in table.known


def test_a_tree_with_names_to_keep(tmp_path: Path) -> None:
    indented = TREE.strip().replace("\n", "\n  ")
    table = yaml_map(
        tmp_path,
        f"tree:\n  {indented}\nkeep: [Heavy Metal, blues]\n"
        "aliases:\n  deathmetal: Death Metal\n  r*b: [Blues, Soul]\nignore: ['*podcast*']\n",
    )
    assert table("DeathMetal") == ("heavy metal",)
    assert table("country blues") == ("blues",)
    assert table("R&B") == ("blues",)
    assert table("Rock") == ()
    assert table("My Podcasts") == ()


@pytest.mark.parametrize(
    "text",
    [
        "- a: [b",
        "a: &x [b]\ntree: *x",
        "trees: [a]",
        "aliases: [a]",
        'tree: [{a: {b: ["c\\nd"]}}]',
        "- [" * 200,
        "- " + "{a: " * 80 + "b" + "}" * 80,
    ],
)
def test_a_tree_that_is_none(text: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"map\.yaml: is no tree of genres"):
        yaml_map(tmp_path, text)
