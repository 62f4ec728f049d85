"""Which quantities are well defined for which inputs and layers, and ways out for the others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import nn

from rsmi.errors import InputError, nearest
from rsmi.layers.changes import GaussianNoise, Quantise, noises
from rsmi.layers.inputs import InputKind
from rsmi.layers.selection import ROOT, layer_names, output_module

LayerKind = Literal["deterministic", "quantised", "noisy"]

WITHOUT_LABELS = ("H(T)", "H(X|T)", "I(X;T)")
WITH_LABELS = ("H(Y|T)", "I(T;Y)", "H(X|T,Y)")
QUANTITIES = WITHOUT_LABELS + WITH_LABELS

_WAYS_OUT = (
    "quantise the network itself (quantise), put noise in it (with_noise), take inputs from a "
    "finite set (finite_inputs), ask for the folding entropy (folding_entropy), or read the "
    "columns of estimators, which are marked as such"
)
_FLOAT = {
    "I(X;T)": "is infinite",
    "H(T)": "is infinite",
    "H(X|T)": "is a folding entropy at best, which counting samples cannot see",
    "H(X|T,Y)": "is a folding entropy at best, which counting samples cannot see",
}
_DIFFERENTIAL = {
    "H(X|T)": "is infinite, since finitely many values cannot fix a continuous X",
    "H(X|T,Y)": "is infinite, since finitely many values cannot fix a continuous X",
}
_NOISY = {
    "H(T)": "is infinite, since T is continuous",
    "H(X|T)": "is infinite, since X is continuous",
    "H(X|T,Y)": "is infinite, since X is continuous",
}


@dataclass(frozen=True)
class Setting:
    """What kind of variable each layer is.

    Args:
        inputs: As in `Inputs`.
        layers: Kind of a layer by name, where it is not what `layer_kind` sees: for example
            `quantised` for a layer of sign functions.
    """

    inputs: InputKind
    layers: Mapping[str, LayerKind] = field(default_factory=dict)

    def kind(self, model: nn.Module, name: str) -> LayerKind:
        """Kind of a layer: as declared, else as it is built."""
        base = name.split(":")[0]
        return self.layers.get(name, self.layers.get(base, layer_kind(model, base)))

    def undefined(self, layer: LayerKind) -> Mapping[str, str]:
        """Quantities that make no sense for this kind of layer, with the reason."""
        if layer == "noisy":
            finite = {"H(T)": _NOISY["H(T)"]}
            return _NOISY if self.inputs == "continuous" else finite
        if self.inputs != "continuous":
            return {}
        return _FLOAT if layer == "deterministic" else _DIFFERENTIAL

    def check(self, quantity: str, layer: LayerKind, name: str) -> None:
        """Refuse a quantity that is infinite or not defined.

        Raises:
            InputError: With the reason and the ways out.
        """
        if quantity not in QUANTITIES:
            raise InputError(
                f"there is no quantity {quantity!r}; {nearest(quantity, QUANTITIES)}choose of "
                f"{', '.join(QUANTITIES)}"
            )
        reason = self.undefined(layer).get(quantity)
        if reason:
            raise InputError(
                f"{quantity} of layer '{name}' {reason} ({self.inputs} input, {layer} layer); "
                f"{_WAYS_OUT}"
            )


def layer_kind(model: nn.Module, name: str) -> LayerKind:
    """What a layer is by the way it is built: its own quantisation or noise.

    What a chain computes from a quantised layer takes finitely many values too.

    >>> from rsmi.layers.changes import quantise
    >>> layer_kind(quantise(nn.Sequential(nn.Tanh()), "0", 4), "0")
    'quantised'
    """
    module = layer_names(model)[name]
    last = output_module(module)
    if isinstance(last, GaussianNoise):
        return "noisy"
    if quantised_before(model, name):
        return "quantised"
    if noises(model):
        raise InputError(
            f"layer '{name}' is part of a noisy network and has no noise of its own, so its "
            "distribution given X is not known; measure the noisy layers, or add noise to it"
        )
    return "deterministic"


def quantised_before(model: nn.Module, name: str) -> list[str]:
    """Quantised layers that a layer is a function of: itself, and those before it in a chain.

    A chain is an `nn.Sequential` with the forward pass of its own; of other modules it is not
    known what their parts see.

    >>> from rsmi.layers.changes import quantise
    >>> net = quantise(nn.Sequential(nn.Tanh(), nn.Linear(2, 2), nn.ReLU()), "0", 4)
    >>> quantised_before(net, "1"), quantised_before(nn.Sequential(nn.Tanh()), "0")
    (['0'], [])
    """
    parts = [] if name == ROOT else name.split(".")
    module, path, found = model, "", list[str]()
    for part in parts:
        if _is_chain(module):
            children = list(module._modules)
            for n in children[: children.index(part)]:
                found += _passed(module._modules[n], path + n)
        module, path = module.get_submodule(part), f"{path}{part}."
    return found + _passed(module, path[:-1])


def _is_chain(module: nn.Module) -> bool:
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward


def _passed(module: nn.Module | None, name: str) -> list[str]:
    """Quantised layers that everything sent through a module goes through."""
    if module is None:
        return []
    own = [name or ROOT] if isinstance(output_module(module), Quantise) else []
    if not _is_chain(module):
        return own
    inside = module._modules.items()
    return own + [q for n, m in inside for q in _passed(m, f"{name}.{n}" if name else n)]
