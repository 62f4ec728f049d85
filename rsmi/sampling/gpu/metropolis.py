"""Metropolis updates of 32 spins at a time on a CUDA device."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from rsmi.sampling.acceptance import acceptance
from rsmi.sampling.base import MarkovSampler
from rsmi.sampling.gpu.device import check_reachable, current, require_triton
from rsmi.sampling.ising import Ising
from rsmi.sampling.multispin import check_packed
from rsmi.sampling.random import Stream
from rsmi.sampling.start import check_advance
from rsmi.sampling.words import Packing, WordLattice

SMALL_GROUP = 1 << 14
"""Words of one colour that a single program sweeps; beyond, all programs share each sweep."""

SMALL_BLOCK, LARGE_BLOCK, PACK_BLOCK = 512, 256, 256
LARGE_WARPS, THREADS_OF_A_WARP = 4, 32


@dataclass(frozen=True)
class TritonMetropolis(MarkovSampler[Ising]):
    """The update of `Multispin` as Triton kernels: the same bytes on a CUDA device.

    Small lattices stay with one program for all sweeps of a call; the chains fill the device.
    Large lattices are swept colour by colour by all programs.

    Args:
        model: Ising model on a chain, square or cubic torus with even sides, any sign of K.
        seed: 0 <= seed < 2**64.
        packing: "replicas", 32 chains to a word, or "sites", 32 sites of one chain to a word,
            for few chains of large lattices.

    Raises:
        InputError: Triton is not installed, or the same as for `Multispin`.
    """

    packing: Packing = "replicas"

    def __post_init__(self) -> None:
        require_triton()
        super().__post_init__()

    def _check_model(self) -> None:
        check_packed(self.model)
        WordLattice(self.model.shape, self.packing)

    def _check_device(self, state: Tensor) -> None:
        check_reachable(state)

    def _advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        words = self.pack(state)
        self.advance_packed(words, first_sweep, sweeps)
        self.unpack(words, state)

    def pack(self, state: Tensor) -> Tensor:
        """The chains as words, int32 (2, groups, rows * width), for `advance_packed`."""
        check_advance(self.model, state, 0, 0)
        check_reachable(state)
        lattice = WordLattice(self.model.shape, self.packing)
        shape = (2, lattice.groups(len(state)), lattice.rows * lattice.width)
        words = torch.empty(shape, dtype=torch.int32, device=state.device)
        self._repack("pack_words", words, state)
        return words

    def unpack(self, words: Tensor, state: Tensor) -> None:
        """Write the words of `pack` back into the state."""
        self._repack("unpack_words", words, state)

    def advance_packed(self, words: Tensor, first_sweep: int, sweeps: int) -> None:
        """Carry the words of `pack` through some sweeps, in place."""
        with current(words):
            self._launch(words, first_sweep, sweeps)

    def _launch(self, words: Tensor, first_sweep: int, sweeps: int) -> None:
        """One program for each group of small lattices; all programs for each colour of others."""
        from rsmi.sampling.gpu import metropolis_kernel as kernels

        lattice, rows, parity, tables = _tables(self.model, self.seed, self.packing, words.device)
        total = words[0].numel()
        fixed = {"AXES": len(self.model.shape), "TURN": self.packing == "sites"}
        geometry = (words, rows, parity, tables, total, lattice.rows, lattice.width)
        stream = int(Stream.MULTISPIN)
        if words.shape[2] <= SMALL_GROUP and words.shape[1] > 1:
            grid, block = (words.shape[1],), min(SMALL_BLOCK, _power_of_two(words.shape[2]))
            warps = max(1, block // THREADS_OF_A_WARP)
            kernels.sweep_groups[grid](
                *geometry, first_sweep, sweeps, stream, BLOCK=block, num_warps=warps, **fixed
            )
            return
        grid = (-(-total // LARGE_BLOCK),)
        for sweep in range(first_sweep, first_sweep + sweeps):
            for colour in (0, 1):
                kernels.update_colour[grid](
                    *geometry, colour, sweep, stream, BLOCK=LARGE_BLOCK, num_warps=LARGE_WARPS,
                    **fixed,
                )  # fmt: skip

    def _repack(self, kernel: str, words: Tensor, state: Tensor) -> None:
        """Run one of the two packing kernels."""
        from rsmi.sampling.gpu import metropolis_kernel as kernels

        lattice, _, parity, _ = _tables(self.model, self.seed, self.packing, state.device)
        total = words[0].numel()
        launch: Callable[..., Any] = getattr(kernels, kernel)[(-(-total // PACK_BLOCK), 2)]
        with current(state):
            launch(
                state, words, parity, total, state.numel(), lattice.rows, lattice.width,
                *lattice.strides, BLOCK=PACK_BLOCK,
            )  # fmt: skip


@lru_cache(maxsize=16)
def _tables(
    model: Ising, seed: int, packing: Packing, device: torch.device
) -> tuple[WordLattice, Tensor, Tensor, Tensor]:
    """The lattice; next rows, parities, and digits, seed and sign of the coupling as tensors."""
    lattice = WordLattice(model.shape, packing)
    signed = seed - 2**64 if seed >= 2**63 else seed
    sense = -1 if model.coupling < 0 else 0
    numbers = acceptance(model.coupling, len(model.shape)).as_integers()
    return (
        lattice,
        torch.from_numpy(lattice.next_rows).to(device, torch.int32),
        torch.from_numpy(lattice.parity).to(device, torch.int32),
        torch.tensor([*numbers, signed, sense], dtype=torch.int64, device=device),
    )


def _power_of_two(number: int) -> int:
    """Smallest power of two that is not below the number."""
    return 1 << max(number - 1, 1).bit_length()
