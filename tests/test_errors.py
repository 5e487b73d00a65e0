"""The page of errors and the classes of the code say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark import errors
from earmark.cli import common
from earmark.errors import EarmarkError
from earmark.web.problems import STATUS, kind_of, status_of

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "errors.md").read_text("utf-8")

CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, EarmarkError)
}


def rows() -> Iterator[tuple[str, ...]]:
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            yield tuple(cell.strip() for cell in line.strip("| ").split(" | "))


def some(kind: type[EarmarkError]) -> EarmarkError:
    """Return an error of a class, however it is made."""
    return kind.__new__(kind)


def test_every_class_is_on_the_page_with_cause_and_remedy() -> None:
    listed = [row[0].strip("`") for row in rows()]
    assert sorted(listed) == sorted(set(CLASSES) - {"EarmarkError"})
    for row in rows():
        _, cause, remedy, _ = row
        assert len(cause) > 10, row
        assert len(remedy) > 5, row


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row[0])
def test_the_status_is_that_of_the_server(row: tuple[str, ...]) -> None:
    assert status_of(some(CLASSES[row[0].strip("`")])) == int(row[3])


def test_the_types_of_problems_are_as_said() -> None:
    assert kind_of(some(errors.AudioSilent)) == "urn:earmark:problem:audio-silent"
    assert set(STATUS) & set(CLASSES.values())


def test_every_class_is_raised_somewhere() -> None:
    source = "\n".join(
        file.read_text("utf-8")
        for file in (ROOT / "src" / "earmark").rglob("*.py")
        if file.name != "errors.py"
    )
    for name in CLASSES:
        # Workers say some by their names.
        used = re.search(rf"\b{name}\(", source) or f'"{name}"' in source
        assert used or name in ("EarmarkError", "AudioError"), name


def test_the_drawn_tree_is_the_tree() -> None:
    drawn = re.findall(r"^\s*(?:│\s+)*[├└]── (\w+) {2,}\S", errors.__doc__ or "", re.MULTILINE)
    assert sorted(drawn) == sorted(set(CLASSES) - {"EarmarkError"})


def test_exit_codes_are_as_said() -> None:
    said = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    others = {common.EXIT_PARTLY, common.EXIT_INTERRUPTED, common.EXIT_TERMINATED}
    assert said == {0, 1, 2} | others == {0, 1, 2, 3, 130, 143}
    for file in (ROOT / "src" / "earmark" / "cli").glob("*.py"):
        for told in re.findall(r'"Exit codes: (.*?)"', file.read_text("utf-8"), re.DOTALL):
            assert {int(code) for code in re.findall(r"\b(\d+) [a-z]", told)} <= said, file
