"""Networks with one bit per block and one for the lattice, RG layers, and what their rules keep."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rsmi.information import Estimate
from rsmi.lattice import states
from rsmi.layers import RGLayer, over_seeds, without_ties
from rsmi.learning import decimation, majority
from rsmi.report import Quantity
from rsmi.sampling import CRITICAL_COUPLING
from rsmi.sampling.exact import WindowPosterior, exact_window
from studies.training import keep_variance

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


_SHAPE, _BUFFER = (6, 6), 1
_KNOWN = {"full": 0.549401, "optimum": 0.461566, "majority": 0.461045, "decimation": 0.380566}
"""The same numbers from a full enumeration of the 6 x 6 torus, which shares no code with this."""
_SAME = {"RSMI": "optimum", "decimation": "decimation"}
"""RG layers that are one of these rules; that of the majority decides ties instead of drawing."""


@dataclass(frozen=True)
class Rules:
    """The window in which rules are valued, and the rules of the RG layers.

    Args:
        window: p(v|e) of a 2 x 2 block of the critical 6 x 6 torus, behind one row of buffer.
        tables: (16, 2) rules of 0 and 1 by name.
        quantities: Information of rules for which it is known independently.
    """

    window: WindowPosterior
    tables: dict[str, Tensor]
    quantities: list[Quantity]

    @classmethod
    def solved(cls) -> "Rules":
        """Solve the window, and find its best rule."""
        window = exact_window(_SHAPE, CRITICAL_COUPLING, BLOCK, _BUFFER)
        best, value = window.optimum(2, "impose")
        middle, first = majority(BLOCK).table(), decimation(BLOCK).table()
        found = {
            "full": window.full(),
            "optimum": value,
            "majority": window.rule(middle),
            "decimation": window.rule(first),
        }
        about = {"shape": _SHAPE, "block": BLOCK, "buffer": _BUFFER}
        quantities = [
            Quantity.of(f"information.exact.{name}", estimate, _KNOWN[name], **about)
            for name, estimate in found.items()
        ]
        tables = {"RSMI": best, "majority": middle, "decimation": first}
        return cls(window, {n: without_ties(t) for n, t in tables.items()}, quantities)

    def reference(self, name: str) -> float | None:
        """What I(H:E) of these RG layers is known to be."""
        return _KNOWN[_SAME[name]] if name in _SAME else None

    def kept(self, tables: Sequence[Tensor]) -> Estimate:
        """I(H:E) of a rule; of several the mean, with the error of their spread."""
        values = [self.window.rule(table) for table in tables]
        if len(values) == 1:
            return values[0]
        average = over_seeds(values)
        return Estimate(average.mean, average.seed_error, "estimate", n=average.n)
