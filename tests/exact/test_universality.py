"""Classes, critical points of families, and the strip that locates the tricritical point."""

import math
from typing import Any

import pytest

from rsmi.errors import InputError
from rsmi.sampling import CRITICAL_COUPLING
from rsmi.sampling.exact.universality import UNIVERSALITY
from rsmi.sampling.families import Setup, find_family
from rsmi.sampling.ising import CRITICAL_COUPLING_3D
from rsmi.sampling.potts.exact import (
    BLUME_CAPEL_TRICRITICAL,
    POTTS_2D,
    TRICRITICAL_ISING_2D,
    critical_coupling,
    strip_dimensions,
)

# class: y_t, y_h, nu, Delta_sigma, Delta_epsilon
TABLE = {
    "ising_2d": (1, 15 / 8, 1, 1 / 8, 1),
    "potts3_2d": (6 / 5, 28 / 15, 5 / 6, 2 / 15, 4 / 5),
    "potts4_2d": (3 / 2, 15 / 8, 2 / 3, 1 / 8, 1 / 2),
    "percolation_2d": (3 / 4, 91 / 48, 4 / 3, 5 / 48, 5 / 4),
    "tricritical_ising_2d": (9 / 5, 77 / 40, 5 / 9, 3 / 40, 1 / 5),
    "ising_3d": (1.58737, 2.481851, 0.629971, 0.518148806, 1.41262528),
}
T_T, D_T = (BLUME_CAPEL_TRICRITICAL[name][0] for name in ("temperature", "crystal_field"))
CRITICAL: list[tuple[str, tuple[int, ...], float, dict[str, Any], str]] = [
    ("ising", (4, 4), CRITICAL_COUPLING, {}, "ising_2d"),
    ("ising", (4, 4, 4), 1 / 4.5115233, {}, "ising_3d"),
    ("potts", (4, 4), critical_coupling(2), {"states": 2}, "ising_2d"),
    ("potts", (4, 4), critical_coupling(3), {"states": 3}, "potts3_2d"),
    ("potts", (4, 4), critical_coupling(4), {"states": 4}, "potts4_2d"),
    ("blume_capel", (4, 4), 1 / 0.608, {"crystal_field": 1.966}, "tricritical_ising_2d"),
    ("ising_graph", (4, 4), math.log(3) / 4, {"lattice": "triangular"}, "ising_2d"),
    ("ising_graph", (4, 4), math.log(3) / 8, {"lattice": "triangular", "bonds": 2.0}, "ising_2d"),
    ("ising_graph", (4, 4), CRITICAL_COUPLING, {"lattice": "square"}, "ising_2d"),
    ("ising_graph", (4, 4), 0.6584789484624084, {"lattice": "honeycomb"}, "ising_2d"),
    ("ising_graph", (4, 4), 0.4665660, {"lattice": "kagome"}, "ising_2d"),
]


def _point(name: str, shape: tuple[int, ...], coupling: float, parameters: dict[str, Any]) -> Any:
    family = find_family(name)
    known = {key: parameter.default for key, parameter in family.parameters.items()} | parameters
    return family.critical(family.model(Setup(shape, 1 / coupling, known, family.updates[0], 1)))


@pytest.mark.parametrize("name", TABLE)
def test_exponents_of_each_class(name: str) -> None:
    found = UNIVERSALITY[name].exponents()
    names = ("y_t", "y_h", "nu", "delta_sigma", "delta_epsilon")
    for key, known in zip(names, TABLE[name], strict=True):
        assert found[key].value == pytest.approx(known, abs=1e-12 if "2d" in name else 5e-6)
        assert found[key].kind == ("exact" if "2d" in name else "estimate")
    assert found["eta"].value == pytest.approx(2 * found["delta_sigma"].value + 2 - len_of(name))


def len_of(name: str) -> int:
    return 3 if "3d" in name else 2


def test_errors_in_three_dimensions_follow_the_scaling_relations() -> None:
    found = UNIVERSALITY["ising_3d"].exponents()
    assert found["delta_sigma"].error == found["y_h"].error == 24e-9
    assert found["delta_epsilon"].error == found["y_t"].error == 29e-8
    assert found["nu"].error == pytest.approx(29e-8 * 0.629971**2, rel=1e-5)


@pytest.mark.parametrize(("name", "shape", "coupling", "parameters", "known"), CRITICAL)
def test_families_know_their_critical_points(
    name: str, shape: tuple[int, ...], coupling: float, parameters: dict[str, Any], known: str
) -> None:
    point = _point(name, shape, coupling, parameters)
    assert point.universality == UNIVERSALITY[known]
    assert point.coupling == pytest.approx(coupling, rel=1e-3 if name == "blume_capel" else 1e-7)
    assert point.holds(point.coupling)
    assert not point.holds(1.002 * point.coupling)


@pytest.mark.parametrize(
    ("name", "shape", "parameters"),
    [
        ("ising", (8,), {}),
        ("potts", (4, 4), {"states": 5}),
        ("potts", (4, 4, 4), {"states": 3}),
        ("blume_capel", (4, 4), {"crystal_field": 1.9}),
        ("ising_graph", (4, 4), {"lattice": "triangular", "bonds": -1.0}),
        ("ising_graph", (4, 4), {"lattice": "triangular", "field": 0.1}),
        ("ising_graph", (4, 4), {"lattice": "square", "disorder": "bimodal"}),
        ("dimers", (4, 4), {}),
    ],
)
def test_models_without_a_known_critical_point(
    name: str, shape: tuple[int, ...], parameters: dict[str, Any]
) -> None:
    assert _point(name, shape, 1.0, parameters) is None


def test_constants_of_the_models() -> None:
    assert POTTS_2D[2]["y_h"] == 15 / 8
    assert TRICRITICAL_ISING_2D["y_t"] == 9 / 5
    assert pytest.approx(1 / 4.5115233, abs=1e-7) == CRITICAL_COUPLING_3D


def test_scaled_gaps_tend_to_tricritical_ising() -> None:
    gaps = {width: strip_dimensions(width, 1 / T_T, D_T) for width in (4, 6, 8)}
    for known, column in ((3 / 40, 0), (1 / 5, 1)):
        rest = [abs(gap[column] - known) for gap in gaps.values()]
        assert rest[2] < 0.65 * rest[1] < 0.4 * rest[0]
        assert rest[2] < 0.01 * (1 + known)


def test_scaled_gaps_of_the_critical_ising_model() -> None:
    x_sigma, x_epsilon = strip_dimensions(8, CRITICAL_COUPLING, -30.0)
    assert x_sigma == pytest.approx(1 / 8, abs=2e-3)
    assert x_epsilon == pytest.approx(1, abs=2e-2)


def test_the_tricritical_point_is_where_both_gaps_fit() -> None:
    """Newton steps for x_sigma = 3/40, x_epsilon = 1/5 at widths 6, 7, 8, then a power law."""
    found = {width: _crossing(width) for width in (6, 7, 8)}
    for axis, name in enumerate(("temperature", "crystal_field")):
        a, b, c = (found[width][axis] for width in (6, 7, 8))
        value = BLUME_CAPEL_TRICRITICAL[name][0]
        assert abs(c - value) < abs(b - value) < abs(a - value)
        power = 3.0  # close to the decay of these numbers
        limit = c + (c - b) / ((8 / 7) ** power - 1)
        assert limit == pytest.approx(value, abs=1e-4)


def _crossing(width: int) -> tuple[float, float]:
    from scipy.optimize import fsolve

    def rest(point: Any) -> list[float]:
        x_sigma, x_epsilon = strip_dimensions(width, 1 / point[0], point[1])
        return [x_sigma - 3 / 40, x_epsilon - 1 / 5]

    temperature, field = fsolve(rest, [T_T, D_T], xtol=1e-9)
    return float(temperature), float(field)


def test_messages() -> None:
    with pytest.raises(InputError, match="width is 11; expected 2 to 10"):
        strip_dimensions(11, 1.0, 1.0)
    with pytest.raises(InputError, match="crystal_field is nan"):
        strip_dimensions(4, 1.0, math.nan)
