"""Each notebook is short, needs public faces only, and runs from its first cell to its last."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.md"))
ROOMS = (
    "known", "lattice", "information", "layers", "learning", "renormalization", "report",
    "runs", "sampling", "storage",
)  # fmt: skip
FACES = {"rsmi", *(f"rsmi.{room}" for room in ROOMS), "torch", "numpy", "matplotlib.pyplot"}
MOST_LINES = 25


def cells(path: Path) -> list[str]:
    return re.findall(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", path.read_text(), re.M | re.S)


def imported(code: str) -> set[str]:
    """Modules that a piece of code takes names from."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
    return found


def test_there_are_notebooks_and_the_pages_list_them() -> None:
    index = (NOTEBOOKS[0].parents[1] / "index.md").read_text()
    assert all(f"notebooks/{path.stem}" in index for path in NOTEBOOKS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_short_and_needs_public_faces_only(path: Path) -> None:
    code = "\n".join(cells(path))
    lines = [line for line in code.splitlines() if line.strip() and line.strip()[0] != "#"]
    assert 0 < len(lines) <= MOST_LINES
    assert imported(code) <= FACES
    assert path.read_text().startswith("---\nfile_format: mystnb\n")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_as_a_script(path: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("\n".join(cells(path)))
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(path.parents[2])}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    if path.stem == "dimers":
        assert float(done.stdout.split()[-1]) > 0.9


def test_what_is_no_face_is_seen() -> None:
    assert imported("from rsmi.storage.opening import samples_of") == {"rsmi.storage.opening"}
    assert not {"rsmi.storage.opening", "pandas"} & FACES
