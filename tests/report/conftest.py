import numpy as np
import pytest

from rsmi.report import Quantity, Result


@pytest.fixture
def quantities() -> list[Quantity]:
    return [
        Quantity("information.learned", 0.46021, 0.00061, "lower", "nats", 0.461566, {"n": 20000}),
        Quantity("information.learned.null", -0.00012, 0.00021, "lower", "nats", 0.0),
        Quantity("information.exact.optimum", 0.461566, 0.0, "exact", "nats"),
        Quantity("information.exact.majority", 0.461045, 0.0, "exact", "nats"),
        Quantity("information.decimation", 0.38021, 0.00071, "lower", "nats", 0.380566),
        Quantity("information.ceiling", float(np.log(2)), 0.0, "exact", "nats"),
        Quantity("exponents.y_t", 0.9987, 0.0021, "estimate", "1", 1.0, {"truncation": 0.004}),
        Quantity("exponents.y_h", 1.87485, 0.00041, "estimate", "1", 1.875),
        Quantity("exponents.delta_epsilon", 1.0013, 0.0021, "estimate", "1", 1.0),
        Quantity("sampling.tau_int.magnetisation", 3.61, 0.08, "estimate", "sweeps"),
    ]


@pytest.fixture
def result(quantities: list[Quantity]) -> Result:
    config = {
        "model": {"name": "ising", "shape": [64, 64], "note": "<script>alert('x')</script>"},
        "a_setting_with_a_very_long_name": {"and_a_long_value": "unbroken/" * 30},
    }
    timings = {"sample": 61.2, "learn": 33.4}
    return Result("rsmi run configs/ising2d.yaml", config, 7, "cpu", timings, quantities)
