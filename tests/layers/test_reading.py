"""The one reader: whatever holds the same rows gives the same numbers; the rest is asked for."""

import h5py
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.layers import (
    Autoregressive,
    Options,
    Setting,
    Training,
    analyse_layers,
    build_network,
    finite_inputs,
    inputs_of,
    loader_inputs,
    sampled_inputs,
    untrained,
)
from rsmi.layers.collecting import correlated_distance
from rsmi.storage import SampleRecipe, Selection, generate, open_samples


def rows(n=600, seed=0):
    x = np.random.default_rng(seed).integers(0, 3, (n, 4))
    return x, (x.sum(1) > 4).astype(np.int64)


def network(seed=0):
    return build_network(
        "torch.nn.Linear", {"in_features": 4, "out_features": 2, "bias": False}, seed=seed
    )


class Labelled:
    """What an xarray `DataArray` offers, as far as it is used."""

    def __init__(self, values, dims):
        self.values, self.dims = np.asarray(values), tuple(dims)
        self.sizes = dict(zip(self.dims, self.values.shape, strict=True))

    def to_numpy(self):
        return self.values

    def transpose(self, *dims):
        named = [d for d in dims if d is not ...]
        order = [*named, *(d for d in self.dims if d not in named)]
        return Labelled(self.values.transpose([self.dims.index(d) for d in order]), order)


class DataSet(dict):
    """What an xarray `Dataset` offers: variables, and coordinates beside them."""

    def __init__(self, **variables):
        super().__init__(x=Labelled(np.arange(9), "x"), y=Labelled(np.arange(9), "y"))
        self.update(variables)
        self.data_vars = variables


def test_every_form_of_the_same_rows_gives_the_same_numbers(tmp_path):
    x, y = rows()
    np.savez(tmp_path / "d.npz", x=x, y=y)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["x"], file["y"] = x, y
    tensor, labels = torch.from_numpy(x), torch.from_numpy(y)
    forms = {
        "npz": (tmp_path / "d.npz", None),
        "hdf5": (str(tmp_path / "d.h5"), None),
        "npy": (tmp_path / "x.npy", tmp_path / "y.npy"),
        "array": (x, y),
        "array of small integers": (x.astype(np.uint8), list(y)),
        "array of the other byte order": (x.astype(">i4"), y),
        "tensor": (tensor, labels),
        "pair": ((tensor, labels), None),
        "dict": ({"input": tensor, "label": labels}, None),
        "loader": (DataLoader(TensorDataset(tensor, labels), batch_size=64), None),
        "xarray": (Labelled(x, ("row", "site")), y),
        "data set": (DataSet(x=Labelled(x, "rs"), y=Labelled(y, "r")), None),
        "inputs": (sampled_inputs(tensor, labels), None),
    }
    found = {
        name: analyse_layers(network(), data, labels=labels)
        for name, (data, labels) in forms.items()
    }
    assert {name for name, one in found.items() if one.rows != found["npz"].rows} == set()
    assert found["npz"].rows[0].quantities.keys() >= {"H(T)", "H(X|T)", "H(Y|T)"}


def test_rows_of_a_finite_set_come_from_everywhere(tmp_path):
    x, y = np.arange(8)[:, None] >> np.arange(3) & 1, np.arange(8) % 3
    p = np.arange(1.0, 9.0)
    np.savez(tmp_path / "d.npz", x=x, y=y, p=p)
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["x"], file["y"], file["p"] = x, y, p
    data = [
        finite_inputs(torch.from_numpy(x), y, torch.from_numpy(p)),
        tmp_path / "d.npz",
        tmp_path / "d.h5",
        DataSet(x=Labelled(x, "rs"), y=Labelled(y, "r"), p=Labelled(p, "r")),
    ]
    reports = [analyse_layers(nn.Identity(), one, kind="finite") for one in data]
    assert all(report == reports[0] for report in reports)
    assert reports[0].entropy_x.kind == "exact"
    equal = analyse_layers(nn.Identity(), (x, y), setting=Setting("finite"))
    assert equal.entropy_x.value == pytest.approx(3 * np.log(2))
    for source in data[1:]:
        with pytest.raises(
            InputError, match=r"holds probabilities p, .*\(kind='finite', --inputs finite\)"
        ):
            inputs_of(source)


def test_files_of_samples_and_samples_in_memory(tmp_path):
    recipe = SampleRecipe(shape=(4, 4), temperature=3.0, chains=8, records=40, seed=2, thin=2)
    generate(recipe, tmp_path / "s.h5")
    y = np.arange(320) % 2
    pool = nn.AvgPool1d(2)
    report = analyse_layers(pool, tmp_path / "s.h5", labels=y, layers="model")
    with open_samples(tmp_path / "s.h5") as samples:
        assert analyse_layers(pool, samples, labels=y, layers="model").rows == report.rows
        spins = samples.read(0, samples.n)
        inputs = inputs_of(samples)
    assert (inputs.chains, inputs.kind, inputs.n) == (8, "discrete", 320)
    told = analyse_layers(pool, spins, labels=y, layers="model", chains=8)
    assert told.rows == report.rows
    with pytest.raises(InputError, match="chains is 4 and the data have 8; leave it out"):
        inputs_of(tmp_path / "s.h5", chains=4)
    with pytest.raises(InputError, match="holds configurations, which are discrete, not finite"):
        inputs_of(tmp_path / "s.h5", kind="finite")


def test_dimensions_named_chain_and_draw_are_chains():
    x = np.random.default_rng(0).integers(0, 2, (3, 50, 4))  # chain, draw, site
    inputs = inputs_of(Labelled(x, ("chain", "draw", "site")))
    assert (inputs.chains, inputs.n) == (3, 150)
    (batch,) = inputs.stream(150)
    assert torch.equal(batch.x[4], torch.from_numpy(x[1, 1]))
    with pytest.raises(InputError, match="chains is 2 and the data have 3"):
        inputs_of(Labelled(x, ("chain", "draw", "site")), chains=2)


def markov(n, stay=0.9, seed=0):
    """A chain that stays where it is with this probability, of 4 spins."""
    rng = np.random.default_rng(seed)
    new = np.flatnonzero(rng.random(n) > stay)
    place = np.searchsorted(new, np.arange(n), side="right")
    return 2 * rng.integers(0, 2, (len(new) + 1, 4))[place] - 1


def test_rows_of_a_chain_are_asked_about_in_every_form(tmp_path):
    """Never taken as independent in one place and as a chain in the other."""
    x = markov(2000)
    np.save(tmp_path / "spins.npy", x)
    np.savez(tmp_path / "x.npz", x=x)
    np.savez(tmp_path / "spins.npz", spins=x)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = x
    loader = DataLoader(TensorDataset(torch.from_numpy(x)), batch_size=100)
    names = ("spins.npy", "x.npz", "spins.npz", "x.h5")
    for data in (*(tmp_path / name for name in names), x, torch.from_numpy(x), loader):
        with pytest.raises(InputError, match=r"alike, as those of a Markov chain are .*chains=1"):
            analyse_layers(nn.Identity(), data)
        chain, free = (
            analyse_layers(nn.Identity(), data, chains=said)["model"].quantities["H(T)"].lower.error
            for said in (1, "independent")
        )
        assert chain > 2 * free
    folded = tmp_path / "folded.npy"
    np.save(folded, x.reshape(2000, 4))
    select = Selection(shape=(2, 2))
    with pytest.raises(InputError, match="alike, as those of a Markov chain are"):
        analyse_layers(nn.Flatten(), folded, select=select)
    assert analyse_layers(nn.Flatten(), folded, select=select, chains=1).n == 2000


def test_independent_rows_pass_and_chains_do_not():
    """No false alarm in 450 draws of rows of many kinds; chains are seen, interleaved ones too."""
    rng = np.random.default_rng(7)
    for n in (50, 400, 3000):
        for _ in range(50):
            for means in (rng.normal(size=n), rng.standard_cauchy(n), 1.0 * (rng.random(n) < 0.1)):
                assert correlated_distance(means) is None
    for stay, n in ((0.5, 4000), (0.8, 1000), (0.95, 2000)):
        one = markov(n, stay, 1).mean(1)
        assert correlated_distance(one) is not None
        eight = np.stack([markov(n, stay, k).mean(1) for k in range(8)], 1).ravel()
        assert correlated_distance(eight) == 8
    assert correlated_distance(np.zeros(100)) is None


def test_whole_numbers_are_never_merged():
    large = torch.tensor([[2**24], [2**24 + 1]])
    linear = nn.Linear(1, 1)
    with pytest.raises(InputError, match=r"integers up to 16777217 do not fit float32, which this"):
        analyse_layers(linear, large, kind="finite")
    exact = analyse_layers(linear.double(), large, kind="finite")["model"]
    assert exact.interval("H(T)").lower.value == pytest.approx(np.log(2))
    whole = analyse_layers(nn.Identity(), large, kind="finite")["model"]
    assert whole.interval("H(X|T)").lower.value == 0


def test_whole_numbers_reach_networks_that_take_them():
    x = torch.arange(6)[:, None]

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(6, 2)
            self.head = nn.Linear(2, 1)

        def forward(self, x):
            return self.head(self.table(x).flatten(1))

    for data in (x, x.numpy().astype(np.int8)):
        assert analyse_layers(Both(), data, kind="finite", layers="table").rows[0].width == 2
    shifted = analyse_layers(Minus(), x.numpy().astype(np.uint8), kind="finite")["model"]
    assert shifted.interval("H(T)").lower.value == pytest.approx(0.5 * np.log(12))
    with pytest.raises(InputError, match=r"RuntimeError for inputs .*\(and IndexError for int64:"):
        analyse_layers(nn.Embedding(3, 2), x, kind="finite")


class Minus(nn.Module):
    """Arithmetic that eight bits would wrap: of 0 ... 5 three become negative, three 0."""

    def forward(self, x):
        return (x - 3).clamp(max=0)


@pytest.mark.parametrize(
    ("data", "given", "words"),
    [
        ("none.npy", {}, "there is no file none.npy"),
        (np.zeros((5, 2)), {"select": Selection(seed=1)}, "select chooses samples of a file"),
        (np.zeros((5, 2)), {"entropy": 1.0, "kind": "finite"}, "entropy was given beside a finite"),
        (np.zeros((5, 2)), {"chains": 2, "kind": "finite"}, "chains was given beside a finite"),
        (np.zeros((5, 2)), {"chains": 0}, "5 rows of 0 chains; expected a number of chains >= 1"),
        (np.zeros((5, 2)), {"labels": [0.5] * 5}, r"labels of shape \[5\] .* whole numbers >= 0"),
        (np.zeros((5, 2)), {"labels": [-1] * 5}, r"expected \(5,\) whole numbers >= 0"),
        (np.array(["a"] * 5), {}, "dtype <U1; expected numbers"),
        (np.float64(3.0), {}, "the loader is a float64; expected batches"),
        (sampled_inputs(torch.zeros(5, 2)), {"chains": 1}, "chains was given beside inputs"),
        (sampled_inputs(torch.zeros(5, 2)), {"labels": [0] * 5}, "labels were given beside inputs"),
        (DataSet(z=Labelled(np.zeros(3), "r")), {}, r"holds \['z'\] and no x; name the inputs x"),
    ],
)
def test_what_does_not_fit_is_explained(data, given, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        inputs_of(data, **given)


@pytest.mark.parametrize("damage", [lambda b: b[:-20], lambda b: b[:40], lambda b: b"x" + b[1:]])
@pytest.mark.parametrize("name", ["d.npy", "d.npz", "d.h5"])
def test_damaged_files_are_refused(name, damage, tmp_path):
    path, x = tmp_path / name, np.ones((50, 3))
    if name == "d.npy":
        np.save(path, x)
    elif name == "d.npz":
        np.savez(path, x=x)
    else:
        with h5py.File(path, "w") as file:
            file["x"] = x
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        analyse_layers(nn.Identity(), path)


def test_weights_and_numbers_know_nothing_of_global_seeds():
    """Fresh weights, controls, noise and training come from the seed of the call alone."""
    x, y = rows(400)
    norm = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    options = Options(noise=0.5, untrained=True, seed=3, training=Training(hidden=8, epochs=1))

    def numbers():
        net = build_network("torch.nn.Linear", {"in_features": 4, "out_features": 2}, seed=5)
        fresh = untrained(norm, seed=2)
        report = analyse_layers(net, (x, y), options=options)
        model = Autoregressive(3, 2, hidden=4, seed=1)
        weights = [*net.parameters(), *fresh.parameters(), *model.parameters()]
        return [(q.name, q.value) for q in report.quantities()], [w.tolist() for w in weights]

    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002, a user's network may draw from it
        before = torch.random.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
        found.append(numbers())
        assert torch.equal(before[0], torch.random.get_rng_state())
        assert before[1] == np.random.get_state()[1].tolist()  # noqa: NPY002
    assert found[0] == found[1]
    other = build_network("torch.nn.Linear", {"in_features": 4, "out_features": 2}, seed=6)
    assert other.weight.tolist() != found[0][1][0]


def test_known_entropies_may_be_numbers():
    x, _ = rows()
    known = Estimate(4 * np.log(3), 0.0, "exact")
    a, b = (analyse_layers(network(), x, entropy=h) for h in (known, known.value))
    assert a == b
    assert a.entropy_x == known


def test_an_entropy_may_be_a_number():
    for made in (sampled_inputs, lambda x, entropy: loader_inputs([x], entropy=entropy)):
        known = made(torch.eye(4), entropy=1.25).entropy
        assert (known.value, known.kind) == (1.25, "exact")
