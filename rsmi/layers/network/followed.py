"""A layer and what is done to its output."""

from typing import Any

from torch import Tensor, nn


class Followed(nn.Module):
    """A layer and what is done to its output, under the layer's own name.

    Args:
        layer: The layer as it was.
        after: Acts on its output.
    """

    def __init__(self, layer: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.after = after

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The layer, then what follows."""
        return self.after(self.layer(*args, **kwargs))


def output_module(module: nn.Module) -> nn.Module:
    """The module that makes the output of a layer: what follows it, else itself."""
    return module.after if isinstance(module, Followed) else module
