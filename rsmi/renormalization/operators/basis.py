"""Local operators of one symmetry sector: functions of the letters of a box."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Alphabet, Placement, Space, Window, place, word_index, words
from rsmi.learning import Rule, rule_name
from rsmi.learning.equivariance import block_symmetries
from rsmi.renormalization.couplings import Interaction, generate_interactions
from rsmi.renormalization.letters import letter_orbits

_MOST_WORDS = 1 << 20
_NOTHING = 1e-9  # variance of a function over all words, relative to its square, that is none
_USED = 1e-6  # least coefficient that is told
_NAMES = ("even", "invariant", "odd", "vector", "all")


@dataclass(frozen=True, eq=False)
class Basis:
    r"""Functions of the letters of a box that transform alike under the letters' symmetries.

    .. math:: O_a(x) = f_a(v_x), \quad f_a^{even}(v) = \frac{1}{|G|} \sum_g f_a(g v), \quad
              f_{a,b}^{odd}(v) = \langle f_a(g v) \rangle_{g b = b_0} - f_a^{even}(v)

    with v_x the box whose first cell is x, and b every letter that the symmetries make of one
    letter b_0: the components of a vector, of which one is enough where there are two. Without
    a momentum functions are averaged over the rotations and reflections of the box as well.

    Args:
        names: One for each operator.
        tables: (operators, components, q**n) float32, columns as in `rsmi.lattice.words`.
        block: Extents of the box in cells.
        sector: `even` or `odd` of two letters that can be exchanged, `invariant` or `vector` of
            more, `all` where the letters have no symmetry.
        alphabet: The q letters.
        left_out: Operators that are combinations of those that are there, in words.

    Source: filters of rules as operators: Gokmen, Ringel, Huber, Koch-Janusz (2021),
    arXiv:2101.11633.
    """

    names: tuple[str, ...]
    tables: Tensor
    block: tuple[int, ...]
    sector: str
    alphabet: Alphabet
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def odd(self) -> bool:
        """Whether means vanish by symmetry."""
        return self.sector in ("odd", "vector")

    @cached_property
    def _flat(self) -> Tensor:
        """(q**n, operators * components) float32, rows of words."""
        return self.tables.flatten(0, 1).T.contiguous()

    def fields(self, letters: Tensor) -> Tensor:
        """Values at every cell of letters (n, *cells, sites): (n, operators, components, *cells).

        >>> from rsmi.lattice.alphabet import SPIN
        >>> basis = local_operators(Space.of("chain", (8,), SPIN), "even", reach=1)
        >>> basis.names, basis.fields(torch.ones(1, 8, 1, dtype=torch.int8))[0, 0, 0, 0].item()
        (('2-spin (1)',), 1.0)
        """
        q, cells = self.alphabet.size, letters.shape[1:-1]
        axes = tuple(range(1, len(cells) + 1))
        index = torch.zeros(letters.shape[:-1], dtype=torch.int32)
        power = 1
        for offset in itertools.product(*map(range, self.block)):
            moved = letters.roll([-o for o in offset], axes)
            for site in range(letters.shape[-1]):
                index.add_(moved[..., site], alpha=power)
                power *= q
        found = self._flat[index.flatten()].reshape(len(letters), -1, self._flat.shape[1])
        shape = (len(letters), *self.tables.shape[:2], *cells)
        return found.transpose(1, 2).reshape(shape)

    def chosen(self, kept: Sequence[int]) -> "Basis":
        """Some of the operators."""
        names = tuple(self.names[a] for a in kept)
        tables = self.tables[list(kept)]
        return Basis(names, tables, self.block, self.sector, self.alphabet, self.left_out)


def check_sector(sector: str, alphabet: Alphabet) -> str:
    """The name that a sector of some letters has.

    Raises:
        InputError: For a sector that these letters do not have.

    >>> from rsmi.lattice.alphabet import clock
    >>> check_sector("odd", clock(3))
    'vector'
    """
    group = len(alphabet.symmetries)
    own = ("all",) if group == 1 else ("even", "odd") if group == 2 else ("invariant", "vector")
    if sector not in _NAMES or (group == 1) != (sector == "all"):
        raise InputError(
            f"the sector is {sector!r}; expected {' or '.join(own)}, which are those of the "
            f"{alphabet.size} letters {', '.join(alphabet.names)} with {group} "
            f"{'symmetries' if group > 1 else 'symmetry'} (the identity among them)"
        )
    return own[-1] if sector in ("odd", "vector") else own[0]


def local_operators(
    space: Space,
    sector: str,
    *,
    reach: float | None = None,
    rules: Mapping[str, Rule] | Sequence[Rule] = (),
    max_spins: int = 4,
    momentum: Sequence[float] = (),
) -> Basis:
    """Every operator of a sector within reach, and the symbols of rules.

    Letters of two values give products of spins, others clusters of sites that hold one letter, as
    the stability matrix has them; each is the sum over its places in the box. A rule gives the
    probability of each of its symbols. What is a linear combination of operators before it is left
    out.

    Args:
        space: Where the letters live; all of its cells are alike.
        sector: Its name, see `Basis`.
        reach: Largest distance between two sites of a product, in lattice constants; no products
            without.
        rules: Rules for boxes of the space, by name.
        max_spins: Most sites of a product.
        momentum: In units of 2 pi for each axis; (0.5, 0) alternates along the first one.

    Raises:
        InputError: For a sector that the letters do not have, a box with too many words, or no
            operator at all.

    >>> from rsmi.lattice.alphabet import SPIN
    >>> local_operators(Space.of("square", (8, 8), SPIN), "odd", reach=1.5).names
    ('1-spin', '3-spin (0,0)(0,1)(1,0)')
    """
    name = check_sector(sector, space.alphabet)
    named = dict(rules) if isinstance(rules, Mapping) else {rule_name(r): r for r in rules}
    clusters = () if reach is None else _clusters(space, reach, max_spins)
    block = _box(space, reach, named)
    box = place(Window(block, buffer=0, environment=None), space)
    every = words(space.alphabet.size, box.n_visible)
    parts = [*_products(clusters, box, every), *_symbols(named, box, every)]
    if not parts:
        raise InputError("no operator was asked for; give a reach, or rules")
    turned = _turned(torch.stack([f for _, f in parts]), box, every, momentum)
    tables = _projected(turned, space.alphabet, every, odd=name in ("odd", "vector"))
    kept, made = _independent(tables)
    if not kept:
        raise InputError(
            f"the operators {', '.join(n for n, _ in parts)} have no part in the sector {name}; "
            "take the other sector, a larger reach, or other rules"
        )
    titles = [title for title, _ in parts]
    left_out = tuple(combination(titles, a, others) for a, others in made.items())
    names = tuple(titles[a] for a in kept)
    return Basis(names, tables[kept].float(), block, name, space.alphabet, left_out)


def combination(names: Sequence[str], place: int, others: Sequence[int]) -> str:
    """What an operator is made of, in words."""
    return f"{names[place]} is a combination of {' and '.join(names[b] for b in others)}"


def symbol_basis(rule: Rule) -> Basis:
    """The probabilities p(h|v) of all symbols of a rule, in no sector."""
    table = rule.table().T[:, None].float()
    names = tuple(f"symbol {k}" for k in range(rule.n_symbols))
    return Basis(names, table, rule.block, "all", rule.alphabet)


def _clusters(space: Space, reach: float, max_spins: int) -> tuple[Interaction, ...]:
    if len(space.cell.basis) > 1:
        raise InputError(
            f"the lattice {space.cell.name} has {space.sites} sites in a cell; products within "
            "reach are made for one; give rules, whose boxes take whole cells"
        )
    return generate_interactions(reach, space.cell, max_spins)


def _box(space: Space, reach: float | None, rules: Mapping[str, Rule]) -> tuple[int, ...]:
    """Extents that hold every product and every rule."""
    extents = [rule.block for rule in rules.values()]
    if any(len(block) != len(space.cells) for block in extents):
        raise InputError(
            f"rules are for blocks of {[list(block) for block in extents]}; expected boxes with "
            f"{len(space.cells)} extents, those of the lattice {list(space.cells)}"
        )
    if reach is not None:
        extents.append((math.floor(reach + 1e-9) + 1,) * len(space.cells))
    block = tuple(map(max, zip(*extents, strict=True))) if extents else (1,) * len(space.cells)
    if space.alphabet.size ** (math.prod(block) * space.sites) > _MOST_WORDS:
        raise InputError(
            f"a box of {list(block)} cells with {space.alphabet.size} letters on each site has "
            f"more than {_MOST_WORDS} words; take a smaller reach or smaller rules"
        )
    return block


def _products(
    clusters: Sequence[Interaction], box: Placement, every: Tensor
) -> Iterator[tuple[str, Tensor]]:
    """Products within the box, each summed over its places there: names and (words,)."""
    alphabet = box.space.alphabet
    orbits = letter_orbits(alphabet)
    for cluster in clusters:
        places = list(_places(cluster, box.window.block))
        if not places:
            continue
        if alphabet.size == 2:
            spins = 2.0 * every.double() - 1
            yield cluster.name, sum_of(spins[:, list(p)].prod(1) for p in places)
            continue
        for orbit in orbits:
            label = "" if len(orbits) == 1 else f" {alphabet.names[orbit[0]]}"
            held = (every == orbit[0]).double()
            name = cluster.name.replace("spin", "site") + label
            yield name, sum_of(held[:, list(p)].prod(1) for p in places)


def sum_of(parts: Iterator[Tensor]) -> Tensor:
    """Their sum."""
    return torch.stack(list(parts)).sum(0)


def _places(cluster: Interaction, block: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Numbers of the sites of every image of a cluster in a box, one site in a cell."""
    for term in cluster.terms:
        extents = [max(axis) + 1 for axis in zip(*term, strict=True)]
        room = [range(b - e + 1) for b, e in zip(block, extents, strict=True)]
        for corner in itertools.product(*room):
            yield tuple(_number(corner, site, block) for site in term)


def _number(corner: tuple[int, ...], site: tuple[int, ...], block: tuple[int, ...]) -> int:
    number = 0
    for c, s, extent in zip(corner, site, block, strict=True):
        number = number * extent + c + s
    return number


def _symbols(
    rules: Mapping[str, Rule], box: Placement, every: Tensor
) -> Iterator[tuple[str, Tensor]]:
    """Probabilities of the symbols of rules in the first corner of the box."""
    sites = box.space.sites
    for name, rule in rules.items():
        corner = [
            _number((0,) * len(rule.block), cell, box.window.block) * sites + site
            for cell in itertools.product(*map(range, rule.block))
            for site in range(sites)
        ]
        own = word_index(every[:, corner], box.space.alphabet.size)
        p = rule.table()[own]
        for k in range(1, rule.n_symbols):
            yield name if rule.n_symbols == 2 else f"{name} symbol {k}", p[:, k]


def _turned(functions: Tensor, box: Placement, every: Tensor, momentum: Sequence[float]) -> Tensor:
    """The mean (F, words) over rotations and reflections of the box; themselves at a momentum."""
    if any(momentum):
        return functions
    q = box.space.alphabet.size
    turns = block_symmetries(box)
    return torch.stack([functions[:, word_index(g(every), q)] for g in turns]).mean(0)


def _projected(functions: Tensor, alphabet: Alphabet, every: Tensor, *, odd: bool) -> Tensor:
    """Parts (F, components, words) of functions (F, words) in a sector, see `Basis`."""
    group = torch.tensor(alphabet.symmetries)
    images = torch.stack([functions[:, word_index(g[every], alphabet.size)] for g in group])
    even = images.mean(0)
    if not odd:
        centred = even - even.mean(1, keepdim=True)
        return _zeroed(centred, functions)[:, None]
    orbit = letter_orbits(alphabet)[0]
    named = orbit[:1] if len(orbit) == 2 else orbit  # the other one is its opposite
    parts = [images[group[:, b] == orbit[0]].mean(0) - even for b in named]
    return _zeroed(torch.stack(parts, 1), functions[:, None])


def _zeroed(part: Tensor, whole: Tensor) -> Tensor:
    """Exact zeros for what is rounding of the whole."""
    small = part.square().sum(-1) <= _NOTHING * whole.square().sum(-1)
    return part.masked_fill(small[..., None], 0.0)


def _independent(tables: Tensor) -> tuple[list[int], dict[int, list[int]]]:
    """Operators that are no combination of those before them; the others with what they are of.

    Those that vanish are neither.
    """
    flat = tables.flatten(1).double()
    kept: list[int] = []
    made: dict[int, list[int]] = {}
    for a, row in enumerate(flat):
        size = float(row.square().sum())
        weights = torch.linalg.lstsq(flat[kept].T, row[:, None]).solution[:, 0]
        rest = row - weights @ flat[kept]
        if float(rest.square().sum()) > _NOTHING * size:
            kept.append(a)
        elif size > 0:
            made[a] = [b for b, w in zip(kept, weights.tolist(), strict=True) if abs(w) > _USED]
    return kept, made
