"""What is drawn while it is read is what the file of the recipe would hold."""

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.storage import DrawnSamples, SampleRecipe, check_source, generate, open_samples

ISING = {"temperature": 2.5, "update": "swendsen_wang"}
POTTS = {"model": "potts", "temperature": 1.1, "parameters": {"states": 3}}


def recipe(**facts) -> SampleRecipe:
    defaults = {"shape": (8, 8), "chains": 8, "records": 25, "seed": 3, "thin": 3}
    return SampleRecipe(**defaults | {"equilibration": 40} | facts)


@pytest.mark.parametrize("facts", [ISING, POTTS], ids=["ising", "potts"])
def test_it_is_the_file_of_the_recipe(facts, tmp_path):
    generate(recipe(**facts), tmp_path / "samples.h5", device="cpu")
    drawn = DrawnSamples(recipe(**facts), device="cpu")
    with open_samples(tmp_path / "samples.h5") as samples:
        parts = [drawn.letters(a, b) for a, b in ((0, 3), (3, 50), (50, 200))]
        assert torch.equal(torch.cat(parts), samples.letters(0, 200))
        assert (drawn.model, drawn.critical) == (samples.model, samples.critical)
        for name, values in drawn.stored().items():
            np.testing.assert_array_equal(values, samples.observable(name))
        ours, theirs = check_source(drawn), check_source(samples)
        assert (ours.n, ours.time, ours.blocks) == (theirs.n, theirs.time, theirs.blocks)


def test_it_is_read_once_and_in_order():
    drawn = DrawnSamples(recipe(**ISING), device="cpu")
    drawn.read(0, 10)
    with pytest.raises(InputError, match=r"configurations 0\.\.10 were asked for after 10"):
        drawn.read(0, 10)
    with pytest.raises(InputError, match="known when all of them are drawn"):
        check_source(drawn)
    with pytest.raises(InputError, match=r"within 0\.\.200"):
        drawn.read(10, 201)
