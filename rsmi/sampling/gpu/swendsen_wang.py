"""Swendsen-Wang cluster updates of many independent chains on a CUDA device."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Hypercubic
from rsmi.sampling.base import MarkovSampler
from rsmi.sampling.clusters import BOND_BITS
from rsmi.sampling.gpu.device import check_reachable, current, require_triton
from rsmi.sampling.ising import Ising
from rsmi.sampling.random import Stream
from rsmi.sampling.swendsen_wang import bond_probability, check_ferromagnet

BLOCK = 128
MOST_AXES = 7
"""Bonds of a site that fit into a byte beside its sign."""


@dataclass(frozen=True)
class TritonSwendsenWang(MarkovSampler[Ising]):
    """The update of `SwendsenWang` as Triton kernels: the same bytes on a CUDA device.

    Args:
        model: ferromagnetic Ising model on a torus of at most 7 axes.
        seed: 0 <= seed < 2**64.

    Raises:
        InputError: Triton is not installed, a negative coupling, too many axes, or a bad seed.
    """

    def __post_init__(self) -> None:
        require_triton()
        super().__post_init__()

    def _check_model(self) -> None:
        check_ferromagnet(self.model.coupling, "Swendsen-Wang")
        if len(self.model.shape) > MOST_AXES:
            raise InputError(
                f"shape is {self.model.shape}; expected at most {MOST_AXES} axes; use the "
                "method 'numba'"
            )

    def _check_device(self, state: Tensor) -> None:
        check_reachable(state)

    def _advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        bits = torch.empty(state.numel(), dtype=torch.uint8, device=state.device)
        signs = torch.empty(state.numel(), dtype=torch.int8, device=state.device)
        labels = torch.empty(state.numel(), dtype=torch.int32, device=state.device)
        with current(state):
            for sweep in range(first_sweep, first_sweep + sweeps):
                self._sweep(state, bits, signs, labels, sweep)

    def _sweep(
        self, state: Tensor, bits: Tensor, signs: Tensor, labels: Tensor, sweep: int
    ) -> None:
        """Four kernels, each with one thread for every site of every chain."""
        from rsmi.sampling.gpu import clusters_kernel as kernels

        forward, seed = _tables(self.model, self.seed, state.device)
        total, sites, axes = state.numel(), self.model.n_sites, len(self.model.shape)
        threshold = round(bond_probability(self.model.coupling) * 2**BOND_BITS)
        grid, length = (-(-total // BLOCK),), self.model.shape[-1]
        kernels.draw_bonds[grid](
            state, bits, labels, forward, seed, total, sites, threshold, sweep,
            int(Stream.SWENDSEN_WANG), AXES=axes, BLOCK=BLOCK,
        )  # fmt: skip
        kernels.merge[grid](bits, labels, forward, total, sites, AXES=axes, BLOCK=BLOCK)
        kernels.choose_signs[grid](bits, labels, signs, total, sites, length, BLOCK=BLOCK)
        kernels.flip[grid](state, labels, signs, total, sites, BLOCK=BLOCK)


@lru_cache(maxsize=16)
def _tables(model: Ising, seed: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Forward neighbours int32 (axes, sites), the last axis first as in the bits; and the seed."""
    steps = Hypercubic(model.shape).neighbours()[:, ::2].T
    axes = np.ascontiguousarray(np.roll(steps, 1, axis=0), dtype=np.int32)
    signed = seed - 2**64 if seed >= 2**63 else seed
    return torch.from_numpy(axes).to(device), torch.tensor([signed], device=device)
