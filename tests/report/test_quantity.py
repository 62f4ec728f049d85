import math

import numpy as np
import pytest
import torch

from rsmi.errors import AnalysisError, InputError
from rsmi.information.number import Estimate, Kind
from rsmi.information.quantity import plain
from rsmi.report import Quantity


def test_of_carries_the_estimate_over() -> None:
    estimate = Estimate(0.4612, 0.0007, "lower", "nats", 500)
    quantity = Quantity.of("information.learned", estimate, 0.4616, level=2)
    expected = Quantity(
        "information.learned", 0.4612, 0.0007, "lower", "nats", 0.4616, {"n": 500, "level": 2}
    )
    assert quantity == expected


@pytest.mark.parametrize(
    ("error", "reference", "expected"), [(0.5, 1.0, 2.0), (0.5, None, None), (0.0, 1.0, None)]
)
def test_deviation_needs_reference_and_error(
    error: float, reference: float | None, expected: float | None
) -> None:
    quantity = Quantity("a.b", 2.0, error, "estimate", "1", reference)
    assert quantity.deviation == expected


@pytest.mark.parametrize(
    ("kind", "value", "holds"),
    [
        ("lower", 0.9, True),
        ("lower", 1.1, False),
        ("upper", 1.1, True),
        ("upper", 0.9, False),
        ("estimate", 0.9, False),
        ("exact", 0.9, False),
    ],
)
def test_only_a_bound_beyond_its_reference_deviates(kind: Kind, value: float, holds: bool) -> None:
    quantity = Quantity("a.b", value, 0.01, kind, "1", 1.0)
    assert quantity.holds == holds
    assert quantity.deviation == (None if holds else pytest.approx(100 * (value - 1)))


def test_deviation_is_in_the_errors_of_both() -> None:
    known = Quantity("a.known", 1.0, 0.3, "estimate", "1")
    assert Quantity("a.b", 2.0, 0.4, "estimate", "1").compared(known).deviation == 2.0
    assert Quantity("a.b", 2.0, 0.0, "exact", "1").compared(known).deviation == pytest.approx(
        3.3333
    )


@pytest.mark.parametrize("broken", [-1.0, math.nan, "small", True])
def test_errors_of_references_are_checked(broken: object) -> None:
    with pytest.raises((AnalysisError, InputError), match="reference"):
        Quantity("a.b", 1.0, 0.1, "estimate", "1", 1.0, {"reference_error": broken})


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["value", "error", "reference"])
def test_numbers_that_are_not_finite_are_named(field: str, broken: float) -> None:
    numbers = {"value": 1.0, "error": 0.1, "reference": 1.0, field: broken}
    with pytest.raises(AnalysisError, match=rf"exponents.y_t: the {field} is -?(nan|inf)"):
        Quantity("exponents.y_t", kind="estimate", unit="1", **numbers)


def test_negative_error_is_refused() -> None:
    with pytest.raises(AnalysisError, match="expected error >= 0"):
        Quantity("exponents.y_t", 1.0, -0.1, "estimate", "1")


@pytest.mark.parametrize("name", ["y_t", "", "exponents.", "exponents. y_t", ".y_t"])
def test_names_are_dotted(name: str) -> None:
    with pytest.raises(InputError, match="expected a dotted name"):
        Quantity(name, 1.0, 0.1, "estimate", "1")


def test_layer_names_are_allowed() -> None:
    assert Quantity("layers.fc1.H(X|T)", 1.0, 0.1, "estimate", "bits").text == "1.00(10) bits"


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match="kind is 'guess'; expected one of exact, lower"):
        Quantity("a.b", 1.0, 0.1, "guess", "1")  # type: ignore[arg-type]


def test_plain_unwraps_numpy_and_torch_numbers() -> None:
    settings = {"n": np.int64(3), "k": torch.tensor(0.5), "on": np.bool_(True), "x": np.float64(2)}
    assert plain(settings, "config") == {"n": 3, "k": 0.5, "on": True, "x": 2.0}


def test_plain_refuses_what_json_cannot_hold() -> None:
    with pytest.raises(InputError, match=r"config.a\[1\] is a object; expected a number, text"):
        plain({"a": [1, object()]}, "config")
