"""One name for each update; a method and a device to carry it out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from rsmi.errors import InputError
from rsmi.sampling.interface import Sampler
from rsmi.sampling.ising import Ising

Builder = Callable[[Ising, int, int], Sampler]

AUTO = "auto"


@dataclass(frozen=True)
class Update:
    """An update with the methods that carry it out.

    Args:
        methods: name -> function of (model, seed, workers) that gives the sampler.
        automatic: the method for a model on a kind of device ("cpu" or "cuda"), None where
            there is none.
    """

    methods: Mapping[str, Builder]
    automatic: Callable[[Ising, str], str | None]

    def choose(self, model: Ising, method: str = AUTO, device: str = "cpu") -> str:
        """Name of the method; "auto" takes the fastest one for the model and the device.

        Args:
            model: the model.
            method: a name in `methods`, or "auto".
            device: "cpu", "cuda" or "cuda:1".

        Raises:
            InputError: unknown method, a device that is not there, or no method for it.
        """
        kind = check_device(device).type
        if method == AUTO:
            chosen = self.automatic(model, kind)
            if chosen is None:
                raise InputError(
                    f"device is {device!r}; this update runs on the CPU only; use device 'cpu'"
                )
            return chosen
        if method not in self.methods:
            known = ", ".join([AUTO, *sorted(self.methods)])
            raise InputError(f"method is {method!r}; expected one of {known}; choose one of them")
        return method

    def __call__(
        self, model: Ising, seed: int, method: str = AUTO, device: str = "cpu", workers: int = 1
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
        return self.methods[self.choose(model, method, device)](model, seed, workers)


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
