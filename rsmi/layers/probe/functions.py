"""Whether the activations of a row depend on that row alone, as everything measured assumes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.layers.counting.hashing import row_ids
from rsmi.layers.inputs.batches import Layout
from rsmi.layers.network.noise import noises
from rsmi.layers.network.selection import layer_names
from rsmi.layers.probe.hooks import Probe, tensors_of

_ROUNDING = 1e-4
"""Largest change, in units of a layer's largest activation, that may be rounding."""
_MANY = 0.25
"""Share of rows that rounding does not carry over an edge of a quantised layer."""

Activations = dict[str, Tensor]
Event = tuple[str, str, Tensor]


def check_functions(probe: Probe, x: Tensor, layout: Layout | None = None) -> dict[str, float]:
    """Refuse layers whose activation is no function of the input, by sending one batch again.

    The batch is sent as it was (a change is chance), with every second row in its place among
    other companions (a change comes from these), and in reversed order (a small change is
    rounding, which depends on the place in the batch).

    Args:
        probe: Open; layers that nobody chose and that return no rows of the inputs are left out.
        x: (n, ...) inputs, at least a first batch.
        layout: As in `Probe`.

    Returns:
        Share of rows that rounding changes, for each layer.

    Raises:
        InputError: With the layer, and the module that is the cause.
    """
    first = _sent(probe, x, layout)
    shares = dict.fromkeys(first, 0.0)
    for other, rows in _variants(x):
        one, two = _at(first, rows), _at(_sent(probe, other, layout), rows)
        exact = rows == slice(None) and probe.device.type == "cpu"
        changed = _changed(one, two, 0.0 if exact else _ROUNDING, 0.0)
        if changed:
            raise InputError(_why(probe, changed[0], (x, other), rows, layout))
        _raise_shares(shares, one, two)
    if noises(probe.model):  # the place in the batch decides what noise a row gets
        return shares
    back = {n: t.flip(0) for n, t in _sent(probe, x.flip(0), layout).items()}
    for name in _changed(first, back, _ROUNDING, _MANY):
        probe.leave_out(name, _PLACE.format(name))
    _raise_shares(shares, first, back)
    return {name: share for name, share in shares.items() if name.split(":")[0] in probe.layers}


def _raise_shares(shares: dict[str, float], one: Activations, other: Activations) -> None:
    """Share of rows with another code, where it is larger than before."""
    for name, t in one.items():
        share = float((row_ids(t) != row_ids(other[name])).any(1).double().mean())
        shares[name] = max(shares[name], share)


_PLACE = (
    "layer '{}' depends on the place of an input in its batch, so that its activation is no "
    "function of the input: its first axis may not be that of the inputs (a recurrent layer "
    "without batch_first, positions); choose another layer, or put that axis first with take"
)


def _sent(probe: Probe, x: Tensor, layout: Layout | None) -> Activations:
    """Activations with the noise of the network at its beginning, and no other chance."""
    for noise in noises(probe.model):
        noise.reseed(noise.seed)
    return probe(x, layout)


def _variants(x: Tensor) -> Iterator[tuple[Tensor, slice]]:
    """The batch again, and with other companions, each with the rows that stayed in place."""
    yield x, slice(None)
    for kept, others, one in ((0, 1, 0), (1, 0, -1)):
        if len(x) > 1:
            mixed = x.clone()
            mixed[others::2] = x[one].clone()
            yield mixed, slice(kept, None, 2)


def _at(found: Activations, rows: slice) -> Activations:
    return {name: t[rows] for name, t in found.items()}


def _changed(one: Activations, other: Activations, tolerance: float, share: float) -> list[str]:
    """Layers of which more than a share of rows changes by more than a tolerance."""
    found = []
    for name, t in one.items():
        wide = t.double()
        rounding = 8 * torch.finfo(t.dtype).eps if tolerance and t.is_floating_point() else 0
        allowed = (tolerance + rounding) * wide.abs().max()
        beyond = (wide - other[name].double()).abs() > allowed
        if float(beyond.any(1).double().mean()) > share:
            found.append(name)
    return found


def _why(
    probe: Probe, layer: str, batches: tuple[Tensor, Tensor], rows: slice, layout: Layout | None
) -> str:
    """The refusal, with the first module that changes."""
    traces = [_trace(probe, batch, rows, layout) for batch in batches]
    cause = "its forward pass"
    for (name, side, one), (_, _, other) in zip(*traces, strict=False):
        if not torch.equal(one, other):
            cause = _cause(probe.model, name, side)
            break
    how = (
        "is random in evaluation mode, so that it gives another value for the same input in "
        "the same batch"
        if rows == slice(None)
        else "depends on the other inputs of its batch"
    )
    return f"layer '{layer}' is no function of the input: {cause} {how}; {_way_out(rows, cause)}"


def _cause(model: nn.Module, name: str, side: str) -> str:
    module = layer_names(model).get(name, model)
    said = f"{type(module).__name__} '{name}'"
    if side == "input":
        return f"what the forward pass does before {said}"
    if getattr(module, "track_running_stats", True) is False:
        return f"{said}, which keeps no running statistics (track_running_stats=False),"
    return said


def _way_out(rows: slice, cause: str) -> str:
    if rows == slice(None):
        return (
            "switch it off in evaluation mode (F.dropout takes training=self.training), or give "
            "the network known noise with with_noise"
        )
    return (
        "measure layers before it, or a network that normalises in evaluation mode by fixed "
        "statistics"
    )


def _trace(probe: Probe, x: Tensor, rows: slice, layout: Layout | None) -> list[Event]:
    """Codes of what goes into and comes out of every module, in the order of the calls."""
    found: list[Event] = []
    with _watched(probe.model, found, len(x), rows):
        _sent(probe, x, layout)
    return found


@contextmanager
def _watched(model: nn.Module, found: list[Event], n: int, rows: slice) -> Iterator[None]:
    def add(name: str, side: str, values: Any) -> None:
        for t in tensors_of(values):
            whole = t.detach()[rows] if t.dim() and len(t) == n else t.detach()[None]
            found.append((name, side, row_ids(whole)))

    def before(name: str) -> Callable[..., None]:
        return lambda module, inputs: add(name, "input", inputs)

    def after(name: str) -> Callable[..., None]:
        return lambda module, inputs, output: add(name, "output", output)

    handles = []
    for name, module in layer_names(model).items():
        if not isinstance(module, torch.jit.ScriptModule):
            handles.append(module.register_forward_pre_hook(before(name)))
            handles.append(module.register_forward_hook(after(name)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
