"""How rules answer to symmetries of their block: imposed by a sum over the group, or measured."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.lattice import Alphabet, Placement, Symmetry

Use = Literal["impose", "allow", "measure"]


def block_symmetries(placement: Placement) -> tuple[Symmetry, ...]:
    """Rotations and reflections of the space that map the block to one of its translations.

    Returns:
        Permutations of the block's sites, in its order, with what becomes of letters that point;
        the identity first.

    >>> from rsmi.lattice import Space, Window, place
    >>> from rsmi.lattice.alphabet import SPIN
    >>> box = place(Window((2, 3), 1), Space.hypercubic((8, 8), SPIN))
    >>> [g.source.tolist() for g in block_symmetries(box)][:2]
    [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]]
    """
    blocks = placement.translates[0]
    ordered, order = blocks.sort(1)
    found: dict[tuple[int, ...], Symmetry] = {}
    for g in placement.space.point_group:
        image, places = g.source[placement.visible].sort()
        for row in torch.nonzero((ordered == image).all(1)).flatten().tolist():
            source = torch.empty_like(places)
            source[places] = order[row]
            key = (*source.tolist(), *g.letters.tolist())
            found.setdefault(key, Symmetry(source, g.letters, g.name))
    return tuple(sorted(found.values(), key=lambda g: not g.trivial))


def letter_symmetries(alphabet: Alphabet, n_sites: int) -> tuple[Symmetry, ...]:
    """The letters' own symmetries, acting on all sites of a block alike; the identity first."""
    stay = torch.arange(n_sites)
    return tuple(Symmetry(stay, torch.tensor(p), f"letters {p}") for p in alphabet.symmetries)


def symbol_action(alphabet: Alphabet, n_symbols: int) -> list[tuple[int, ...]]:
    """What each symmetry of the letters does to the symbols of an equivariant rule.

    Where there are as many symbols as letters they are permuted alike; a symmetry of two elements
    complements all bits of 2**k symbols.

    Raises:
        InputError: Where neither is possible.

    >>> from rsmi.lattice.alphabet import vacant_spins
    >>> symbol_action(vacant_spins(), 4)
    [(0, 1, 2, 3), (3, 2, 1, 0)]
    """
    group, same = alphabet.symmetries, tuple(range(n_symbols))
    if n_symbols == alphabet.size:
        return list(group)
    if len(group) == 1:
        return [same]
    if len(group) == 2 and n_symbols & (n_symbols - 1) == 0:
        return [same, same[::-1]]
    raise InputError(
        f"the {len(group)} symmetries of the letters {', '.join(alphabet.names)} act on "
        f"{alphabet.size} letters, and there is no way known in which they would act on "
        f"{n_symbols} symbols; use symmetry: allow, or {alphabet.size} symbols"
    )


class Images(nn.Module):
    r"""The images of a block under a group, over which a rule's logits are averaged.

    .. math:: \bar l(h|v) = \frac{1}{|G|} \sum_{g \in G} l(g h|g v)

    which is equivariant: :math:`\bar l(g h|g v) = \bar l(h|v)`.

    Args:
        n_sites: Sites of the block.
        n_letters: q.
        n_symbols: K.
        size: Elements of the group. Without `of` all of them are the identity, ready to be filled
            by `load_state_dict`.
    """

    sources: Tensor
    letters: Tensor
    symbols: Tensor

    def __init__(self, n_sites: int, n_letters: int, n_symbols: int, size: int = 1) -> None:
        super().__init__()
        self._known: tuple[object, Tensor] | None = None
        shapes = {"sources": n_sites, "letters": n_letters, "symbols": n_symbols}
        for name, length in shapes.items():
            self.register_buffer(name, torch.arange(length).repeat(size, 1))

    @classmethod
    def of(cls, elements: Iterable[tuple[Symmetry, Iterable[int]]]) -> "Images":
        """From pairs of a symmetry of the block and what it does to the symbols."""
        pairs = [(g, torch.tensor(list(symbols))) for g, symbols in elements]
        first, symbols = pairs[0]
        images = cls(len(first.source), len(first.letters), len(symbols), len(pairs))
        images.sources = torch.stack([g.source for g, _ in pairs])
        images.letters = torch.stack([g.letters for g, _ in pairs])
        images.symbols = torch.stack([acted for _, acted in pairs])
        return images

    def __len__(self) -> int:
        return len(self.sources)

    def forward(self, letters: Tensor) -> Tensor:
        """All images of blocks (n, n_sites): (size, n, n_sites), of the same dtype."""
        if len(self) == 1:
            return letters[None]
        moved = letters[:, self.sources].movedim(1, 0)
        return torch.stack(
            [
                table.to(letters.dtype)[here.long()]
                for table, here in zip(self.letters, moved, strict=True)
            ]
        )

    def remembered(self, make: Callable[[], Tensor]) -> Tensor:
        """What follows from the group alone, made again where the group was loaded or moved."""
        parts = self.sources, self.letters, self.symbols
        # What inference makes cannot be trained with later, and counts no versions.
        key = tuple((p.data_ptr(), 0 if p.is_inference() else p._version) for p in parts)
        if self._known is None or self._known[0] != key:
            with torch.inference_mode(False):
                self._known = key, make()
        return self._known[1]

    def averaged(self, logits: Tensor) -> Tensor:
        """The mean of the logits (size, n, K) of all images: (n, K)."""
        if len(self) == 1:
            return logits[0]
        back = self.symbols[:, None].expand(-1, logits.shape[1], -1)
        return logits.gather(2, back).mean(0)


def make_images(
    placement: Placement, n_symbols: int, symmetry: Use, point_group: Use = "allow"
) -> Images:
    """The group under which a rule is to be equivariant.

    Args:
        placement: Window in a space; its block is the rule's.
        n_symbols: K.
        symmetry: `impose` for the symmetries of the letters, see `symbol_action`.
        point_group: `impose` for those of the block, which leave the symbols as they are.

    Raises:
        InputError: For another word, a space whose cells differ, or symmetries that cannot act on
            so many symbols.
    """
    for name, use in (("symmetry", symmetry), ("point_group", point_group)):
        if use not in get_args(Use):
            raise InputError(f"{name} is {use!r}; expected one of {', '.join(get_args(Use))}")
    if point_group == "impose":
        placement.space.check_point_group()
    alphabet, n_sites = placement.space.alphabet, placement.n_visible
    same = tuple(range(n_symbols))
    renamings = letter_symmetries(alphabet, n_sites)
    acting = symbol_action(alphabet, n_symbols) if symmetry == "impose" else [same]
    turns = block_symmetries(placement) if point_group == "impose" else renamings[:1]
    return Images.of(
        (Symmetry(turn.source, renaming.letters[turn.letters], ""), action)
        for turn in turns
        for renaming, action in zip(renamings, acting, strict=False)
    )


@dataclass(frozen=True)
class Equivariance:
    """How a rule answers to one symmetry.

    Args:
        name: Of the symmetry.
        symbols: The permutation of the symbols that fits best.
        share: Of the blocks' weight for which p(h|v) and p(gh|gv) agree; 1 for an equivariant rule.
    """

    name: str
    symbols: tuple[int, ...]
    share: float


def equivariance(
    probabilities: Tensor, images: Tensor, name: str, weights: Tensor | None = None
) -> Equivariance:
    r"""Compare a rule on blocks with the rule on their images.

    .. math:: \max_\pi \sum_v w(v) \sum_h \min(p(h|v), p(\pi h|g v))

    Args:
        probabilities: (n, K) p(h|v).
        images: (n, K) p(h|gv).
        name: Of the symmetry g.
        weights: (n,) of each block; all alike without.

    >>> rule = torch.eye(2)
    >>> equivariance(rule, rule.flip(0), "flip")
    Equivariance(name='flip', symbols=(1, 0), share=1.0)
    """
    n, k = probabilities.shape
    w = torch.full((n,), 1 / n) if weights is None else weights / weights.sum()
    agree = torch.zeros(k, k, dtype=torch.float64)
    for a in range(k):
        common = torch.minimum(probabilities[:, a, None], images).double()
        agree[a] = w.to(common) @ common
    _, best = linear_sum_assignment(agree.numpy(), maximize=True)
    share = math.fsum(float(agree[a, b]) for a, b in enumerate(best))
    return Equivariance(name, tuple(map(int, best)), share)
