"""Choose layers of a network, and put modules behind them."""

import copy
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from rsmi.errors import InputError, nearest

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

    A module object at several places has the name of the first. What lies inside scripted
    modules is none of ours: it runs where no hook does.
    """
    modules = dict(unwrapped(model).named_modules())
    scripted = [n for n, m in modules.items() if isinstance(m, torch.jit.ScriptModule)]
    inside = tuple(f"{name}." if name else "" for name in scripted)
    return {n or ROOT: m for n, m in modules.items() if not n or not n.startswith(inside)}


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
        return {n: m for n, m in modules.items() if _is_scripted(m) or not any(m.children())}
    selectors = [layers] if isinstance(layers, str | type) else list(layers)
    places = _places(model)
    chosen = {id(module) for selector in selectors for module in _matches(places, selector)}
    return {name: module for name, module in modules.items() if id(module) in chosen}


def _places(model: nn.Module) -> dict[str, nn.Module]:
    """As `layer_names`, with every name of a module object that has several."""
    known = set(map(id, layer_names(model).values()))
    every = unwrapped(model).named_modules(remove_duplicate=False)
    return {name or ROOT: module for name, module in every if id(module) in known}


def _matches(modules: dict[str, nn.Module], selector: Selector) -> list[nn.Module]:
    if isinstance(selector, str):
        found = [
            module
            for name, module in modules.items()
            if fnmatchcase(name, selector) or type(module).__name__ == selector
        ]
    else:
        found = [module for module in modules.values() if isinstance(module, selector)]
    if not found:
        known = [f"{name} ({type(module).__name__})" for name, module in modules.items()]
        more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        raise InputError(
            f"no layer matches {_text(selector)}; {nearest(selector, modules)}this network has "
            f"{', '.join(known[:_SHOWN])}{more}: give a name, a pattern such as 'encoder.*', "
            "or a type"
        )
    return found


def _is_scripted(module: nn.Module) -> bool:
    return isinstance(module, torch.jit.ScriptModule)


def _text(selector: Selector) -> str:
    return repr(selector) if isinstance(selector, str) else f"the type {selector.__name__}"


class Following:
    """A forward hook that acts on the output of a layer.

    The layer stays the object that it is: its name, its weights and every place that calls it
    or reads from it are as they were.

    Args:
        name: Of the layer, for messages.
        after: Acts on its output.
        strict: Whether to refuse an output that is not one tensor, or to let it pass.
    """

    def __init__(self, name: str, after: nn.Module, strict: bool) -> None:
        self.name, self.after, self.strict = name, after, strict

    def __call__(self, layer: nn.Module, inputs: Any, output: Any) -> Any:
        """What later layers see.

        Raises:
            InputError: For an output that is not one tensor.
        """
        if isinstance(output, Tensor):
            return self.after(output)
        if not self.strict:
            return output
        raise InputError(
            f"layer '{self.name}' ({type(layer).__name__}) returns a {type(output).__name__}, to "
            f"which {type(self.after).__name__} cannot be applied; choose layers that return one "
            "tensor"
        )


def output_module(module: nn.Module) -> nn.Module:
    """The module that makes the output of a layer: what follows it, else itself."""
    hooks = [hook for hook in module._forward_hooks.values() if isinstance(hook, Following)]
    return hooks[-1].after if hooks else module


def with_output_modules(model: nn.Module) -> Iterator[nn.Module]:
    """Every module of a network, and what follows it."""
    for module in model.modules():
        yield module
        last = output_module(module)
        if last is not module:
            yield last


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
