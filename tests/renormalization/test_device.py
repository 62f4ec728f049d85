"""What is drawn and measured in one pass, on a device or not, is what a file would give."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.renormalization import renormalise
from rsmi.renormalization.device import accumulate_drawn, runs_on_device
from rsmi.renormalization.moments import Moments
from rsmi.renormalization.monte_carlo_rg import bases_within, find_rules, ready_rules
from rsmi.renormalization.stream import Ladder
from rsmi.storage import DrawnSamples, SampleRecipe, generate, open_samples

HAS_TRITON = importlib.util.find_spec("triton") is not None
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def recipe(shape=(16, 16), **facts) -> SampleRecipe:
    defaults = {"temperature": "critical", "chains": 8, "records": 60, "seed": 3, "thin": 4}
    return SampleRecipe(shape=shape, **defaults | {"equilibration": 60} | facts)


def prepared(samples, rules, seed):
    ready = ready_rules(find_rules(rules, samples.space), samples.space, seed)
    return ready, bases_within(1.5, samples.space, {"even": 2, "odd": 1})


@pytest.mark.skipif(not HAS_TRITON, reason="Triton is not installed")
@pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION")
@pytest.mark.parametrize(
    ("shape", "rules"), [((4, 36), "majority"), ((2, 2, 4), ["majority", "decimation"])]
)
def test_kernels_sum_what_the_compiled_loops_sum(shape, rules):
    few = recipe(shape, temperature=2.6, chains=2, records=1, equilibration=3)
    drawn = DrawnSamples(few, device=DEVICE)
    rule, bases = prepared(drawn, rules, 2**63 + 5)
    found = accumulate_drawn(drawn, rule, bases, levels=1, blocks=2)
    rows = DrawnSamples(few, device="cpu").read(0, 2).numpy()
    ladder = Ladder.of(shape, rule, bases, 1, every=True)
    for parity, basis in bases.items():
        expected = Moments.zeros(basis, ladder.shapes, ladder.images, 2)
        for i in range(2):
            expected.add(i, [v[parity] for v in ladder.run(rows[i : i + 1], i)])
        for name in ("count", "first", "same", "step"):
            np.testing.assert_array_equal(getattr(found[parity], name), getattr(expected, name))


COMPILE = """
import sys
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile

from rsmi.renormalization import device_kernel as kernels

POINTERS = {"spins": "*i8", "sites": "*i64", "thresholds": "*i64", "seed": "*i64", "out": "*i8"}
INDEXED = dict.fromkeys(("words", "rows", "shifts", "planes", "begins"), "*i32") | {"out": "*i64"}
CASES = (
    (kernels.apply_rule, POINTERS, {"NV": 4, "BLOCK": 512}),
    (kernels.pack_rows, POINTERS | INDEXED, {"BLOCK": 512}),
    (kernels.sum_products, INDEXED, {"BLOCK": 64}),
)
for kernel, pointers, constants in CASES:
    if kernel is kernels.sum_products:
        pointers = {n: p for n, p in pointers.items() if n != "sites"}
    for one in (False, True):  # what a launch makes of a number that is 1
        fixed = {p.name: 1 for p in kernel.params if p.name not in pointers | constants
                 and one and not p.do_not_specialize} | constants
        signature = {p.name: "constexpr" if p.name in fixed else pointers.get(p.name, "i32")
                     for p in kernel.params}
        places = {(kernel.arg_names.index(name),): value for name, value in fixed.items()}
        compile(ASTSource(kernel, signature, places), target=GPUTarget("cuda", 90, 32))
"""


@pytest.mark.skipif(not HAS_TRITON, reason="Triton is not installed")
def test_kernels_compile_for_a_device():
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_rules_that_have_no_kernel_stay_on_the_cpu():
    spins = DrawnSamples(recipe(), device="cpu")
    potts = DrawnSamples(recipe(model="potts", parameters={"states": 3}), device="cpu")
    assert runs_on_device(prepared(spins, ["majority", "decimation"], 0)[0])
    assert not runs_on_device(prepared(potts, "plurality", 0)[0])


def test_exponents_need_no_file(tmp_path):
    generate(recipe(), tmp_path / "samples.h5", device="cpu")
    with open_samples(tmp_path / "samples.h5") as samples:
        expected = renormalise(samples, "majority", blocks=8)
    found = renormalise(DrawnSamples(recipe(), device="cpu"), "majority", blocks=8)
    assert [str(q) for q in found.quantities()] == [str(q) for q in expected.quantities()]
    assert found.order.n == 480


def test_few_chains_are_refused_before_anything_is_drawn():
    with pytest.raises(InputError, match=r"4 chains are to be drawn.*expected at least 8"):
        renormalise(DrawnSamples(recipe(chains=4), device="cpu"), "majority")


def test_chains_out_of_equilibrium_are_refused_at_the_end():
    cold = recipe((32, 32), chains=64, records=8, equilibration=0, thin=1)
    with pytest.raises(InputError, match="drifts along the rows"):
        renormalise(DrawnSamples(cold, device="cpu"), "majority", blocks=8)
