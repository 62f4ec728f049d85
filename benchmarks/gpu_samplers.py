"""Triton samplers on a CUDA device: against the torch reference, then their speed.

python benchmarks/gpu_samplers.py
"""

from collections.abc import Callable

import torch
import triton
import triton.language as tl

from rsmi.sampling import CRITICAL_COUPLING, Ising, Metropolis
from rsmi.sampling.gpu.metropolis import TritonMetropolis
from rsmi.sampling.gpu.swendsen_wang import TritonSwendsenWang

RUNS = 5
BLOCK, CALLS, PROGRAMS = 1024, 64, 8192
CALLS_PER_WORD = 4.22
"""Philox calls for a word in a block of 512 words, all of which wait for the last undecided lane:
three for every block, a fourth for 98 % of them, a fifth for 22 %, a sixth for 2 %."""


@triton.jit
def draw_only(out, seed, BLOCK: tl.constexpr, CALLS: tl.constexpr):
    """Philox words and nothing else: no update can be faster than the words that it needs."""
    n = (tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)).to(tl.uint32)
    zero = tl.zeros_like(n)
    total = zero
    for call in range(CALLS):
        a, b, c, d = tl.philox(tl.load(seed), n, zero + call, zero, zero)
        total = total ^ a ^ b ^ c ^ d
    tl.store(out + n.to(tl.int64), total.to(tl.int32, bitcast=True))


def nanoseconds(work: Callable[[], object]) -> float:
    """Shortest of several runs on the device, the first one to compile not counted."""
    work()
    best = float("inf")
    for _ in range(RUNS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        torch.cuda.synchronize()
        best = min(best, start.elapsed_time(end) * 1e6)
    return best


def check() -> None:
    """Mean energies of the triton update and of the torch reference on the device."""
    model = Ising((32, 32), 0.4)
    energies = []
    for sampler in (Metropolis(model, 1), TritonMetropolis(model, 2)):
        state = sampler.initial(1024).cuda()
        sampler.advance(state, 0, 400)
        energies.append(model.energy(state).double() / model.n_sites)
    first, second = energies
    error = ((first.var() + second.var()) / len(first)).sqrt()
    deviation = float((first.mean() - second.mean()) / error)
    verdict = "agree" if abs(deviation) < 5 else "DISAGREE"
    print(f"energies of triton and torch {verdict}: {deviation:.1f} standard errors")


def metropolis(side: int, chains: int, packing: str, sweeps: int) -> float:
    model = Ising((side, side), CRITICAL_COUPLING)
    sampler = TritonMetropolis(model, 1, packing)
    # A cold start is enough: the time hardly depends on the configuration.
    state = torch.ones(chains, side, side, dtype=torch.int8, device="cuda")
    words = sampler.pack(state)
    sampler.advance_packed(words, 0, sweeps)
    spent = nanoseconds(lambda: sampler.advance_packed(words, sweeps, sweeps))
    return chains * side**2 * sweeps / spent


def with_packing(sweeps: int) -> float:
    """As a user calls it: int8 spins in and out."""
    sampler = TritonMetropolis(Ising((64, 64), CRITICAL_COUPLING), 1)
    state = torch.ones(4096, 64, 64, dtype=torch.int8, device="cuda")
    spent = nanoseconds(lambda: sampler.advance(state, 0, sweeps))
    return state.numel() * sweeps / spent


def clusters(side: int, chains: int, sweeps: int) -> float:
    sampler = TritonSwendsenWang(Ising((side, side), CRITICAL_COUPLING), 1)
    state = torch.ones(chains, side, side, dtype=torch.int8, device="cuda")
    sampler.advance(state, 0, 50)
    spent = nanoseconds(lambda: sampler.advance(state, 50, sweeps))
    return state.numel() * sweeps / spent


def philox_limit() -> float:
    """Spin updates in ns that the random words of CALLS_PER_WORD calls allow."""
    out = torch.empty(PROGRAMS * BLOCK, dtype=torch.int32, device="cuda")
    seed = torch.ones(1, dtype=torch.int64, device="cuda")
    spent = nanoseconds(lambda: draw_only[(PROGRAMS,)](out, seed, BLOCK=BLOCK, CALLS=CALLS))
    return 32 * PROGRAMS * BLOCK * CALLS / CALLS_PER_WORD / spent


def main() -> None:
    print(torch.cuda.get_device_name())
    check()
    limit = philox_limit()
    small = metropolis(64, 4096, "replicas", 200)
    lines = {
        "Metropolis, 4096 replicas of 64 x 64, flips/ns": small,
        "  the same with packing, 10 sweeps a call": with_packing(10),
        "  32768 replicas": metropolis(64, 32768, "replicas", 50),
        "  4096 replicas of 16 x 16": metropolis(16, 4096, "replicas", 500),
        "Philox-bound limit, flips/ns": limit,
        "Metropolis, one lattice of 2048^2, flips/ns": metropolis(2048, 1, "sites", 200),
        "Metropolis, one lattice of 8192^2, flips/ns": metropolis(8192, 1, "sites", 50),
        "Swendsen-Wang, 1024 lattices of 64^2, spins/ns": clusters(64, 1024, 50),
        "Swendsen-Wang, one lattice of 4096^2, spins/ns": clusters(4096, 1, 10),
    }
    for name, value in lines.items():
        print(f"| {name} | {value:.3g} |")
    print(f"Metropolis at {100 * small / limit:.0f} % of the Philox-bound limit")


if __name__ == "__main__":
    main()
