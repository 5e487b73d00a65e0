"""The examples of the docstrings, run as a reader would type them."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import earmark
from earmark import collection, corrections, features, library, neighbors, recommend, testing
from earmark.audio import open_recording
from earmark.evaluation import evaluate, load_evaluation_set
from earmark.listen import listen

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"


def modules() -> list[str]:
    """Return the modules in which an example stands."""
    return sorted(
        ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        for file in SOURCE.rglob("*.py")
        if ">>> " in file.read_text("utf-8")
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", modules())
def test_the_examples_are_right(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # They name a song as from the folder of the repository, and may write beside it.
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0, "its examples stand where nothing reads them"
    assert result.failed == 0


MET = [
    *((earmark, name) for name in earmark.__all__ if name != "EarmarkError"),
    *((testing, name) for name in ("check_extractor", "make_song", "sine")),
    (collection, "build"),
    (features, "get_extractor"),
    (library, "create_library"),
    *((neighbors, name) for name in ("fit", "make_voter", "one_hot")),
    (recommend, "Recommender"),
]
"""What users meet first, by where they import it from."""


@pytest.mark.parametrize(
    "met",
    [
        *(getattr(home, name) for home, name in MET),
        *(
            load_evaluation_set,
            corrections,
            earmark,
            earmark.errors,
            evaluate,
            listen,
            open_recording,
        ),
        testing,
    ],
    ids=lambda met: met.__name__,
)
def test_what_users_meet_first_has_an_example(met: object) -> None:
    """An example shows in a second what a list of parameters tells in a minute."""
    assert met.__doc__ is not None
    assert doctest.DocTestParser().get_examples(met.__doc__)
