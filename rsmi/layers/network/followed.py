"""A layer and what is done to its output, wherever the layer is called from."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from rsmi.errors import InputError


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
