"""What an agent gets that asks by the SDK's own client."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from earmark.agents.tools import MOST_FILES, Tools
from earmark.errors import EarmarkError
from earmark.schemas import schema
from support import sounds
from support.skips import import_or_skip
from support.web import GENRES, RATE, make_library, make_music, song

TOOLS = {"classify", "similar", "path", "playlist", "audit", "plan_tags"}


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_music(tmp_path_factory.mktemp("agents") / "music")


@pytest.fixture(scope="module")
def library(music: Path) -> Path:
    return make_library(music.parent / "made.earmark", music)


def files_below(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def asked(library: Path, home: Path, ask: Callable[[Any], Awaitable[None]]) -> None:
    """Start the command as an agent does, and let ``ask`` talk to it."""
    mcp = import_or_skip("mcp")
    command = mcp.StdioServerParameters(
        command=sys.executable,
        args=["-m", "earmark", "mcp", "--library", str(library)],
        env={**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")},
    )

    async def talk() -> None:
        async with mcp.Client(command, read_timeout_seconds=120) as client:
            await ask(client)

    asyncio.run(talk())


def value(result: Any) -> Any:
    assert not result.is_error, result.content
    return json.loads(result.content[0].text)


@pytest.mark.slow
def test_an_agent_asks_everything_and_changes_nothing(
    library: Path, music: Path, tmp_path: Path
) -> None:
    new = sounds.write(tmp_path / "new.flac", song(GENRES[-1], 50), RATE, "flac")
    first, last = (sorted((music / genre).glob("*"))[0] for genre in (GENRES[1], GENRES[-1]))
    home = tmp_path / "home"
    home.mkdir()
    before = files_below(music.parent) | files_below(tmp_path)

    async def ask(client: Any) -> None:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == TOOLS
        assert all(tool.description and tool.annotations.read_only_hint for tool in tools)

        said = value(await client.call_tool("classify", {"songs": [str(new)]}))
        assert [one["genre"] for one in said["songs"]] == [GENRES[-1]]

        found = value(await client.call_tool("playlist", {"songs": [str(new)], "minutes": 1}))
        assert (found["schema"], found["kind"]) == (schema("songs"), "playlist")
        assert found["tracks"]

        like = value(await client.call_tool("similar", {"songs": [str(first)], "n": 2}))
        assert str(first) not in {track["path"] for track in like["tracks"]}

        worded = await client.call_tool("playlist", {"words": ["jazz"]})
        assert worded.is_error
        assert "has no words" in worded.content[0].text

        ends = {"start": str(first), "end": str(last), "n": 4}
        way = [track["path"] for track in value(await client.call_tool("path", ends))["tracks"]]
        assert (way[0], way[-1]) == (str(first), str(last))

        assert value(await client.call_tool("audit", {}))["schema"] == schema("audit")

        plan = value(await client.call_tool("plan_tags", {"songs": [str(new)]}))
        assert [one["genres"] for one in plan["proposals"]] == [[GENRES[-1]]]

        refused = await client.call_tool("similar", {"songs": ["no such song"]})
        assert refused.is_error
        assert "neither a file nor a track" in refused.content[0].text
        gone = value(await client.call_tool("classify", {"songs": ["/no/such.mp3"]}))
        assert "problem" in gone["songs"][0]

    asked(library, home, ask)
    assert files_below(music.parent) | files_below(tmp_path) == before


def test_too_much_is_refused(library: Path, tmp_path: Path) -> None:
    tools = Tools(str(library))
    with pytest.raises(EarmarkError, match="200 at a time"):
        tools.classify([f"{number}.mp3" for number in range(MOST_FILES + 1)])
    with pytest.raises(EarmarkError, match="no sound files"):
        tools.classify([str(tmp_path)])
    with pytest.raises(EarmarkError, match="from 1 to"):
        tools.similar(["#1"], n=100_000)
    with pytest.raises(EarmarkError, match="minutes"):
        tools.playlist(["#1"], minutes=-1)


@pytest.mark.slow
def test_lists_are_picked_by_words() -> None:
    tools = Tools("gtzan")
    jazz = tools.playlist(words=["jazz"], not_words=["blues"], minutes=5)["tracks"]
    assert [track["genre"] for track in jazz].count("jazz") > len(jazz) / 2
    metal = tools.similar(["#1"], n=10, words=["heavy metal"])["tracks"]
    assert [track["genre"] for track in metal].count("metal") > len(metal) / 2
    with pytest.raises(EarmarkError, match="no word to pick by"):
        tools.similar(["#1"], words=["progressive rock"])


def test_no_other_command_loads_the_sdk() -> None:
    code = (
        "import sys, earmark.cli as c\n"
        "[c.earmark.get_command(None, name) for name in c.COMMANDS]\n"
        "assert not {'mcp', 'pydantic', 'starlette'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_without_the_sdk_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['mcp'] = None; sys.argv = ['earmark', 'mcp']\n"
        "from earmark.cli import main; main()"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1
    assert "pip install 'earmark[mcp]'" in ran.stderr
