"""Windows laid into spaces, against distances between all pairs of sites."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Placement, Space, Window, place
from rsmi.lattice.alphabet import SPIN, clock, directions
from rsmi.lattice.graphs import from_edges
from rsmi.lattice.space import graph_space

CELLS = {"chain": (16,), "square": (9, 8), "cubic": (7, 7, 7), "triangular": (9, 9),
         "honeycomb": (8, 9), "kagome": (8, 8)}  # fmt: skip
LATTICES = [Space.of(name, cells, SPIN) for name, cells in CELLS.items()]


def named(space: Space) -> str:
    return space.cell.name


def sets(placed: Placement) -> tuple[set[int], set[int], set[int]]:
    """Block, environment, and the part of this that touches the buffer."""
    environment = placed.environment
    touching = environment[placed.touching]
    found = [set(part.tolist()) for part in (placed.visible, environment, touching)]
    assert len(found[0]) == placed.n_visible
    assert len(found[1]) == placed.n_environment
    return found[0], found[1], found[2]


def within(far: Tensor, least: float, most: float) -> set[int]:
    """Sites farther than `least` and no farther than `most`."""
    return set(torch.nonzero((far > least + 1e-9) & (far <= most + 1e-9)).flatten().tolist())


def cartesian(space: Space, at: int) -> Tensor:
    """Distances of all sites from one, the nearest image on the torus counting."""
    cells = np.stack(np.meshgrid(*map(np.arange, space.cells), indexing="ij"), -1)
    basis = np.array(space.cell.basis)
    places = (cells.reshape(-1, 1, cells.shape[-1]) + basis).reshape(-1, cells.shape[-1])
    found = np.full(space.n_sites, math.inf)
    for image in itertools.product((-1, 0, 1), repeat=len(space.cells)):
        step = (places - places[at] + np.array(image) * space.cells) @ np.array(space.cell.vectors)
        found = np.minimum(found, np.linalg.norm(step, axis=1))
    return torch.from_numpy(found)


@pytest.mark.parametrize("space", LATTICES, ids=named)
@pytest.mark.parametrize(("buffer", "width"), [(1, 1), (0, 2), (1, None)])
def test_balls_and_lists_of_sites_are_sets_of_bond_distances(
    space: Space, buffer: int, width: int | None
) -> None:
    start = space.n_sites // 2
    beside = int(space.bonds[(space.bonds == start).any(1)][0].sum()) - start
    most = math.inf if width is None else buffer + width
    for window, chosen, radius in (
        (Window(ball=1, at=start, buffer=buffer, environment=width), [start], 1),
        (Window(sites=(start, beside), buffer=buffer, environment=width), [start, beside], 0),
    ):
        far = space.distances(chosen, 20)
        visible, environment, touching = sets(place(window, space))
        assert visible == within(far, -1, radius)
        assert environment == within(far, radius + buffer, radius + most)
        assert touching == within(far, radius + buffer, radius + buffer + 1)


@pytest.mark.parametrize("space", LATTICES, ids=named)
@pytest.mark.parametrize(("radius", "buffer", "width"), [(0.6, 1, 1), (1.0, 0, 1), (0.6, 0, None)])
def test_disks_are_sets_of_plain_distances(
    space: Space, radius: float, buffer: int, width: int | None
) -> None:
    start = space.n_sites // 2 + 1
    far = cartesian(space, start)
    window = Window(disk=radius, at=start, buffer=buffer, environment=width)
    visible, environment, touching = sets(place(window, space))
    assert visible == within(far, -1, radius)
    most = math.inf if width is None else radius + buffer + width
    assert environment == within(far, radius + buffer, most)
    assert touching == within(far, radius + buffer, radius + buffer + 1)


@pytest.mark.parametrize("space", LATTICES, ids=named)
@pytest.mark.parametrize(("buffer", "width"), [(1, 1), (0, 2), (1, None)])
def test_boxes_hold_whole_cells(space: Space, buffer: int, width: int | None) -> None:
    block = (1, 2, 2)[: len(space.cells)]
    window = Window(block, buffer, width)
    placed = place(window, space)
    cells = torch.cartesian_prod(*map(torch.arange, space.cells)).view(-1, len(block))
    extents, size = torch.tensor(block), torch.tensor(space.cells)
    below, above = (size - cells) % size, (cells - extents + 1) % size
    inside = cells < extents
    far = torch.where(inside, 0, torch.minimum(below, above)).amax(1)
    far = far.repeat_interleave(space.sites)
    visible, environment, touching = sets(placed)
    assert visible == within(far, -1, 0)
    assert environment == within(far, buffer, math.inf if width is None else buffer + width)
    assert touching == within(far, buffer, buffer + 1)
    assert placed.visible.tolist() == sorted(visible)  # in reading order


@pytest.mark.parametrize("space", LATTICES, ids=named)
def test_a_window_is_moved_to_every_cell(space: Space) -> None:
    placed = place(Window(ball=1, buffer=0), space)
    numbers = torch.arange(space.n_sites).view(1, *space.shape)
    v, e = placed.cut(numbers)
    assert v.shape == (1, space.n_cells, placed.n_visible)
    cell = tuple(2 for _ in space.cells)
    moved = numbers.roll(tuple(-c for c in cell), tuple(range(1, len(cell) + 1)))
    there = int(np.ravel_multi_index(cell, space.cells))
    assert torch.equal(v[0, there], moved.flatten()[placed.visible])
    assert torch.equal(e[0, there], moved.flatten()[placed.environment])


def test_a_graph_with_disorder_has_a_window_for_each_site() -> None:
    generator = np.random.default_rng(5)
    edges = [(i, (i + 1) % 30) for i in range(30)]
    edges += [tuple(generator.choice(30, 2, replace=False)) for _ in range(6)]
    space = graph_space(from_edges(edges, 30), SPIN)
    sizes = set()
    for at in range(30):
        placed = place(Window(ball=1, at=at, buffer=1), space)
        far = space.distances([at], 9)
        assert sets(placed) == (within(far, -1, 1), within(far, 2, 3), within(far, 2, 3))
        assert placed.positions == 1
        sizes.add(placed.n_visible)
    assert len(sizes) > 1


def test_sites_are_neighbours_across_the_border() -> None:
    space = Space.of("square", (6, 7), SPIN)
    for pair in ((0, 6), (0, 35), (41, 6)):
        far = space.distances(pair, 9)
        placed = place(Window(sites=pair, buffer=1), space)
        assert sets(placed) == (set(pair), within(far, 1, 2), within(far, 1, 2))
        assert placed.visible.tolist() == list(pair)


def test_a_turned_dimer_points_the_other_way() -> None:
    space = Space.of("square", (6, 6), directions(2))
    letters = torch.zeros(1, 6, 6, 1, dtype=torch.int8)
    letters[:, 1::2] = 1  # +0 and -0 in turn along the first axis: all dimers lie along it
    placed = place(Window((2, 2), 1), space)
    for g in space.point_group:
        v, e = placed.cut(letters, g)
        across = (v >= 2).all() and (e >= 2).all()
        along = (v < 2).all() and (e < 2).all()
        swaps = g.name.endswith(("(y, x)", "(-y, x)", "(y, -x)", "(-y, -x)"))
        assert bool(across) == swaps
        assert bool(along) == (not swaps)
        pairs = v[0].reshape(-1, 2, 2).transpose(1, 2) if swaps else v[0].reshape(-1, 2, 2)
        inside = pairs[(pairs[:, 0] % 2 == 0).all(1)]
        assert torch.equal(inside[:, 1] % 2, torch.ones_like(inside[:, 1]))  # partners face


def test_images_of_a_square_are_those_of_plain_turns() -> None:
    space = Space.of("square", (7, 7), clock(9))
    letters = torch.randint(0, 9, (2, 7, 7), generator=torch.Generator().manual_seed(1))
    placed = place(Window((2, 2), 1), space)

    def seen(images: Tensor) -> set[bytes]:
        v, e = images
        return {torch.cat([v[0, i], e[0, i]]).numpy().tobytes() for i in range(49)}

    plain = [seen(placed.cut(torch.rot90(x, k, (1, 2))[..., None]))
             for x in (letters, letters.flip(1)) for k in range(4)]  # fmt: skip
    found = [seen(placed.cut(letters[..., None], g)) for g in space.point_group]
    assert len(found) == 8
    assert all(images in plain for images in found)
    assert all(images in found for images in plain)


@pytest.mark.parametrize(
    "window",
    [Window((2, 2), 2), Window((2, 2), 1, 2), Window((7, 2), 0), Window(ball=2, buffer=2),
     Window(disk=2.0, buffer=1), Window(sites=tuple(range(36)), buffer=0, environment=None),
     Window((6, 6), 0, None), Window((2, 2), 3, None, at=35), Window(sites=(0, 18), buffer=1)],
    ids=str,
)  # fmt: skip
def test_windows_that_meet_themselves_are_refused(window: Window) -> None:
    with pytest.raises(InputError, match=r"does not fit the 6x6 cells of the lattice .*smaller"):
        place(window, Space.of("square", (6, 6), SPIN))


def test_windows_of_other_spaces_are_refused() -> None:
    square = Space.of("square", (6, 6), SPIN)
    with pytest.raises(InputError, match=r"has 1 axes, the lattice .* expected one extent"):
        place(Window((2,), 1), square)
    with pytest.raises(InputError, match=r"names the site 36; .* from 0 to 35"):
        place(Window(ball=1, at=36), square)
    with pytest.raises(InputError, match="names the site 3; expected different sites"):
        place(Window(sites=(3, 3)), square)
    for wrong in (
        {"block": (2, 2), "ball": 1},
        {},
        {"block": (0, 2)},
        {"disk": -1.0},
        {"ball": 1, "buffer": -1},
        {"sites": (1,), "environment": 0},
    ):
        with pytest.raises(InputError, match=r"expected one of block .*, disk, ball or sites"):
            Window(**wrong)
