"""Networks alike on held-out rows and unlike on shifted ones; what chance makes of alike ones."""

import numpy as np
import pytest
import torch
from torch import nn

from rsmi.errors import InputError
from rsmi.layers import SetErrors, finite_inputs, sampled_inputs, underspecification
from rsmi.report import read_result


class Threshold(nn.Module):
    """Calls a row 1 where the first number, and a share of the second, is above 0."""

    def __init__(self, share=0.0, noise=0.0, seed=0):
        super().__init__()
        self.share = nn.Parameter(torch.tensor(float(share)))
        self.noise, self.seed = noise, seed

    def forward(self, x):
        flips = torch.Generator().manual_seed(self.seed + round(float(x.abs().sum()) * 1e3))
        wrong = torch.rand(len(x), generator=flips) < self.noise
        score = x[:, 0] + self.share * x[:, 1]
        return torch.where(wrong, -score, score)[:, None]


def rows(seed, second, n=2000):
    """Labels are the sign of the first number; `second` is the size of the other one."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, generator=generator)
    x[:, 1] *= second
    return sampled_inputs(x, (x[:, 0] > 0).long(), kind="continuous")


def test_shifted_rows_show_what_held_out_rows_leave_open():
    networks = [Threshold(share, 0.05, seed) for seed, share in enumerate((0, 0.3, -0.5, 1, 2))]
    found = underspecification(networks, rows(0, 1e-6), {"wide": rows(1, 1.0), "same": rows(2, 0)})
    assert found.verdict("held out") == found.verdict("same") == "as alike as rows tell"
    assert found.verdict("wide") == "underspecified"
    # The angle between (1, share) and (1, 0), over pi, with one label in twenty turned.
    for share, error in zip((0, 0.3, -0.5, 1, 2), found.sets["wide"].errors, strict=True):
        angle = np.arctan(abs(share)) / np.pi
        assert error == pytest.approx(0.05 + 0.9 * angle, abs=0.04)
    ratio = found.ratio("wide")
    assert ratio.value > 10
    assert "underspecified" in found.table()
    assert len(found.plot().axes[0].lines) > 5
    names = [quantity.name for quantity in found.quantities()]
    assert names.count("layers.shift.spread") == 3
    assert names.count("layers.shift.ratio") == 2


def test_networks_that_are_alike_are_not_called_underspecified():
    """In 60 sets of alike networks with independent mistakes, none is, and chance is right."""
    shares, verdicts = [], []
    for seed in range(30):
        networks = [Threshold(0, 0.1, 100 * seed + k) for k in range(6)]
        shifted = {"a": rows(3 * seed, 0, 400), "b": rows(3 * seed + 1, 0, 300)}
        found = underspecification(networks, rows(3 * seed + 2, 0, 400), shifted)
        for name in shifted:
            verdicts.append(found.verdict(name))
            shares.append((found.sets[name].spread.value / found.sets[name].by_chance) ** 2)
    assert set(verdicts) == {"as alike as rows tell"}
    assert np.mean(shares) == pytest.approx(1.0, abs=5 * np.sqrt(2 / 5 / 60))


def test_rows_of_one_chain_count_together():
    """Repeated rows are no new rows: 50 chains of 20 equal rows say what 50 rows say."""
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > 0).long()
    networks = [Threshold(0, 0.3, k) for k in range(4)]
    single = underspecification(
        networks, sampled_inputs(x, y, kind="continuous"), {"a": rows(1, 0)}
    )

    class Again(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x[:50]).repeat(len(x) // 50, 1)

    many = sampled_inputs(x.repeat(20, 1), y.repeat(20), kind="continuous", chains=50)
    loose = sampled_inputs(x.repeat(20, 1), y.repeat(20), kind="continuous")
    chained = underspecification([Again(n) for n in networks], many, {"a": loose})
    first, second = single.sets["held out"], chained.sets["held out"]
    assert second.errors == pytest.approx(first.errors)
    assert second.by_chance == pytest.approx(first.by_chance)
    assert chained.sets["a"].by_chance < 0.3 * first.by_chance


def test_all_inputs_there_are_leave_nothing_to_chance():
    x = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [1.0, -3.0], [-1.0, 3.0]])
    weights = torch.tensor([0.4, 0.4, 0.1, 0.1])
    data = finite_inputs(x, (x[:, 0] > 0).long(), weights)
    found = underspecification([Threshold(0), Threshold(1)], data, {"again": data})
    one: SetErrors = found.sets["held out"]
    assert one.errors == pytest.approx((0.0, 0.2))
    assert one.by_chance == 0
    assert one.disagreement == pytest.approx(0.2)
    assert found.verdict("again") == "differ by their seeds"


class Linear(nn.Module):
    def __init__(self, classes: int = 2):
        super().__init__()
        self.layer = nn.Linear(2, classes)

    def forward(self, x):
        return self.layer(x)


def test_the_command(rsmi, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mynet.py").write_text(
        "from torch import nn\n\n\nclass Net(nn.Sequential):\n"
        "    def __init__(self):\n        super().__init__(nn.Linear(2, 2))\n"
    )
    for seed in range(3):
        torch.manual_seed(seed)
        torch.save(nn.Sequential(nn.Linear(2, 2)).state_dict(), tmp_path / f"{seed}.pt")
    rng = np.random.default_rng(0)
    for name in ("held", "hot"):
        x = rng.normal(size=(200, 2)).astype(np.float32)
        np.savez(tmp_path / f"{name}.npz", x=x, y=(x[:, 0] > 0).astype(np.int64))
    arguments = (
        "layers", "shift", "--model", "mynet.Net", "--weights", "[0.pt, 1.pt, 2.pt]",
        "--data", "held.npz", "--shifted", "{hot: hot.npz}", "--out", tmp_path / "out",
    )  # fmt: skip
    said = rsmi(*arguments)
    assert said.code == 0, said.err
    names = {quantity.name for quantity in read_result(tmp_path / "out").numbers}
    assert {"layers.shift.error", "layers.shift.spread", "layers.shift.disagreement"} <= names
    assert (tmp_path / "out" / "figures" / "shift.png").is_file()
    said = rsmi(*arguments[:5], "[0.pt]", *arguments[6:10], "--out", tmp_path / "one")
    assert said.code == 2
    assert "1 network; the spread between seeds needs at least 2" in said.err


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda n, d: underspecification(n[:1], d, {"a": d}), "1 network; the spread"),
        (lambda n, d: underspecification(n, d, {}), "shifted sets are none; expected at least"),
        (lambda n, d: underspecification(n, d, {"held out": d}), "under a name other than"),
        (
            lambda n, d: underspecification(n, d, {"a": torch.randn(4, 2)}),
            "the rows of 'a' have no labels",
        ),
        (
            lambda n, d: underspecification([nn.Flatten(0), nn.Flatten(0)], d, {"a": d}),
            r"a network returns \[2048\]; expected finite scores",
        ),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(InputError, match=words):
        call([Threshold(0), Threshold(1)], rows(0, 1.0))
