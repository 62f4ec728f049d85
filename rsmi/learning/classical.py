"""Rules that have a name: what they are, and which letters they are for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from rsmi.errors import InputError, nearest
from rsmi.lattice import Alphabet, Placement, Space, Window, place, word_index, words
from rsmi.lattice.alphabet import SPIN, vacant_spins
from rsmi.learning.rules import TableRule, check_table_size

Numbers = NDArray[np.float64]

_TINY = 1e-9
_POINTING = "letters that point along an axis, as those of dimers do"


@dataclass(frozen=True)
class Classical:
    """A rule by its name.

    Args:
        make: Its table for the block of a window, rows as in `rsmi.lattice.words`.
        letters: For people: the letters that it is for.
        n_symbols: How many symbols it gives, for an alphabet.
        suits: Whether it is for an alphabet.
    """

    make: Callable[[Placement], Tensor]
    letters: str
    n_symbols: Callable[[Alphabet], int]
    suits: Callable[[Alphabet], bool]


def named_rule(name: str, placement: Placement) -> TableRule:
    """A classical rule for the block of a window.

    Args:
        name: One of `CLASSICAL`.
        placement: Window in a space.

    Raises:
        InputError: For an unknown name, letters that the rule is not for, or a block that is too
            large for a table.

    >>> potts = place(Window((2, 2), 1), Space.from_text("clock(3) on square [8, 8]"))
    >>> named_rule("plurality", potts).table()[:2].tolist()
    [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    if name not in CLASSICAL:
        raise InputError(
            f"there is no rule '{name}'; {nearest(name, CLASSICAL)}expected {', '.join(CLASSICAL)}"
        )
    rule, alphabet = CLASSICAL[name], placement.space.alphabet
    if not rule.suits(alphabet):
        raise InputError(
            f"the rule '{name}' is for {rule.letters}, the space has the letters "
            f"{', '.join(alphabet.names)}; use {' or '.join(classical_for(alphabet))}"
        )
    check_table_size(alphabet, placement.n_visible, rule.n_symbols(alphabet))
    return TableRule(alphabet, rule.make(placement), placement.window.block)


def block_alone(block: Sequence[int], alphabet: Alphabet = SPIN) -> Placement:
    """A box with nothing but its first neighbours around it, on a hypercubic lattice.

    Args:
        block: Extents.
        alphabet: Letters of a site.

    Raises:
        InputError: For no extents, or one below 1.

    >>> block_alone((2, 2)).n_visible
    4
    """
    window = Window(tuple(block), buffer=0)
    extents = tuple(extent + 2 * window.margin for extent in window.block)
    return place(window, Space.hypercubic(extents, alphabet))


def majority(block: Sequence[int]) -> TableRule:
    """The majority rule of spins, ties decided at random.

    >>> majority((2,)).table()[:, 1].tolist()
    [0.0, 0.5, 0.5, 1.0]
    """
    return named_rule("majority", block_alone(block))


def decimation(block: Sequence[int]) -> TableRule:
    """Decimation of spins: the block's first spin is kept.

    >>> decimation((2,)).table()[:, 1].tolist()
    [0.0, 1.0, 0.0, 1.0]
    """
    return named_rule("decimation", block_alone(block))


def classical_for(alphabet: Alphabet) -> list[str]:
    """Names of the rules that are for an alphabet.

    >>> classical_for(vacant_spins())
    ['plurality', 'decimation', 'vacancy_majority']
    """
    return [name for name, rule in CLASSICAL.items() if rule.suits(alphabet)]


def usual_rules(alphabet: Alphabet) -> list[str]:
    """The two rules that a learned one is compared with.

    >>> usual_rules(SPIN), usual_rules(vacant_spins())
    (['majority', 'decimation'], ['plurality', 'decimation'])
    """
    return [classical_for(alphabet)[0], "decimation"]


def plurality_table(n_letters: int, n_sites: int) -> Tensor:
    """The most frequent letter of a block, ties decided at random: (q**n, q) float64.

    With two letters it is the majority rule.

    >>> plurality_table(3, 2)[:3].tolist()
    [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5]]
    """
    counts = F.one_hot(words(n_letters, n_sites), n_letters).sum(1)
    most = (counts == counts.amax(1, keepdim=True)).double()
    return most / most.sum(1, keepdim=True)


def decimation_table(n_letters: int, n_sites: int) -> Tensor:
    """The first letter of a block: (q**n, q) float64.

    >>> decimation_table(2, 1).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return F.one_hot(words(n_letters, n_sites)[:, 0], n_letters).double()


def vacancy_majority_table(n_sites: int) -> Tensor:
    """The majority of spins -1, +1 in a block with vacancies 0: (3**n, 3) float64.

    The block is vacant where more than half of its sites are, or half of them with one chance in
    two; else it has the sign of the sum of its spins, where that is 0 one of both at random.

    >>> vacancy_majority_table(2)[:3].tolist()
    [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5]]
    """
    spins = words(3, n_sites) - 1
    vacant = ((2 * (spins == 0).sum(1) - n_sites).sign() + 1) / 2
    up = (spins.sum(1).sign() + 1) / 2
    return torch.stack([(1 - vacant) * (1 - up), vacant, (1 - vacant) * up], 1).double()


_STRENGTH = 0.43


def soft_majority_table(n_letters: int, n_sites: int) -> Tensor:
    r"""The majority by chance, as if spins were a field: (q**n, q) float64.

    .. math:: p(h|v) = e^{k h \sum v} / (2 \cosh k \sum v), \quad k = .43

    The strength k moves the fixed point. Near .43 it lies so near to the cubic Ising model of
    nearest neighbours that blocks of 2 x 2 x 2 have y_t from the first step on, where the majority
    needs many; y_h settles first at a larger k.

    Source: H. W. J. Blote, J. R. Heringa, A. Hoogland, E. W. Meyer, T. S. Smit (1996), Phys. Rev.
    Lett. 76, 2613; D. Ron, A. Brandt, R. H. Swendsen (2017), arXiv:1703.02430.

    >>> soft_majority_table(2, 1)[:, 1]
    tensor([0.2973, 0.7027], dtype=torch.float64)
    """
    counts = F.one_hot(words(n_letters, n_sites), n_letters).sum(1)
    return (2 * _STRENGTH * counts.double()).softmax(1)


def electric_field(placement: Placement) -> Tensor:
    r"""Staggered electric field of each state of a block of dimers.

    .. math:: E = \sum_{r \to r'} (-1)^{|r - r_0|} (r' - r)

    over the dimers that touch the block, each once, from a site of the block's first sublattice
    (that of its first site, at an even number of bonds from it) to one of the other.

    Args:
        placement: Window in a space whose letters say where the dimer of a site goes.

    Returns:
        (q**n_sites, dimension) int64, in cell vectors.

    Source: Henley (2010), Annu. Rev. Condens. Matter Phys. 1, 179, for the field.
    """
    letters, goes = _dimers(placement)
    sign = 1 - 2 * (_steps(placement) % 2)
    both = _inside(placement, letters)  # such a dimer is told by two letters
    weight = sign / (1 + both.double())
    return torch.einsum("wi,wia->wa", weight, goes.double()).round().long()


def columnar_field(placement: Placement) -> Tensor:
    r"""Columnar order parameter of each state of a block of dimers.

    .. math:: C_a = \sum_{r} (-1)^{r_a} n_a(r)

    over the dimers along axis a that touch the block, each once, r being where they begin,
    relative to the block's first site.

    Returns:
        (q**n_sites, dimension) int64.

    Raises:
        InputError: For several sites in a cell.
    """
    if placement.space.sites != 1:
        raise InputError(
            f"the columnar order of dimers is for one site in a cell; the lattice "
            f"{placement.space.cell.name} has {placement.space.sites}; use electric"
        )
    letters, goes = _dimers(placement)
    begin = torch.from_numpy(_coordinates(placement)) + goes.clamp(max=0)
    found = (1 - 2 * (begin % 2)) * goes.abs()
    both = _inside(placement, letters)
    return (found / (1 + both.double())[..., None]).sum(1).round().long()


def _dimers(placement: Placement) -> tuple[Tensor, Tensor]:
    """Words (n, n_sites) of a block, and where each letter points, (n, n_sites, dimension)."""
    alphabet = placement.space.alphabet
    letters = words(alphabet.size, placement.n_visible)
    return letters, torch.tensor(alphabet.directions)[letters]


def _steps(placement: Placement) -> Tensor:
    """Number of bonds from the first site of the block to each, (n_sites,)."""
    first = int(placement.visible[0])
    most = placement.space.n_sites
    return placement.space.distances([first], most)[placement.visible]


def _coordinates(placement: Placement) -> NDArray[np.int64]:
    """Cells of the block relative to its first, (n_sites, dimension), the near way round."""
    cells = placement.space.cells
    numbers = placement.visible.numpy() // placement.space.sites
    places = np.stack(np.unravel_index(numbers, cells), 1)
    half = np.array(cells) // 2
    near: NDArray[np.int64] = (places - places[0] + half) % np.array(cells) - half
    return near


def _inside(placement: Placement, letters: Tensor) -> Tensor:
    """Whether the dimer of a site ends on another site of the block, so that both tell of it."""
    space, block = placement.space, set(placement.visible.tolist())
    vectors, basis = np.array(space.cell.vectors), np.array(space.cell.basis)
    goes = _unit(np.array(space.alphabet.directions) @ vectors)
    ends = torch.zeros(len(placement.visible), space.alphabet.size, dtype=torch.bool)
    both = [*space.cell.bonds, *((b, a, tuple(-x for x in s)) for a, b, s in space.cell.bonds)]
    for i, site in enumerate(placement.visible.tolist()):
        cell, start = divmod(site, space.sites)
        place = np.array(np.unravel_index(cell, space.cells), dtype=np.int64)
        for _, end, step in (bond for bond in both if bond[0] == start):
            along = goes @ _unit((basis[end] + step - basis[start]) @ vectors) > 1 - _TINY
            within = int(space.numbers(place + np.array(step), end)) in block
            ends[i] |= torch.from_numpy(along & within)
    return ends[torch.arange(len(ends)), letters]


def _unit(vectors: Numbers) -> Numbers:
    unit: Numbers = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit


def _signs(*numbers: Tensor) -> Tensor:
    """One bit for each number, up where it is positive: (n, 2**k) float64."""
    index = word_index(torch.stack([x > 0 for x in numbers], -1).long(), 2)
    return F.one_hot(index, 1 << len(numbers)).double()


def _electric(placement: Placement) -> Tensor:
    """Signs of E_x + E_y and E_x - E_y in a plane, else of every component."""
    x, *rest = field = electric_field(placement).unbind(1)
    return _signs(x + rest[0], x - rest[0]) if len(rest) == 1 else _signs(*field)


def _columnar(placement: Placement) -> Tensor:
    return _signs(*columnar_field(placement).unbind(1))


def _component(field: Callable[[Placement], Tensor], axis: int) -> Classical:
    """The sign of one component of a field of dimers."""
    return Classical(
        lambda placement: _signs(field(placement)[:, axis]),
        f"dimers on a lattice of at least {axis + 1} axes",
        lambda alphabet: 2,
        lambda alphabet: _axes(alphabet) > axis,
    )


def _of_letters(table: Callable[[int, int], Tensor]) -> Callable[[Placement], Tensor]:
    return lambda placement: table(placement.space.alphabet.size, placement.n_visible)


def _axes(alphabet: Alphabet) -> int:
    """Components of the directions in which letters point; 0 where they do not."""
    return len(alphabet.directions[0]) if alphabet.directions else 0


def _size(alphabet: Alphabet) -> int:
    return alphabet.size


def _any(alphabet: Alphabet) -> bool:
    return True


def _corners(alphabet: Alphabet) -> int:
    return 1 << _axes(alphabet)


CLASSICAL: Mapping[str, Classical] = {
    "majority": Classical(
        _of_letters(plurality_table), "two letters", _size, lambda alphabet: alphabet.size == 2
    ),
    "plurality": Classical(
        _of_letters(plurality_table), "any letters", _size, lambda alphabet: True
    ),
    "decimation": Classical(
        _of_letters(decimation_table), "any letters", _size, lambda alphabet: True
    ),
    "vacancy_majority": Classical(
        lambda placement: vacancy_majority_table(placement.n_visible),
        "the three letters -1, 0 and +1",
        _size,
        lambda alphabet: alphabet.names == vacant_spins().names,
    ),
    "soft_majority": Classical(
        _of_letters(soft_majority_table), "two letters", _size, lambda alphabet: alphabet.size == 2
    ),
    "electric": Classical(_electric, _POINTING, _corners, lambda alphabet: _axes(alphabet) > 1),
    "electric_x": _component(electric_field, 0),
    "electric_y": _component(electric_field, 1),
    "electric_z": _component(electric_field, 2),
    "columnar": Classical(_columnar, _POINTING, _corners, lambda alphabet: _axes(alphabet) > 1),
    "columnar_x": _component(columnar_field, 0),
    "columnar_y": _component(columnar_field, 1),
    "columnar_z": _component(columnar_field, 2),
}
"""Rules by name; those of dimers are bits, up where a field relative to the first site is positive.

`electric` are the signs of E_x + E_y and E_x - E_y in a plane and of all components elsewhere,
`columnar` those of all components, and the others that of one.
"""
