"""Put a module behind chosen layers of a copy of a network."""

import copy
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.layers.network.followed import Following
from rsmi.layers.network.selection import ROOT, Selector, select_layers, unwrapped


def with_followers(
    model: nn.Module,
    layers: Selector | Sequence[Selector] | None,
    follower: Callable[[str], nn.Module],
) -> nn.Module:
    """A deep copy of a network in which chosen layers are followed by a module.

    A module object that the network holds at several places is followed at all of them.

    Args:
        model: Left as it is.
        layers: As in `select_layers`; without, layers that return no tensor are left as they are.
        follower: Makes the module for a layer's name.

    Returns:
        The copy; layers keep their names and weights.

    Raises:
        InputError: For a selector that matches nothing, or layers inside one another.
    """
    changed = copied(unwrapped(model))
    chosen = select_layers(changed, layers)
    nested = [n for n in chosen for m in chosen if m != n and (m == ROOT or n.startswith(f"{m}."))]
    if nested:
        raise InputError(
            f"layer '{nested[0]}' lies inside another chosen layer; choose either of them"
        )
    for name, layer in chosen.items():
        layer.register_forward_hook(Following(name, follower(name), layers is not None))
    return changed


def copied(model: nn.Module) -> nn.Module:
    """A deep copy, also of networks that hold results of their own weights.

    `torch.nn.utils.weight_norm` leaves such a tensor behind, which torch refuses to copy; it is
    made anew in every forward pass.
    """
    held = [v for m in model.modules() for v in vars(m).values() if isinstance(v, Tensor)]
    return copy.deepcopy(model, {id(t): t.detach().clone() for t in held if not t.is_leaf})
