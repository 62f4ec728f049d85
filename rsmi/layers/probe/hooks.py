"""Read the activations of chosen layers, one batch at a time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import Any, Self

import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.layers.network.selection import Selector, select_layers, unwrapped

Key = str | int


class Probe:
    """Forward hooks on chosen layers of a network; use it in a `with` statement.

    The network is put into evaluation mode inside and back into its own mode afterwards. A
    layer that is called several times in one forward pass is recorded each time, as `relu`,
    `relu:2`, `relu:3` ...

    Args:
        model: Any network; what its forward pass returns does not matter.
        layers: As in `select_layers`.
        take: For a layer that returns a tuple or dict, which entry is the activation, by
            layer name.
        device: Where the batches go; the device of the network's first parameter without.
        autocast: Data type of `torch.autocast`, for activations as they are in training
            under mixed precision.

    Raises:
        InputError: For a selector that matches nothing.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> with Probe(net) as probe:
    ...     {name: list(t.shape) for name, t in probe(torch.ones(4, 2)).items()}
    {'0': [4, 3], '1': [4, 3]}
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Selector | Sequence[Selector] | None = None,
        *,
        take: Mapping[str, Key] | None = None,
        device: torch.device | str | None = None,
        autocast: torch.dtype | None = None,
    ) -> None:
        self.model = unwrapped(model)
        self.layers = select_layers(self.model, layers)
        self.take = dict(take or {})
        self.device = torch.device(device) if device else _device_of(self.model)
        self.autocast = autocast
        self._seen: dict[str, Tensor] = {}
        self._names: list[str] | None = None
        self._inside = ExitStack()

    def __enter__(self) -> Self:
        self._inside.enter_context(_evaluation(self.model))
        for name, module in self.layers.items():
            handle = module.register_forward_hook(self._hook(name))
            self._inside.callback(handle.remove)
        return self

    def __exit__(self, *_: object) -> None:
        self._inside.close()

    @torch.no_grad()
    def __call__(self, batch: Tensor) -> dict[str, Tensor]:
        """Activations (n, width) of each layer for inputs (n, ...), in order of their use.

        Raises:
            InputError: For a layer that is never called, that returns no tensor with one row
                per input, or whose activations are not finite; the message names it.
        """
        self._seen = {}
        with self._precision():
            self.model(batch.to(self.device))
        self._check_calls()
        return {name: _rows(name, value, len(batch)) for name, value in self._seen.items()}

    def _hook(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            value = self._tensor(name, output)
            again = sum(key == name or key.startswith(f"{name}:") for key in self._seen)
            # Cloned, since a later module may work in place on the same memory.
            self._seen[f"{name}:{again + 1}" if again else name] = value.detach().clone()

        return hook

    def _tensor(self, name: str, output: Any) -> Tensor:
        if name in self.take:
            output = _entry(name, output, self.take[name])
        if isinstance(output, Sequence) and len(output) == 1:
            output = output[0]
        if not isinstance(output, Tensor):
            raise InputError(
                f"layer '{name}' returns {_described(output)}; expected one tensor: choose the "
                f"entry that is the activation with take={{'{name}': KEY}}, or another layer"
            )
        return output

    @contextmanager
    def _precision(self) -> Iterator[None]:
        if self.autocast is None:
            yield
        else:
            with torch.autocast(self.device.type, self.autocast):
                yield

    def _check_calls(self) -> None:
        silent = [name for name in self.layers if name not in self._seen]
        if silent:
            raise InputError(
                f"the forward pass never calls {', '.join(silent)}; choose other layers (a "
                "module used only through its weights has no activation of its own)"
            )
        names = list(self._seen)
        if self._names is not None and names != self._names:
            raise InputError(
                f"the forward pass called {names} for one batch and {self._names} for another; "
                "layers can be compared only if every input passes through the same ones"
            )
        self._names = names


@contextmanager
def _evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, each module's own mode afterwards."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _device_of(model: nn.Module) -> torch.device:
    for tensor in chain(model.parameters(), model.buffers()):
        return tensor.device
    return torch.device("cpu")


def _entry(name: str, output: Any, key: Key) -> Any:
    try:
        return output[key]
    except (KeyError, IndexError, TypeError):
        raise InputError(
            f"layer '{name}' returns {_described(output)}, which has no entry {key!r}; choose "
            "another with take"
        ) from None


def _described(output: Any) -> str:
    if isinstance(output, Mapping):
        return f"a {type(output).__name__} with the keys {', '.join(map(repr, output))}"
    if isinstance(output, Sequence):
        kinds = ", ".join(type(entry).__name__ for entry in output)
        return f"a {type(output).__name__} of {len(output)} ({kinds})"
    return f"a {type(output).__name__}"


def _rows(name: str, value: Tensor, n: int) -> Tensor:
    if value.dim() == 0 or len(value) != n:
        raise InputError(
            f"layer '{name}' returns a tensor of shape {list(value.shape)} for {n} inputs; "
            "expected one row per input: choose another layer"
        )
    rows = value.reshape(n, -1)
    if rows.is_floating_point() and not bool(rows.isfinite().all()):
        bad = int((~rows.isfinite()).any(1).sum())
        raise InputError(
            f"layer '{name}' has NaN or infinite activations for {bad} of {n} inputs; no "
            "entropy is defined: look for a division by zero, a log of 0 or a training that "
            "diverged"
        )
    return rows
