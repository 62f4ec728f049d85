"""Each command on small files: what it prints, writes and refuses."""

import importlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from rsmi.lattice import Space, Window, place
from rsmi.learning import make_rule, save_rule, value_rules
from rsmi.renormalization import renormalise
from rsmi.report import read_result
from rsmi.storage import open_samples

Rsmi = Callable[..., Any]

CONFIG = """
samples: {model: ising, shape: [16, 16], temperature: critical, chains: 16, records: 64, thin: 2,
          equilibration: 64, seed: 3}
learning: {hidden: [32], max_epochs: 2, steps_per_epoch: 10, windows_per_configuration: 16}
exponents: {blocks: 16, reach: 1.5}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def array(samples: Path, tmp_path: Path) -> Path:
    """The same configurations, brought from elsewhere."""
    path = tmp_path / "mine.npy"
    with open_samples(samples) as source:
        np.save(path, source.read(0, source.n).numpy())
    return path


def test_run_leaves_everything_behind(rsmi: Rsmi, config: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    said = rsmi("run", config, "--out", out, "--seed", "4")
    assert said.code == 0, said.err
    found = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert found >= {
        "result.json", "report.html", "samples.h5", "config.yaml", "rule/model.yaml",
        "rule/weights.safetensors", "figures/levels.png", "figures/exponents_learned.png",
    }  # fmt: skip
    result = read_result(out / "result.json")
    assert result.seed == 4
    names = {quantity.name for quantity in result.quantities()}
    assert names >= {
        "information.learned", "information.learned.null", "information.learned.fraction",
        "information.exact.optimum", "information.majority", "exponents.y_t", "exponents.y_h",
        "exponents.majority.nu", "sampling.energy", "information.ceiling",
    }  # fmt: skip
    assert not any("part" in name for name in found)


def test_run_again_needs_resume_and_then_repeats_its_numbers(
    rsmi: Rsmi, config: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    arguments = ("run", config, "--out", out, "--learning.null", "false")
    assert rsmi(*arguments).code == 0
    samples, numbers = (out / "samples.h5").read_bytes(), read_result(out / "result.json")
    again = rsmi(*arguments)
    assert again.code == 2
    assert "add --resume to go on with it" in again.err
    assert rsmi(*arguments, "--resume").code == 0
    assert (out / "samples.h5").read_bytes() == samples
    assert read_result(out / "result.json").quantities() == numbers.quantities()
    other = rsmi(*arguments, "--seed", "9", "--resume")
    assert other.code == 2
    assert "holds a run with other settings" in other.err


def test_run_on_data_from_elsewhere_says_what_it_cannot_know(
    rsmi: Rsmi, array: Path, tmp_path: Path
) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(CONFIG.split("learning:")[1].join(["learning:", ""]) + f"data: {array}\n")
    said = rsmi("run", config, "--out", tmp_path / "out", "--learning.null", "false")
    assert said.code == 0, said.err
    assert "the Hamiltonian of these samples is not known" in said.err
    quantities = read_result(tmp_path / "out" / "result.json").quantities()
    assert not any(".exact." in q.name for q in quantities)
    assert all(q.reference is None for q in quantities if q.name.startswith("exponents"))


def test_steps_one_by_one(rsmi: Rsmi, samples: Path, tmp_path: Path) -> None:
    fit = rsmi(
        "fit", "--model", "PosteriorRSMI", "--model.hidden", "[32]", "--data.path", samples,
        "--data.window.block", "[2,2]", "--data.window.buffer", "1", "--trainer.max_epochs", "1",
        "--data.steps_per_epoch", "10", "--data.windows_per_configuration", "16",
        "--trainer.enable_progress_bar", "false", "--out", tmp_path / "fit",
    )  # fmt: skip
    assert fit.code == 0, fit.err
    rule = tmp_path / "fit" / "rule"
    information = rsmi(
        "information", "--data", samples, "--rules", f"[majority,{rule}]",
        "--learning.max_epochs", "1", "--learning.hidden", "[32]",
        "--learning.windows_per_configuration", "16", "--out", tmp_path / "information",
    )  # fmt: skip
    assert information.code == 0, information.err
    assert "information.exact.rule" in information.out
    exponents = rsmi(
        "exponents", "--data", samples, "--rule", rule, "--blocks", "16", "--reach", "1.5",
        "--out", tmp_path / "exponents",
    )  # fmt: skip
    assert exponents.code == 0, exponents.err
    assert "exponents.y_t" in exponents.out
    shown = rsmi("info", rule)
    assert shown.code == 0
    assert "p(h = +1 | v)" in shown.out
    assert "its content is as it was written (SHA-256)" in shown.out
    result = rsmi("info", tmp_path / "exponents" / "result.json")
    assert "its content is as it was written (SHA-256)" in result.out


def test_info_says_what_a_format_cannot_see(rsmi: Rsmi, tmp_path: Path) -> None:
    state = {"weight": torch.ones(2, 3), "bias": torch.full((2,), torch.nan)}
    save_file(state, tmp_path / "w.safetensors")
    torch.save(state, tmp_path / "w.pt")
    foreign, archive = (rsmi("info", tmp_path / name) for name in ("w.safetensors", "w.pt"))
    for shown in (foreign, archive):
        assert "8 numbers in 2 tensors" in shown.out
        assert "not finite: bias; refused unless fresh weights are so too" in shown.out
    assert "no checksum: this format has none" in foreign.out
    assert "every tensor is as it was written" in archive.out
    old = Path(__file__).parents[1] / "learning" / "data" / "rule-0.1.0"
    assert "no checksum: written by version 0.1.0" in rsmi("info", old).out


def test_letters_of_an_array_are_told_by_the_space(rsmi: Rsmi, tmp_path: Path) -> None:
    """On the command line, in its long form, and in a config, as a line and as a mapping."""
    path, text = tmp_path / "letters.npy", "clock(3) on square [8, 8]"
    np.save(path, np.random.default_rng(0).integers(0, 3, (64, 8, 8)))
    mapping = "{lattice: square, cells: [8, 8], alphabet: clock(3)}"
    (tmp_path / "a.yaml").write_text(f"file: {path}\nselect: {{space: {mapping}}}\n")
    (tmp_path / "b.yaml").write_text(f"file: {path}\nselect:\n  space: {text}\n")
    for words in (
        ["--file", path, "--space", text],
        ["--file", path, f"--space={mapping}"],
        ["--file", path, "--select.space", text],
        ["--config", tmp_path / "a.yaml"],
        ["--config", tmp_path / "b.yaml"],
    ):
        said = rsmi("info", *words)
        assert said.code == 0, said.err
        assert text in said.out
        assert "every value is a letter of the space" in said.out
    said = rsmi("exponents", "--data", path, "--rule", "plurality")
    assert said.code == 2
    assert "say which with space=, or --space: 'clock(3) on square [8, 8]'" in said.err
    said = rsmi("exponents", "--data", path, "--rule", "plurality", "--space", "spins")
    assert (said.code, "expected 'ALPHABET on LATTICE [CELLS]'" in said.err) == (2, True)


def test_exponents_are_the_same_for_a_file_and_an_array(
    rsmi: Rsmi, samples: Path, array: Path, tmp_path: Path
) -> None:
    values = []
    for number, data in enumerate((samples, array)):
        out = tmp_path / str(number)
        said = rsmi(
            "exponents", "--data", data, "--rule", "majority", "--block", "[2,2]", "--blocks",
            "16", "--reach", "1.5", "--out", out,
        )  # fmt: skip
        assert said.code == 0, said.err
        values.append(read_result(out / "result.json").find("exponents.y_t").value)
    assert values[0] == pytest.approx(values[1], abs=1e-12)


@pytest.fixture(scope="module")
def potts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Critical configurations of three states, 16 x 16."""
    from rsmi.storage import SampleRecipe, generate

    path = tmp_path_factory.mktemp("potts") / "samples.h5"
    recipe = SampleRecipe(
        model="potts", shape=(16, 16), temperature="critical", parameters={"states": 3},
        chains=32, records=32, seed=4, thin=4, equilibration=60,
    )  # fmt: skip
    generate(recipe, path)
    return path


def test_exponents_of_a_recipe_are_those_of_its_file(rsmi: Rsmi, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "{shape: [16, 16], temperature: critical, chains: 16, records: 64, thin: 2, "
        "equilibration: 64, seed: 3}"
    )
    assert rsmi("sample", "--config", recipe, "--out", tmp_path / "file").code == 0
    values = []
    for data in (recipe, tmp_path / "file" / "samples.h5"):
        options = ["--rule", "majority", "--blocks", "16", "--reach", "1.5"]
        said = rsmi("exponents", "--data", data, *options, "--out", out := tmp_path / data.stem)
        assert said.code == 0, said.err
        values.append(read_result(out / "result.json").find("exponents.y_t").value)
    assert values[0] == values[1]
    refused = rsmi("exponents", "--data", recipe, "--select.seed", "3")
    assert refused.code == 2
    assert "is a recipe, of which nothing can be selected" in refused.err


def test_exponents_of_potts_samples_stand_beside_the_exact_ones(
    rsmi: Rsmi, potts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = rsmi(
        "exponents", "--data", potts, "--rule", "plurality", "--block", "2,2", "--blocks", "16",
        "--reach", "1.5", "--out", out,
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "16x16 -> 8x8 -> 4x4 -> 2x2; 4 even, 5 odd couplings" in said.err
    found = {
        name: read_result(out / "result.json").find(f"exponents.{name}") for name in ["y_t", "y_h"]
    }
    assert (found["y_t"].reference, found["y_h"].reference) == (6 / 5, 28 / 15)
    assert abs(found["y_h"].deviation) < 4.9


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("majority", "'majority' is for two letters, the space has the letters 0, 1, 2; use plur"),
        ("vacancy_majority", "is for the three letters -1, 0 and +1, the space has"),
        ("models/ising2d_2x2", "for the letters -1, +1, those of the samples are 0, 1, 2"),
    ],
)
def test_rules_of_other_letters_are_refused(
    rsmi: Rsmi, potts: Path, rule: str, message: str, tmp_path: Path
) -> None:
    said = rsmi("exponents", "--data", potts, "--rule", rule, "--out", tmp_path / "out")
    assert said.code == 2
    assert message in said.err


def test_a_run_on_letters_with_rules_of_spins_is_refused_before_sampling(
    rsmi: Rsmi, config: Path, tmp_path: Path
) -> None:
    said = rsmi(
        "run", config, "--out", tmp_path / "out", "--samples.model", "potts",
        "--samples.parameters.states", "3", "--exponents.rules", "[majority]",
    )  # fmt: skip
    assert said.code == 2
    assert "the rule 'majority' is for two letters, the space has the letters 0, 1, 2" in said.err
    said = rsmi(
        "run", config, "--out", tmp_path / "out", "--samples.model", "potts",
        "--samples.parameters.states", "3",
    )  # fmt: skip
    assert said.code == 2
    assert "set learning.symbols: 3" in said.err


OWN = """
import torch
from torch import nn


class Sum(nn.Module):
    arguments = {}

    def forward(self, features):
        field = 30 * features.sum((1, 2))
        return torch.stack([-field, field], 1)
"""


def test_a_network_of_ones_own_is_iterated_where_it_is_trusted(
    rsmi: Rsmi, array: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the command says what the function says."""
    (tmp_path / "sum_of_spins.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    network = importlib.import_module("sum_of_spins").Sum()
    placed = place(Window((2, 2), 1), Space.from_text("spins on square [16, 16]"))
    save_rule(make_rule(network, placed).hardened(), tmp_path / "table", {})
    save_rule(make_rule(network, placed), tmp_path / "mine", {})
    options = ("exponents", "--data", array, "--blocks", "16", "--reach", "1.5", "--rule")
    said = rsmi(*options, tmp_path / "mine")
    assert said.code == 2
    assert "loading it runs that code, which can do whatever you can; read it" in said.err
    said = rsmi(*options, tmp_path / "mine", "--trust", "--out", tmp_path / "out")
    assert said.code == 0, said.err
    found = read_result(tmp_path / "out" / "result.json").quantities()
    same = renormalise(array, tmp_path / "table", blocks=16, reach=1.5).quantities()
    assert [(q.name, q.value, q.error) for q in found] == [(q.name, q.value, q.error) for q in same]


def test_exponents_that_are_refused_leave_their_numbers(
    rsmi: Rsmi, array: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = rsmi(
        "exponents", "--data", array, "--rule", "decimation", "--block", "[2,2]", "--out", out,
        "--blocks", "16",
    )  # fmt: skip
    assert said.code == 1
    assert "error: no fixed point here: the rule copies spins of its block" in said.err
    assert "y_h over the steps: 1.9" in said.err
    assert "nothing is known of the Hamiltonian" in said.err
    result = read_result(out / "result.json")
    assert result.find("exponents.fixed_point").value == 0
    assert "y_h drifts" in str(result.find("exponents.fixed_point").context["verdict"])
    names = {quantity.name for quantity in result.quantities()}
    assert names >= {"exponents.scan.y_h", "exponents.scan.drift.y_h", "exponents.scan.odd_average"}
    assert not names & {"exponents.y_t", "exponents.y_h", "exponents.nu"}


def test_a_run_with_a_rule_that_copies_is_refused_before_sampling(
    rsmi: Rsmi, config: Path, tmp_path: Path
) -> None:
    said = rsmi("run", config, "--out", tmp_path / "out", "--exponents.rules", "[decimation]")
    assert said.code == 2
    assert "exponents.rules holds 'decimation', but the rule copies spins" in said.err
    assert not (tmp_path / "out").exists()


def test_a_run_off_criticality_writes_all_but_exponents_and_fails(
    rsmi: Rsmi, config: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = rsmi(
        "run", config, "--out", out, "--samples.temperature", "2.6", "--learning.null", "false"
    )
    assert said.code == 1
    assert "error: no fixed point with rule 'learned', 'majority': the samples say K =" in said.err
    assert "y_h drifts" in said.err
    assert (out / "report.html").exists()
    names = {quantity.name for quantity in read_result(out / "result.json").quantities()}
    assert {"information.learned", "exponents.scan.y_t", "exponents.majority.fixed_point"} <= names
    assert "exponents.y_t" not in names


def test_sample_and_info(rsmi: Rsmi, tmp_path: Path) -> None:
    out = tmp_path / "samples"
    said = rsmi(
        "sample", "--shape", "[8,8]", "--temperature", "2.5", "--chains", "4", "--records", "32",
        "--seed", "1", "--thin", "2", "--equilibration", "64", "--out", out,
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "64 sweeps discarded" in said.err
    assert "sampling.energy" in said.out
    shown = rsmi("info", out / "samples.h5")
    assert "128 in 4 chains" in shown.out
    assert "energies agree with the spins" in shown.out


@pytest.mark.parametrize(
    ("arguments", "full"),
    [
        (["--shape", "[6,inf]"], 0.44920589),
        (["--shape", "[inf]", "--block", "[2]", "--temperature", "2"], 0.0457356),
        (["--shape", "[4,4]", "--buffer", "0", "--block", "[4,2]", "--rules", "[]"], 0.728727),
    ],
)
def test_exact_prints_the_known_values(
    arguments: list[str], full: float, rsmi: Rsmi, tmp_path: Path
) -> None:
    assert rsmi("exact", *arguments, "--out", tmp_path / "exact").code == 0
    assert "What each rule keeps" in (tmp_path / "exact" / "report.html").read_text()
    found = json.loads((tmp_path / "exact" / "result.json").read_text())["quantities"][0]
    assert found["name"] == "information.exact.full"
    assert found["kind"] == "exact"
    assert found["value"] == pytest.approx(full, abs=5e-7)


@pytest.mark.parametrize(
    ("arguments", "most", "best"),
    [
        (["potts", "--parameters.states", "3"], 0.46034132, 0.46380053),
        (
            ["blume_capel", "--temperature", ".60858", "--parameters.crystal_field", "1.96582"],
            0.51088744,
            0.52814224,
        ),
    ],
)
def test_exact_solves_models_of_three_letters(
    arguments: list[str], most: float, best: float, rsmi: Rsmi, tmp_path: Path
) -> None:
    shape = ["--shape", "[4,inf]", "--out", tmp_path / "exact"]
    said = rsmi("exact", *shape, "--rules", "[plurality,optimum]", "--model", *arguments)
    assert said.code == 0, said.err
    found = json.loads((tmp_path / "exact" / "result.json").read_text())["quantities"]
    values = {quantity["name"].rpartition(".")[2]: quantity for quantity in found}
    assert values["plurality"]["value"] == pytest.approx(most, abs=1e-8)
    assert values["optimum_any"]["value"] == pytest.approx(best, abs=1e-8)
    assert (values["plurality"]["kind"], values["optimum_any"]["kind"]) == ("exact", "lower")
    assert values["optimum_any"]["context"]["symbols"] == 3


def test_exact_lists_the_configurations_of_other_spaces(rsmi: Rsmi) -> None:
    said = rsmi(
        *("exact", "--model", "dimers", "--shape", "[6,6]", "--temperature", "inf"),
        *("--rules", "[optimum]", "--symbols", "2"),
    )
    assert said.code == 0, said.err
    assert "information.exact.full         1.3273094 nats  exact" in said.out
    assert "information.exact.optimum_any  0.2728133 nats  lower" in said.out
    said = rsmi(
        "exact", "--model", "tfim", "--shape", "[8]", "--ball", "1", "--rules", "[majority]"
    )
    assert said.code == 0, said.err
    assert said.out.count("exact") == 4
    said = rsmi("exact", "--shape", "[4,4]", "--block", "[2,2]", "--ball", "1")
    assert said.code == 2
    assert "expected one of block" in said.err


def test_output_can_be_a_rich_table_of_no_more_than_its_columns(rsmi: Rsmi) -> None:
    said = rsmi("exact", "--shape", "[4,inf]", "--rules", "[optimum]", "--z2", "allow")
    assert "0.29568483" in said.out


@pytest.mark.parametrize(
    ("options", "name", "known"),
    [
        ([], "information.exact.optimum", 0.461566),
        (["--z2", "impose"], "information.exact.optimum", 0.461566),
        (["--z2", "allow"], "information.exact.optimum_any", 0.467434),
    ],
)
def test_each_optimum_has_a_name_of_its_own(
    options: list[str], name: str, known: float, rsmi: Rsmi, tmp_path: Path
) -> None:
    out = tmp_path / "exact"
    said = rsmi("exact", "--shape", "[6,6]", "--rules", "[optimum]", *options, "--out", out)
    assert said.code == 0, said.err
    found = {q.name: q for q in read_result(out).quantities()}
    assert found[name].value == pytest.approx(known, abs=1e-6)
    assert found[name].context["z2"] == (options or ["", "impose"])[1]
    assert len(found) == 2


@pytest.mark.parametrize("use", ["impose", "allow"])
def test_information_names_the_optimum_alike(
    use: str, rsmi: Rsmi, samples: Path, tmp_path: Path
) -> None:
    said = rsmi(
        "information", "--data", samples, "--learning.max_epochs", "2", "--learning.symmetry", use,
        "--learning.learning_rate", "0.02", "--out", tmp_path / "out",
    )  # fmt: skip
    assert said.code == 0, said.err
    found = {q.name: q for q in read_result(tmp_path / "out").quantities()}
    names = {"impose": "optimum", "allow": "optimum_any"}
    assert {f"information.exact.{name}" for name in names.values()} & set(found) == {
        f"information.exact.{names[use]}"
    }
    whole = found["information.full"]
    parts = [whole.context[part] for part in ("statistical", "training")]
    assert whole.error == pytest.approx(math.hypot(*parts))
    assert min(parts) > 0
    assert whole.context["symmetry"].startswith("8 of 8 rotations and reflections")


@pytest.mark.parametrize("kind", ["h5", "npy", "npz"])
def test_information_is_what_value_rules_gives(
    kind: str, rsmi: Rsmi, samples: Path, tmp_path: Path
) -> None:
    path = samples
    if kind != "h5":
        path = tmp_path / f"spins.{kind}"
        with open_samples(samples) as opened:
            spins = opened.read(0, opened.n).numpy()
        np.save(path, spins) if kind == "npy" else np.savez(path, spins=spins)
    options = ["--learning.max_epochs", "1", "--learning.steps_per_epoch", "5", "--seed", "3"]
    said = rsmi("information", "--data", path, *options, "--out", tmp_path / "out")
    assert said.code == 0, said.err
    rules = ["majority", "decimation"]
    found = value_rules(path, Window((2, 2), 1), rules, seed=3, max_epochs=1, steps_per_epoch=5)
    told = {q.name: (q.value, q.error) for q in read_result(tmp_path / "out").quantities()}
    assert told == {q.name: (q.value, q.error) for q in found.quantities()}
