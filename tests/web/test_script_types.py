"""The types of the pages' scripts, as TypeScript finds them in their comments."""

from __future__ import annotations

import subprocess
from pathlib import Path

import earmark.web
from support.skips import skip

HERE = Path(__file__).resolve().parent
SCRIPTS = Path(earmark.web.__file__).parent / "static" / "js"
TSC = HERE / "node_modules" / ".bin" / "tsc"
MARK = "// @ts-check\n"


def run(*options: str) -> subprocess.CompletedProcess[str]:
    if not TSC.exists():
        skip("TypeScript is not installed", "npm ci --prefix tests/web")
    return subprocess.run([TSC, *options], capture_output=True, text=True, check=False)


def test_scripts_keep_to_their_types() -> None:
    found = run("--project", str(HERE))
    assert found.stdout == ""
    assert found.returncode == 0


def test_a_fault_in_a_script_would_be_found(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.js"
    wrong.write_text(f"{MARK}/** @param {{number}} a */\nconst f = (a) => a.trim();\nf(1);\n")
    found = run("--allowJs", "--noEmit", "--ignoreConfig", str(wrong))
    assert "trim" in found.stdout
    assert found.returncode != 0


def test_scripts_that_are_checked_stay_checked() -> None:
    checked = {path.name for path in SCRIPTS.glob("*.js") if path.read_text().startswith(MARK)}
    assert checked >= {
        "card.js",
        "dropped.js",
        "installed.js",
        "kept.js",
        "map.js",
        "map_card.js",
        "map_cloud.js",
        "map_grid.js",
        "map_hands.js",
        "map_layers.js",
        "map_levels.js",
        "map_points.js",
        "map_search.js",
        "map_shapes.js",
        "map_table.js",
        "map_tracks.js",
        "map_view.js",
        "playlists.js",
        "share.js",
        "table.js",
        "times.js",
    }
