"""What the tests need beside Python, and what they say where it is missing."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from support.programs import PROGRAMS, find_or_skip, missing_programs, needs
from support.skips import needs_linux, needs_posix, only_where, require_package, skip

ROOT = Path(__file__).resolve().parent.parent


def test_what_is_missing_is_named_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = missing_programs()
    assert len(lines) == len(PROGRAMS)
    for (program, needed), line in zip(PROGRAMS.items(), lines, strict=True):
        assert re.match("apt-get install [a-z-]+", needed.source)
        assert program in line
        assert needed.source in line
        mark = needs(program).mark
        assert mark.args == (True,)
        assert needed.source in mark.kwargs["reason"]
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        find_or_skip("chromium")
    for program in PROGRAMS:
        (tmp_path / program).touch(mode=0o755)
    assert missing_programs() == []
    assert needs("curl").mark.args == (False,)


def test_every_test_that_is_skipped_says_how_to_have_it_run() -> None:
    """Those who skip one must say a way: only two modules know pytest's own means."""
    skipping = re.compile(r"pytest\.(mark\.)?(skip|skipif|importorskip|xfail)\b")
    found = {
        str(file.relative_to(ROOT / "tests"))
        for file in (ROOT / "tests").rglob("*.py")
        if "node_modules" not in file.parts and skipping.search(file.read_text("utf-8"))
    }
    assert found - {"test_programs.py"} == {"support/programs.py", "support/skips.py"}
    with pytest.raises(pytest.skip.Exception, match="this and that; to run it: do so"):
        skip("this and that", "do so")
    with pytest.raises(pytest.skip.Exception, match="pip install --group fuzz"):
        require_package("no_such_package", "fuzz")
    for mark in (only_where(False, "x", "y"), needs_linux("x", False)):
        assert mark.mark.args == (True,)
        assert "; to run it: " in mark.mark.kwargs["reason"]
    assert needs_posix("x").mark.args == (os.name != "posix",)


def test_programs_are_looked_for_in_one_place_that_knows_where_to_get_them() -> None:
    """What a test asks by itself, it might skip for without a word of help."""
    asked = {
        program
        for file in (ROOT / "tests").rglob("*.py")
        if "node_modules" not in file.parts
        for program in re.findall(r'which\("([\w-]+)"\)', file.read_text("utf-8"))
    }
    assert asked <= set(PROGRAMS)


def test_what_ci_installs_and_the_page_names_are_known() -> None:
    listed = re.search(r"^packages=\((.*)\)$", (ROOT / ".ci" / "run").read_text("utf-8"), re.M)
    assert listed is not None
    assert set(shlex.split(listed[1])) <= set(PROGRAMS)
    page = (ROOT / "docs" / "data-for-tests.md").read_text("utf-8").lower()
    assert [program for program in PROGRAMS if program not in page] == []
