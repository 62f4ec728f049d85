"""Choose layers of a network by name, pattern or type."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from rsmi.errors import InputError, nearest
from rsmi.layers.network.followed import Followed

Selector = str | type[nn.Module]
ROOT = "model"
_SHOWN = 40
_WRAPPERS = ("DistributedDataParallel", "DataParallel", "OptimizedModule")


def unwrapped(model: nn.Module) -> nn.Module:
    """The network inside the wrappers of DistributedDataParallel and torch.compile."""
    for name in ("module", "_orig_mod"):
        inner = getattr(model, name, None)
        if type(model).__name__ in _WRAPPERS and isinstance(inner, nn.Module):
            return unwrapped(inner)
    return model


def layer_names(model: nn.Module) -> dict[str, nn.Module]:
    """Every module below the network by its dotted name; the network itself is `model`.

    A layer that is followed by quantisation or noise counts as one, under its own name.
    """
    modules = dict(unwrapped(model).named_modules())
    wrapped = tuple(f"{name}." if name else "" for name, m in modules.items() if _is_followed(m))
    return {
        name or ROOT: module
        for name, module in modules.items()
        if not name or not name.startswith(wrapped)
    }


def select_layers(
    model: nn.Module, layers: Selector | Sequence[Selector] | None = None
) -> dict[str, nn.Module]:
    """Find layers of any network.

    Args:
        model: The network; wrappers of DDP and torch.compile are looked through.
        layers: Names (`encoder.0`), patterns (`encoder.*`), types (`nn.ReLU`, or its name
            `ReLU`), or a sequence of these; without, every module that has no children.

    Returns:
        The modules by dotted name, in the order of the network.

    Raises:
        InputError: For a selector that matches nothing; the message lists what exists.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> list(select_layers(net, nn.Linear)), list(select_layers(net, "[12]"))
    (['0', '2'], ['1', '2'])
    """
    modules = layer_names(model)
    if layers is None:
        return {n: m for n, m in modules.items() if _is_followed(m) or not any(m.children())}
    selectors = [layers] if isinstance(layers, str | type) else list(layers)
    chosen = {name for selector in selectors for name in _matches(modules, selector)}
    return {name: module for name, module in modules.items() if name in chosen}


def _matches(modules: dict[str, nn.Module], selector: Selector) -> list[str]:
    if isinstance(selector, str):
        found = [
            name
            for name, module in modules.items()
            if fnmatchcase(name, selector) or type(_layer(module)).__name__ == selector
        ]
    else:
        found = [name for name, module in modules.items() if isinstance(_layer(module), selector)]
    if not found:
        known = [f"{name} ({type(_layer(module)).__name__})" for name, module in modules.items()]
        more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        raise InputError(
            f"no layer matches {_text(selector)}; {nearest(selector, modules)}this network has "
            f"{', '.join(known[:_SHOWN])}{more}: give a name, a pattern such as 'encoder.*', "
            "or a type"
        )
    return found


def _is_followed(module: nn.Module) -> bool:
    return isinstance(module, Followed)


def _layer(module: nn.Module) -> nn.Module:
    """The layer itself, where something follows it."""
    return module.layer if isinstance(module, Followed) else module


def _text(selector: Selector) -> str:
    return repr(selector) if isinstance(selector, str) else f"the type {selector.__name__}"
