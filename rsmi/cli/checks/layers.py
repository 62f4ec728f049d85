"""Networks whose layer entropies are known."""

from collections.abc import Callable
from functools import cache, partial

from rsmi.cli.checks.check import Check
from rsmi.cli.checks.values import exactly
from rsmi.information import Estimate
from rsmi.layers.known import Check as Answer
from rsmi.layers.known import known_answers

_MAPS = "closed form for uniformly random maps"
_TENT = "every tent map halves what is left of the input: l bits"
_COUNT = "symmetry of the inputs: one bit for each sign or site lost"
_RG = "transfer matrices over the coarse rows, another way than enumeration or counting"
_MAZE = "breadth-first search decides every maze; fresh weights know next to nothing"
_ORTHANTS = "orthants of a normal whose overlaps follow the arcsine recursion"
_GATES = "Markov chain of the two functions of a layer"

# name here: (name in rsmi.layers.known, expected, tolerance, source)
_KNOWN: dict[str, tuple[str, float, float, str]] = {
    "random_map.1": ("256 states, 2000 draws, random map 1: H(X|T)", 0.8250, 0.02, _MAPS),
    "random_map.2": ("256 states, 2000 draws, random map 2: H(X|T)", 1.3415, 0.02, _MAPS),
    "random_map.4": ("256 states, 2000 draws, random map 4: H(X|T)", 2.0173, 0.02, _MAPS),
    "random_map.8": ("256 states, 2000 draws, random map 8: H(X|T)", 2.8172, 0.02, _MAPS),
    **{
        f"sawtooth.{layer}": (f"sawtooth {layer}: H(X|T)", float(layer), 0.01, _TENT)
        for layer in range(1, 9)
    },
    "sawtooth.binned_warned": (
        "sawtooth: warnings of the binned column", 1.0, 0.0, "16 bins see their own number only",
    ),
    "absolute_value": ("|x| of 5 symmetric inputs: H(X|T)", 5.0, 1e-9, _COUNT),
    "leaky_relu": ("invertible leaky-ReLU: H(X|T)", 0.0, 0.0, "an invertible map forgets nothing"),
    "linear_gaussian.lower": (
        "linear Gaussian, I(X;T), lower", 1.3502198591, 0.0135, "1/2 ln det(1 + W W^T)",
    ),
    "linear_gaussian.upper": (
        "linear Gaussian, I(X;T), upper", 1.3502198591, 0.0135, "1/2 ln det(1 + W W^T)",
    ),
    **{
        f"decimation.{kept}": (f"10 fair bits, {kept} kept: H(X|T)", 10.0 - kept, 1e-9, _COUNT)
        for kept in (7, 4, 1)
    },
    "ising_4x4.majority": ("4x4 Ising, majority: H(X|T)", 4.5109175455, 1e-9, _RG),
    "ising_4x4.decimation": ("4x4 Ising, decimation: H(X|T)", 3.9954877398, 1e-9, _RG),
    "ising_6x6.inside": ("6x6 Ising, majority: exact H(X|T) inside", 1.0, 0.0, _RG),
    "ising_6x6.middle": ("6x6 Ising, majority: H(X|T), middle", 10.6734016340, 0.1, _RG),
    "maze.perfect": ("perfect maze network: H(Y|T)", 0.0, 0.0, _MAZE),
    "maze.untrained": ("untrained maze network: H(Y|T)", 0.2190350514, 0.011, _MAZE),
    "dimers_4x4.entropy": ("4x4 dimers: H(X)", 8.0874628413, 1e-9, "272 coverings"),
    "ising_8x8.integrated": ("8x8 Ising, integrated: H(X)", 26.0739278, 0.9, "Kaufman (1949)"),
    **{
        f"sign_machine.{layer}": (
            f"random sign machine, layer {layer}: H(function)", h, 0.05, _ORTHANTS,
        )
        for layer, h in enumerate((3.6656, 3.8931, 3.9609, 3.9850), 1)
    },
    **{
        f"gate_machine.{layer}": (f"random gates, layer {layer}: H(function)", h, 5e-5, _GATES)
        for layer, h in enumerate((4.0, 3.7850, 3.4026, 3.0078), 1)
    },
    "independent_label": ("independent label: I(T;Y)", 0.0, 1e-9, "p(x) p(y) carries nothing"),
}  # fmt: skip


def layers() -> list[Check]:
    """All checks of this section; the first one that is asked computes all."""
    answers = cache(_answers)
    return [
        Check(name, "layers", partial(_found, answers, known), expected, tolerance, source)
        for name, (known, expected, tolerance, source) in _KNOWN.items()
    ]


def _answers() -> dict[str, Answer]:
    return {answer.name: answer for answer in known_answers()}


def _found(answers: Callable[[], dict[str, Answer]], known: str) -> Estimate:
    answer = answers()[known]
    return exactly(answer.got, answer.unit)
