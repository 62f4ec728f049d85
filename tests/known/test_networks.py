"""Networks with known entropies, against values computed elsewhere."""

import math

import pytest
import torch

from rsmi.information.random_maps import random_map_entropies
from rsmi.known import networks
from rsmi.layers import analyse_layers, finite_inputs

BIT = math.log(2)


def test_random_maps_forget_what_the_closed_form_says():
    report = analyse_layers(
        networks.random_maps(256, 8, 0, draws=100), finite_inputs(torch.arange(25600))
    )
    found = [row.interval("H(X|T)").middle / BIT for row in report.rows]
    # The mean of 100 draws scatters by .014 bit at most: 4.9 of that.
    known = [h / BIT for h in random_map_entropies(256, 8)]
    assert found == pytest.approx(known, abs=0.07)


def test_function_spaces_of_random_machines():
    signs = [3.6656, 3.8931, 3.9609, 3.9850, 3.9941, 3.9977]
    found = [h / BIT for h in networks.sign_machine_entropies(2, 6)]
    assert found == pytest.approx(signs, abs=2e-3)
    counted = networks.measured_sign_machine(2, 1, 4096, seed=1)[0] / BIT
    assert counted == pytest.approx(signs[0], abs=0.05)
    gates = [h / BIT for h in networks.gate_machine_entropies(4)]
    assert gates == pytest.approx([4, 3.7850, 3.4026, 3.0078], abs=5e-5)
