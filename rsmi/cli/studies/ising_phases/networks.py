"""Networks with one bit per block and one for the lattice: learned ones, and RG layers."""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from rsmi.cli.studies.initial import keep_variance
from rsmi.lattice import states
from rsmi.layers import RGLayer, without_ties
from rsmi.learning import majority

BLOCK = (2, 2)
_HIDDEN = 16


class Bit(nn.Module):
    """The sign of each unit, +1 at zero; gradients pass straight through.

    Source: Bengio, Leonard and Courville 2013, arXiv:1308.3432.

    Args:
        soft: Leave units as they are while the network is trained. For a last bit between +1 and
            -1 this gives true gradients.

    >>> Bit()(torch.tensor([0.3, -2.0])).tolist()
    [1.0, -1.0]
    """

    def __init__(self, soft: bool = False) -> None:
        super().__init__()
        self.soft = soft

    def forward(self, x: Tensor) -> Tensor:
        """Entries of +1 and -1, of the same shape."""
        if self.soft and self.training:
            return x
        found: Tensor = _Sign.apply(x)  # type: ignore[no-untyped-call]
        return found


class _Sign(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing to keep."""

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


def mlp(size: int) -> nn.Sequential:
    """Bits of blocks that may depend on every spin."""
    blocks = (size // 2) ** 2
    return _with_bits(
        nn.Sequential(
            nn.Flatten(),
            nn.Linear(size * size, _HIDDEN * blocks),
            nn.Tanh(),
            nn.Linear(_HIDDEN * blocks, blocks),
        ),
        blocks,
    )


def cnn(size: int) -> nn.Sequential:
    """One rule for all 2 x 2 blocks, learned from labels.

    Hidden channels let it be any function of the four spins, as the rules of RG layers are; one
    linear filter could not tell the energy of a block.
    """
    return _with_bits(
        nn.Sequential(
            nn.Unflatten(1, (1, size)),
            nn.Conv2d(1, _HIDDEN, 2, 2),
            nn.Tanh(),
            nn.Conv2d(_HIDDEN, 1, 1),
            nn.Flatten(),
        ),
        (size // 2) ** 2,
    )


def rg_layers(size: int, table: Tensor) -> nn.Sequential:
    """A rule on 2 x 2 blocks, then the majority of all block spins (ties to the first)."""
    half = size // 2
    last = without_ties(majority((half, half)).table())
    return nn.Sequential(OrderedDict(T1=RGLayer(table, BLOCK), T2=RGLayer(last, (half, half))))


def block_rule(network: nn.Module, size: int) -> Tensor:
    """The rule by which a network makes the bit of the first block, (16, 2) of 0 and 1."""
    x = torch.ones(16, size, size)
    x[:, :2, :2] = states(4).view(16, 2, 2).float()
    with torch.no_grad():
        for name, module in network.named_children():
            x = module(x)
            if name == "T1":
                break
    return nn.functional.one_hot((x.flatten(1)[:, 0] > 0).long(), 2).double()


def _with_bits(first: nn.Module, width: int) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        first=first,
        tanh1=nn.Tanh(),
        T1=Bit(),
        hidden=nn.Linear(width, _HIDDEN),
        tanh=nn.Tanh(),
        second=nn.Linear(_HIDDEN, 1),
        tanh2=nn.Tanh(),
        T2=Bit(soft=True),
        # Without a bias both answers meet where the bit turns over.
        logits=nn.Linear(1, 2, bias=False),
    )
    return keep_variance(nn.Sequential(layers), "linear")
