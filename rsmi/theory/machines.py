"""Random machines as one study: functions, perturbed weights, and the order of learning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast, get_args

import numpy as np

from rsmi.errors import InputError
from rsmi.information import Estimate, Outcome, Plain, Quantity, Sheet, format_with_error
from rsmi.progress import Progress, silent
from rsmi.theory.perturbed_machines import (
    Learning,
    LearningOrder,
    Perturbation,
    Scaleless,
    Settled,
    agreement_law,
    agreement_rate,
    learning_order,
    machines_at_error,
    measured_errors,
    output_errors,
    weight_overlap,
)
from rsmi.theory.random_machines import (
    Activation,
    finite_machines,
    literals,
    sparse_machines,
    truth_tables,
    wide_machines,
)

WEIGHTS = ("layered", "recurrent")
"""Fresh weights in every layer, or the same ones."""

_WIDTHS = (25, 50, 100, 200, 400)
_RARE = 0.5
"""The output error whose rarity is looked at, as a share of the typical one."""


@dataclass(frozen=True)
class Machines:
    """Which machines are looked at.

    Args:
        inputs: Bits of input: of 1 and 2 the functions are exact, of 3 they are sampled.
        depth: Largest number of layers.
        activations: Of dense machines, of sign, relu and tanh.
        gain: Of tanh.
        constant: Whether a constant is among the literals of dense machines.
        samples: Sign patterns drawn at each depth where there are 3 inputs.
        width: Of machines that are drawn.
        machines: How many of them.
        gates: Names or truth tables of machines of sparse gates.
        gate_inputs: Bits of input of these.
        negated: Whether their literals include the negated bits.
        perturbations: binarise, dilute and noise with their strength.
        trials: Pairs of machines that are drawn with each perturbation.
        learning: Networks whose order of learning is measured; none with null.
        seed: Of everything that is drawn.
    """

    inputs: int = 2
    depth: int = 6
    activations: tuple[Activation, ...] = ("sign", "relu", "tanh")
    gain: float = 1.5
    constant: bool = True
    samples: int = 1_000_000
    width: int = 64
    machines: int = 4000
    gates: tuple[str, ...] = ("maj3", "xor", "and", "random2")
    gate_inputs: int = 3
    negated: bool = False
    perturbations: Mapping[str, float] = field(
        default_factory=lambda: {"binarise": 0.0, "dilute": 0.5, "noise": 0.5}
    )
    trials: int = 200
    learning: Learning | None = field(default_factory=Learning)
    seed: int = 0

    def __post_init__(self) -> None:
        literals(self.inputs)
        literals(self.gate_inputs)
        for gate in self.gates:
            truth_tables(gate, self.gate_inputs)
        if not self.activations:
            raise InputError("activations are none; expected at least one of sign, relu, tanh")
        for name, strength in self.perturbations.items():
            weight_overlap(cast(Perturbation, name), strength)


@dataclass(frozen=True, repr=False)
class MachinesResult(Outcome):
    """What random machines compute, what a change of weights costs them, and how nets learn.

    Args:
        wide: Entropy in bits by activation, L = 1, ..., of infinitely wide machines.
        counted: By activation and kind of weights, of machines of the width asked for.
        sparse: By gate, L = 0, ....
        errors: By activation and perturbation, of wide machines.
        measured: The same of machines that were drawn.
        rates: By width, -ln P / N of half the typical output error, and the rate function there.
        settled: The most typical machines at some errors.
        order: Of trained networks, or None.
        settings: What was asked for.
    """

    wide: Mapping[str, tuple[Estimate, ...]]
    counted: Mapping[tuple[str, str], tuple[Estimate, ...]]
    sparse: Mapping[str, tuple[Estimate, ...]]
    errors: Mapping[tuple[str, str], Sequence[float]]
    measured: Mapping[tuple[str, str], Sequence[Estimate]]
    rates: Mapping[int, tuple[float, float]]
    settled: tuple[Settled, ...]
    order: LearningOrder | None
    settings: Machines

    @property
    def shared_weights(self) -> Estimate:
        """Largest difference that sharing weights between the layers makes to an entropy."""
        pairs = [
            (a, b)
            for name in self.wide
            for a, b in zip(*(self.counted[name, kind] for kind in WEIGHTS), strict=True)
        ]
        a, b = max(pairs, key=lambda pair: abs(pair[0].value - pair[1].value))
        error = float(np.hypot(a.error, b.error))
        return Estimate(abs(a.value - b.value), error, "estimate", "bits", a.n)

    def quantities(self) -> list[Quantity]:
        """The difference that shared weights make, then every entropy, error and overlap."""
        first = Quantity.of("theory.machines.shared_weights", self.shared_weights)
        return [first, *self._entropies(), *self._errors(), *self._rates(), *self._settled()]

    def _entropies(self) -> list[Quantity]:
        found = []
        for name, values in self.wide.items():
            about: dict[str, Plain] = {"activation": name, "inputs": self.settings.inputs}
            found += _numbered("theory.machines.entropy", values, about)
            for kind in WEIGHTS:
                own = {**about, "width": self.settings.width, "weights": kind}
                found += _numbered("theory.machines.counted", self.counted[name, kind], own)
        for gate, values in self.sparse.items():
            about = {"gate": gate, "inputs": self.settings.gate_inputs}
            found += _numbered("theory.machines.sparse", values, about, first=0)
        return found

    def _errors(self) -> list[Quantity]:
        found = []
        for key, values in self.errors.items():
            about: dict[str, Plain] = {"activation": key[0], "perturbation": key[1]}
            exact = [Estimate(value, 0.0, "exact", "1") for value in values]
            found += _numbered("theory.machines.error", exact, about)
            own = {**about, "width": self.settings.width}
            found += _numbered("theory.machines.error.counted", self.measured[key], own)
        return found

    def _rates(self) -> list[Quantity]:
        return [
            Quantity(
                "theory.machines.rate",
                got,
                0.0,
                "exact",
                "nats",
                None,
                {"width": width, "limit": rate},
            )
            for width, (got, rate) in self.rates.items()
        ]

    def _settled(self) -> list[Quantity]:
        found = []
        for place, one in enumerate(self.settled):
            about: dict[str, Plain] = {"error": one.error}
            exact = [Estimate(value, 0.0, "exact", "1") for value in one.overlaps]
            found += _numbered("theory.machines.settled", exact, about, of="layer")
            if self.order is not None:
                own = self.order.overlaps[place]
                found += _numbered("theory.machines.trained", own, about, of="layer")
                in_order = self.order.in_order[place]
                found.append(Quantity.of("theory.machines.in_order", in_order, None, **about))
        if self.order is not None:
            found.append(Quantity.of("theory.machines.accuracy", self.order.accuracy))
        return found

    def sheets(self) -> list[Sheet]:
        """Entropies by depth, sparse gates, perturbed weights, large deviations, learning."""
        own = [self._dense_sheet(), self._sparse_sheet(), self._error_sheet(), self._rate_sheet()]
        return [sheet for sheet in [*own, self._order_sheet()] if sheet is not None]

    def _dense_sheet(self) -> Sheet:
        rows: list[list[str]] = []
        for name, values in self.wide.items():
            rows += [[name], ["infinitely wide", *map(_short, values)]]
            for kind in WEIGHTS:
                own = self.counted[name, kind]
                rows.append([f"width {self.settings.width}, {kind}", *map(_short, own)])
        caption = "layered: fresh weights in every layer; recurrent: the same ones"
        title = f"Entropy of the function of a node, {self.settings.inputs} inputs (bits)"
        return Sheet(title, _layers(self.settings.depth), rows, caption)

    def _sparse_sheet(self) -> Sheet | None:
        rows = [[gate, *map(_short, values)] for gate, values in self.sparse.items()]
        title = f"The same of sparse gates, {self.settings.gate_inputs} inputs (bits)"
        return Sheet(title, _layers(self.settings.depth, first=0), rows) if rows else None

    def _error_sheet(self) -> Sheet | None:
        rows: list[list[str]] = []
        for (activation, perturbation), values in self.errors.items():
            strength = self.settings.perturbations[perturbation]
            told = f"{activation}, {perturbation}" + (f" {strength:g}" if strength else "")
            measured = self.measured[activation, perturbation]
            rows += [[told], ["infinitely wide", *(f"{value:.4f}" for value in values)]]
            rows.append([f"width {self.settings.width}", *map(_short, measured)])
        columns = _layers(self.settings.depth)
        return (
            Sheet("Outputs that differ after a change of weights", columns, rows) if rows else None
        )

    def _rate_sheet(self) -> Sheet:
        rows = [[f"{w}", f"{got:.5f}", f"{rate:.5f}"] for w, (got, rate) in self.rates.items()]
        caption = (
            "three sign layers of N nodes, noise of half a standard deviation: how rare it is that "
            "only half as many outputs differ as typically; exact at each width"
        )
        return Sheet("Large deviations", ["N", "-ln P / N", "rate function"], rows, caption)

    def _order_sheet(self) -> Sheet | None:
        if not self.settled:
            return None
        rows: list[list[str]] = []
        for place, one in enumerate(self.settled):
            rows.append([f"{one.error:g} of the outputs differ"])
            rows.append(["theory", *(f"{eta:.4f}" for eta in one.overlaps), ""])
            if self.order is not None:
                told = [
                    *map(_short, self.order.overlaps[place]),
                    _short(self.order.in_order[place]),
                ]
                rows.append(["trained by SGD", *told])
        columns = [*_layers(len(self.settled[0].overlaps)), "in this order"]
        caption = (
            "theory: overlap of a layer with that of a reference, of typical machines at that "
            "error; trained: with its own end, and the share of networks whose first layer is "
            "nearest to it, and so on"
        )
        return Sheet("Which layers settle first (sign)", columns, rows, caption)


def _numbered(
    name: str,
    values: Sequence[Estimate],
    about: Mapping[str, Plain],
    of: str = "depth",
    first: int = 1,
) -> list[Quantity]:
    return [
        Quantity.of(name, value, None, **about, **{of: place})
        for place, value in enumerate(values, first)
    ]


def _layers(depth: int, first: int = 1) -> list[str]:
    return ["", *(f"L = {layer}" for layer in range(first, depth + 1))]


def _short(value: Estimate) -> str:
    return (
        f"{value.value + 0:.4f}"
        if value.error == 0
        else format_with_error(value.value, value.error)
    )


def study_machines(settings: Machines, progress: Progress = silent) -> MachinesResult:
    """Find what random machines compute, what a change of weights costs, and how networks learn.

    Args:
        settings: Which machines.
        progress: Told how many parts of how many are done.

    Raises:
        InputError: For more than three inputs, and other settings out of range.
    """
    wide: dict[str, tuple[Estimate, ...]] = {}
    counted: dict[tuple[str, str], tuple[Estimate, ...]] = {}
    total = len(settings.activations) + 3
    for done, name in enumerate(settings.activations):
        wide[name] = _wide(settings, name)
        for kind in WEIGHTS:
            counted[name, kind] = _counted(settings, name, kind)
        progress(done + 1, total)
    sparse = {
        gate: sparse_machines(
            settings.gate_inputs, settings.depth, gate, negated=settings.negated
        ).entropies
        for gate in settings.gates
    }
    progress(total - 2, total)
    errors, measured = _perturbed(settings)
    progress(total - 1, total)
    learning = settings.learning
    order = None if learning is None else learning_order(learning, settings.seed)
    shown = learning or Learning()
    settled = tuple(machines_at_error(error, shown.depth) for error in shown.errors)
    rates = {width: _rarity(width) for width in _WIDTHS}
    return MachinesResult(wide, counted, sparse, errors, measured, rates, settled, order, settings)


def _wide(settings: Machines, activation: Activation) -> tuple[Estimate, ...]:
    return wide_machines(
        settings.inputs,
        settings.depth,
        activation,
        constant=settings.constant,
        gain=settings.gain,
        samples=settings.samples,
        seed=settings.seed,
    ).entropies


def _counted(settings: Machines, activation: Activation, kind: str) -> tuple[Estimate, ...]:
    return finite_machines(
        settings.inputs,
        settings.depth,
        settings.width,
        settings.machines,
        activation,
        recurrent=kind == "recurrent",
        constant=settings.constant,
        gain=settings.gain,
        seed=settings.seed + (kind == "recurrent"),
    ).entropies


def _perturbed(
    settings: Machines,
) -> tuple[dict[tuple[str, str], list[float]], dict[tuple[str, str], list[Estimate]]]:
    """Errors of wide and of drawn machines by activation and perturbation."""
    errors, measured = {}, {}
    for activation in get_args(Scaleless):
        if activation not in settings.activations:
            continue
        for name, strength in settings.perturbations.items():
            kind = cast(Perturbation, name)
            eta = weight_overlap(kind, strength)
            errors[activation, name] = output_errors(eta, settings.depth, activation)
            measured[activation, name] = measured_errors(
                kind,
                strength,
                settings.depth,
                settings.width,
                settings.trials,
                activation,
                settings.seed,
            )
    return errors, measured


def _rarity(width: int, depth: int = 3) -> tuple[float, float]:
    """-ln P / N that an error is half the typical one, and the rate function there."""
    eta, step = weight_overlap("noise", 0.5), _WIDTHS[0]
    # A share that every width can have.
    share = round(step * (1 - _RARE * output_errors(eta, depth)[-1])) / step
    law, rate = agreement_law(eta, depth, width), agreement_rate(eta, depth, np.array([share]))
    agree = round(share * width)
    return float(-np.log(law[agree]) / width), float(rate[0])
