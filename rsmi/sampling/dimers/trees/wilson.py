"""Independent, exactly distributed free dimers on an odd square without a corner."""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from rsmi.compiling import njit
from rsmi.errors import InputError
from rsmi.sampling.dimers.model import Dimers
from rsmi.sampling.dimers.pictures import Directions, write_bonds
from rsmi.sampling.dimers.start import columnar
from rsmi.sampling.dimers.states import copies, flat_bonds
from rsmi.sampling.dimers.trees.spanning import spanning_tree
from rsmi.sampling.dimers.trees.temperley import tree_dimers
from rsmi.sampling.dimers.words import DimerStream
from rsmi.sampling.threads import check_run, share_chains


@dataclass(frozen=True)
class Wilson:
    """Exact sampling of free dimers: Wilson's spanning trees through Temperley's bijection.

    Every sweep draws a new configuration of each chain, independent of all before, so that nothing
    has to be equilibrated; sweeps whose result nobody sees are not carried out.

    Args:
        model: free dimers with boundary "corner".
        seed: 0 <= seed < 2**64.
        workers: threads that share the chains; the result does not depend on it.

    Raises:
        InputError: another model, a bad seed, or fewer than one worker.

    Source: Wilson (1996), STOC 28, 296; Temperley (1974), LMS Lecture Notes 13, 202.

    >>> sampler = Wilson(Dimers((5, 5), boundary="corner"), seed=1)
    >>> sampler.initial(chains=3).shape
    torch.Size([3, 2, 5, 5])
    """

    model: Dimers
    seed: int
    workers: int = 1

    def __post_init__(self) -> None:
        check_run(self.seed, workers=self.workers)
        if self.model.boundary != "corner" or math.isfinite(self.model.temperature):
            raise InputError(
                f"boundary is {self.model.boundary!r} and temperature {self.model.temperature}; "
                "exact sampling needs free dimers with boundary 'corner'; use the update Worm"
            )

    def initial(self, chains: int) -> Tensor:
        """Exactly distributed configurations int8 (chains, 2, *shape).

        Raises:
            InputError: fewer than one chain.
        """
        state = copies(columnar(self.model.geometry), chains)
        self._draw(flat_bonds(self.model, state, 0, 0), 0, DimerStream.INITIAL)
        return state

    def advance(self, state: Tensor, first_sweep: int, sweeps: int) -> None:
        """Replace every chain by its configuration number first_sweep + sweeps - 1, in place.

        Args:
            state: bonds int8 (chains, 2, *shape) on the CPU, contiguous.
            first_sweep: absolute number of the first sweep.
            sweeps: how many sweeps; with none the state stays.

        Raises:
            InputError: the state does not fit the model or is not on the CPU.
        """
        bonds = flat_bonds(self.model, state, first_sweep, sweeps)
        if sweeps > 0:
            self._draw(bonds, first_sweep + sweeps - 1, DimerStream.WILSON)

    def _draw(self, bonds: Directions, sweep: int, stream: DimerStream) -> None:
        """Draw a configuration of every chain."""
        rows, columns = self.model.shape

        def work(group: slice) -> None:
            _draw_chains(
                bonds[group], rows, columns, group.start, sweep, int(stream), np.uint64(self.seed)
            )

        share_chains(len(bonds), self.workers, work)


@njit(cache=True, nogil=True)
def _draw_chains(
    bonds: Directions,
    rows: int,
    columns: int,
    first_chain: int,
    sweep: int,
    stream: int,
    seed: np.uint64,
) -> None:
    """Draw one configuration of each chain, bonds int8 (chains, 2, sites)."""
    directions = np.empty((rows, columns), dtype=np.int8)
    for n in range(len(bonds)):
        address = (first_chain + n, sweep, stream, seed)
        exits, _ = spanning_tree((rows + 1) // 2, (columns + 1) // 2, address)
        tree_dimers(exits, directions)
        write_bonds(directions.ravel(), bonds[n])
