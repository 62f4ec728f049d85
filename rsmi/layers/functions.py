"""Whether the activations of a row depend on that row alone, as everything measured assumes."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.layers.changes import noises
from rsmi.layers.counting import row_ids
from rsmi.layers.inputs import Layout
from rsmi.layers.probe import Probe, tensors_of
from rsmi.layers.selection import layer_names

_ROUNDING = 1e-4
"""Largest change, in units of the largest activation, that may be rounding."""
_MANY = 0.25
"""Share of rows that rounding does not carry over an edge of a quantised layer."""
_SOME = 4096
_LOOKED_AT = 8
"""Changes that are measured, each by two passes: what comes after them follows from them."""


def check_functions(probe: Probe, x: Tensor, layout: Layout | None = None) -> dict[str, float]:
    """Refuse layers whose activation is no function of the input, by sending one batch again.

    Every second row is sent in its place among other companions, then the others are (a change
    is chance, if it is there without other companions too, and else comes from these), and all
    in reversed order (a small change is rounding, which depends on the place in the batch). All
    modules are watched, for few levels may hide what changes before them.

    Args:
        probe: Open; layers that nobody chose and that return no rows of the inputs are left out.
        x: (n, ...) inputs, at least a first batch.
        layout: As in `Probe`.

    Returns:
        Share of rows that rounding changes, for each layer.

    Raises:
        InputError: With the layer, and the module that is the cause.
    """
    first = _passed(probe, x, layout)
    shares = dict.fromkeys(first.layers, 0.0)
    for other, rows in _variants(x):
        again = _passed(probe, other, layout)
        _raise_shares(shares, first.layers, again.layers, rows)
        if _changes(first, again, rows):
            _explain(probe, (x, other), rows, layout)
    if noises(probe.model):  # the place in the batch decides what noise a row gets
        return shares
    back = {name: codes.flip(0) for name, codes in _passed(probe, x.flip(0), layout).layers.items()}
    if _raise_shares(shares, first.layers, back, slice(None)):
        _leave_out_places(probe, x, layout)
    return {name: share for name, share in shares.items() if name.split(":")[0] in probe.layers}


def check_among(probe: Probe, x: Tensor, companions: Tensor, layout: Layout | None = None) -> None:
    """Refuse layers that change when half of a batch is replaced by rows of another batch.

    Rows that stand together in a stream may be alike, and then say nothing to each other.

    Args:
        probe: Open, without noise: it would begin again.
        x: (n, ...) inputs.
        companions: As many others.
        layout: As in `Probe`.

    Raises:
        InputError: As `check_functions`.
    """
    mixed = x.clone()
    mixed[::2] = companions[::2]
    rows = slice(1, None, 2)
    if _changes(_passed(probe, x, layout), _passed(probe, mixed, layout), rows):
        _explain(probe, (x, mixed), rows, layout)


@dataclass
class _Event:
    """What went into or came out of a module in one call: codes of the tensors with a row each."""

    name: str
    side: str
    codes: list[Tensor]


@dataclass
class _Pass:
    """One forward pass: codes of the layers, those of all modules, and where they may hide."""

    layers: dict[str, Tensor] = field(default_factory=dict)
    events: list[_Event] = field(default_factory=list)
    hiding: set[str] = field(default_factory=set)

    def place(self, layer: str) -> int:
        """Number of the event that is a layer's output."""
        base, _, again = layer.partition(":")
        outputs = [k for k, e in enumerate(self.events) if (e.name, e.side) == (base, "output")]
        return outputs[int(again or 1) - 1]


def _passed(probe: Probe, x: Tensor, layout: Layout | None, causes: bool = False) -> _Pass:
    """Send a batch; to find causes, what goes into the modules is watched too."""
    found = _Pass()
    probe.settle(x, layout)

    def add(name: str, side: str, values: Any) -> None:
        if causes or side == "output":
            found.events.append(_Event(name, side, [row_ids(t) for t in _rows_of(values, len(x))]))

    with _watched(probe.model, add):
        activations = _sent(probe, x, layout)
    found.layers = {name: row_ids(t) for name, t in activations.items()}
    if causes:
        found.hiding = {name for name, t in activations.items() if _has_few_values(t)}
    return found


def _has_few_values(t: Tensor) -> bool:
    """Whether many of the first activations are equal, as quantised ones are."""
    some = t.reshape(-1)[:_SOME]
    return 2 * len(some.unique()) <= len(some)


def _sent(probe: Probe, x: Tensor, layout: Layout | None) -> dict[str, Tensor]:
    """Activations with the noise of the network at its beginning, and no other chance."""
    for noise in noises(probe.model):
        noise.reseed(noise.seed)
    return probe(x, layout)


def _rows_of(values: Any, n: int) -> list[Tensor]:
    return [t.detach() for t in tensors_of(values) if t.dim() and len(t) == n and t.numel()]


def _variants(x: Tensor) -> Iterator[tuple[Tensor, slice]]:
    """The batch with other companions, where there are any, and the rows that stayed in place."""
    if len(x) == 1:
        yield x, slice(None)
    else:
        for kept, others, one in ((0, 1, 0), (1, 0, -1)):
            mixed = x.clone()
            mixed[others::2] = x[one].clone()
            yield mixed, slice(kept, None, 2)


def _raise_shares(
    shares: dict[str, float], one: dict[str, Tensor], other: dict[str, Tensor], rows: slice
) -> bool:
    """Raise the shares of rows with another code to what they are now; whether there are any."""
    found = {n: float((t[rows] != other[n][rows]).any(1).double().mean()) for n, t in one.items()}
    for name, share in found.items():
        shares[name] = max(shares[name], share)
    return any(found.values())


def _changes(one: _Pass, other: _Pass, rows: slice) -> list[int]:
    """Numbers of the events that are not the same in two passes."""
    return [
        k
        for k, (a, b) in enumerate(zip(one.events, other.events, strict=False))
        if any(not torch.equal(p[rows], q[rows]) for p, q in zip(a.codes, b.codes, strict=False))
    ]


def _explain(
    probe: Probe, batches: tuple[Tensor, Tensor], rows: slice, layout: Layout | None
) -> None:
    """Refuse a change that is chance, and then one that comes from the companions."""
    x, mixed = batches
    _check_companions(probe, (x, x), slice(None), layout)
    _check_companions(probe, (x, mixed), rows, layout)


def _check_companions(
    probe: Probe, batches: tuple[Tensor, Tensor], rows: slice, layout: Layout | None
) -> None:
    """Refuse what changes by more than rounding although input and place are the same."""
    one, other = (_passed(probe, x, layout, causes=True) for x in batches)
    changes = _changes(one, other, rows)
    exact = rows == slice(None) and probe.device.type == "cpu"
    for k in changes[:_LOOKED_AT]:
        if exact or _beyond(*([t[rows] for t in _values(probe, x, layout, k)] for x in batches)):
            for layer, codes in one.layers.items():
                changed = not torch.equal(codes[rows], other.layers[layer][rows])
                if one.place(layer) >= k and (changed or layer in one.hiding):
                    raise InputError(_why(probe.model, layer, one.events[k], rows))
            return


def _values(probe: Probe, x: Tensor, layout: Layout | None, event: int) -> list[Tensor]:
    """The tensors of one event."""
    count, kept = Counter[str](), list[Tensor]()

    def add(name: str, side: str, values: Any) -> None:
        if count["events"] == event:
            kept.extend(t.clone() for t in _rows_of(values, len(x)))
        count["events"] += 1

    with _watched(probe.model, add):
        _sent(probe, x, layout)
    return kept


def _beyond(one: list[Tensor], other: list[Tensor]) -> bool:
    return any(
        bool(_rows_beyond(a, b).any()) for a, b in zip(one, other, strict=False) if a.numel()
    )


def _rows_beyond(one: Tensor, other: Tensor) -> Tensor:
    """Which rows change by more than rounding may."""
    a, b = one.reshape(len(one), -1), other.reshape(len(other), -1)
    eps = torch.finfo(a.dtype).eps if a.is_floating_point() else 0.0
    allowed = (_ROUNDING + 8 * eps) * a.double().abs().max()
    return ((a.double() - b.double()).abs() > allowed).any(1)


def _leave_out_places(probe: Probe, x: Tensor, layout: Layout | None) -> None:
    """Leave out layers that change with the place in the batch, as rounding does not."""
    one, back = _sent(probe, x, layout), _sent(probe, x.flip(0), layout)
    for name, t in one.items():
        if float(_rows_beyond(t, back[name].flip(0)).double().mean()) > _MANY:
            probe.leave_out(
                name,
                f"layer '{name}' depends on the place of an input in its batch, so that its "
                "activation is no function of the input: its first axis may not be that of the "
                "inputs (time or positions come first); choose another layer, or put the axis of "
                "the inputs first with take",
            )


def _why(model: nn.Module, layer: str, event: _Event, rows: slice) -> str:
    """The refusal, with the first thing that changes and what to do about it."""
    if rows == slice(None):
        how = "is random in evaluation mode: the same batch gives other values when sent again"
        way_out = (
            "switch it off in evaluation mode (F.dropout takes training=self.training), or give "
            "the network known noise with with_noise"
        )
    else:
        how = "depends on the other inputs of the batch"
        way_out = (
            "measure layers before it, or a network that uses fixed statistics in evaluation mode"
        )
    cause = _cause(layer_names(model).get(event.name, model), event)
    return f"layer '{layer}' is no function of the input: {cause} {how}; {way_out}"


def _cause(module: nn.Module, event: _Event) -> str:
    said = f"{type(module).__name__} '{event.name}'"
    if event.side == "input":
        return f"what the forward pass does before {said}"
    if getattr(module, "batch_first", True) is False:
        return f"{said}, whose first axis is time (batch_first=False),"
    if getattr(module, "track_running_stats", True) is False:
        return f"{said}, which keeps no running statistics (track_running_stats=False),"
    return said


@contextmanager
def _watched(model: nn.Module, add: Callable[[str, str, Any], None]) -> Iterator[None]:
    """Tell what goes into and comes out of every module, in the order of the calls."""

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
