"""Windows: masks, translations and their cut against plain indexing."""

import pytest
import torch

from rsmi.errors import InputError
from rsmi.lattice import Window, masked_permutations

WINDOWS = [Window((2, 2), 1), Window((2, 2), 0, 2), Window((1, 3), 1, 1), Window((2,), 2, 3)]


def lattice_of(window: Window) -> torch.Tensor:
    shape = tuple(extent + 1 for extent in window.extent)
    return torch.arange(2 * torch.Size(shape).numel()).reshape(2, *shape)


@pytest.mark.parametrize("window", WINDOWS)
def test_masks_divide_the_patch(window: Window) -> None:
    count = sum(m.int() for m in (window.block_mask, window.buffer_mask, window.environment_mask))
    assert torch.equal(count, torch.ones(window.extent, dtype=torch.int32))
    assert int(window.block_mask.sum()) == window.n_visible


@pytest.mark.parametrize("window", WINDOWS)
def test_cut_reads_the_sites_that_plain_indexing_names(window: Window) -> None:
    lattice = lattice_of(window)
    v, e = window.cut(lattice)
    shape = lattice.shape[1:]
    for number, corner in enumerate(
        torch.cartesian_prod(*map(torch.arange, shape)).reshape(-1, len(shape))
    ):
        for mask, found in ((window.block_mask, v), (window.environment_mask, e)):
            sites = (mask.nonzero() - window.margin + corner) % torch.tensor(shape)
            assert torch.equal(found[1, number], lattice[1][tuple(sites.T)])


def test_patches_are_views_of_one_wrapped_copy() -> None:
    configurations = torch.zeros(3, 16, 16, dtype=torch.int8)
    patches = Window((2, 2), 1).patches(configurations)
    assert patches.shape == (3, 16, 16, 6, 6)
    assert patches.untyped_storage().nbytes() == 3 * 21 * 21


def test_nearest_shell_is_the_environment_that_touches_the_buffer() -> None:
    wide, narrow = Window((2, 2), 1, 3), Window((2, 2), 1, 1)
    assert int(wide.nearest_shell.sum()) == narrow.n_environment
    assert bool(narrow.nearest_shell.all())


def test_symmetries_carry_the_ring_along_with_the_block() -> None:
    window = Window((2, 2), 1)
    patch = torch.randn(1, 8, 8)
    v, e = window.cut(patch)
    for group in (1, 5):
        v_turned, e_turned = window.cut(patch.transpose(1, 2) if group == 5 else patch.flip(2))
        assert v_turned.shape == v.shape
        assert e_turned.shape == e.shape
    visible = masked_permutations(window.block_mask)
    environment = masked_permutations(window.environment_mask)
    assert len(visible) == len(environment) == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0, 2), 1), "extents >= 1"),
        (((2, 2), -1), "buffer >= 0"),
        (((2,), 1, 0), "environment >= 1"),
    ],
)
def test_impossible_windows_are_refused(
    arguments: tuple[tuple[int, ...], int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Window(*arguments)


@pytest.mark.parametrize("shape", [(4, 8), (8,), (5, 5)])
def test_window_larger_than_the_lattice_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="take a larger lattice, or a smaller block"):
        Window((2, 2), 1).check(shape)
