"""Hundreds of rules at once: what they are worth, and what manifold the best of them form."""

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from itertools import pairwise, permutations
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from rsmi.errors import AnalysisError, InputError, nearest
from rsmi.information import Estimate, Outcome, Quantity, Sheet, entropy
from rsmi.lattice import Placement, Space, Symmetry, Window, place
from rsmi.learning.data import WindowData
from rsmi.learning.equivariance import block_symmetries
from rsmi.learning.held_out import chain_estimate
from rsmi.learning.manifold import Degeneracy, degeneracy
from rsmi.learning.members import TOGETHER, WINDOWS, Members
from rsmi.learning.rsmi import ceiling
from rsmi.learning.rules import Rule
from rsmi.learning.settings import Learning, check_memory_of_learning, check_seed, imposed
from rsmi.learning.symmetry import DataSymmetry
from rsmi.learning.windowed import TEST, HeldOut
from rsmi.sampling import OrderReport
from rsmi.storage import Samples, opened
from rsmi.storage.interface import space_of
from rsmi.storage.room import check_memory, free_memory

_BETWEEN = 7919  # seeds between one member and the next
_WITHIN = 0.02  # of the best value: what a good member may lack for want of training
_ERRORS = 3.0
_TINY = 1e-30
_COMPARED = 1 << 15  # blocks and their images by which rules are compared
_FEWEST = 32  # configurations of which all blocks are compared with those beside them
_RANK = 1e-8  # of the largest variance: what counts as none
_DEFAULTS: dict[str, Any] = {
    "hidden": (16,), "batch_size": 256, "max_epochs": 16, "windows_per_configuration": 8,
    "rule": "linear",
}  # fmt: skip
_UNUSED = {"method", "patience", "restarts", "accelerator"}


@dataclass(frozen=True, repr=False)
class Ensemble(Outcome):
    """Rules that were trained from different weights on the same windows.

    Args:
        members: Every rule, soft, as trained.
        values: (M,) float64 held-out lower bounds of I(H:E) of the hard rules, in nats.
        errors: (M,) their standard errors.
        best: Number of the member with the largest value on the validation part.
        good: (M,) bool, which members are worth as much as the best: within 3 errors of the
            difference on the same windows, or 2 %.
        filters: (M, n_v, q, K) weights with which the letters of the sites make up the logits, of a
            linear rule its own; letters that determine each other share theirs.
        responses: (M, n_v, q, K) covariance of each letter on each site with each logit; the sum
            with the weights of a field of unit variance is its correlation with the logit.
        vectors: (M, n_v q K) the same with the letters decorrelated, see `learn_ensemble`.
        degeneracy: The manifold that the good members form.
        placement: The window in the space of the configurations.
        symmetry: What symmetries the configurations have.
        order: How much the configurations remember of each other.
        null: The best member, trained again on environments of other configurations.
        seeds: (M,) of the members' weights.
        seconds: Spent in training.
    """

    members: Members
    values: Tensor
    errors: Tensor
    best: int
    good: Tensor
    filters: Tensor
    responses: Tensor
    vectors: Tensor
    degeneracy: Degeneracy
    placement: Placement
    symmetry: DataSymmetry
    order: OrderReport
    null: Estimate | None
    seeds: tuple[int, ...]
    seconds: float

    __repr__ = Outcome.__repr__

    def __len__(self) -> int:
        """Number of members."""
        return len(self.values)

    def rule(self, member: int | None = None) -> Rule:
        """The hard rule of a member, of the best one without a number."""
        return self.members.rule(self.best if member is None else member).hardened()

    @property
    def card(self) -> dict[str, Any]:
        """What is recorded beside the best rule on disk."""
        value, window = self.information, asdict(self.placement.window)
        return {
            "window": {k: list(v) if isinstance(v, tuple) else v for k, v in window.items()},
            "ensemble": {"members": len(self), "member": self.best},
            "seed": self.seeds[self.best],
            "information": {"value": value.value, "error": value.error, "kind": value.kind},
        }

    @property
    def information(self) -> Estimate:
        """Held-out information of the best member, a lower bound in nats."""
        return self._value(self.best)

    @cached_property
    def clusters(self) -> Tensor:
        """(M,) int64 cluster of each member, -1 for those that are not good or in none."""
        labels = torch.full((len(self),), -1)
        labels[self.good] = self.degeneracy.labels
        return labels

    def quantities(self) -> list[Quantity]:
        """The best value, the share of good members, their manifold, and the value of each."""
        share, size = float(self.good.double().mean()), len(self)
        context: dict[str, Any] = {"members": size, "symmetry": str(self.symmetry)}
        found = [
            Quantity.of("information.ensemble.best", self.information, member=self.best, **context),
            Quantity("information.ceiling", ceiling(self.symbols), 0.0, "exact", "nats"),
            Quantity(
                "information.ensemble.good", share, math.sqrt(share * (1 - share) / size),
                "estimate", "1", None, {"members": size},
            ),
        ]  # fmt: skip
        if self.null is not None:
            found.append(Quantity.of("information.ensemble.null", self.null, 0.0))
        return [*found, *self.degeneracy.quantities(), *map(self._member, range(size))]

    def sheets(self) -> list[Sheet]:
        """The numbers, and what they say of the manifold in words."""
        sheet = super().sheets()[0]
        caption = f"optimal rules: {self.degeneracy.name}: {self.degeneracy.reason}"
        return [
            Sheet(
                sheet.title, sheet.columns, sheet.rows, f"{sheet.caption}\n{caption}", sheet.words
            )
        ]

    @property
    def symbols(self) -> int:
        """K."""
        return self.responses.shape[3]

    def _value(self, member: int) -> Estimate:
        return Estimate(float(self.values[member]), float(self.errors[member]), "lower")

    def _member(self, member: int) -> Quantity:
        return Quantity.of(
            "information.scan.member", self._value(member), member=member,
            seed=self.seeds[member], good=bool(self.good[member]),
            cluster=int(self.clusters[member]),
        )  # fmt: skip


def learn_ensemble(
    samples: Any,
    window: Window,
    *,
    size: int = 100,
    first: int = 0,
    seed: int = 0,
    chains: int | None = None,
    space: Space | str | None = None,
    say: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> Ensemble:
    r"""Learn many rules from different weights, and say what manifold the best of them form.

    Each member has its own rule and its own predictor and maximises

    .. math:: I(H:E) \ge H(\bar p) + \Big\langle \sum_h p(h|v) \ln q(h|e) \Big\rangle

    on the windows that all members see; in the last 40 % of the training its rule is hard and
    stays. The members do not know of each other: any one of them alone, `size=1, first=m`, is the
    same rule. As filters they are compared by how the letters x of the block move the logits l,

    .. math:: r = C_{xx}^{-1/2}\, C_{xl} \Big/ \Big(\sum_h C_{l_h l_h}\Big)^{1/2}

    with covariances over held-out blocks and all their images. For a linear rule this is a unit
    vector, whatever its scale, in which letters that determine each other count once, and the
    product of two of them is the correlation of their fields; for another rule it is its linear
    part. The manifold of the good members is told by `rsmi.learning.degeneracy`.

    Args:
        samples: A path, open samples, or an array, see `rsmi.storage.samples_of`.
        window: Block, buffer and environment.
        size: Number of members.
        first: Number of the first member; `size=100, first=100` are a hundred others.
        seed: Of windows and error bars; with the number of a member, of its weights.
        chains: Of an array, see `rsmi.storage.samples_of`.
        space: Of an array, likewise.
        say: Is told what is done, in words.
        **options: Fields of `rsmi.learning.Learning`: symbols, rule (`linear` here; `table`,
            `mlp`, `conv`), symmetry, point_group, hidden (16,), learning_rate, batch_size (256),
            steps_per_epoch, max_epochs (16), configurations, windows_per_configuration (8), null.

    Returns:
        All rules with their held-out values, and the manifold of the good ones.

    Raises:
        InputError: For an ensemble that memory cannot hold, which says how many members it can;
            else as `learn_rule`.
        AnalysisError: Where a training fails, no member keeps anything, or the null is not 0.

    Source: Gokmen, Ringel, Huber and Koch-Janusz (2021), arXiv:2101.11633.

    >>> import numpy as np
    >>> coins = np.random.default_rng(0).integers(0, 2, (64, 6, 6)).repeat(2, 1).repeat(2, 2)
    >>> found = learn_ensemble(
    ...     coins, Window((2, 2), 0), size=3, chains=64, space="spins on square [12, 12]",
    ...     max_epochs=1, null=False, symmetry="allow",
    ... )
    >>> found.values.shape, found.degeneracy.name
    (torch.Size([3]), 'undecided')
    """
    settings = _settings(size, first, options)
    check_seed(seed)
    seeds = tuple(seed + _BETWEEN * m for m in range(first, first + size))
    check_seed(seeds[-1])
    with opened(samples, chains=chains, space=space) as source:
        placement = place(window, space_of(source))
        check_memory_of_learning(settings, settings.hidden, placement, source.n)
        _check_memory(size, settings, placement)
        data = windows_of(source, window, settings, seed)
        members = Members.fresh(placement, settings, seeds)
        seconds = members.learn(data, settings)
        say(str(data.order))
        say(f"symmetries used: {data.symmetry}")
        found = _ensemble(members, data, seeds, seconds)
        good = int(found.good.sum())
        say(f"I(H:E) >= {found.information} by the best of {size}; {good} are as good")
        if not settings.null:
            return found
        shuffled = windows_of(source, window, settings, seed, shuffle=True)
        null = _null(placement, settings, seeds[found.best], shuffled)
        say(f"{null} on environments of other configurations; the true value is 0")
        return replace(found, null=null)


def options_of(
    what: str, defaults: Mapping[str, Any], unused: Set[str], options: Mapping[str, Any]
) -> Learning:
    """Settings of a training that uses some of the fields of `Learning`, with its own defaults.

    Raises:
        InputError: For a field that it does not use, and as `Learning.of`.
    """
    known = [field.name for field in fields(Learning) if field.name not in unused]
    for name in unused & set(options):
        raise InputError(
            f"{what} has no option {name!r}; {nearest(name, known)}expected one of "
            f"{', '.join(known)}"
        )
    return Learning.of({**defaults, **options})


def windows_of(
    source: Samples, window: Window, s: Learning, seed: int, shuffle: bool = False
) -> WindowData:
    """Windows of samples, whose symmetries are known and are those that the settings ask for.

    Raises:
        InputError: Where the data break a symmetry that is imposed.
    """
    data = WindowData(
        source, window, s.batch_size, s.steps_per_epoch, s.configurations,
        s.windows_per_configuration, seed, shuffle,
    )  # fmt: skip
    data.setup("fit")
    if s.symmetry == "none":
        data.without_symmetry()
    data.symmetry.check(imposed(s))
    return data


def _settings(size: int, first: int, options: Mapping[str, Any]) -> Learning:
    if size < 1 or first < 0:
        raise InputError(
            f"an ensemble of {size} members from number {first} on; expected at least 1, from 0 on"
        )
    return options_of("an ensemble", _DEFAULTS, _UNUSED, options)


def _check_memory(size: int, settings: Learning, placement: Placement) -> None:
    """Refuse an ensemble that memory cannot hold, and say how many members it can."""
    space, k = placement.space, settings.symbols
    depth = space.alphabet.values.shape[1]
    widths = [placement.n_environment * depth, *settings.hidden, k]
    weights = sum((a + 1) * b for a, b in pairwise(widths))
    weights += placement.n_visible * depth * k if settings.rule == "linear" else 0
    if settings.rule == "table":
        weights += k * int(space.alphabet.size**placement.n_visible)
    # weights, gradients and two moments; block sums of the held-out windows, in double precision
    each = 16 * weights + 8 * (k + 2) * 1024 + 8 * k * placement.n_visible * space.alphabet.size
    windows = max(settings.batch_size, WINDOWS)
    shared = 4 * min(size, TOGETHER) * windows * (2 * sum(widths[1:]) + 8 * k)
    fits = max(0, (free_memory() - shared) // each)
    check_memory(
        size * each + shared, f"an ensemble of {size} members",
        f"about {fits} fit: lower size (first={fits} goes on where they ended), or hidden",
    )  # fmt: skip


def _ensemble(
    members: Members, data: WindowData, seeds: tuple[int, ...], seconds: float
) -> Ensemble:
    """Value all members, and look at the good ones."""
    validation = _validated(members, data)
    held_out = data.test_windows()
    sums = _held_out_sums(members, held_out, data)
    found = [chain_estimate(part, held_out.chains) for part in sums]
    values, errors = torch.tensor([(f.value, f.error) for f in found], dtype=torch.float64).T
    best = int(validation.argmax())
    if values[best] < _ERRORS * errors[best]:
        raise AnalysisError(
            f"no good member: the best of {len(values)} keeps {found[best]} of the environment, "
            "which is nothing within 3 errors; take more configurations, more max_epochs, or a "
            "smaller buffer"
        )
    good = _good(sums, values, errors, best)
    filters, responses, vectors, symmetries = _compared(members, held_out.v, data)
    return Ensemble(
        members, values, errors, best, good, filters, responses, vectors,
        degeneracy(vectors[good], symmetries), data.placement, data.symmetry, data.order, None,
        seeds, seconds,
    )  # fmt: skip


def _validated(members: Members, data: WindowData) -> Tensor:
    """Values on the validation part, (M,)."""
    v, e = (torch.cat(part) for part in zip(*data.val_dataloader(), strict=True))
    return _values(members.sums(v, e, torch.zeros(len(v), dtype=torch.int64), 1).sum(1))


def _values(sums: Tensor) -> Tensor:
    """Bounds (M,) of sums (M, K + 2)."""
    means = sums[:, :-1] / sums[:, -1:]
    return entropy(means[:, :-1]) + means[:, -1]


def _held_out_sums(members: Members, held_out: HeldOut, data: WindowData) -> Tensor:
    """(M, labels, K + 2), windows with all renamings of their letters that the data have."""
    labels = int(held_out.groups.max()) + 1
    images = data.symmetry.letters if data.symmetry.symmetrises("allow") else ()
    total = members.sums(held_out.v, held_out.e, held_out.groups, labels)
    for letters in torch.tensor(images[1:], dtype=torch.int8):
        v, e = letters[held_out.v.long()], letters[held_out.e.long()]
        total += members.sums(v, e, held_out.groups, labels)
    return total


def _good(sums: Tensor, values: Tensor, errors: Tensor, best: int) -> Tensor:
    """Which members are as good as the best, by their differences on the same windows."""
    influence = _influence(sums[:, sums[0, :, -1] > 0])
    scale = math.sqrt(influence.shape[1])
    naive = scale * influence.std(1).clamp(min=1e-300)
    growth = (errors / naive).clamp(min=1.0)  # correlations along the chains
    paired = scale * (influence - influence[best]).std(1)
    lacking = values[best] - values
    allowed = (_ERRORS * paired * growth.maximum(growth[best])).clamp(
        min=_WITHIN * float(values[best])
    )
    return lacking <= allowed


def _influence(sums: Tensor) -> Tensor:
    """What each stretch adds to each bound, to first order: (M, labels)."""
    total = sums.sum(1)
    mean = total[:, :-1] / total[:, -1:]
    slopes = torch.cat([-mean[:, :-1].clamp(min=_TINY).log(), torch.ones_like(mean[:, :1])], 1)
    centre = (mean * slopes).sum(1, keepdim=True)
    added = (sums[..., :-1] * slopes[:, None]).sum(2)
    return (added - sums[..., -1] * centre) / total[:, -1:]


def _compared(
    members: Members, v: Tensor, data: WindowData
) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    """Filters, responses (M, n_v, q, K), vectors (M, n_v q K), what symmetries do to these."""
    q, moves = data.placement.space.alphabet.size, _moves(data)
    some = v[:: -(-len(v) * len(moves) // _COMPARED)]
    x = F.one_hot(some.long(), q).flatten(1)
    images = torch.cat([x[:, g] for g in moves])  # a sample that has every symmetry
    x = images.double() - images.double().mean(0)
    letters = images.unflatten(1, (-1, q)).argmax(2).to(torch.int8)
    cross = square = mean = torch.zeros(())
    for rows in torch.arange(len(x)).split(WINDOWS):
        found = members.logits(letters[rows]).double()
        cross = cross + torch.einsum("nx,mnk->mxk", x[rows], found)
        square, mean = square + found.square().sum(1), mean + found.sum(1)
    n = len(x)
    size = (square / n - (mean / n).square()).sum(1).clamp(min=_TINY).sqrt()
    responses = cross / n / size[:, None, None]
    variance, axes = torch.linalg.eigh(x.T @ x / n)
    kept = variance > _RANK * variance[-1]
    root = (axes[:, kept] * variance[kept].rsqrt()) @ axes[:, kept].T
    k = responses.shape[2]
    symmetries = [*_renamed(moves, k), *(torch.kron(g, torch.eye(k)) for g in _shifts(root, data))]
    filters = (root @ root @ responses).unflatten(1, (-1, q))
    return filters, responses.unflatten(1, (-1, q)), (root @ responses).flatten(1), symmetries


def _shifts(root: Tensor, data: WindowData) -> list[Tensor]:
    r"""What translations by one cell do to rules, as far as a block sees them: (n_v q, n_v q) each.

    :math:`C^{-1/2} C_{x x'} C^{-1/2}` for the letters x of a block and x' of the one beside it.
    """
    placement, space = data.placement, data.placement.space
    if not space.homogeneous:
        return []
    letters, _, _ = data.held_out(TEST)
    count = max(_FEWEST, _COMPARED // (space.n_cells * len(data.symmetry.group)))
    some, q = letters[:: -(-len(letters) // count)], space.alphabet.size
    places = torch.arange(space.n_cells).view(space.cells)
    cross, mean = torch.zeros(len(space.cells), len(root), len(root)), torch.zeros(len(root))
    for g in data.symmetry.group:
        v, _ = placement.cut(some, g)
        blocks = F.one_hot(v.long(), q).flatten(2).float()
        mean += blocks.mean((0, 1)) / len(data.symmetry.group)
        for axis in range(len(space.cells)):
            beside = blocks[:, places.roll(-1, axis).flatten()]
            cross[axis] += torch.einsum("npx,npy->xy", beside, blocks)
    windows = len(some) * space.n_cells * len(data.symmetry.group)
    return [root @ (part / windows - mean.outer(mean)).double() @ root for part in cross]


def _moves(data: WindowData) -> list[Tensor]:
    """What the symmetries that the data have do to (site, letter): (n_v q,) each."""
    placement, kept = data.placement, {g.name for g in data.symmetry.moves}
    q, turns = placement.space.alphabet.size, block_symmetries(placement)
    renamings = [torch.tensor(letters) for letters in data.symmetry.letters]
    return [
        _permutation(turn, renaming, q)
        for turn in turns
        if turn.trivial or turn.name in kept
        for renaming in renamings
    ]


def _permutation(turn: Symmetry, renaming: Tensor, q: int) -> Tensor:
    """Where (site, letter) of an image comes from."""
    found = torch.empty(len(turn.source), q, dtype=torch.int64)
    places = torch.arange(len(turn.source))[:, None] * q + renaming[turn.letters][None]
    found[turn.source] = places
    return found.flatten()


def _renamed(moves: Sequence[Tensor], k: int) -> list[Tensor]:
    """Symmetries of block and letters with every renaming of up to 4 symbols: (n_v q K,) each."""
    names = permutations(range(k)) if k <= 4 else [range(k)]
    return [
        (g[:, None] * k + torch.tensor(list(order))).flatten() for order in names for g in moves
    ]


def _null(placement: Placement, settings: Learning, seed: int, data: WindowData) -> Estimate:
    """The value of one member trained on environments of other configurations.

    Raises:
        AnalysisError: Where it is not 0 within 3 errors.
    """
    member = Members.fresh(placement, settings, [seed])
    member.learn(data, settings)
    held_out = data.test_windows()
    null = chain_estimate(_held_out_sums(member, held_out, data)[0], held_out.chains)
    if null.value > _ERRORS * null.error:
        raise AnalysisError(
            f"on environments of other configurations the best member keeps {null}, and the true "
            "value is 0: the parts of the samples are not independent; take longer chains or more "
            "of them"
        )
    return null
