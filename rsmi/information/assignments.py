"""Rules that commute with a group, as a choice for each orbit of block states."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from rsmi.errors import InputError

Z2 = Literal["impose", "allow"]


@dataclass(frozen=True, eq=False)
class Action:
    """How the elements of a group permute block states and coarse symbols.

    Args:
        states: (G, V) int64, what each block state becomes under each element; row 0 is the
            identity.
        symbols: (G, K) int64, what each coarse symbol becomes.

    >>> Action.flip(4, 2).choices
    (2, 2)
    """

    states: Tensor
    symbols: Tensor

    @classmethod
    def none(cls, n_states: int, n_symbols: int) -> "Action":
        """The identity alone: every rule commutes with it."""
        return cls(torch.arange(n_states)[None], torch.arange(n_symbols)[None])

    @classmethod
    def flip(cls, n_states: int, n_symbols: int) -> "Action":
        """Complementing every bit of states and symbols, which counts them from the other end."""
        states, symbols = torch.arange(n_states), torch.arange(n_symbols)
        return cls(torch.stack([states, states.flip(0)]), torch.stack([symbols, symbols.flip(0)]))

    @classmethod
    def of(cls, z2: "Z2 | Action", n_states: int, n_symbols: int) -> "Action":
        """The action of an option `impose` or `allow` on bits, or one that is given.

        Raises:
            InputError: For an unknown option, a coarse alphabet of one symbol, or states and
                symbols that are not those of bits with `impose`.
        """
        if n_symbols < 2:
            raise InputError(f"{n_symbols} coarse symbols were asked for; expected at least 2")
        if isinstance(z2, Action):
            return z2
        if z2 not in ("impose", "allow"):
            raise InputError(f"z2 is {z2!r}; expected 'impose' or 'allow'")
        if z2 == "allow":
            return cls.none(n_states, n_symbols)
        if n_symbols & (n_symbols - 1):
            raise InputError(
                f"z2 'impose' flips coarse bits, and {n_symbols} symbols are not those of bits; "
                "take 2, 4, 8 or 16 symbols, or z2 'allow'"
            )
        if n_states % 2:
            raise InputError(
                f"z2 'impose' needs an even number of block states, got {n_states}; use 'allow'"
            )
        return cls.flip(n_states, n_symbols)

    def among(self, some: Tensor) -> "Action | None":
        """The same on some of the states (V,), which it maps to each other.

        None where these are all, fewer than two, or go to others.
        """
        if bool(some.all()) or int(some.sum()) < 2 or not bool(some[self.states[:, some]].all()):
            return None
        number = some.cumsum(0) - 1
        return Action(number[self.states[:, some]], self.symbols)

    @property
    def n_symbols(self) -> int:
        """K."""
        return self.symbols.shape[1]

    @property
    def relabels(self) -> bool:
        """Whether renaming symbols keeps the action, so that one state may have any name."""
        identity = torch.arange(self.n_symbols)
        moved = bool((self.symbols[1:] != identity).all())
        return len(self.symbols) == 1 or (len(self.symbols) == 2 and moved)

    @cached_property
    def choices(self) -> tuple[int, ...]:
        """How many choices each orbit of states has, in the order of their first states."""
        return tuple((self._options >= 0).sum(1).tolist())

    def complete(self, free: Tensor) -> Tensor:
        """Extend choices (b, orbits) to all states: (b, V) int64, rows of `letters`.

        >>> Action.flip(4, 2).complete(torch.tensor([[0, 1]])).tolist()
        [[0, 1, 0, 1]]
        """
        own = free[:, self._orbit]
        return self._images.expand(len(free), -1, -1).gather(2, own[..., None])[..., 0]

    def tables(self, assignments: Tensor) -> Tensor:
        """Rule tables of assignments: (..., V) int64 to (..., V, K) float64."""
        return self._distributions[assignments]

    def gains(self, gain: Tensor) -> Tensor:
        """What each choice of each orbit gains, from the gains (b, V, K) of states and symbols."""
        each = gain @ self._distributions.T
        each = each.gather(2, self._images.clamp(min=0).expand(len(gain), -1, -1))
        total = each.new_zeros(len(gain), *self._options.shape).index_add_(1, self._orbit, each)
        return total.masked_fill(self._options < 0, -torch.inf)

    def every(self) -> Tensor:
        """Every rule, as choices (rules, orbits) int64.

        Where renaming symbols changes no information, the first orbit has one choice only.

        >>> Action.none(3, 2).every().tolist()
        [[0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1]]
        """
        counts = torch.tensor(self._tried)
        steps = torch.cat([counts.new_ones(1), counts.cumprod(0)])
        return torch.arange(int(steps[-1]))[:, None] // steps[:-1] % counts

    @property
    def n_rules(self) -> float:
        """How many rules `every` lists."""
        return float(torch.tensor(self._tried, dtype=torch.float64).prod())

    def named(self, assignment: Tensor) -> Tensor:
        """The table (V, K) of an assignment (V,), its last state having the last symbol.

        For bits that is the block with every spin up, whose bits are all up. Bits are turned one
        by one, so that an odd rule stays odd; other symbols are counted on around a circle. Where
        the group tells the symbols apart nothing is renamed.

        >>> Action.flip(2, 2).named(torch.tensor([1, 0])).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
        """
        k, last, symbols = self.n_symbols, int(assignment[-1]), torch.arange(self.n_symbols)
        table = self.tables(assignment)
        if not self.relabels or last >= k:
            return table
        if k & (k - 1) == 0:
            return table[:, symbols ^ (last ^ (k - 1))]
        return table[:, (symbols + last + 1) % k] if len(self.symbols) == 1 else table

    @property
    def _tried(self) -> tuple[int, ...]:
        return (1, *self.choices[1:]) if self.relabels else self.choices

    @cached_property
    def _first(self) -> Tensor:
        """The first state of each state's orbit, (V,)."""
        return self.states.amin(0)

    @cached_property
    def _orbit(self) -> Tensor:
        """Number of each state's orbit, (V,)."""
        return self._first.unique(return_inverse=True)[1]

    @cached_property
    def _rows(self) -> list[tuple[float, ...]]:
        """Distributions over symbols that occur in rules: one symbol, or some at random."""
        rows = [tuple(row) for row in torch.eye(self.n_symbols).tolist()]
        for first in self._first.unique().tolist():
            for symbol in range(self.n_symbols):
                row = self._spread(first, symbol)
                rows += [row] if row not in rows else []
        group = [r for row in rows for r in self._moved(row)]
        return list(dict.fromkeys(rows + group))

    def _spread(self, state: int, symbol: int) -> tuple[float, ...]:
        """The images of a symbol under the elements that leave a state alone, one at random.

        A rule that commutes with the group treats them alike; these are its extreme points.
        """
        images = self.symbols[self.states[:, state] == state, symbol].unique()
        row = torch.zeros(self.n_symbols, dtype=torch.float64)
        row[images] = 1 / len(images)
        return tuple(row.tolist())

    def _moved(self, row: tuple[float, ...]) -> list[tuple[float, ...]]:
        old = torch.tensor(row, dtype=torch.float64)
        return [tuple(torch.zeros_like(old).index_copy_(0, p, old).tolist()) for p in self.symbols]

    @cached_property
    def _distributions(self) -> Tensor:
        return torch.tensor(self._rows, dtype=torch.float64)

    @cached_property
    def _options(self) -> Tensor:
        """Distributions that the first state of each orbit may have, (orbits, most), else -1."""
        number = {row: i for i, row in enumerate(self._rows)}
        found = [
            list(dict.fromkeys(number[self._spread(v, h)] for h in range(self.n_symbols)))
            for v in self._first.unique().tolist()
        ]
        most = max(map(len, found))
        return torch.tensor([row + [-1] * (most - len(row)) for row in found])

    @cached_property
    def _images(self) -> Tensor:
        """Distribution of each state by the choice of its orbit, (V, most)."""
        number = {row: i for i, row in enumerate(self._rows)}
        moved = torch.tensor([[number[r] for r in self._moved(row)] for row in self._rows])
        mover = (self.states[:, self._first] == torch.arange(self.states.shape[1])).int().argmax(0)
        own = self._options[self._orbit]
        return torch.where(own < 0, -1, moved[own.clamp(min=0), mover[:, None]])
