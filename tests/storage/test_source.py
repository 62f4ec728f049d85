"""Sources that would give wrong numbers are refused at the doors of the library."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice import Window, states
from rsmi.learning.data import WindowData
from rsmi.renormalization import renormalise
from rsmi.sampling import CRITICAL_COUPLING, Ising, Metropolis, SwendsenWang
from rsmi.storage import SampleRecipe, Selection, check_source, generate, open_samples

Spins = NDArray[np.int8]

SIZE, CHAINS, RECORDS = 12, 24, 80


def draw(shape: tuple[int, ...], coupling: float, chains: int, records: int) -> Spins:
    """Chains of the Ising model, (chains, records, *shape)."""
    sampler = SwendsenWang(Ising(shape, coupling), seed=4)
    state = sampler.initial(chains)
    sampler.advance(state, 0, 60)
    found = []
    for record in range(records):
        sampler.advance(state, 60 + 3 * record, 3)
        found.append(state.numpy().copy())
    return np.stack(found, 1)


@pytest.fixture(scope="module")
def chains() -> Spins:
    return draw((SIZE, SIZE), CRITICAL_COUPLING, CHAINS, RECORDS)


@pytest.fixture(scope="module")
def temperatures() -> Spins:
    couplings = (0.52, 0.44, 0.38, 0.33)
    return np.stack([draw((SIZE, SIZE), k, CHAINS, 20).reshape(-1, SIZE, SIZE) for k in couplings])


def opened(path: Path, array: NDArray[Any], **choice: Any) -> str:
    np.save(path / "a.npy", array)
    with open_samples(path / "a.npy", **choice) as samples:
        return str(check_source(samples))


def rows(chains: Spins) -> Spins:
    return chains.reshape(-1, SIZE, SIZE)


Change = Callable[[Spins], NDArray[Any]]

STRANGE: dict[str, tuple[Change, str]] = {
    "flat": (lambda x: rows(x).reshape(-1, SIZE**2), r"rows of 12 sites .* such as \[12, 12\]"),
    "channel": (
        lambda x: rows(x)[:, None],
        r"axis 1 has one site.* channels .*\[12, 12\]",
    ),
    "channel last": (lambda x: rows(x)[..., None], r"axis 3 has one site"),
    "chains": (lambda x: x, r"\(chains, draws, L, L\) or \(temperatures, n, L, L\).*\[12, 12\]"),
    "cells": (lambda x: np.stack([rows(x)] * 2, -1), r"axis 3 has 2 sites.*cell \(honeycomb\)"),
    "last": (lambda x: np.moveaxis(rows(x)[:600], 0, -1), r"along axis 2 agree by .*moveaxis"),
    "draws": (lambda x: x[:, :, 0], r"along axis 1 agree by"),
    "cubes of draws": (lambda x: rows(x)[: 12 * 160].reshape(-1, 12, 12, 12), "along axis 1 agree"),
}


@pytest.mark.parametrize(("change", "message"), STRANGE.values(), ids=STRANGE)
def test_axes_that_are_not_those_of_a_lattice(
    change: Change, message: str, chains: Spins, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        opened(tmp_path, change(chains))


@pytest.mark.parametrize("name", ["flat", "channel", "channel last", "chains"])
def test_a_declared_lattice_is_read_right(name: str, chains: Spins, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", STRANGE[name][0](chains))
    with open_samples(tmp_path / "a.npy", shape=(SIZE, SIZE)) as samples:
        check_source(samples)
        count = CHAINS if name == "chains" else 1
        assert (samples.n, samples.chains) == (CHAINS * RECORDS, count)
        expected = chains.swapaxes(0, 1) if count > 1 else chains
        assert np.array_equal(samples.read(30, 90).numpy(), rows(expected)[30:90])
        assert np.array_equal(samples.take([5, 700]).numpy(), rows(expected)[[5, 700]])


def test_a_declared_lattice_must_fit(chains: Spins, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no lattices of shape \[8, 8\]; expected \(n, \*"):
        opened(tmp_path, rows(chains), shape=(8, 8))
    with pytest.raises(InputError, match="holds no lattices"):
        opened(tmp_path, chains[None], shape=(SIZE, SIZE))


def test_true_lattices_open(chains: Spins, tmp_path: Path) -> None:
    opened(tmp_path, rows(chains))
    opened(tmp_path, draw((36,), 0.5, 16, 60).reshape(-1, 36))
    opened(tmp_path, draw((6, 6, 6), 0.2216, 16, 40).reshape(-1, 6, 6, 6))
    opened(tmp_path, draw((12, 24), 0.3, 8, 40).reshape(-1, 12, 24))
    staggered = rows(chains).copy()
    staggered[:, np.indices((SIZE, SIZE)).sum(0) % 2 == 1] *= -1
    opened(tmp_path, staggered)


def test_nobody_guesses_what_the_spins_do_not_tell(tmp_path: Path) -> None:
    noise = 2 * np.random.default_rng(0).integers(0, 2, (200, 16), dtype=np.int8) - 1
    with pytest.raises(InputError, match="16 sites may be a chain or a lattice of 4 x 4"):
        opened(tmp_path, noise)
    opened(tmp_path, noise, shape=(16,))
    opened(tmp_path, noise, shape=(4, 4))
    opened(tmp_path, noise[:, :15])


@pytest.mark.parametrize("shape", [(4,), (5, 7), (3, 3, 3)])
@pytest.mark.parametrize("dtype", [np.int8, np.float32])
def test_neighbour_energies_of_any_lattice(shape: tuple[int, ...], dtype: type) -> None:
    from rsmi.storage.arrays import ArraySamples
    from rsmi.storage.source import observed

    spins = 2 * np.random.default_rng(1).integers(0, 2, (9, *shape)).astype(np.int8) - 1
    found = observed(ArraySamples(Path("a"), spins.astype(dtype)))
    bonds = sum(spins * np.roll(spins, 1, axis) for axis in range(1, spins.ndim))
    sites = tuple(range(1, spins.ndim))
    signs = 1 - 2 * (np.indices(shape).sum(0) % 2)
    assert np.array_equal(found["energy of neighbours"], -bonds.sum(sites))
    assert np.array_equal(found["magnetisation"], np.abs(spins.sum(sites, dtype=int)))
    assert np.array_equal(found["staggered magnetisation"], np.abs((spins * signs).sum(sites)))
    waves = np.fft.fft(spins.astype(float), axis=1)[:, 1].reshape(9, -1).sum(1)
    assert np.allclose(found["longest wave"], np.abs(waves) ** 2)


def majority() -> Any:
    import torch

    up = (1 + torch.sign(states(4).double().sum(1))) / 2
    return torch.stack([1 - up, up], 1)


def refused_everywhere(path: Path, message: str, **choice: Any) -> None:
    """Both doors refuse with the same words."""
    with open_samples(path, **choice) as samples, pytest.raises(InputError, match=message):
        renormalise(samples, "majority", levels=2, reach=1.0)
    with pytest.raises(InputError, match=message):
        WindowData(str(path), Window((2, 2), 1)).setup()


def test_sorted_and_interleaved_temperatures_are_refused(
    temperatures: Spins, tmp_path: Path
) -> None:
    path = tmp_path / "a.npy"
    np.save(path, rows(temperatures))
    refused_everywhere(path, "energy of neighbours drifts along the rows")
    np.save(path, rows(temperatures.swapaxes(0, 1)))
    refused_everywhere(path, "repeats itself with a fixed number of rows")
    with pytest.raises(InputError, match="differs between the chains"):
        opened(tmp_path, temperatures, shape=(SIZE, SIZE))


def test_consecutive_sweeps_are_refused(tmp_path: Path) -> None:
    model = Ising((32, 32), CRITICAL_COUPLING)
    state = SwendsenWang(model, seed=3).initial(1)
    SwendsenWang(model, seed=3).advance(state, 0, 60)
    found = []
    for sweep in range(300):
        Metropolis(model, seed=4).advance(state, sweep, 1)
        found.append(state[0].numpy().copy())
    np.save(tmp_path / "a.npy", np.stack(found))
    refused_everywhere(tmp_path / "a.npy", r"is remembered for|drifts along the rows")


def test_own_files_out_of_equilibrium_are_refused(tmp_path: Path) -> None:
    recipe = SampleRecipe(
        shape=(32, 32), temperature="critical", chains=64, records=40, seed=1, thin=1,
        equilibration=0, update="metropolis",
    )  # fmt: skip
    generate(recipe, tmp_path / "s.h5")
    refused_everywhere(tmp_path / "s.h5", r"energy|magnetisation")


def test_rows_of_several_kinds_are_chosen_by_name(temperatures: Spins, tmp_path: Path) -> None:
    values = np.repeat([1.9, 2.27, 2.6, 3.0], len(temperatures[0]))
    order = np.random.default_rng(0).permutation(len(values))
    mixed = rows(temperatures)[order]
    for name, option in (("temp", "temperature"), ("J", "parameters.J")):
        np.savez(tmp_path / "a.npz", spins=mixed, **{name: values[order]})
        message = rf"array '{name}' beside 'spins' .* 4 values \(1.9, .*--select.{option} 1.9"
        with pytest.raises(InputError, match=message):
            open_samples(tmp_path / "a.npz")
        with open_samples(tmp_path / "a.npz", parameters={name: 2.27}) as samples:
            expected = mixed[values[order] == 2.27]
            assert np.array_equal(samples.read(0, samples.n).numpy(), expected)
            assert samples.model is None
        with pytest.raises(InputError, match=rf"no {name} 7; it holds 1.9, 2.27, 2.6, 3"):
            open_samples(tmp_path / "a.npz", parameters={name: 7})
    with pytest.raises(InputError, match="temperature=2, but holds no array of this name"):
        open_samples(tmp_path / "a.npz", temperature=2)


def test_a_temperature_of_each_first_index(temperatures: Spins, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", spins=temperatures, T=np.array([1.9, 2.27, 2.6, 3.0]))
    with pytest.raises(InputError, match=r"array 'T' .* --select.temperature 1.9"):
        open_samples(tmp_path / "a.npz")
    with open_samples(tmp_path / "a.npz", temperature=2.27, shape=(SIZE, SIZE)) as samples:
        check_source(samples)
        assert np.array_equal(samples.read(0, samples.n).numpy(), temperatures[1])


def test_arrays_that_do_not_divide_the_rows(chains: Spins, tmp_path: Path) -> None:
    spins = rows(chains)
    energy = -(spins * np.roll(spins, 1, 1) + spins * np.roll(spins, 1, 2)).sum((1, 2))
    harmless = {
        "T": np.full(len(spins), 2.27),
        "energy": (energy / SIZE**2).astype(np.float32),
        "magnetisation": spins.mean((1, 2)),
        "of another length": np.arange(7),
        "remarks": np.array({"by": "me"}, dtype=object),
    }
    np.savez(tmp_path / "a.npz", spins=spins, **harmless)
    with open_samples(tmp_path / "a.npz") as samples:
        assert samples.n == len(spins)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array(["a", "b", "c", "c"]), r"3 values \(a, b, c\).*write a file with 'spins' alone"),
        (np.arange(8).reshape(4, 2), r"with shape \(4, 2\)"),
        (np.array([None, 1, 2, 3], dtype=object), "'x' beside 'spins' has one entry for each row"),
    ],
)
def test_labels_that_are_no_numbers(values: NDArray[Any], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", spins=np.ones((4, 4, 4)), x=values)
    with pytest.raises(InputError, match=message):
        open_samples(tmp_path / "a.npz")
    with pytest.raises(InputError, match="x=1, but holds no array of this name"):
        open_samples(tmp_path / "a.npz", parameters={"x": 1})


def test_rows_that_never_change_give_no_information(chains: Spins, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", rows(chains)[:1].repeat(500, 0))
    with pytest.raises(InputError, match=r"neither energy nor magnetisation ever change.* 40 chai"):
        WindowData(
            str(tmp_path / "a.npy"), Window((2, 2), 1), select=Selection(shape=(SIZE, SIZE))
        ).setup()
