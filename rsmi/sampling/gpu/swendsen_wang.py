"""Swendsen-Wang cluster updates of many independent chains on a CUDA device."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Hypercubic
from rsmi.sampling.clusters import BOND_BITS
from rsmi.sampling.gpu.device import check_reachable, require_triton
from rsmi.sampling.ising import Ising
from rsmi.sampling.random import Stream, check_seed
from rsmi.sampling.start import check_advance, initial_state
from rsmi.sampling.swendsen_wang import bond_probability

BLOCK = 128
MOST_AXES = 7
"""Bonds of a site that fit into a byte beside its sign."""


@dataclass(frozen=True)
class TritonSwendsenWang:
    """The update of `SwendsenWang` as Triton kernels: the same bytes on a CUDA device.

    Args:
        model: ferromagnetic Ising model on a torus of at most 7 axes.
        seed: 0 <= seed < 2**64.

    Raises:
        InputError: Triton is not installed, a negative coupling, too many axes, or a bad seed.
    """

    model: Ising
    seed: int

    def __post_init__(self) -> None:
        require_triton()
        check_seed(self.seed)
        if self.model.coupling < 0:
            raise InputError(
                f"coupling is {self.model.coupling}; Swendsen-Wang needs K >= 0, because its "
                "clusters join parallel spins; use the update 'metropolis' for antiferromagnets"
            )
        if len(self.model.shape) > MOST_AXES:
            raise InputError(
                f"shape is {self.model.shape}; expected at most {MOST_AXES} axes; use the "
                "method 'numba'"
            )

    def initial(self, chains: int) -> Tensor:
        """Starting configurations int8 (chains, *shape): even chains hot, odd chains cold."""
        return initial_state(self.model, chains, self.seed)

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Carry every chain through sweeps first_sweep, first_sweep + 1, ..., in place.

        Args:
            state: int8 (chains, *shape) on a CUDA device, contiguous, +1 or -1.
            first_sweep: absolute number of the first sweep.
            sweeps: how many sweeps.

        Raises:
            InputError: the state does not fit the model or is not on a CUDA device.
        """
        check_advance(self.model, state, first_sweep, sweeps)
        check_reachable(state)
        from rsmi.sampling.gpu import clusters_kernel as kernels

        forward, seed = _tables(self.model, self.seed, state.device)
        total, sites, axes = state.numel(), self.model.n_sites, len(self.model.shape)
        bits = torch.empty(total, dtype=torch.uint8, device=state.device)
        signs = torch.empty(total, dtype=torch.int8, device=state.device)
        labels = torch.empty(total, dtype=torch.int32, device=state.device)
        threshold = round(bond_probability(self.model.coupling) * 2**BOND_BITS)
        grid = (-(-total // BLOCK),)
        for sweep in range(first_sweep, first_sweep + sweeps):
            kernels.draw_bonds[grid](
                state, bits, labels, forward, seed, total, sites, threshold, sweep,
                int(Stream.SWENDSEN_WANG), AXES=axes, BLOCK=BLOCK,
            )  # fmt: skip
            kernels.merge[grid](bits, labels, forward, total, sites, AXES=axes, BLOCK=BLOCK)
            length = self.model.shape[-1]
            kernels.choose_signs[grid](bits, labels, signs, total, sites, length, BLOCK=BLOCK)
            kernels.flip[grid](state, labels, signs, total, sites, BLOCK=BLOCK)


@lru_cache(maxsize=16)
def _tables(model: Ising, seed: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Forward neighbours int32 (axes, sites), the last axis first as in the bits; and the seed."""
    steps = Hypercubic(model.shape).neighbours()[:, ::2].T
    axes = np.ascontiguousarray(np.roll(steps, 1, axis=0), dtype=np.int32)
    signed = seed - 2**64 if seed >= 2**63 else seed
    return torch.from_numpy(axes).to(device), torch.tensor([signed], device=device)
