"""From samples to a transition: moments, temperatures, files, arrays and the command."""

import json
from pathlib import Path

import numpy as np
import pytest

from rsmi.cli.main import main
from rsmi.errors import InputError
from rsmi.scaling import ScalingResult, finite_size_scaling, measure_point
from rsmi.storage import SampleGrid, sample_grid, samples_of

SIZES, TEMPERATURES = (4, 6, 8), (2.0, 2.2, 2.4, 2.7)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small lattices at four temperatures."""
    out = tmp_path_factory.mktemp("scaling")
    grid = SampleGrid(
        {"model": "ising", "chains": 64, "records": 20, "thin": 2, "seed": 1},
        {"shape": [[n, n] for n in SIZES], "temperature": list(TEMPERATURES)},
    )
    return sample_grid(grid, out)


@pytest.fixture(scope="module")
def found(collection: Path) -> ScalingResult:
    return finite_size_scaling(collection)


def test_moments_are_those_of_the_definition() -> None:
    spins = np.random.default_rng(0).choice([-1, 1], (64, 6, 6))
    with samples_of(spins, chains=64, space="spins on square [6, 6]") as samples:
        point = measure_point(samples, 2.0)
    m = spins.mean((1, 2))
    modes = np.abs(np.fft.fft2(spins)) ** 2 / 36**2
    expected = np.stack([abs(m), m**2, m**4, (modes[:, 1, 0] + modes[:, 0, 1]) / 2], 1)
    assert np.allclose(point.series, expected)


def test_potts_letters_have_a_vector() -> None:
    letters = np.zeros((64, 4, 4), dtype=int)
    with samples_of(letters, chains=64, space="clock(3) on square [4, 4]") as samples:
        ordered = measure_point(samples, 1.0)
    mixed = np.random.default_rng(0).integers(0, 3, (64, 4, 4))
    with samples_of(mixed, chains=64, space="clock(3) on square [4, 4]") as samples:
        disordered = measure_point(samples, 1.0)
    assert disordered.series[:, 1].mean() < 0.2 * ordered.series[:, 1].mean()


def test_energies_agree_with_their_exact_values(found: ScalingResult) -> None:
    energies = [q for q in found.quantities() if q.name == "scaling.point.energy"]
    assert len(energies) == len(SIZES) * len(TEMPERATURES)
    assert max(abs(q.deviation or 0.0) for q in energies) < 5.5
    assert any(q.deviation for q in energies)


def test_small_lattices_see_the_transition(found: ScalingResult) -> None:
    assert abs(found.transition.critical.value - 2.269) < 0.15
    assert {name for name, *_ in found.crossings} <= {"cumulant", "length_ratio"}
    assert found._repr_html_()
    assert found.plot().axes


def test_arrays_with_temperatures_show_the_same_without_derivatives(
    collection: Path, found: ScalingResult
) -> None:
    arrays, temperatures, spaces = [], [], []
    for size in SIZES:
        for t in TEMPERATURES:
            with samples_of(collection, shape=(size, size), temperature=t) as samples:
                spins = samples.read(0, samples.n).numpy()
                arrays.append(spins.reshape(-1, 64, size, size).swapaxes(0, 1))
            temperatures.append(t)
            spaces.append(f"spins on square [{size}, {size}]")
    again = finite_size_scaling(arrays, temperatures, chains=64, space=spaces)
    for own, other in zip(again.points, found.points, strict=True):
        assert own.estimates["cumulant"] == other.estimates["cumulant"]
        assert own.drift(own.without) is None
    assert abs(again.transition.critical.deviation(found.transition.critical.value)) < 4.9
    # What fluctuations say of slopes makes T_c several times as exact.
    assert again.transition.critical.error > 2 * found.transition.critical.error
    assert not again.crossings  # an array does not know its energies


def test_command_and_function_agree(
    collection: Path, found: ScalingResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scaling", "--data", str(collection), "--out", str(tmp_path / "out")]) == 0
    assert "scaling.T_c" in capsys.readouterr().out
    written = json.loads((tmp_path / "out" / "result.json").read_text())["quantities"]
    assert [q["value"] for q in written] == [q.value for q in found.quantities()]
    assert (tmp_path / "out" / "scaling.png").is_file()


@pytest.mark.parametrize(
    ("temperatures", "message"),
    [
        (None, "does not know its temperature; give temperatures"),
        ([2.0, 2.1], "2 temperatures were given for 1 sources; expected one for each"),
        ([-1.0], "temperature is -1.0; expected a finite number above 0"),
        ([2.0], "1 points of 1 lattice sizes"),
    ],
)
def test_bad_input_is_explained(temperatures: list[float] | None, message: str) -> None:
    spins = np.random.default_rng(0).choice([-1, 1], (64, 4, 4))
    with pytest.raises(InputError, match=message):
        finite_size_scaling([spins], temperatures, chains=64, space=["spins on square [4, 4]"])


def test_a_contradicted_temperature_is_refused(collection: Path) -> None:
    with (
        samples_of(collection, shape=(4, 4), temperature=2.0) as samples,
        pytest.raises(InputError, match=r"was drawn at temperature 2\.0, and 2\.5 was given"),
    ):
        measure_point(samples, 2.5)


def test_too_few_configurations_are_refused() -> None:
    spins = np.random.default_rng(0).choice([-1, 1], (6, 4, 4))
    with (
        samples_of(spins, chains=6, space="spins on square [4, 4]") as samples,
        pytest.raises(InputError, match="6 configurations make 6 blocks; expected at least 10"),
    ):
        measure_point(samples, 2.0)


def test_one_chain_that_remembers_is_refused() -> None:
    walk = np.random.default_rng(0).choice([-1, 1], (128, 4, 4))
    walk[np.arange(128) % 64 < 32] = 1
    with (
        samples_of(walk[None], chains=1, space="spins on square [4, 4]") as samples,
        pytest.raises(Exception, match=r"remembers|do not decay"),
    ):
        measure_point(samples, 2.0)


def test_letters_without_a_symmetry_have_no_order_parameter() -> None:
    letters = np.random.default_rng(0).integers(0, 2, (64, 4, 4))
    space = {"alphabet": "spins(field)", "lattice": "square", "cells": [4, 4]}
    with (
        samples_of(letters, chains=64, space=space) as samples,
        pytest.raises(InputError, match="no symmetry that a phase could break"),
    ):
        measure_point(samples, 2.0)
