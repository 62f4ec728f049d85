"""Triton kernels give the bytes of the CPU methods: interpreted here, compiled where CUDA is."""

import importlib.util

import pytest
import torch

from rsmi.errors import InputError
from rsmi.sampling import (
    CRITICAL_COUPLING,
    Ising,
    Multispin,
    Sampler,
    SwendsenWang,
    registry,
    select,
)
from rsmi.sampling.words import Packing

CUDA = torch.cuda.is_available()
HAS_TRITON = importlib.util.find_spec("triton") is not None
needs_triton = pytest.mark.skipif(not HAS_TRITON, reason="Triton is not installed")
needs_cuda = pytest.mark.skipif(not CUDA, reason="needs a CUDA device")
DEVICE = "cuda" if CUDA else "cpu"
SEED = 2**63 + 7
SWEEP = 2**40 + 1


def triton(name: str, model: Ising, seed: int = 1) -> Sampler:
    """The method without a check of the device, so that it can be interpreted."""
    return registry[name].methods["triton"].build(model, seed, 1)


LATTICES: list[tuple[tuple[int, ...], float, Packing, int]] = [
    ((4, 4), CRITICAL_COUPLING, "replicas", 70),
    ((8,), -0.8, "replicas", 5),
    ((2, 4, 6), 0.2, "replicas", 33),
    ((2, 2), 0.0, "replicas", 3),
    ((4, 4), 8.0, "replicas", 3),
    ((4, 128), 0.4, "sites", 2),
    ((6, 64), -0.3, "sites", 2),
]


@needs_triton
@pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION")
@pytest.mark.parametrize("small_group", [1 << 14, 0])
@pytest.mark.parametrize(("shape", "coupling", "packing", "chains"), LATTICES)
def test_metropolis_bytes(
    shape: tuple[int, ...],
    coupling: float,
    packing: Packing,
    chains: int,
    small_group: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from rsmi.sampling.gpu import metropolis

    monkeypatch.setattr(metropolis, "SMALL_GROUP", small_group)
    model = Ising(shape, coupling)
    on_cpu = Multispin(model, SEED, packing=packing)
    sampler = metropolis.TritonMetropolis(model, SEED, packing)
    expected = on_cpu.initial(chains)
    state = sampler.initial(chains).to(DEVICE)
    on_cpu.advance(expected, SWEEP, 2)
    sampler.advance(state, SWEEP, 2)
    assert not torch.equal(expected, on_cpu.initial(chains))
    assert torch.equal(state.cpu(), expected)


CLUSTERS = [
    ((4, 4), CRITICAL_COUPLING, 20),
    ((7,), 0.8, 5),
    ((3, 5), 0.3, 7),
    ((3, 2, 2), 0.2, 9),
    ((2, 2, 2, 2), 0.3, 5),
    ((12, 10), 0.5, 3),
    ((3, 3), 0.0, 3),
]


@needs_triton
@pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION")
@pytest.mark.parametrize(("shape", "coupling", "chains"), CLUSTERS)
def test_swendsen_wang_bytes(shape: tuple[int, ...], coupling: float, chains: int) -> None:
    model = Ising(shape, coupling)
    on_cpu = SwendsenWang(model, SEED)
    sampler = triton("swendsen_wang", model, SEED)
    expected = on_cpu.initial(chains)
    state = sampler.initial(chains).to(DEVICE)
    on_cpu.advance(expected, SWEEP, 3)
    sampler.advance(state, SWEEP, 3)
    assert torch.equal(state.cpu(), expected)


@pytest.mark.gpu
@needs_cuda
@pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION")
@pytest.mark.parametrize("name", ["metropolis", "swendsen_wang"])
@pytest.mark.parametrize("shape", [(64, 64), (16, 16, 16)])
def test_larger_lattices_on_cuda(name: str, shape: tuple[int, ...]) -> None:
    model = Ising(shape, 0.4)
    expected = registry[name](model, SEED).initial(100)
    state = expected.cuda()
    registry[name](model, SEED).advance(expected, 0, 20)
    registry[name](model, SEED, device="cuda").advance(state, 0, 20)
    assert torch.equal(state.cpu(), expected)


def test_missing_triton_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rsmi.sampling.gpu.device.find_spec", lambda name: None)
    for name in ("metropolis", "swendsen_wang"):
        with pytest.raises(InputError, match=r"Triton is not installed; .*'pip install triton'"):
            triton(name, Ising((4, 4), 0.4))


@needs_triton
@pytest.mark.parametrize("name", ["metropolis", "swendsen_wang"])
def test_state_on_the_cpu_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from triton import knobs

    monkeypatch.setattr(knobs.runtime, "interpret", False)
    sampler = triton(name, Ising((4, 4), 0.4))
    with pytest.raises(InputError, match="state is on cpu; the method 'triton' runs on CUDA"):
        sampler.advance(sampler.initial(2), 0, 1)


@needs_triton
def test_models_that_the_kernels_do_not_know() -> None:
    with pytest.raises(InputError, match="at most 3 axes; choose the method 'reference'"):
        triton("metropolis", Ising((2, 2, 2, 2), 0.1))
    with pytest.raises(InputError, match=r"coupling is -0.1; Swendsen-Wang needs K >= 0"):
        triton("swendsen_wang", Ising((4, 4), -0.1))
    with pytest.raises(InputError, match="expected at most 7 axes; use the method 'numba'"):
        triton("swendsen_wang", Ising((2,) * 8, 0.1))


def test_choice_of_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select.torch.cuda, "device_count", lambda: 1)
    square, steep, long = Ising((4, 4), 0.1), Ising((2, 2, 2, 2), 0.1), Ising((2, 2000), 0.1)
    metropolis = registry["metropolis"]
    assert metropolis.choose(square) == "multispin"
    assert metropolis.choose(square, device="cuda") == "triton"
    assert metropolis.choose(square, "reference", "cuda:0") == "reference"
    assert metropolis.choose(steep) == metropolis.choose(long) == "reference"
    assert registry["swendsen_wang"].choose(square) == "numba"
    assert registry["swendsen_wang"].choose(square, device="cuda") == "triton"
    with pytest.raises(InputError, match="device is 'cuda'; this update runs on the CPU only"):
        registry["wolff"].choose(square, device="cuda")
    with pytest.raises(InputError, match="method is 'fast'; expected one of auto, multispin, ref"):
        metropolis.choose(square, "fast")
    with pytest.raises(InputError, match="'triton', which does not run on device 'cpu'"):
        metropolis.choose(square, "triton")
    with pytest.raises(InputError, match="device is 'cuda:1'; this machine has 1 CUDA devices"):
        metropolis.choose(square, device="cuda:1")
    for device in ("tpu", "meta"):
        with pytest.raises(InputError, match=f"device is '{device}'; expected 'cpu', 'cuda'"):
            metropolis.choose(square, device=device)
