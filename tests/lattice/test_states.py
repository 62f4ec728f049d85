"""Numbering of block states and tiling."""

import pytest
import torch

from rsmi.errors import InputError
from rsmi.lattice import coarse_shape, state_index, states, tile


@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_states_and_their_numbers_are_inverse(k: int) -> None:
    assert torch.equal(state_index(states(k)), torch.arange(2**k))


@pytest.mark.parametrize("k", [1, 3, 4])
def test_flipping_all_spins_reverses_the_numbers(k: int) -> None:
    assert torch.equal(state_index(-states(k)), torch.arange(2**k).flip(0))


@pytest.mark.parametrize(
    ("shape", "block"), [((6,), (3,)), ((4, 6), (2, 3)), ((4, 2, 6), (2, 1, 3))]
)
def test_tile_cuts_the_boxes_of_the_lattice(shape: tuple[int, ...], block: tuple[int, ...]) -> None:
    numbers = torch.arange(2 * torch.Size(shape).numel()).reshape(2, *shape)
    blocks = tile(numbers, block)
    for place in (
        torch.cartesian_prod(*[torch.arange(s // b) for s, b in zip(shape, block, strict=True)])
        .reshape(-1, len(shape))
        .tolist()
    ):
        box = numbers[
            (slice(None), *(slice(p * b, (p + 1) * b) for p, b in zip(place, block, strict=True)))
        ]
        assert torch.equal(blocks[(slice(None), *place)], box.flatten(1))


@pytest.mark.parametrize(("shape", "block"), [((5, 4), (2, 2)), ((4,), (2, 2)), ((4, 4), (0, 2))])
def test_indivisible_lattice_is_refused(shape: tuple[int, ...], block: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="must be a multiple of the block's"):
        coarse_shape(shape, block)
