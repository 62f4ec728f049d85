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

from rsmi.cli.output import counting
from rsmi.information import Estimate
from rsmi.layers import (
    Estimators,
    Finding,
    Options,
    analyse_layers,
    build_network,
    quantise,
    sampled_inputs,
)
from rsmi.layers.report import grouped
from rsmi.report import read_result
from rsmi.runs import Layers, measure_layers
from rsmi.sampling import System

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

def deep():
    return nn.Sequential(*(nn.Sequential(nn.Linear(6, 6), nn.Tanh()) for _ in range(30)))

def pair():
    return nn.Sequential(Pair())

def log():
    return nn.Sequential(Log())

class Signs(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :3]

def signs():
    return nn.Sequential(Signs())

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
    return {q.kind: q.value for q in read_result(out).quantities() if q.name == name}


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


SYSTEMS = {
    "potts": (("--system.shape", "2x3", "--system.parameters.states", "3"), {"states": 3}),
    "dimers": (("--system.shape", "4x4", "--system.temperature", "inf", "--draw", "640"), {}),
}


@pytest.mark.parametrize("model", SYSTEMS)
def test_inputs_are_the_configurations_of_any_model(model: str, rsmi: Rsmi, here: Path) -> None:
    arguments, parameters = SYSTEMS[model]
    said = rsmi(
        "layers", "--model", "mine.signs", "--system.model", model, *arguments, "--out", "out"
    )
    assert said.code == 0, said.err
    system = System((2, 3) if parameters else (4, 4), model, None if parameters else "inf",
                    parameters)  # fmt: skip
    known = numbers(here / "out", "layers.H(X)")["exact"]
    assert known == pytest.approx(system.entropy().value, abs=1e-9)
    draw = None if parameters else 640
    found = measure_layers(Layers("mine.signs", system=system, draw=draw))
    assert found.quantities() == read_result(here / "out").quantities()


def test_inputs_are_a_file_or_a_system(rsmi: Rsmi, here: Path) -> None:
    for arguments, message in (
        ((), "give either `data` (a file of inputs) or `system`"),
        (("--data", "bits.npz", "--system.shape", "2x2"), "not both"),
        (("--data", "bits.npz", "--draw", "64"), "draw is a number of configurations of `system`"),
        (("--system.shape", "6x6"), "visiting all is supported up to"),
        (("--system.shape", "[4,inf]"), "takes a lattice that ends"),
    ):
        said = rsmi("layers", "--model", "mine.signs", *arguments, "--out", "out")
        assert said.code == 2
        assert message in " ".join(said.err.split())
        assert not Path("out").exists()


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
    text = report.table(80)
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


def test_a_network_computes_in_float64_when_told(rsmi: Rsmi, here: Path) -> None:
    """What the audit advises where rounding decides; the labels are bounded beside it."""
    said = rsmi("layers", "--model", "mine.Net", "--data", "real.npz", "--dtype", "float64")
    assert said.code == 0, said.err
    assert "not given: I(X;T), H(T) is infinite" in said.out
    assert "rounding" not in said.out


def kept_as(x: Any, y: Any) -> dict[str, tuple[str, ...]]:
    """The same rows in every kind of file, with what the command must be told about it."""
    np.save("x.npy", x)
    np.save("y.npy", y)
    np.savez("both.npz", x=x, y=y)
    with h5py.File("both.h5", "w") as file:
        file["x"], file["y"] = x, y
    return {"both.npz": (), "both.h5": (), "x.npy": ("--labels", "y.npy")}


CASES: dict[str, tuple[Callable[[Any], Any], tuple[str, ...]]] = {
    "signs": (lambda rng: 2 * rng.integers(0, 2, (600, 6), dtype=np.int8) - 1, ()),
    "bytes": (lambda rng: rng.integers(0, 256, (600, 6), dtype=np.uint8), ()),
    "integers": (lambda rng: 2**40 + rng.integers(0, 2, (600, 6)), ("--dtype", "float64")),
    "floats": (lambda rng: rng.normal(size=(600, 6)), ()),
    "a chain": (lambda rng: rng.integers(0, 2, (60, 6)).repeat(10, 0), ("--chains", "1")),
    "in order": (
        lambda rng: np.sort(rng.integers(0, 4, (600, 6)), 0), ("--chains", "independent"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_command_and_function_agree_on_every_kind_of_file(
    case: str, rsmi: Rsmi, here: Path
) -> None:
    """Number for number, with the arrays in memory too, whatever the data type."""
    make, told = CASES[case]
    x = make(np.random.default_rng(3))
    y = x.sum(1) > np.median(x.sum(1))
    said = dict(zip(told[::2], told[1::2], strict=True))
    chains = said.get("--chains")
    arguments: Any = {
        "chains": int(chains) if chains and chains.isdigit() else chains,
        "options": Options(quantise=3, batch_size=250, device="cpu", take={}),
    }
    network = build_network("mine.Net", dtype=said.get("--dtype"))
    found = [
        analyse_layers(network, data, labels=labels, **arguments)
        for data, labels in (((x, y), None), (x, y), (torch.from_numpy(x), torch.from_numpy(y)))
    ]
    for data, more in kept_as(x, y.astype(float)).items():
        ran = rsmi(
            "layers", "--model", "mine.Net", "--data", data, *more, *told, "--quantise", "3",
            "--batch_size", "250", "--out", f"out_{data}",
        )  # fmt: skip
        assert ran.code == 0, ran.err
        found.append(analyse_layers(network, data, labels=more[1] if more else None, **arguments))
        assert read_result(here / f"out_{data}").quantities() == found[-1].quantities()
    assert all(report.rows == found[0].rows for report in found)
    assert found[0].rows[0].quantities


def test_noise_and_the_untrained_control(rsmi: Rsmi, here: Path) -> None:
    said = rsmi(
        "layers", "--model", "mine.Net", "--data", "real.npz", "--layers", "[Tanh]",
        "--noise", "0.5", "--untrained", "true", "--training.epochs", "1", "--out", "out",
    )  # fmt: skip
    assert said.code == 0, said.err
    result = read_result(here / "out")
    assert {q.context["network"] for q in result.quantities()} == {"network", "untrained"}
    assert numbers(here / "out", "layers.encoder.1.I(X;T)").keys() == {"lower", "upper"}
    assert "not given: H(T) is infinite, since T is continuous" in said.out


def test_a_spin_file_is_taken_as_it_is(rsmi: Rsmi, samples: Path, here: Path) -> None:
    said = rsmi(
        "layers", "--model", "torch.nn.AvgPool1d", "--init_args.kernel_size", "8", "--data",
        samples, "--layers", "[model]",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "discrete inputs" in said.out


def test_the_seed_decides_fresh_weights(rsmi: Rsmi, here: Path) -> None:
    values = []
    for place, seed in enumerate(("1", "1", "2")):
        torch.rand(place)
        said = rsmi(
            "layers", "--model", "mine.Net", "--data", "bits.npz", "--inputs", "finite",
            "--quantise", "2", "--layers", "[Tanh]", "--seed", seed, "--out", f"out{place}",
        )  # fmt: skip
        assert said.code == 0, said.err
        values.append(numbers(here / f"out{place}", "layers.encoder.1.H(X|T)"))
    assert values[0] == values[1] != values[2]


def test_weights_under_a_prefix_and_whole_networks_of_levels(rsmi: Rsmi, here: Path) -> None:
    import mine

    state = {f"net.{name}": weight for name, weight in mine.Net().state_dict().items()}
    torch.save({"state_dict": state}, "lightning.ckpt")
    arguments = (
        "layers", "--model", "mine.Net", "--weights", "lightning.ckpt", "--data", "bits.npz",
        "--inputs", "finite", "--quantise", "3",
    )  # fmt: skip
    said = rsmi(*arguments)
    assert said.code == 2
    assert "under the prefix 'net.': give prefix" in said.err
    assert rsmi(*arguments, "--prefix", "net.").code == 0


def test_sixty_layers_fit_a_terminal_and_a_picture(rsmi: Rsmi, here: Path) -> None:
    said = rsmi(
        "layers", "--model", "mine.deep", "--data", "bits.npz", "--inputs", "finite", "--out",
        "out", "--untrained", "true", "--estimators.range_bins", "[30]",
    )  # fmt: skip
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert len(lines) < 100
    assert max(map(len, lines)) <= 100
    assert ".. 52 more .." in said.out
    assert "not printed: 52 rows; --out, to_dict() and to_frame() give all of them" in said.out
    page = (here / "out" / "report.html").read_text()
    assert all(f"{k}.1 [6]" in page for k in range(30))


def test_the_bar_goes_on_while_estimators_work() -> None:
    told: list[tuple[int, int, str]] = []
    network = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2))
    options = Options(
        estimators=Estimators(range_bins=(30,)), progress=lambda *done: told.append(done)
    )
    analyse_layers(network, torch.randn(40, 6), options=options)
    assert told == [(40, 40, "inputs"), *((done, 3, "layers") for done in (1, 2, 3))]
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80)
    with counting(console, "inputs") as bar:
        bar(5, 40)
        bar(2, 3, "layers")
    assert "layers" in stream.getvalue()
    assert "2/3" in stream.getvalue()


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
        ("--model", "mine.first", "--data", "bare.npy", "--labels", "short.npy"),
        "expected (64,) whole numbers",
    ),
    "fractions": (
        ("--model", "mine.first", "--data", "bare.npy", "--labels", "half.npy"), "whole numbers",
    ),
    "two labels": (
        ("--model", "mine.first", "--data", "bits.npz", "--labels", "short.npy"),
        "labels were given beside bits.npz, which holds labels y; leave them out",
    ),
    "one chain": (
        ("--model", "mine.first", "--data", "chain.npy"),
        "rows at a distance of 1 are alike, as those of a Markov chain are and independent ones "
        "are not; say of how many chains the rows are (chains=1, --chains 1",
    ),
    "chains": (
        ("--model", "mine.first", "--data", "chain.npy", "--chains", "7"),
        "1000 rows of 7 chains; expected a number of chains >= 1 that divides them",
    ),
    "large integers": (
        ("--model", "mine.Net", "--data", "large.npy"),
        "integers up to 16777217 do not fit float32, which this network takes",
    ),
    "probabilities": (
        ("--model", "mine.first", "--data", "weighted.npz"),
        "holds probabilities p, which belong to a finite set; say that its rows are all inputs",
    ),
    "H(X) of a finite set": (
        ("--model", "mine.first", *BITS, "--entropy", "1"),
        "entropy was given beside a finite set, whose H(X) is counted; leave it out",
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
    "no x": (
        ("--model", "mine.first", "--data", "other.npz"),
        "holds inputs [5, 6] float64, labels [5] int64 and no x; save the inputs as x",
    ),
    "both": (
        ("--model", "mine.first", *BITS, "--noise", "1", "--quantise", "2"), "give one",
    ),
    "one level": (("--model", "mine.first", *BITS, "--quantise", "1"), "at least 2 levels"),
    "unknown key": (("--model", "mine.first", *BITS, "--bins", "3"), "bins"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_explained(case: str, rsmi: Rsmi, here: Path) -> None:
    import mine

    with np.load("bits.npz") as bits:
        np.save("bare.npy", bits["x"])
        np.savez("weighted.npz", x=bits["x"], p=np.full(64, 1 / 64))
    np.save("chain.npy", np.random.default_rng(0).integers(0, 2, (100, 6)).repeat(10, 0))
    np.save("large.npy", np.array([[2**24] * 6, [2**24 + 1] * 6]))
    np.save("short.npy", np.zeros(9, dtype=int))
    np.savez("other.npz", inputs=np.ones((5, 6)), labels=np.arange(5))
    np.save("half.npy", np.full(64, 0.5))
    np.save("one.npy", np.ones((1, 6), dtype=int))
    np.save("objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    torch.save(mine.Net(), "whole.pt")
    save_file(mine.Net(4).state_dict(), "other.safetensors")
    arguments, words = REFUSED[case]
    said = rsmi("layers", *arguments)
    assert said.code == 2, said.out + said.err
    assert words in said.err
