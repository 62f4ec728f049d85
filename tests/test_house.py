"""The layout that users rely on: one import package, arrows one way, definitions that load."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
RECIPES = sorted(ROOT.glob("datasets/*/recipe.yaml"))
MODELS = sorted(ROOT.glob("models/*/model.yaml"))
SUMS = sorted([*ROOT.glob("datasets/*/SHA256SUMS"), *ROOT.glob("models/*/SHA256SUMS")])


@pytest.mark.parametrize("folder", ["datasets", "models", "configs"])
def test_data_folders_are_no_packages(folder: str) -> None:
    paths = list((ROOT / folder).rglob("*"))
    assert paths
    assert not [path for path in paths if path.suffix == ".py" or path.is_symlink()]


def test_something_is_listed() -> None:
    assert RECIPES
    assert MODELS
    assert SUMS


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parent.name)
def test_every_recipe_is_valid_and_explained(path: Path) -> None:
    from rsmi.storage import SampleRecipe

    assert SampleRecipe.from_yaml(path.read_text()).chains > 0
    assert (path.parent / "README.md").read_text().startswith("# ")


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.parent.name)
def test_every_model_loads_as_its_class_and_is_explained(path: Path) -> None:
    from rsmi import learning

    definition = yaml.safe_load(path.read_text())
    assert isinstance(learning.load_rule(path.parent), learning.Rule)
    assert definition["card"]["information"]["value"] > 0
    assert (path.parent / "README.md").read_text().startswith("# ")


@pytest.mark.parametrize("path", SUMS, ids=lambda path: path.parent.name)
def test_checksums_hold(path: Path) -> None:
    for line in path.read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((path.parent / name).read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parent.name)
def test_reference_samples_are_drawn_again_to_the_same_spins(path: Path, tmp_path: Path) -> None:
    import torch

    from rsmi.storage import SampleRecipe, generate, open_samples, verify

    recipe = SampleRecipe.from_yaml((path.parent / "reference.yaml").read_text())
    generate(recipe, tmp_path / "samples.h5")
    reference = path.parent / "reference.h5"
    with open_samples(tmp_path / "samples.h5") as drawn, open_samples(reference) as kept:
        assert torch.equal(drawn.read(0, drawn.n), kept.read(0, kept.n))
    assert verify(reference).n == recipe.chains * recipe.records


def test_every_model_has_a_dataset() -> None:
    from rsmi.sampling.families import families
    from rsmi.storage import SampleRecipe

    models = {SampleRecipe.from_yaml(path.read_text()).model for path in RECIPES}
    assert models == set(families)


@pytest.mark.parametrize("path", sorted(ROOT.glob("configs/*.yaml")), ids=lambda path: path.stem)
def test_every_config_parses(path: Path) -> None:
    """A config is accepted by its command (the first word of its name, `run` by default)."""
    from rsmi.cli.couplings import CouplingsTask
    from rsmi.cli.flow import FlowTask
    from rsmi.cli.invert import InvertTask
    from rsmi.cli.operators import OperatorsTask
    from rsmi.cli.parsing import parse
    from rsmi.cli.scan import ScanTask, asked_of
    from rsmi.runs.settings import Compare, Run

    if path.stem.startswith("scan"):
        task, _ = parse("scan", ScanTask, [str(path)], "")
        assert len(asked_of(task).points()) > 1
        return
    if path.stem.startswith("theory"):
        from rsmi.cli.theory import PARTS

        part = PARTS[path.stem.split("_")[1]]
        assert isinstance(parse("theory", part.settings, [str(path)], "")[0], part.settings)
        return
    if path.stem.startswith("train"):
        from rsmi.runs.training import CompareLayers

        assert isinstance(parse("layers compare", CompareLayers, [str(path)], "")[0], CompareLayers)
        return
    if path.stem.startswith(("fit", "layers", "samples")):
        assert isinstance(yaml.safe_load(path.read_text()), dict)
        return
    for command, kind in (
        ("compare", Compare),
        ("flow", FlowTask),
        ("couplings", CouplingsTask),
        ("operators", OperatorsTask),
        ("invert", InvertTask),
    ):
        if path.stem.startswith(command):
            assert isinstance(parse(command, kind, [str(path)], "")[0], kind)
            return
    task, _ = parse("run", Run, [str(path)], "")
    assert isinstance(task, Run)


def test_the_wheel_holds_only_the_package(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        tmp_path,
        ROOT,
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"rsmi"}
    assert {"rsmi/py.typed", "rsmi/report/templates/page.html", "rsmi/cli/main.py"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]


def test_studies_import_public_faces_only() -> None:
    """Faces, and what of the report and of sampling is documented beside them."""
    faces = "errors|information|known|lattice|layers|learning|progress|renormalization|report"
    found = {
        module
        for path in (ROOT / "studies").rglob("*.py")
        for module in re.findall(r"^from (rsmi[\w.]*) import", path.read_text(), re.MULTILINE)
    }
    assert found
    allowed = rf"rsmi(\.({faces}|storage|sampling|sampling\.exact|report\.(figures|layers)))?"
    assert not [module for module in found if not re.fullmatch(allowed, module)]


def test_nothing_names_a_machine_or_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no git checkout")
    words = ("/wo" + "rk/", "/tm" + "p/venv", "pypi" + ".org", "files.pythonhost" + "ed")
    for name in listed.stdout.split():
        if Path(name).suffix in {".py", ".md", ".yaml", ".toml", ".txt", ".sh", ""}:
            text = (ROOT / name).read_text(errors="ignore")
            assert not [word for word in words if word in text], name
