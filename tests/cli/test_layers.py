"""`rsmi layers`: a user's network and files, the studies, and what is refused."""

import io
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import save_file
from torch import nn

from rsmi.cli.layers.printing import grouped, report_table
from rsmi.information import Estimate
from rsmi.layers import (
    Estimators,
    Finding,
    Options,
    analyse_layers,
    quantise,
    sampled_inputs,
)
from rsmi.report import read_result

Rsmi = Callable[..., Any]

NETWORKS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, hidden: int = 5):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, hidden), nn.Tanh())
        self.head = nn.Linear(hidden, 2)
    def forward(self, x):
        return self.head(self.encoder(x))

class First(nn.Module):
    "Keeps the first two of six entries."
    def forward(self, x):
        return x[:, :2]

class Pair(nn.Module):
    def forward(self, x):
        return x, x[:, :3]

class Log(nn.Module):
    def forward(self, x):
        return x.log()

class Constant(nn.Module):
    def forward(self, x):
        return torch.zeros(len(x), 2)

def first():
    return nn.Sequential(First())

def pair():
    return nn.Sequential(Pair())

def log():
    return nn.Sequential(Log())

def constant():
    return nn.Sequential(Constant())

number = 3
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with networks and data of six bits, as the working directory."""
    (tmp_path / "mine.py").write_text(NETWORKS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    x = ((np.arange(64)[:, None] >> np.arange(6)) & 1) * 2 - 1
    np.savez("bits.npz", x=x, y=(x.sum(1) > 0).astype(int))
    rows = np.random.default_rng(1).integers(0, 64, 3000)
    np.savez("samples.npz", x=x[rows], y=(x[rows].sum(1) > 0).astype(int))
    np.savez("real.npz", x=np.random.default_rng(2).normal(size=(1200, 6)), y=rows[:1200] % 2)
    return tmp_path


def numbers(out: Path, name: str) -> dict[str, float]:
    """Values of one quantity by kind."""
    return {q.kind: q.value for q in read_result(out).quantities if q.name == name}


def test_every_row_of_a_finite_set_gives_exact_values(rsmi: Rsmi, here: Path) -> None:
    said = rsmi(
        "layers", "--model", "mine.first", "--data", "bits.npz", "--inputs", "finite",
        "--out", "out",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert numbers(here / "out", "layers.0.H(X|T)") == {
        "exact": pytest.approx(4 * math.log(2), abs=1e-12)
    }
    assert numbers(here / "out", "layers.H(X)")["exact"] == pytest.approx(6 * math.log(2))
    assert "H(Y|T)" in said.out
    assert "audit: nothing found" in said.out
    found = {str(p.relative_to("out")) for p in Path("out").rglob("*") if p.is_file()}
    assert found == {"config.yaml", "result.json", "report.html", "figures/depth.png"}


def test_samples_give_two_values_around_the_truth(rsmi: Rsmi, here: Path) -> None:
    said = rsmi(
        "layers", "--model", "mine.first", "--data", "samples.npz", "--entropy", "4.158883",
        "--out", "out",
    )  # fmt: skip
    assert said.code == 0, said.err
    ends = numbers(here / "out", "layers.0.H(X|T)")
    assert set(ends) == {"lower", "upper"}
    assert ends["lower"] - 0.02 < 4 * math.log(2) < ends["upper"] + 0.02
    assert ".." in said.out


def test_tables_are_whole_at_80_columns() -> None:
    x = torch.randn(3000, 6, generator=torch.Generator().manual_seed(1)).sign()
    inputs = sampled_inputs(x, (x.sum(1) > 0).long(), entropy=Estimate(4.158883, 0.0, "exact"))
    network = quantise(nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2)), "[12]", 3)
    options = Options(estimators=Estimators(fixed_widths=(0.07,), range_bins=(30,)))
    report = analyse_layers(network, inputs, layers="[12]", options=options)
    stream = io.StringIO()
    Console(file=stream, width=80).print(report_table({"network": report}))
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    lines = [line for line in text.splitlines() if line.startswith("1 [5]")]
    assert len(lines) == 2
    assert lines[0].count("..") == 3
    assert "bins(0.07).I(X;T)" in text
    assert "estimates depend on their scale" in text


def test_findings_that_say_the_same_share_a_line() -> None:
    found = [
        Finding("ceiling", layer, f"{name} = 6.931 nats is within 2 % of ln N = 6.931, which")
        for layer in ("a", "b")
        for name in ("H(T)", "I(X;T)")
    ]
    other = Finding("constant", "c", "every activation is 0")
    assert grouped([*found, other]) == [
        "ceiling: within 2 % of ln N = 6.931, which [a: H(T), I(X;T); b: H(T), I(X;T)]",
        "constant: every activation is 0 [c]",
    ]


def test_weights_and_arguments_reach_the_network(rsmi: Rsmi, here: Path) -> None:
    import mine

    network = mine.Net(3)
    save_file(network.state_dict(), "net.safetensors")
    torch.save(network.state_dict(), "net.pt")
    values = []
    for weights in ("net.safetensors", "net.pt"):
        said = rsmi(
            "layers", "--model", "mine.Net", "--init_args.hidden", "3", "--weights", weights,
            "--data", "bits.npz", "--inputs", "finite", "--quantise", "2", "--layers", "[Tanh]",
            "--range", "[-1,1]", "--out", weights[-2:],
        )  # fmt: skip
        assert said.code == 0, said.err
        values.append(numbers(here / weights[-2:], "layers.encoder.1.H(X|T)")["exact"])
    assert values[0] == values[1] >= 3 * math.log(2) - 1e-9


def test_hdf5_npy_and_npz_agree(rsmi: Rsmi, here: Path) -> None:
    with np.load("samples.npz") as file:
        x, y = file["x"], file["y"]
    np.save("x.npy", x)
    np.save("y.npy", y)
    with h5py.File("data.h5", "w") as file:
        file["x"], file["y"] = x, y
    found = []
    for data, more in (("samples.npz", ()), ("data.h5", ()), ("x.npy", ("--labels", "y.npy"))):
        out = f"out_{data}"
        said = rsmi(
            "layers", "--model", "mine.first", "--data", data, *more, "--entropy", "4.158883",
            "--batch_size", "500", "--out", out,
        )  # fmt: skip
        assert said.code == 0, said.err
        found.append([numbers(here / out, f"layers.0.{q}") for q in ("H(X|T)", "H(Y|T)")])
    assert found[0] == found[1] == found[2]


def test_noise_and_the_untrained_control(rsmi: Rsmi, here: Path) -> None:
    said = rsmi(
        "layers", "--model", "mine.Net", "--data", "real.npz", "--layers", "[Tanh]",
        "--noise", "0.5", "--untrained", "true", "--training.epochs", "1", "--out", "out",
    )  # fmt: skip
    assert said.code == 0, said.err
    result = read_result(here / "out")
    assert {q.context["network"] for q in result.quantities} == {"network", "untrained"}
    assert numbers(here / "out", "layers.encoder.1.I(X;T)").keys() == {"lower", "upper"}
    assert "not given: H(T) is infinite, since T is continuous" in said.out


def test_a_spin_file_is_taken_as_it_is(rsmi: Rsmi, samples: Path, here: Path) -> None:
    said = rsmi(
        "layers", "--model", "torch.nn.AvgPool1d", "--init_args.kernel_size", "8", "--data",
        samples, "--layers", "[model]",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "discrete inputs" in said.out


def test_a_constant_layer_is_named(rsmi: Rsmi, here: Path) -> None:
    said = rsmi(
        "layers", "--model", "mine.constant", "--data", "bits.npz", "--inputs", "finite",
        "--layers", "[Constant]",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "constant: every activation is 0: the layer is constant and keeps nothing" in said.out


BITS = ("--data", "bits.npz", "--inputs", "finite")
REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "no such layer": (("--model", "mine.Net", *BITS, "--layers", "[conv*]"), "encoder.1 (Tanh)"),
    "tuple": (("--model", "mine.pair", *BITS), "layer '0' returns a tuple of 2"),
    "wrong entry": (("--model", "mine.pair", *BITS, "--take.0", "7"), "has no entry"),
    "labels": (
        ("--model", "mine.first", "--data", "bits.npz", "--labels", "short.npy"),
        "expected (64,) integers",
    ),
    "fractions": (
        ("--model", "mine.first", "--data", "bits.npz", "--labels", "half.npy"), "whole numbers",
    ),
    "nan": (("--model", "mine.log", *BITS), "layer '0' has NaN or infinite activations"),
    "one sample": (("--model", "mine.first", "--data", "one.npy"), "1 sample"),
    "pickled": (
        ("--model", "mine.Net", *BITS, "--weights", "whole.pt"), "holds pickled Python code",
    ),
    "other weights": (
        ("--model", "mine.first", *BITS, "--weights", "other.safetensors"), "do not fit",
    ),
    "infinite": (
        ("--model", "mine.Net", "--data", "real.npz", "--quantities", "[I(X;T)]"),
        "is infinite (continuous input, deterministic layer)",
    ),
    "no module": (("--model", "nothing.Net", *BITS), "nothing cannot be imported"),
    "no class": (("--model", "mine.Other", *BITS), "there is no Other in mine"),
    "no path": (("--model", "Net", *BITS), "expected a dotted path"),
    "no callable": (("--model", "mine.number", *BITS), "expected a class or a function"),
    "no network": (("--model", "builtins.dict", *BITS), "expected a torch.nn.Module"),
    "arguments": (
        ("--model", "mine.Net", "--init_args.depth", "3", *BITS), "cannot be made with",
    ),
    "shape": (
        ("--model", "torch.nn.Linear", "--init_args.in_features", "9",
         "--init_args.out_features", "2", *BITS), "the network raised RuntimeError",
    ),
    "no data": (("--model", "mine.first", "--data", "none.npz"), "there is no file none.npz"),
    "pickled data": (("--model", "mine.first", "--data", "objects.npy"), "is no .npy file"),
    "damaged data": (("--model", "mine.first", "--data", "mine.py"), "mine.py"),
    "both": (
        ("--model", "mine.first", *BITS, "--noise", "1", "--quantise", "2"), "give one",
    ),
    "one level": (("--model", "mine.first", *BITS, "--quantise", "1"), "at least 2 levels"),
    "study": (("--study", "thirteen_bits"), "choose of twelve_bits, ising_phases, digits"),
    "unknown key": (("--model", "mine.first", *BITS, "--bins", "3"), "bins"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_explained(case: str, rsmi: Rsmi, here: Path) -> None:
    import mine

    np.save("short.npy", np.zeros(9, dtype=int))
    np.save("half.npy", np.full(64, 0.5))
    np.save("one.npy", np.ones((1, 6), dtype=int))
    np.save("objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    torch.save(mine.Net(), "whole.pt")
    save_file(mine.Net(4).state_dict(), "other.safetensors")
    arguments, words = REFUSED[case]
    said = rsmi("layers", *arguments)
    assert said.code == 2, said.out + said.err
    assert words in said.err


TWELVE = """
study: twelve_bits
activations: [relu]
widths: [6, 3]
seeds: 2
at: [0, 3]
fit: {epochs: 3, batch_size: 256, learning_rate: 0.01}
kernel_rows: 256
"""
ISING = """
study: ising_phases
sizes: [4]
seeds: 2
fit: {epochs: 1, batch_size: 8192, learning_rate: 0.01}
"""
DIGITS = """
study: digits
levels: [2]
noise: []
seeds: 2
at: [0, 1, 2]
fit: {epochs: 2, batch_size: 64, learning_rate: 0.01}
"""


def study(rsmi: Rsmi, here: Path, text: str) -> Any:
    (here / "study.yaml").write_text(text)
    said = rsmi("layers", "study.yaml")
    assert said.code == 0, said.err
    assert (here / "runs" / "study" / "report.html").is_file()
    return said, read_result(here / "runs" / "study")


def test_the_twelve_bit_study_says_what_it_saw(rsmi: Rsmi, here: Path) -> None:
    said, result = study(rsmi, here, TWELVE)
    claim = result.find("layers.claim.untrained.relu")
    assert claim.context["verdict"] in ("seen", "not seen", "opposite")
    assert f"untrained, H(X|T) rises from T1 to T2: {claim.context['verdict']}" in said.out
    exact = [q for q in result.quantities if q.name == "layers.T1.H(X|T)"]
    assert {(q.context["epoch"], q.context["variant"]) for q in exact} == {
        (epoch, variant) for epoch in (0, 3) for variant in ("float", "quantised")
    }
    names = {q.name for q in result.quantities}
    assert {"layers.T2.bins(0.07).I(X;T)", "layers.T2.kernel(0.1,upper).I(X;T)"} <= names


def test_the_ising_study_shows_rg_layers_exactly(rsmi: Rsmi, here: Path) -> None:
    _, result = study(rsmi, here, ISING)
    found = {
        q.context["network"]: q
        for q in result.quantities
        if q.name == "layers.T1.H(X|T)" and q.context["size"] == 4
    }
    assert found["decimation"].kind == "exact"
    assert found["decimation"].value == pytest.approx(2.963934, abs=1e-5)
    assert found["majority"].value > found["decimation"].value
    assert set(found) >= {"RSMI", "MLP", "CNN", "MLP untrained"}


def test_the_digits_study_has_all_variants(rsmi: Rsmi, here: Path) -> None:
    pytest.importorskip("sklearn")
    said, result = study(rsmi, here, DIGITS)
    variants = {q.context.get("variant") for q in result.quantities}
    assert variants >= {"as it is", "2 levels", "epoch 1", "2 levels, untrained"}
    assert "as it is" in said.out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("seeds: 1", "needs at least 2"),
        ("at: [1, 3]", "begin with 0"),
        ("at: [0, 2]", "make them equal"),
        ("mat: none.mat", "there is no file none.mat"),
        ("mat: bits.npz", "is no readable .mat file"),
        ("steepness: -1.0", "expected a number above 0"),
    ],
)
def test_studies_refuse_settings(change: str, words: str, rsmi: Rsmi, here: Path) -> None:
    key = change.split(":")[0]
    kept = [line for line in TWELVE.splitlines() if not line.startswith(key)]
    (here / "study.yaml").write_text("\n".join([*kept, change]))
    said = rsmi("layers", "study.yaml")
    assert said.code == 2, said.err
    assert words in said.err


def test_original_data_are_read(tmp_path: Path) -> None:
    from scipy.io import savemat

    from rsmi.cli.studies.sphere import all_patterns, label_probability, read_mat

    x, p = all_patterns(), label_probability(all_patterns())
    savemat(tmp_path / "u.mat", {"F": (x.numpy() + 1) / 2, "y": p.numpy()[None]})
    patterns, labels = read_mat(str(tmp_path / "u.mat"))
    assert torch.equal(patterns, x)
    assert torch.equal(labels, p)


def test_the_rule_of_the_sphere_is_invariant() -> None:
    from rsmi.cli.studies.sphere import all_patterns, icosahedron, power

    turn = icosahedron() @ np.roll(np.eye(3), 1, axis=0)  # a rotation by 120 degrees
    order = (turn @ icosahedron().T).argmax(1)
    x = all_patterns()
    assert sorted(order) == list(range(12))
    assert torch.allclose(power(x), power(x[:, order]))


def test_quantised_networks_learn_through_rounding() -> None:
    from rsmi.cli.studies.ensemble import Fit, train_together
    from rsmi.cli.studies.ising_phases import mlp
    from rsmi.cli.studies.phases import enumerated

    phases = enumerated((4, 4), (0.2, 0.6))
    kept = train_together(
        lambda: mlp(4), (0, 1), phases.x, phases.y, Fit(1, 16384, 1e-2), (0, 1), phases.weights
    )
    first, last = (kept[epoch][1].get_submodule("first.1").weight for epoch in (0, 1))
    assert not torch.equal(first, last)


def test_entropy_of_sampled_phases_agrees_with_enumeration() -> None:
    from rsmi.cli.studies.phases import enumerated, sampled

    couplings = (1 / 2.0, 1 / 2.6)
    exact = enumerated((4, 4), couplings).inputs.entropy
    found = sampled((4, 4), couplings, 2048, seed=3).inputs.entropy
    assert exact is not None
    assert found is not None
    assert 0 < found.error < 0.02
    assert abs(found.value - exact.value) < 5 * found.error
    assert abs(found.value + 0.1 - exact.value) > 5 * found.error
