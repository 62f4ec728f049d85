"""Read the activations of chosen layers, one batch at a time."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import Any, Self

import torch
from torch import Tensor, nn

from rsmi.errors import InputError, RsmiError
from rsmi.layers.changes import GaussianNoise, fixed_randomness, noises
from rsmi.layers.inputs import Layout
from rsmi.layers.selection import Selector, layer_names, output_module, select_layers, unwrapped

_SHORT = (torch.uint8, torch.int8, torch.int16)

Key = str | int | Callable[[Any], Tensor]


class Probe:
    """Forward hooks on chosen layers of a network; use it in a `with` statement.

    The network is put into evaluation mode inside and back into its own mode afterwards, its
    noise begins at its seeds, and no random number that is drawn outside changes. It works on
    copies of the inputs: floats in the data type of its first floating parameter; whole numbers
    as int64 where the network takes them, else in that data type too, which must hold every one
    of them. A layer that is called several times in one forward pass is recorded each time, as
    `relu`, `relu:2` ...

    Args:
        model: Any network; what its forward pass returns does not matter.
        layers: As in `select_layers`. Without, those that cannot be measured are left out: see
            `left_out`.
        take: For a layer that returns a tuple or dict, which entry is the activation, or a
            function of its output that gives it (one token, one channel, one unit), by layer
            name.
        device: Where the batches go; the device of the network's first parameter without.
        autocast: Data type of `torch.autocast`, for activations as they are in training
            under mixed precision.

    Attributes:
        left_out: Layers that nobody chose and that cannot be measured, with the reason.

    Raises:
        InputError: For a selector or a name in take that matches nothing, or a device that this
            machine has not.

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
        self.chosen = layers is not None
        self.left_out: dict[str, str] = {}
        self.layers = select_layers(self.model, layers)
        self.take = dict(take or {})
        self.device = device_of(device) if device else _place_of(self.model)
        self.autocast = autocast
        self._seen: dict[str, Tensor | str] = {}
        self._names: list[str] | None = None
        self._whole: bool | None = None
        self._refusal = ""
        self._inside = ExitStack()
        self._check_take()
        for name, module in list(self.layers.items()):
            if isinstance(module, torch.jit.ScriptModule):
                self.leave_out(
                    name,
                    f"layer '{name}' is TorchScript, whose activations cannot be read; measure "
                    "the Python module that it was made from",
                )

    def __enter__(self) -> Self:
        _check_weights(self.model)
        self._inside.enter_context(fixed_randomness(self.model, self.device))
        self._inside.enter_context(_evaluation(self.model))
        for name, module in self.layers.items():
            handle = module.register_forward_hook(self._hook(name))
            self._inside.callback(handle.remove)
        for name, module in layer_names(self.model).items():
            if not isinstance(module, torch.jit.ScriptModule):
                self._inside.callback(module.register_forward_hook(_finite(name)).remove)
        return self

    def __exit__(self, *_: object) -> None:
        self._inside.close()

    @torch.no_grad()
    def __call__(self, batch: Tensor, layout: Layout | None = None) -> dict[str, Tensor]:
        """Activations (n, width) of each layer for inputs (n, ...), in order of their use.

        Args:
            batch: Left as it is, whatever the network does in place.
            layout: Of several tensors in each row.

        Raises:
            InputError: For a network that raises, a layer that is never called or that returns
                no tensor with one row per input, or activations that are not finite, also in
                layers that nobody chose; the message names it.
        """
        if batch.is_floating_point() and bool(batch.isnan().any()):
            bad = int(batch.isnan().reshape(len(batch), -1).any(1).sum())
            raise InputError(f"{bad} of {len(batch)} inputs have NaN; leave these rows out")
        self.forward(batch, layout)
        seen = {n: v for n, v in self._seen.items() if n.split(":")[0] in self.layers}
        for name, value in seen.items():
            if isinstance(value, str) or value.dim() == 0 or len(value) != len(batch):
                reason = _without_rows(name, value, len(batch))
                if self._names is not None and name in self._names:
                    raise InputError(reason)
                self.leave_out(name, reason)
        self._check_calls()
        found = {n: _finite_rows(n, v) for n, v in seen.items() if n.split(":")[0] in self.layers}
        self._check_names(list(found))
        return found

    def leave_out(self, name: str, reason: str) -> None:
        """Go on without a layer.

        Raises:
            InputError: With the reason, where somebody chose the layer or no layer is left.
        """
        base = name.split(":")[0]
        if self.chosen:
            raise InputError(reason)
        self.left_out.setdefault(base, reason)
        self.layers.pop(base, None)
        if self._names is not None:
            self._names = [n for n in self._names if n.split(":")[0] != base]
        if not self.layers:
            reasons = "; ".join(dict.fromkeys(self.left_out.values()))
            raise InputError(f"no layer of this network can be measured: {reasons}")

    def forward(self, batch: Tensor, layout: Layout | None = None) -> None:
        """One forward pass with copies of these inputs; what it returns does not matter.

        Raises:
            InputError: With what the network raised.
        """
        self.settle(batch, layout)
        self._seen = {}
        given = self._given(batch, layout)
        try:
            self._called(given)
        except RsmiError:
            raise
        except Exception as error:  # code of the user's, which may raise anything
            raise InputError(
                f"the network raised {type(error).__name__} for inputs of {_shapes(given)}: "
                f"{error}{self._refusal}; give inputs of the shape, data type and device it takes"
            ) from None

    @torch.no_grad()
    def settle(self, batch: Tensor, layout: Layout | None = None) -> None:
        """See, by one forward pass, whether the network takes whole numbers as they are.

        Args:
            batch: As for a call; nothing happens but for the first whole numbers.
            layout: As for a call.
        """
        dtypes = (batch.dtype,) if layout is None else layout.dtypes
        if self._whole is not None or not any(map(_counts, dtypes)):
            return
        try:
            self._called(self._given(batch, layout))
            self._whole = True
        except RsmiError:  # of activations, and not of the data type
            self._whole = True
        except Exception as error:  # code of the user's, which may raise anything
            self._refusal = f" (and {type(error).__name__} for int64: {error})"
            self._whole = False
        for noise in noises(self.model):
            noise.reseed(noise.seed)

    def _called(self, given: Any) -> None:
        arguments, named = _arguments(self.model, given)
        with self._precision():
            self.model(*arguments, **named)

    def _given(self, batch: Tensor, layout: Layout | None) -> Any:
        rows = batch.to(self.device, copy=True)
        return self._converted(rows if layout is None else layout.split(rows))

    def _converted(self, given: Any) -> Any:
        if isinstance(given, dict):
            return {name: self._converted(value) for name, value in given.items()}
        if isinstance(given, tuple):
            return tuple(map(self._converted, given))
        own = (p.dtype for p in self.model.parameters() if p.is_floating_point())
        if given.is_floating_point():
            return given.to(next(own, given.dtype))
        if self._whole is False and _counts(given.dtype):
            return _real(given, next(own, torch.get_default_dtype()))
        # Arithmetic of eight bits would wrap.
        return given.long() if given.dtype in _SHORT else given

    def _hook(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            again = sum(key == name or key.startswith(f"{name}:") for key in self._seen)
            if again and isinstance(output_module(module), GaussianNoise):
                raise InputError(
                    f"layer '{name}' carries noise and is called more than once in a forward pass, "
                    "where its noise cannot be told apart; give each place a module of its own"
                )
            place = f"{name}:{again + 1}" if again else name
            try:
                # Cloned, since a later module may work in place on the same memory.
                self._seen[place] = self._tensor(place, output).detach().clone()
            except InputError as error:
                self._seen[place] = str(error)

        return hook

    def _tensor(self, name: str, output: Any) -> Tensor:
        key = self.take.get(name, self.take.get(name.split(":")[0]))
        if key is not None:
            output = _entry(name, output, key)
        if isinstance(output, Sequence) and len(output) == 1:
            output = output[0]
        if not isinstance(output, Tensor):
            raise InputError(
                f"layer '{name}' returns {_described(output)}; expected one tensor: choose the "
                f"entry that is the activation with take={{'{name}': KEY}}, or another layer"
            )
        return output.dequantize() if output.is_quantized else output

    @contextmanager
    def _precision(self) -> Iterator[None]:
        if self.autocast is None:
            yield
        else:
            with torch.autocast(self.device.type, self.autocast):
                yield

    def _check_take(self) -> None:
        unknown = [name for name in self.take if name.split(":")[0] not in self.layers]
        if unknown:
            raise InputError(
                f"take names {', '.join(unknown)}, which is none of the layers measured, "
                f"{', '.join(self.layers)}; choose it with layers"
            )

    def _check_calls(self) -> None:
        silent = [name for name in self.layers if name not in self._seen]
        reason = (
            f"the forward pass never calls {', '.join(silent)}; choose other layers (a "
            "module used only through its weights has no activation of its own)"
        )
        for name in silent:
            self.leave_out(name, reason)

    def _check_names(self, names: list[str]) -> None:
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


def device_of(name: torch.device | str) -> torch.device:
    """A device by its name.

    Raises:
        InputError: For one that there is not, or not on this machine.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"there is no device {name!r}; expected cpu, cuda or cuda:0") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"the device is {name} and this machine has none; use cpu")
    return device


def _place_of(model: nn.Module) -> torch.device:
    for tensor in chain(model.parameters(), model.buffers()):
        return tensor.device
    return torch.device("cpu")


def _arguments(model: nn.Module, given: Any) -> tuple[tuple[Any, ...], dict[str, Tensor]]:
    """How a network takes its inputs: by name or in order where it can, else as they are."""
    if isinstance(given, dict):
        if _takes(model, (), given):
            return (), given
        return (tuple(given.values()) if len(given) == 1 else (given,)), {}
    if isinstance(given, tuple) and _takes(model, given, {}):
        return given, {}
    return (given,), {}


def _counts(dtype: torch.dtype) -> bool:
    """Whether these are whole numbers, and not truth values."""
    return not (dtype.is_floating_point or dtype == torch.bool)


def _real(whole: Tensor, dtype: torch.dtype) -> Tensor:
    """Whole numbers in the data type of a network, where it holds every one of them."""
    real = whole.to(dtype)
    if not torch.equal(real.to(torch.int64), whole.long()):
        raise InputError(
            f"integers up to {int(whole.abs().max())} do not fit {str(dtype)[6:]}, which this "
            "network takes, so that different inputs would become one; number the inputs anew "
            "from 0, or make the network compute in float64 (network.double(), --dtype float64)"
        )
    return real


def _takes(model: nn.Module, arguments: tuple[Any, ...], named: dict[str, Tensor]) -> bool:
    try:
        inspect.signature(model.forward).bind(*arguments, **named)
    except (TypeError, ValueError):
        return False
    return True


def _shapes(given: Any) -> str:
    if isinstance(given, dict):
        return ", ".join(f"{name}: {_shapes(value)}" for name, value in given.items())
    if isinstance(given, tuple):
        return ", ".join(map(_shapes, given))
    return f"shape {list(given.shape)} and dtype {given.dtype}"


def _finite(name: str) -> Any:
    """A hook that finds NaN where it arises, before a later layer turns it into a number."""

    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        for tensor in tensors_of(output):
            if tensor.is_floating_point() and bool(tensor.isnan().any()):
                raise InputError(_not_finite(name, tensor))

    return hook


def tensors_of(output: Any) -> Iterator[Tensor]:
    """All tensors of a nested output."""
    if isinstance(output, Tensor):
        yield output.dequantize() if output.is_quantized else output
    elif isinstance(output, Mapping | tuple | list):
        for entry in output.values() if isinstance(output, Mapping) else output:
            yield from tensors_of(entry)


def _entry(name: str, output: Any, key: Key) -> Any:
    if callable(key):
        return _called(name, output, key)
    try:
        return output[key]
    except (KeyError, IndexError, TypeError):
        raise InputError(
            f"layer '{name}' returns {_described(output)}, which has no entry {key!r}; choose "
            "another with take"
        ) from None


def _called(name: str, output: Any, function: Callable[[Any], Tensor]) -> Any:
    try:
        return function(output)
    except Exception as error:  # code of the user's, which may raise anything
        raise InputError(
            f"take['{name}'] raised {type(error).__name__} for {_described(output)}: {error}; it "
            "is given what the layer returns"
        ) from None


def _described(output: Any) -> str:
    if isinstance(output, Mapping):
        return f"a {type(output).__name__} with the keys {', '.join(map(repr, output))}"
    if isinstance(output, Sequence):
        kinds = ", ".join(type(entry).__name__ for entry in output)
        return f"a {type(output).__name__} of {len(output)} ({kinds})"
    if isinstance(output, Tensor):
        return f"a tensor of shape {list(output.shape)}"
    return f"a {type(output).__name__}"


def _without_rows(name: str, value: Tensor | str, n: int) -> str:
    """Why an output is no activation of the inputs."""
    if isinstance(value, str):
        return value
    return (
        f"layer '{name}' returns a tensor of shape {list(value.shape)} for {n} inputs; "
        "expected one row per input: choose another layer"
    )


def _finite_rows(name: str, value: Tensor | str) -> Tensor:
    if isinstance(value, str):
        raise InputError(value)
    rows = value.reshape(len(value), -1)
    if rows.is_floating_point() and not bool(rows.isfinite().all()):
        raise InputError(_not_finite(name, rows))
    return rows


def _not_finite(name: str, t: Tensor) -> str:
    rows = t.reshape(len(t) if t.dim() else 1, -1)
    bad = int((~rows.isfinite()).any(1).sum())
    return (
        f"layer '{name}' has NaN or infinite activations for {bad} of {len(rows)} inputs; no "
        "entropy is defined: look for a division by zero, a log of 0 or a training that "
        "diverged"
    )


def _check_weights(model: nn.Module) -> None:
    """Refuse NaN in weights, which later layers may turn into numbers."""
    for name, weight in model.named_parameters():
        if weight.is_floating_point() and bool(weight.isnan().any()):
            raise InputError(
                f"the weights '{name}' have NaN: the training diverged, and no entropy of this "
                "network is defined"
            )
