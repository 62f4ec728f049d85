"""Put a module behind chosen layers of a copy of a network."""

import copy
from collections.abc import Callable, Sequence

from torch import nn

from rsmi.errors import InputError
from rsmi.layers.network.followed import Followed
from rsmi.layers.network.selection import ROOT, Selector, select_layers, unwrapped


def with_followers(
    model: nn.Module,
    layers: Selector | Sequence[Selector] | None,
    follower: Callable[[str], nn.Module],
) -> nn.Module:
    """A deep copy of a network in which chosen layers are followed by a module.

    Args:
        model: Left as it is.
        layers: As in `select_layers`.
        follower: Makes the module for a layer's name.

    Returns:
        The copy; layers keep their names.

    Raises:
        InputError: For a selector that matches nothing, or layers inside one another.
    """
    changed = copy.deepcopy(unwrapped(model))
    names = list(select_layers(changed, layers))
    nested = [n for n in names for m in names if m != n and (m == ROOT or n.startswith(f"{m}."))]
    if nested:
        raise InputError(
            f"layer '{nested[0]}' lies inside another chosen layer; choose either of them"
        )
    if names == [ROOT]:
        return Followed(changed, follower(ROOT))
    for name in names:
        parent, _, child = name.rpartition(".")
        holder = changed.get_submodule(parent)
        setattr(holder, child, Followed(holder.get_submodule(child), follower(name)))
    return changed
