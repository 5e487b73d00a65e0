"""Imports go one way: down the list of parts in docs/architecture.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "earmark"
PAGE = ROOT / "docs" / "architecture.md"

ANYTHING = ("__init__", "__main__", "testing")
"""Modules that may import any part, and that no part may import."""

HOMES = {
    "sqlalchemy": ["library"],
    "sqlite3": ["library"],
    "psycopg": ["library"],
    "pgvector": ["library"],
    "faiss": ["library/inverted_lists.py"],
    "av": ["audio"],
    "soundfile": ["audio"],
    "soxr": ["audio"],
    "onnxruntime": ["features"],
    "huggingface_hub": ["features"],
    "tinytag": ["audio"],
    "sklearn": ["estimator.py"],
    "mutagen": ["tagging"],
    "yaml": ["tagging"],
    "watchfiles": ["watching.py"],
    "dask": ["cluster"],
    "distributed": ["cluster"],
    "flask": ["web"],
    "apiflask": ["web"],
    "marshmallow": ["web"],
    "werkzeug": ["web"],
    "prometheus_client": ["web"],
    "mcp": ["agents"],
    "click": ["cli"],
    "rich": ["cli"],
    # The allowlisting reader of the classic file takes its opcodes apart; nothing is unpickled.
    "pickle": ["importing/classic"],
    "pickletools": ["importing/classic"],
}
"""Packages that are used in one part only."""

DOORS = {"earmark.library.base": "recommend", "earmark.library.lists": "recommend"}
"""Modules with a way up: a library makes lists, by what stands above it, when it is asked."""

NOWHERE = ("requests", "httpx", "aiohttp", "urllib3", "http.client", "ftplib")
"""Ways to the network: Earmark works offline, and models come by huggingface_hub."""

ASKS_SERVERS = {"urllib.request": "players"}
"""The only other one: a music server whose address the user names."""


@cache
def parts() -> tuple[str, ...]:
    """Return the parts as the page lists them, the highest first."""
    text = PAGE.read_text("utf-8")
    section = text.partition("## The parts, from top to bottom")[2]
    listing = re.search(r"^```\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert listing is not None
    return tuple(line.split()[0] for line in listing[1].splitlines())


@cache
def parsed(file: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(file.read_text("utf-8"))


@cache
def modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name."""
    found = {}
    for file in SOURCE.rglob("*.py"):
        names = file.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(names[:-1] if names[-1] == "__init__" else names)] = file
    return found


def part_of(module: str) -> str:
    """Return the part that a module of Earmark belongs to."""
    names = module.split(".")
    return names[1] if len(names) > 1 else "__init__"


def imports(tree: ast.AST, known: dict[str, Path]) -> Iterator[tuple[str, int]]:
    """Yield what a module imports, by dotted names, with the lines: in functions too.

    A string that is the whole name of a module counts: that is how modules are imported late.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports here are absolute"
            assert node.module is not None
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                is_module = whole in known or node.module in ("urllib", "http")
                yield (whole if is_module else node.module), node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.partition(":")[0]
            if name.startswith("earmark.") and name in known:
                yield name, node.lineno


def upward(module: str, tree: ast.AST, known: dict[str, Path]) -> list[str]:
    """Return the imports of a module that do not lead down."""
    order = parts()
    here = part_of(module)
    faults = []
    for name, line in imports(tree, known):
        if name.partition(".")[0] != "earmark":
            continue
        there = part_of(name)
        if here == there or here in ANYTHING or DOORS.get(module) == there:
            continue
        if there in ANYTHING or order.index(there) <= order.index(here):
            faults.append(f"{module}, line {line}: {here} imports {name}")
    return faults


def test_the_page_lists_every_part_and_no_other() -> None:
    there = {
        path.stem
        for path in SOURCE.iterdir()
        if path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))
    }
    assert set(parts()) == there - set(ANYTHING)
    assert len(set(parts())) == len(parts())


def test_imports_lead_down() -> None:
    known = modules()
    faults = [
        fault for module, file in known.items() for fault in upward(module, parsed(file), known)
    ]
    assert faults == []


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("earmark.neighbors.voters", "from earmark.library import Library"),
        ("earmark.audio.files", "import earmark.features.base"),
        ("earmark.library.base", "def late():\n    from earmark.web import app"),
        ("earmark.listen", "from earmark import classify"),
        ("earmark.features.base", 'import_module("earmark.cli.build")'),
        ("earmark.errors", "from earmark.words import one_line"),
        ("earmark.cli.build", "from earmark.testing import tune"),
        ("earmark.web.app", "import earmark"),
    ],
)
def test_an_import_that_leads_up_is_seen(module: str, code: str) -> None:
    assert len(upward(module, ast.parse(code), modules())) == 1


@pytest.mark.parametrize("module", DOORS)
def test_what_leads_up_is_imported_when_it_is_asked_for(module: str) -> None:
    above = f"earmark.{DOORS[module]}"
    tree = parsed(modules()[module])
    at_once = [node for node in tree.body if not isinstance(node, ast.ClassDef | ast.If)]
    assert not any(
        name.startswith(above) for node in at_once for name, _ in imports(node, modules())
    )
    guarded = [node for node in tree.body if isinstance(node, ast.If)]
    assert all(ast.unparse(node.test) == "TYPE_CHECKING" for node in guarded)


def test_foreign_packages_are_used_in_their_part_only() -> None:
    known = modules()
    faults = []
    for file in known.values():
        place = file.relative_to(SOURCE).as_posix()
        for name, line in imports(parsed(file), known):
            homes = HOMES.get(name.partition(".")[0])
            astray = homes is not None and not any(
                place == home or place.startswith(f"{home}/") for home in homes
            )
            asks = name in ASKS_SERVERS and not place.startswith(f"{ASKS_SERVERS[name]}/")
            if astray or asks or name in NOWHERE:
                faults.append(f"{place}, line {line}: {name}")
    assert faults == []


def test_only_the_library_knows_its_back_ends() -> None:
    known = modules()
    faults = [
        f"{module}, line {line}: {name}"
        for module, file in known.items()
        if part_of(module) != "library"
        for name, line in imports(parsed(file), known)
        if name.startswith("earmark.library.backends")
    ]
    assert faults == []


@pytest.mark.parametrize("name", ["musicnn", "mfcc"])
def test_extractors_are_known_by_name_in_their_own_module_and_as_a_default_only(name: str) -> None:
    own = [f"features/{name}.py", "features/registry.py"]
    faults = []
    for file in modules().values():
        place = file.relative_to(SOURCE).as_posix()
        tree = parsed(file)
        docs = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if text and id(node) not in docs and name in str(node.value).lower():
                faults.append(f"{place}, line {node.lineno}")
            if isinstance(node, ast.Name | ast.Attribute):
                told = node.id if isinstance(node, ast.Name) else node.attr
                if name in told.lower():
                    faults.append(f"{place}, line {node.lineno}: {told}")
    assert [fault for fault in faults if fault.partition(",")[0] not in own] == []


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    """A circle works only as long as nobody changes the order of imports."""
    known = modules()
    needs: dict[str, set[str]] = {}
    for module, file in known.items():
        top = parsed(file)
        late = (ast.FunctionDef, ast.If)
        body = ast.Module([node for node in top.body if not isinstance(node, late)], [])
        needs[module] = {name for name, _ in imports(body, known) if name in known} - {module}
        if module in DOORS:
            needs[module] = {name for name in needs[module] if part_of(name) != DOORS[module]}
    done: set[str] = set()
    while ready := {module for module in needs.keys() - done if needs[module] <= done}:
        done |= ready
    assert needs.keys() - done == set()
