"""Every estimator of mutual information by name: what it takes, claims, and cannot see."""

import importlib.util
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from rsmi.errors import InputError, nearest
from rsmi.information.contrastive import BOUNDS, infonce_ceiling, interpolated_bound, smile_value
from rsmi.information.discrete import entropy
from rsmi.information.estimators.counts import CORRECTIONS, binned_information, counted_information
from rsmi.information.estimators.critics import (
    POOL,
    CriticName,
    Objective,
    batch_of,
    club_information,
    critic_information,
    known_information,
    predictive_network,
)
from rsmi.information.estimators.density import (
    MAX_COLUMNS,
    gaussian_information,
    kernel_density_information,
    nearest_neighbour_information,
    renyi_information,
)
from rsmi.information.estimators.pairs import Pairs, Side
from rsmi.information.number import Estimate, Kind

Takes = Literal["letters", "numbers", "a letter", "anything", "a conditional", "neighbours"]

_CRITICS = ("joint", "separable")
_CUBES, _SQUARES = 500, 2000  # rows for what takes n^3 and n^2 time
_TRAINED = 200  # rows of which 60 are reported
_INFONCE, _NWJ = BOUNDS["infonce"], BOUNDS["nwj"]


@dataclass(frozen=True)
class Estimator:
    """One way to a mutual information.

    Args:
        name: As `estimate` takes it, `name` or `name(argument)`.
        takes: `letters` (X and Y are whole numbers), `numbers` (neither is), `a letter` (at least
            one is), `neighbours` (numbers, or one label), `a conditional` (ln p(y|x) is known),
            `anything`.
        kind: What the value claims.
        compute: From checked pairs to the value, in nats; its documentation is the entry's.
        ceiling: What the value cannot exceed on these rows, where there is such a number.
        held_out: Whether the value is of rows that nothing was fitted to.
        least: Fewest rows.
        usual: Whether it is run where nothing is chosen.
        comparable: Whether the value is a mutual information in the sense of the others.
        null: Whether permuted pairs say something of it: a known ln p(y|x) is that of the pairs
            as they are, and distances within Y know of no pair.
    """

    name: str
    takes: Takes
    kind: Kind
    compute: Callable[[Pairs], Estimate]
    ceiling: Callable[[Pairs], float | None] = lambda _: None
    held_out: bool = False
    least: int = 10
    usual: bool = False
    comparable: bool = True
    null: bool = True

    def refusal(self, pairs: Pairs) -> str | None:
        """Why it cannot be run on these pairs, and what to do; None where it can."""
        reason = _NEEDS[self.takes](pairs)
        if reason is None and len(pairs) < self.least:
            reason = f"needs at least {self.least} rows and {len(pairs)} were given"
        return None if reason is None else f"{self.name} {reason}"


def _letters(pairs: Pairs) -> str | None:
    for name, side in (("x", pairs.x), ("y", pairs.y)):
        if not side.discrete:
            return (
                f"counts letters, and {name} holds real numbers ({side.size} different rows of "
                f"{len(pairs)}); choose an estimator of numbers such as ksg or infonce, or bins"
            )
    return None


def _numbers(pairs: Pairs) -> str | None:
    for name, side in (("x", pairs.x), ("y", pairs.y)):
        if side.discrete:
            return (
                f"takes real numbers, and {name} holds whole ones, {side.size} different rows; "
                "choose plug_in, nsb or predictive"
            )
    return None


def _a_letter(pairs: Pairs) -> str | None:
    sizes = [side.size for side in (pairs.x, pairs.y) if side.discrete]
    if not sizes:
        return "predicts letters, and x and y both hold real numbers; choose infonce"
    if (k := min(sizes)) > len(pairs) // 10:
        return f"predicts letters, and there are {k} of them in {len(pairs)} rows; choose infonce"
    return None


def _conditional(pairs: Pairs) -> str | None:
    if pairs.log_conditional is None:
        return "needs log_conditional=, a function (y, x) -> ln p(y_i|x_j) of all pairs"
    return None


def _neighbours(pairs: Pairs) -> str | None:
    if importlib.util.find_spec("ennemi") is None:
        return "needs the package ennemi; pip install ennemi, or leave it out"
    columns = pairs.x.rows.shape[1] + pairs.y.rows.shape[1]
    if pairs.x.discrete and pairs.y.discrete:
        return "takes real numbers, and x and y both hold letters; choose plug_in or nsb"
    if not (pairs.x.discrete or pairs.y.discrete) and columns > MAX_COLUMNS:
        return f"takes at most {MAX_COLUMNS} columns and x and y have {columns}; choose infonce"
    if max(_numbers_of(pairs)[0].rows.shape[1], 1) > MAX_COLUMNS:
        return f"takes at most {MAX_COLUMNS} columns beside a label; choose predictive"
    return None


_NEEDS: Mapping[Takes, Callable[[Pairs], str | None]] = {
    "letters": _letters,
    "numbers": _numbers,
    "a letter": _a_letter,
    "a conditional": _conditional,
    "neighbours": _neighbours,
    "anything": lambda _: None,
}


def _numbers_of(pairs: Pairs) -> tuple[Side, Side]:
    """The side of numbers first, the label, where there is one, last."""
    return (pairs.y, pairs.x) if pairs.x.discrete else (pairs.x, pairs.y)


def _counted(name: str) -> Estimator:
    def compute(pairs: Pairs) -> Estimate:
        x, y = pairs.x.letters, pairs.y.letters
        return counted_information(x, y, name, pairs.groups, pairs.seed)

    compute.__doc__ = f"I(X;Y) from counts, {(CORRECTIONS[name].__doc__ or '').partition('.')[0]}."
    return Estimator(name, "letters", "estimate", compute, _smaller_entropy, usual=True)


def _smaller_entropy(pairs: Pairs) -> float:
    """H of the side that has less of it, counted."""
    sides = [side for side in (pairs.x, pairs.y) if side.discrete]
    return min(float(entropy(side.letters.bincount() / len(pairs))) for side in sides)


def _predictive(pairs: Pairs) -> Estimate:
    """H(Y) - < -ln q(y|x) > of letters, q a table or a network: a lower bound for any q."""
    return predictive_network(pairs)


def _gaussian(pairs: Pairs) -> Estimate:
    """-1/2 ln det of the correlations: exact for normal variables, wrong for others."""
    return gaussian_information(pairs.x.rows, pairs.y.rows, pairs.groups, pairs.seed)


def _ksg(neighbours: int = 3) -> Estimator:
    def compute(pairs: Pairs) -> Estimate:
        """Distances to the k-th neighbour; low for heavy tails, many columns and large values."""
        t, y = _numbers_of(pairs)
        labels = y.letters if y.discrete else y.rows
        return nearest_neighbour_information(t.rows, labels, neighbours, _blocks(pairs))

    name = f"ksg({neighbours})"
    return Estimator(name, "neighbours", "estimate", compute, least=100 * neighbours, usual=True)


def _blocks(pairs: Pairs) -> Any:
    return pairs.groups if pairs.dependent else None


def _bins(bins: int = 30) -> Estimator:
    def compute(pairs: Pairs) -> Estimate:
        """Counts of bins over the range: too high by pairs of bins in use, too low by merging."""
        return binned_information(pairs.x.rows, pairs.y.rows, bins, _blocks(pairs))

    return Estimator(f"bins({bins})", "numbers", "estimate", compute, _log_n)


def _log_n(pairs: Pairs) -> float:
    return infonce_ceiling(len(pairs))


def _kernel(sigma: float = 1.0, side: str = "lower") -> Estimator:
    def compute(pairs: Pairs) -> Estimate:
        """I(X; Y + imagined noise) of Y that X determines, from distances within Y."""
        rows = pairs.y.rows[_some(pairs, _SQUARES)]
        return kernel_density_information(rows, sigma)[side == "upper"]

    return Estimator(
        f"kernel({sigma:g},{side})",
        "anything",
        "estimate",
        compute,
        lambda pairs: infonce_ceiling(min(len(pairs), _SQUARES)),
        comparable=False,
        null=False,
    )


def _renyi(alpha: float = 1.01) -> Estimator:
    def compute(pairs: Pairs) -> Estimate:
        """Eigenvalues of Gram matrices of 500 rows; their width decides, ln 500 is the most."""
        some = _some(pairs, _CUBES)
        groups = pairs.groups[some] if pairs.dependent else None
        return renyi_information(pairs.x.rows[some], pairs.y.rows[some], alpha, groups=groups)

    return Estimator(
        f"renyi({alpha:g})",
        "anything",
        "estimate",
        compute,
        lambda pairs: infonce_ceiling(min(len(pairs), _CUBES)),
        least=100,
        comparable=False,
    )


def _some(pairs: Pairs, most: int) -> Any:
    """Rows spread evenly over all of them."""
    count = min(len(pairs), most)
    return (pairs.groups.new_tensor(range(count)) * len(pairs)) // count


def _critic(name: str, chosen: Objective, critic: CriticName, words: str) -> Estimator:
    def compute(pairs: Pairs) -> Estimate:
        return critic_information(pairs, chosen, critic)

    compute.__doc__ = words

    def ceiling(pairs: Pairs) -> float | None:
        return chosen.value.ceiling(batch_of(pairs, chosen.pool))

    kind = chosen.value.kind
    usual = name in ("infonce", "nwj") and critic == "joint"
    return Estimator(name, "anything", kind, compute, ceiling, True, _TRAINED, usual)


def _infonce(critic: CriticName = "joint") -> Estimator:
    words = "A true pair told from others of its batch; a lower bound of at most ln K."
    return _critic(
        _named("infonce", critic), Objective(_INFONCE, _INFONCE, pool=POOL), critic, words
    )


def _nwj(critic: CriticName = "joint") -> Estimator:
    words = (
        "<f> - <exp(f - 1)> over independent pairs; a lower bound without ceiling that scatters."
    )
    return _critic(_named("nwj", critic), Objective(_NWJ, _NWJ, shift=1.0), critic, words)


def _dv(critic: CriticName = "joint") -> Estimator:
    words = "<f> - ln <exp f> (MINE); the ln of a sampled mean is low, so the value is no bound."
    return _critic(_named("dv", critic), Objective(BOUNDS["dv"], BOUNDS["dv"]), critic, words)


def _js(critic: CriticName = "joint") -> Estimator:
    words = "Critic trained to tell pairs apart (Jensen-Shannon), valued by NWJ: a lower bound."
    return _critic(_named("js", critic), Objective(BOUNDS["js"], _NWJ, shift=1.0), critic, words)


def _smile(clip: float = 5.0, critic: CriticName = "joint") -> Estimator:
    words = "DV of the Jensen-Shannon critic with clipped scores: less scatter, and no bound."
    chosen = Objective(BOUNDS["js"], smile_value(clip))
    return _critic(_named(f"smile({clip:g})", critic), chosen, critic, words)


def _alpha(alpha: float = 0.1, critic: CriticName = "joint") -> Estimator:
    words = "Between NWJ (0) and InfoNCE (1): a lower bound of at most ln(K / alpha)."
    bound = interpolated_bound(alpha)
    chosen = Objective(bound, bound)
    return _critic(_named(f"alpha({alpha:g})", critic), chosen, critic, words)


def _named(name: str, critic: str) -> str:
    if critic == _CRITICS[0]:
        return name
    return f"{name[:-1]},{critic})" if name.endswith(")") else f"{name}({critic})"


def _infonce_known(batch: int = 256) -> Estimator:
    def compute(pairs: Pairs) -> Estimate:
        """InfoNCE of the true ln p(y|x): the largest that this K allows; a lower bound."""
        return known_information(pairs, BOUNDS["infonce"], batch)

    def ceiling(pairs: Pairs) -> float:
        return infonce_ceiling(batch_of(pairs, batch, held_out=False))

    name = f"infonce_known({batch})"
    return _known(name, "lower", compute, ceiling)


def _leave_one_out(batch: int = 256) -> Estimator:
    def compute(pairs: Pairs) -> Estimate:
        """The true ln p(y|x) against the mean over other x: an upper bound, tight for large K."""
        return known_information(pairs, BOUNDS["leave_one_out"], batch)

    name = f"leave_one_out({batch})"
    return _known(name, "upper", compute)


def _club_known(batch: int = 256) -> Estimator:
    def compute(pairs: Pairs) -> Estimate:
        """<ln p(y|x)> of pairs minus that of independent ones: an upper bound, often loose."""
        return known_information(pairs, BOUNDS["club"], batch)

    return _known(f"club_known({batch})", "upper", compute)


def _known(
    name: str,
    kind: Kind,
    compute: Callable[[Pairs], Estimate],
    ceiling: Callable[[Pairs], float | None] = lambda _: None,
) -> Estimator:
    return Estimator(
        name, "a conditional", kind, compute, ceiling, least=20, usual=True, null=False
    )


def _club(pairs: Pairs) -> Estimate:
    """CLUB of a conditional that is learned: no bound, since only the true one gives one."""
    return club_information(pairs)


def _plain(name: str, **entry: Any) -> Callable[[], Estimator]:
    return lambda: Estimator(name, **entry)


ESTIMATORS: Mapping[str, Callable[..., Estimator]] = {
    **{name: partial(_counted, name) for name in CORRECTIONS},
    "predictive": _plain(
        "predictive",
        takes="a letter",
        kind="lower",
        compute=_predictive,
        ceiling=_smaller_entropy,
        held_out=True,
        least=_TRAINED,
        usual=True,
    ),
    "gaussian": _plain("gaussian", takes="numbers", kind="estimate", compute=_gaussian, usual=True),
    "ksg": _ksg,
    "infonce": _infonce,
    "nwj": _nwj,
    "dv": _dv,
    "js": _js,
    "smile": _smile,
    "alpha": _alpha,
    "club": _plain(
        "club",
        takes="anything",
        kind="estimate",
        compute=_club,
        held_out=True,
        least=_TRAINED,
    ),
    "infonce_known": _infonce_known,
    "leave_one_out": _leave_one_out,
    "club_known": _club_known,
    "bins": _bins,
    "kernel": _kernel,
    "renyi": _renyi,
}
"""Name -> the entry, made with the arguments that stand in brackets behind the name."""

_WRITTEN = re.compile(r"\s*([a-z_]+)\s*(?:\((.*)\))?\s*")


def estimator(name: str) -> Estimator:
    """The entry of a name such as `infonce`, `infonce(separable)`, `ksg(5)` or `smile(2,joint)`.

    Args:
        name: From `ESTIMATORS`, with arguments in the order of the entry's function.

    Raises:
        InputError: For an unknown name, with the nearest one, or arguments that do not fit.

    >>> estimator("infonce").kind, estimator("dv").kind
    ('lower', 'estimate')
    """
    found = _WRITTEN.fullmatch(name) if isinstance(name, str) else None
    if found is None or found[1] not in ESTIMATORS:
        hint = nearest(found[1] if found else name, ESTIMATORS)
        raise InputError(
            f"unknown estimator {name!r}; {hint}expected names from {', '.join(ESTIMATORS)}"
        )
    make = ESTIMATORS[found[1]]
    words = [word.strip() for word in (found[2] or "").split(",") if word.strip()]
    return make(**_arguments(name, make, words))


def _arguments(name: str, make: Callable[..., Estimator], words: Sequence[str]) -> dict[str, Any]:
    takes = [p for p in inspect.signature(make).parameters.values() if p.default is not p.empty]
    if len(words) > len(takes):
        usual = ", ".join(f"{p.name} ({p.default})" for p in takes) or "none"
        raise InputError(f"{name!r} has {len(words)} arguments; expected at most: {usual}")
    return {
        p.name: _argument(name, p.name, word, p.default)
        for p, word in zip(takes, words, strict=False)
    }


def _argument(name: str, parameter: str, word: str, default: Any) -> Any:
    """A word as what the parameter is."""
    if isinstance(default, str):
        known = _CRITICS if default in _CRITICS else ("lower", "upper")
        if word not in known:
            raise InputError(
                f"{name!r}: {parameter} is {word!r}; {nearest(word, known)}expected one of "
                f"{', '.join(known)}"
            )
        return word
    try:
        value = type(default)(word)
    except ValueError:
        value = 0
    if not 0 < value < 1e9:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise InputError(f"{name!r}: {parameter} is {word!r}; expected {kind} above 0")
    return value
