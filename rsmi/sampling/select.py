"""One name for each update; a method and a device to carry it out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch

from rsmi.errors import InputError, nearest
from rsmi.sampling.interface import Sampler

M = TypeVar("M")
AUTO = "auto"


def _any_model(model: object) -> bool:
    """Every model is treated, or refused with a message of the sampler's own."""
    return True


@dataclass(frozen=True)
class Method(Generic[M]):
    """One implementation of an update.

    Args:
        build: function of (model, seed, workers) that gives the sampler.
        devices: kinds of device it runs on.
        knows: whether it can treat a model, for the choice of "auto".
    """

    build: Callable[[M, int, int], Sampler]
    devices: tuple[str, ...] = ("cpu",)
    knows: Callable[[M], bool] = _any_model


@dataclass(frozen=True)
class Update(Generic[M]):
    """An update with the methods that carry it out.

    Args:
        methods: name -> method, the fastest first.
        independent: whether every sweep draws anew, so that nothing has to be equilibrated.
    """

    methods: Mapping[str, Method[M]]
    independent: bool = False

    def check_method(self, method: str) -> str:
        """The name, if it is "auto" or one of the methods.

        Raises:
            InputError: it is not.
        """
        if method != AUTO and method not in self.methods:
            known = [AUTO, *sorted(self.methods)]
            raise InputError(
                f"method is {method!r}; {nearest(method, known)}expected one of "
                f"{', '.join(known)}; choose one of them"
            )
        return method

    def choose(self, model: M, method: str = AUTO, device: str = "cpu") -> str:
        """Name of the method; "auto" takes the fastest one for the model and the device.

        Args:
            model: the model.
            method: a name in `methods`, or "auto".
            device: "cpu", "cuda" or "cuda:1".

        Raises:
            InputError: unknown method, a device that is not there, or no method for it.
        """
        self.check_method(method)
        kind = check_device(device).type
        there = [name for name, known in self.methods.items() if kind in known.devices]
        if not there:
            raise InputError(
                f"device is {device!r}; this update runs on the CPU only; use device 'cpu'"
            )
        if method == AUTO:
            return next((name for name in there if self.methods[name].knows(model)), there[-1])
        if method not in there:
            raise InputError(
                f"method is {method!r}, which does not run on device {device!r}; expected one of "
                f"{', '.join([AUTO, *there])} there; choose one of them, or another device"
            )
        return method

    def __call__(
        self, model: M, seed: int, method: str = AUTO, device: str = "cpu", workers: int = 1
    ) -> Sampler:
        """The sampler of a model; its states must be moved to the device.

        Args:
            model: the model.
            seed: 0 <= seed < 2**64.
            method: a name in `methods`, or "auto".
            device: where the states will be.
            workers: threads that share the chains on the CPU; the result does not depend on it.

        Raises:
            InputError: as `choose`, or from the method itself.
        """
        return self.methods[self.choose(model, method, device)].build(model, seed, workers)


def compiled(sampler: Callable[[Any, int, int], Sampler], independent: bool = False) -> Update[Any]:
    """An update with one method, "numba", on the CPU."""
    return Update({"numba": Method(sampler)}, independent)


def check_device(device: str) -> torch.device:
    """The device, if it is there.

    Raises:
        InputError: the name is unknown, or there is no such device.

    >>> check_device("cpu")
    device(type='cpu')
    """
    try:
        found = torch.device(device)
    except RuntimeError:
        found = torch.device("meta")
    if found.type not in ("cpu", "cuda"):
        raise InputError(f"device is {device!r}; expected 'cpu', 'cuda' or 'cuda:1'; use 'cpu'")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"device is {device!r}; this machine has {torch.cuda.device_count()} CUDA devices "
            "that torch can use; use 'cpu'"
        )
    return found
