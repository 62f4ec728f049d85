"""A user's own generator of configurations, written into the same kind of file."""

import os
from collections.abc import Mapping
from itertools import count
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.lattice.alphabet import SPIN
from rsmi.progress import Progress, silent
from rsmi.sampling.families import families
from rsmi.storage.header import SampleHeader
from rsmi.storage.layout import Scalar
from rsmi.storage.letters import ENCODING, Declared, Described, described
from rsmi.storage.recorded import Recorded
from rsmi.storage.writer import SampleWriter, autocorrelation_times, is_finished


class Generator(Protocol):
    """Anything that makes configurations, block by block.

    Attributes:
        shape: Lattice shape; where a space is declared its cells, and the sites of a cell if there
            are several.
        chains: Independent Markov chains; 1 where there is no such thing.
    """

    shape: tuple[int, ...]
    chains: int

    def next_block(self) -> torch.Tensor | NDArray[np.int8]:
        """The next m >= 1 configurations of every chain, shape (m * chains, *shape).

        Spins of +1 and -1, or letters 0 ... q - 1 where a space of more than two is declared.

        Configuration i is record i // chains of chain i % chains.
        """
        ...


def write_samples(
    generator: Generator,
    path: str | os.PathLike[str],
    records: int,
    *,
    model: str = "unknown",
    couplings: Mapping[str, float] | None = None,
    seed: int = 0,
    recipe: str = "",
    attributes: Mapping[str, Scalar] | None = None,
    space: Described | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> None:
    """Write the configurations of a user's own generator into a sample file.

    The file has checksums, a seal, the magnetisation (for a model of ours, such as `ising`, also
    the energy; for more than two letters the number of equal neighbours) and autocorrelation times,
    and goes through every command. A killed run loses at most one block: resumed, a fresh generator
    is asked again for what is there, and must repeat it.

    Args:
        generator: Makes the configurations, from its beginning.
        path: The sample file to write.
        records: Configurations to keep of each chain.
        model: `ising` for H = -J sum s s' on the periodic lattice, whose energy is then kept;
            any other name otherwise.
        couplings: Parameters of the model by name; for Ising `coupling` (K = J/T) and
            `temperature` (T/J). Without any the Hamiltonian counts as unknown.
        seed: What the generator was seeded with, for the record.
        recipe: How it was made, in words or YAML, for the record.
        attributes: Further facts to keep as root attributes.
        space: Where the letters live, a `Space` or its text; two-valued spins of a hypercubic torus
            without.
        resume: Go on with an interrupted run; a finished one is left as it is.
        progress: Called with (configurations done, configurations in all) after every block.

    Raises:
        InputError: Where a block does not fit the protocol, the file exists, or a resumed
            generator does not repeat itself.
        AnalysisError: Where the disk refuses.
    """
    if records < 1:
        raise InputError(f"records is {records}; expected a whole number of at least 1")
    ours = _ours(model, tuple(generator.shape), couplings or {})
    if ours is not None and space is not None:
        raise InputError(f"model is {model!r}, whose space is known; leave space out, or the model")
    meaning = _meaning(tuple(generator.shape), space)
    energy = {} if ours is None else {"energy": ours.family.units(ours.model)["energy"]}
    header = SampleHeader(
        model=model,
        couplings=dict(couplings or {}),
        shape=meaning.shape,
        chains=generator.chains,
        records=records,
        seed=seed,
        recipe=recipe,
        observables=meaning.units | energy,
        space=meaning.space.to_text(),
    )
    if resume and is_finished(path, header):
        return
    with SampleWriter.open(path, header, resume) as writer:
        _draw(writer, generator, meaning, ours, progress)
        facts = {"encoding": ENCODING} | dict(attributes or {})
        writer.finalise(facts, autocorrelation_times(writer, writer.header.observables))


def _ours(model: str, shape: tuple[int, ...], couplings: Mapping[str, float]) -> Recorded | None:
    """A model of this project whose configurations somebody else may draw; None for another name.

    Raises:
        InputError: For a model whose file holds a recipe.
    """
    family = families.get(model)
    if family is None:
        return None
    built = family.recorded(shape, couplings)
    if built is None:
        known = [f.name for f in families.values() if f.recorded(shape, couplings) is not None]
        raise InputError(
            f"model is {model!r}, whose configurations rsmi draws from a recipe; give "
            f"{' or '.join(f'`{name}`' for name in known)}, or a name of your own"
        )
    return Recorded(family, built)


def _meaning(shape: tuple[int, ...], space: Described | None) -> Declared:
    """What the configurations of a generator are."""
    if space is None:
        return Declared(Space.hypercubic(shape, SPIN))
    found = Declared(described(space))
    if found.lattice != shape:
        raise InputError(
            f"the generator makes configurations of shape {list(shape)}, the space has "
            f"{list(found.lattice)}; expected the same"
        )
    return found


def _draw(
    writer: SampleWriter,
    generator: Generator,
    meaning: Declared,
    ours: Recorded | None,
    progress: Progress,
) -> None:
    """Append the blocks of the generator, leaving out what is in the journal already."""
    header, seen, safe = writer.header, 0, writer.records_done * writer.header.chains
    last = writer.last_configurations()
    for number in count():
        if seen >= header.n:
            return
        spins = _checked(generator.next_block(), header, meaning, number)[: header.n - seen]
        seen += len(spins)
        if last is not None and seen - len(spins) < safe <= seen:
            end = len(spins) - (seen - safe)
            _check_repeated(spins[end - header.chains : end], last, writer)
        new = spins[max(0, len(spins) - max(0, seen - safe)) :]
        if len(new):
            writer.append(new, _observables(new, meaning, ours))
        progress(max(seen, safe), header.n)


def _checked(
    block: torch.Tensor | NDArray[np.int8], header: SampleHeader, meaning: Declared, number: int
) -> torch.Tensor:
    """The block as planes of +1 and -1, if it keeps the promise of the protocol."""
    given = torch.as_tensor(block).cpu()
    what, lattice = f"block {number} of the generator", meaning.lattice
    whole = len(given) > 0 and len(given) % header.chains == 0 if given.ndim else False
    if not whole or tuple(given.shape[1:]) != lattice:
        raise InputError(
            f"{what} has shape {tuple(given.shape)}; expected (m * {header.chains}, "
            f"{', '.join(map(str, lattice))}) with m >= 1; return whole records of all chains"
        )
    if meaning.space.alphabet.size > 2:
        if not bool((given == given.to(torch.int8)).all()):
            raise InputError(f"{what} holds values that are no letters; expected 0, 1, 2, ...")
        meaning.space.check(given.reshape(len(given), *meaning.space.shape))
        return torch.from_numpy(meaning.encode(given.to(torch.int8).numpy()))
    if not bool(((given == 1) | (given == -1)).all()):
        found = ", ".join(f"{value:g}" for value in given.unique()[:5].tolist())
        raise InputError(f"{what} holds the values {found}; expected spins of +1 and -1 only")
    return given.to(torch.int8)


def _check_repeated(again: torch.Tensor, last: torch.Tensor, writer: SampleWriter) -> None:
    if not torch.equal(again, last):
        raise InputError(
            f"the generator did not repeat the configurations that the interrupted run left beside "
            f"{writer.path}; resume with a fresh generator of the same seed, or delete the journal "
            "to start again"
        )


def _observables(
    kept: torch.Tensor, meaning: Declared, ours: Recorded | None
) -> dict[str, NDArray[np.float64]]:
    found = meaning.observables(kept) | ({} if ours is None else ours.observables(kept))
    return {name: values.numpy().astype(np.float64) for name, values in found.items()}
