"""No model's name above the samplers: what a model is, its family says."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from rsmi.sampling.families import families

ROOT = Path(__file__).parents[2] / "rsmi"
# Not `known`: somebody else's numbers belong to a model, and name it.
ROOMS = (
    "storage", "learning", "renormalization", "layers", "scaling", "runs", "report", "cli",
)  # fmt: skip
MODULES = {"ising", "potts", "dimers", "graphs", "quantum", "mazes", "maze_sampler"}
CLASSES = {kind.__name__ for family in families.values() for kind in family.classes}
ALLOWED = {
    "storage/mcising.py": "a file format of another program, which holds Ising spins alone",
    "cli/theory.py": "a study of networks that read mazes, which bears their name",
    "report/theory.py": "the figure of that study",
}


def named(source: str) -> Iterator[int]:
    """Lines that hold the name of a model as a text by itself, or import one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and node.value in families:
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rsmi.sampling"):
            own = MODULES & set((node.module or "").split("."))
            if own or CLASSES & {alias.name for alias in node.names}:
                yield node.lineno


@pytest.mark.parametrize("room", ROOMS)
def test_no_model_is_named_above_the_samplers(room: str) -> None:
    files = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / room).rglob("*.py")}
    assert files
    found = {name: sorted(named(path.read_text())) for name, path in files.items()}
    naming = {name: lines for name, lines in found.items() if lines}
    allowed = {name for name in ALLOWED if name.startswith(f"{room}/")}
    assert set(naming) == allowed, "ask the family, or the space"


@pytest.mark.parametrize(
    "source",
    ['if model["model"] == "potts": pass', "from rsmi.sampling import Ising",
     "from rsmi.sampling.dimers import coverings", 'match name:\n    case "tfim": pass'],
)  # fmt: skip
def test_a_name_would_be_noticed(source: str) -> None:
    assert list(named(source))
    assert not list(named('"""The Ising model."""\nfrom rsmi.sampling import Sampler'))
