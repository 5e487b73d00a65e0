"""The notebooks run from top to bottom, in a kernel of their own."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "examples/notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_runs(file: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    printed = [output for cell in code for output in cell.outputs]
    assert printed
    assert {output.output_type for output in printed} == {"stream"}
    # What is printed is said on standard output: no warning went by.
    assert {output.name for output in printed} == {"stdout"}


def test_there_are_three_and_they_are_kept_small() -> None:
    assert len(NOTEBOOKS) == 3
    assert all(file.stat().st_size < 20_000 for file in NOTEBOOKS)
