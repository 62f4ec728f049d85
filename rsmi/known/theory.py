"""Networks whose behaviour is known in closed form, computed and run."""

from collections.abc import Callable
from functools import cache, partial

from rsmi.information import Estimate
from rsmi.known.checking import Check, exactly, quoted
from rsmi.theory import (
    FunctionSpace,
    Perturbation,
    Scaleless,
    finite_machines,
    machines_at_error,
    output_errors,
    sparse_machines,
    two_node_machines,
    weight_overlap,
    wide_machines,
)

_ORTHANTS = "orthants of a normal whose overlaps follow the recursion, integrated elsewhere"
_WIDE = "the wide limit; .05 bit for a width of 64"
_GATES = "enumeration of the functions of gates"
_CHAIN = "Markov chain of the two functions of a layer"
_LITERALS = "odd functions of two bits that a threshold can have, all alike"
_OVERLAPS = "arccos of the overlap that the recursion leaves, to the digits quoted"
_SETTLED = "maximum over the overlaps of all layers, searched elsewhere"

# Entropies in bits. (activation, inputs, L): digits
_DENSE: dict[tuple[Scaleless, int, int], str] = {
    ("sign", 2, 1): "3.6656",
    ("sign", 2, 2): "3.8931",
    ("sign", 2, 4): "3.9850",
    ("relu", 2, 3): "3.5136",
    ("relu", 2, 6): "3.098",
    ("sign", 3, 1): "6.251",
    ("sign", 3, 2): "7.411",
}
_TOLERANCE = {2: 1e-3, 3: 5e-3}
_COUNTED = {1: 3.6656, 3: 3.9609, 6: 3.9977}
_TWO_NODES = {2: "3.7850", 4: "3.0078"}
_ERRORS: dict[tuple[Scaleless, Perturbation, int], str] = {
    ("sign", "binarise", 4): ".459",
    ("relu", "binarise", 8): ".343",
    ("sign", "dilute", 2): ".385",
    ("relu", "dilute", 4): ".367",
}
_LAYERS = (".9994", ".9888", ".9686")


def theory() -> list[Check]:
    """All checks of this section."""
    return _machines()


def _machines() -> list[Check]:
    """Functions of random machines, changed weights, and layers that settle."""
    return [
        *(_dense(*key, digits) for key, digits in _DENSE.items()),
        _check("machines.sign.no_constant.L=3", _of_no_constant, 2.0, 1e-9, _LITERALS),
        *_counted(),
        _check("machines.maj3.L=3", partial(_sparse, "maj3", 3, False), 1.117, 1e-3, _GATES),
        _check("machines.xor.L=12", partial(_sparse, "xor", 12, True), 3.0, 1e-9, _GATES),
        _check("machines.and.L=12", partial(_sparse, "and", 12, False), 0.0, 1e-9, _GATES),
        *(_narrow(depth, digits) for depth, digits in _TWO_NODES.items()),
        *(_changed(*key, digits) for key, digits in _ERRORS.items()),
        *(_settled(layer, digits) for layer, digits in enumerate(_LAYERS, 1)),
    ]


def _check(
    name: str, compute: Callable[[], Estimate], expected: float, tolerance: float, source: str
) -> Check:
    return Check(name, "theory", compute, expected, tolerance, source)


def _dense(activation: Scaleless, inputs: int, depth: int, digits: str) -> Check:
    def compute() -> Estimate:
        return wide_machines(inputs, depth, activation, samples=200_000).entropies[-1]

    name = f"machines.{activation}.n={inputs}.L={depth}"
    return _check(name, compute, float(digits), _TOLERANCE[inputs], _ORTHANTS)


def _of_no_constant() -> Estimate:
    return wide_machines(2, 3, constant=False).entropies[-1]


def _counted() -> list[Check]:
    """Machines that are drawn, with fresh weights in every layer and with the same ones."""
    found = {
        kind: cache(partial(finite_machines, 2, 6, 64, 500, recurrent=kind == "recurrent"))
        for kind in ("layered", "recurrent")
    }

    def at(space: Callable[[], FunctionSpace], depth: int) -> Estimate:
        return space().entropies[depth - 1]

    return [
        _check(f"machines.{kind}.L={depth}", partial(at, space, depth), known, 0.05, _WIDE)
        for kind, space in found.items()
        for depth, known in _COUNTED.items()
    ]


def _sparse(gate: str, depth: int, negated: bool) -> Estimate:
    return sparse_machines(3, depth, gate, negated=negated).entropies[-1]


def _narrow(depth: int, digits: str) -> Check:
    name = f"machines.two_nodes.L={depth}"
    return _check(name, lambda: two_node_machines(depth).entropies[-1], *quoted(digits), _CHAIN)


def _changed(activation: Scaleless, perturbation: Perturbation, depth: int, digits: str) -> Check:
    def compute() -> Estimate:
        return exactly(output_errors(weight_overlap(perturbation, 0.5), depth, activation)[-1])

    name = f"machines.error.{activation}.{perturbation}.L={depth}"
    return _check(name, compute, *quoted(digits), _OVERLAPS)


def _settled(layer: int, digits: str) -> Check:
    def compute() -> Estimate:
        return exactly(machines_at_error(0.2, len(_LAYERS)).overlaps[layer - 1])

    return _check(f"machines.settled.layer={layer}", compute, *quoted(digits), _SETTLED)
