"""Encoders of one symmetry sector, each told what the ones before it keep."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate, Kind, Outcome, Quantity, rule_information
from rsmi.information.assignments import Action
from rsmi.information.discrete import check_posterior
from rsmi.information.merging import merge_equal, merge_similar
from rsmi.lattice import Placement, Window, word_index
from rsmi.learning import Learning, Rule, TableRule
from rsmi.learning.equivariance import Images, block_symmetries, letter_symmetries, symbol_action
from rsmi.learning.rules import MAX_SYMBOLS
from rsmi.renormalization.operators.basis import check_sector
from rsmi.storage import opened
from rsmi.storage.interface import space_of

_WINDOWS = 16384  # environments from which encoders are derived
_MERGED = 1024  # environments on which they are searched for
_EXHAUSTIVE = 1 << 12  # most rules that are all tried
_STARTS = 8


@dataclass(frozen=True, repr=False)
class Encoders(Outcome):
    """Learned encoders of a sector.

    Args:
        sector: Its name.
        rules: p(h|v) by name, the most telling one first.
        information: What each keeps of the environment beyond those before it, in nats: the first
            a lower bound, further ones differences of bounds.
    """

    sector: str
    rules: Mapping[str, Rule]
    information: Mapping[str, Estimate]

    def quantities(self) -> list[Quantity]:
        """Information of each."""
        return [
            Quantity.of(f"operators.encoder.{name}", value, sector=self.sector)
            for name, value in self.information.items()
        ]


def learn_encoders(
    samples: Any,
    sector: str,
    window: Window | None = None,
    *,
    count: int = 1,
    seed: int = 0,
    say: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> Encoders:
    r"""Learn encoders of a block that transform as one symmetry sector does.

    .. math:: \max_{p(h_k|v)} I(H_k : E \,|\, H_1 \dots H_{k-1})
              = I(H_1 \dots H_k : E) - I(H_1 \dots H_{k-1} : E), \quad p(g h|g v) = p(h|v)

    where the letters' symmetries g leave the symbols of an even encoder alone and permute those of
    an odd one; rotations and reflections of the block leave both alone. One posterior q(v|e) is
    learned, from which all of them follow.

    Args:
        samples: A path, open samples or an array, see `rsmi.storage.samples_of`.
        sector: As in `scaling_dimensions`.
        window: Block, buffer and environment; two cells along each axis, a buffer and an
            environment of one without. The block shows at most 1024 words.
        count: How many; of K symbols each, K to that power is at most 16.
        seed: Of weights and windows.
        say: Is told what is done, in words.
        **options: Of `rsmi.learning.Learning` that speak of the predictor.

    Raises:
        InputError: For a sector that the letters do not have, or too many encoders.
        AnalysisError: Where the training failed.

    Source: deflation by conditional information follows real-space mutual information, Gokmen,
    Ringel, Huber and Koch-Janusz (2021), arXiv:2101.11633.
    """
    settings = Learning.of({"null": False, **options})
    with opened(samples) as source:
        space = space_of(source)
        name = check_sector(sector, space.alphabet)
        odd = name in ("odd", "vector")
        symbols = space.alphabet.size if odd and len(space.alphabet.symmetries) > 2 else 2
        _check_count(count, symbols)
        chosen = window or Window((2,) * len(space.cells), 1, 1)
        model, held_out = _posterior(source, chosen, symbols, settings, seed)
    rules = _derived(model, held_out.e, count, odd=odd)
    named = {f"encoder {k + 1}": rule for k, rule in enumerate(rules)}
    values = _valued(model, held_out, list(named.items()))
    for key, value in values.items():
        say(f"{key} of the sector {name} keeps {value} more of the environment")
    return Encoders(name, named, values)


def _check_count(count: int, symbols: int) -> None:
    if count < 1 or symbols**count > MAX_SYMBOLS:
        raise InputError(
            f"{count} encoders of {symbols} symbols were asked for; expected 1 to "
            f"{max(k for k in range(1, 5) if symbols**k <= MAX_SYMBOLS)}, so that all together "
            f"have at most {MAX_SYMBOLS} values"
        )


def _posterior(
    source: Any, window: Window, symbols: int, settings: Learning, seed: int
) -> tuple[Any, Any]:
    """A trained posterior, and windows that it never saw."""
    from rsmi.learning import PosteriorRSMI, WindowData, make_trainer  # they need Lightning
    from rsmi.learning.learn import fit_best

    data = WindowData(
        source, window, settings.batch_size, settings.steps_per_epoch, settings.configurations,
        settings.windows_per_configuration, seed,
    )  # fmt: skip
    model = PosteriorRSMI(
        window, symbols, "impose", hidden=settings.hidden,
        learning_rate=settings.learning_rate, seed=seed,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        trainer = make_trainer(
            scratch, settings.max_epochs, settings.patience, settings.accelerator, progress=False
        )
        fit_best(model, data, trainer)
    return model, data.test_windows()


def _derived(model: Any, e: Tensor, count: int, *, odd: bool) -> list[TableRule]:
    """The encoders that a posterior gives, one after the other."""
    from rsmi.learning.posterior import extended

    placement: Placement = model.placement
    alphabet, seen = placement.space.alphabet, model.words
    with torch.no_grad():
        spread = e[:: -(-len(e) // _WINDOWS)]
        posterior = model.log_posterior(spread).double().exp()[:, : len(seen)]
    posterior = posterior / posterior.sum(1, keepdim=True)
    rows, weights = merge_equal(posterior, check_posterior(posterior, None))
    rows, weights = merge_similar(rows, weights, _MERGED)
    images = _images(placement, model.symbols, odd=odd)
    moved = torch.searchsorted(model.number, word_index(images(seen), alphabet.size))
    action = Action(moved, images.symbols)
    joint = torch.ones(len(seen), 1, dtype=torch.float64)
    rules = []
    for _ in range(count):
        table = _best(rows, weights, joint, action)
        joint = together(joint, table)
        whole = extended(table, seen, model.number, alphabet.size)
        rules.append(TableRule(alphabet, whole, placement.window.block))
    return rules


def _images(placement: Placement, symbols: int, *, odd: bool) -> Images:
    """The group under which encoders of a sector are equivariant, and what it does to symbols."""
    alphabet = placement.space.alphabet
    renamings = letter_symmetries(alphabet, placement.n_visible)
    acting = symbol_action(alphabet, symbols) if odd else [tuple(range(symbols))] * len(renamings)
    return Images.of(
        (type(turn)(turn.source, renaming.letters[turn.letters], ""), action)
        for turn in block_symmetries(placement)
        for renaming, action in zip(renamings, acting, strict=True)
    )


def together(first: Tensor, second: Tensor) -> Tensor:
    """Tables (..., V, K) and (..., V, J) of two symbols as one of the pair, (..., V, K J)."""
    return (first[..., :, None] * second[..., None, :]).flatten(-2)


def _best(posterior: Tensor, weights: Tensor, before: Tensor, action: Action) -> Tensor:
    """The rule that adds most to the symbols before it: a table (V, K)."""

    def values(free: Tensor) -> Tensor:
        tables = action.tables(action.complete(free))
        joint = together(before.expand(len(tables), -1, -1), tables)
        return rule_information(posterior, joint, weights)

    if action.n_rules <= _EXHAUSTIVE:
        every = action.every()
        winner = every[values(every).argmax()]
    else:
        winner = max((_climbed(values, s, action) for s in range(_STARTS)), key=lambda w: w[1])[0]
    return action.named(action.complete(winner[None])[0])


def _climbed(
    values: Callable[[Tensor], Tensor], start: int, action: Action
) -> tuple[Tensor, float]:
    """Change one orbit at a time from a random start until nothing gains."""
    counts = torch.tensor(action.choices)
    generator = torch.Generator().manual_seed(start)
    free = (torch.rand(len(counts), generator=generator) * counts).long()
    best = float(values(free[None])[0])
    while True:
        moves = free.repeat(len(counts), 1)
        moves[torch.arange(len(counts)), torch.arange(len(counts))] += 1
        found = values(moves % counts)
        if float(found.max()) <= best + 1e-12:
            return free, best
        free, best = (moves % counts)[found.argmax()], float(found.max())


def _valued(model: Any, held_out: Any, rules: list[tuple[str, Rule]]) -> dict[str, Estimate]:
    """What each encoder adds to those before it, on windows never trained on."""
    from rsmi.learning.held_out import held_out_bound

    found: dict[str, Estimate] = {}
    joint: Tensor | None = None
    before = Estimate(0.0, 0.0, "exact")
    for name, rule in rules:
        own = rule.table()
        joint = own if joint is None else together(joint, own)
        whole = TableRule(rule.alphabet, joint, rule.block)
        value: Estimate = held_out_bound(model, held_out, whole).information
        error = (value.error**2 + before.error**2) ** 0.5
        kind: Kind = "estimate" if found else "lower"
        found[name] = Estimate(value.value - before.value, error, kind, n=value.n)
        before = value
    return found
