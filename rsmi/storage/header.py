"""What is known about a sample file before the first spin is drawn."""

import dataclasses
import hashlib
import json
import math
import os
import time
from dataclasses import dataclass, field
from typing import Any, Self

import rsmi
from rsmi.storage.packing import packed_width


def creation_day() -> str:
    """Today's UTC day, or that of SOURCE_DATE_EPOCH: a day, so that equal recipes give equal bytes.

    >>> len(creation_day())
    10
    """
    seconds = float(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


@dataclass(frozen=True)
class SampleHeader:
    """The facts that fix a data set, written first and never changed.

    Args:
        model: Name of the model, such as `ising`.
        couplings: Its parameters by name, float64.
        shape: Lattice shape.
        chains: Independent Markov chains.
        records: Configurations kept of each chain.
        seed: Seed of the random numbers.
        recipe: The whole resolved recipe as YAML text.
        observables: Unit of each observable by name.
        created: UTC day, `YYYY-MM-DD`.
        version: Version of rsmi that writes the file.
        space: Where the letters of a configuration live, as `Space.to_text` writes it; empty in
            files of version 0.1.0 and where the sites are not alike.
    """

    model: str
    couplings: dict[str, float]
    shape: tuple[int, ...]
    chains: int
    records: int
    seed: int
    recipe: str
    observables: dict[str, str] = field(
        default_factory=lambda: {"energy": "J", "magnetisation": "1"}
    )
    created: str = field(default_factory=creation_day)
    version: str = rsmi.__version__
    space: str = ""

    def __post_init__(self) -> None:
        # One order of names, whatever the caller's, so that equal facts give equal bytes.
        for name in ("couplings", "observables"):
            object.__setattr__(self, name, dict(sorted(getattr(self, name).items())))

    @property
    def n(self) -> int:
        """Number of configurations."""
        return self.chains * self.records

    @property
    def packed_shape(self) -> tuple[int, ...]:
        """Shape of one bit-packed configuration."""
        return (*self.shape[:-1], packed_width(self.shape[-1]))

    @property
    def packed_bytes(self) -> int:
        """Size of one bit-packed configuration."""
        return math.prod(self.packed_shape)

    def digest(self) -> str:
        """SHA-256 of everything but the day and the space, which follows from the model.

        Equal digests draw equal configurations.
        """
        facts = dataclasses.asdict(self) | {"created": ""}
        del facts["space"]  # files of version 0.1.0 do not say it
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> bytes:
        """The header as canonical JSON."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Undo `to_json`."""
        facts: dict[str, Any] = json.loads(text)
        return cls(**facts | {"shape": tuple(facts["shape"])})
