"""The models that a recipe can name."""

from collections.abc import Mapping

from rsmi.errors import InputError, nearest
from rsmi.sampling.families.dimers import DecoratedDimerFamily, DimerFamily
from rsmi.sampling.families.interface import Family
from rsmi.sampling.families.ising import IsingFamily
from rsmi.sampling.families.ising_graph import IsingGraphFamily
from rsmi.sampling.families.mazes import MazeFamily
from rsmi.sampling.families.potts import BlumeCapelFamily, PottsFamily
from rsmi.sampling.families.quantum import HeisenbergFamily, TransverseIsingFamily

_ALL: tuple[Family, ...] = (
    IsingFamily(),
    IsingGraphFamily(),
    PottsFamily(),
    BlumeCapelFamily(),
    DimerFamily(),
    DecoratedDimerFamily(),
    MazeFamily(),
    TransverseIsingFamily(),
    HeisenbergFamily(),
)

families: Mapping[str, Family] = {family.name: family for family in _ALL}
"""Name in a recipe -> family; the default update of each is its first."""

DEFAULT = _ALL[0].name
"""The model that is meant where none is named."""


def family_of(model: object) -> Family | None:
    """The family whose models are of the class of this one.

    >>> from rsmi.sampling import Ising
    >>> family_of(Ising((4, 4), 0.4)).name
    'ising'
    """
    return next((family for family in _ALL if isinstance(model, family.classes)), None)


def find_family(name: object) -> Family:
    """The family with this name.

    Raises:
        InputError: there is no such model.

    >>> find_family("potts").updates[0]
    'swendsen_wang'
    """
    if not isinstance(name, str) or name not in families:
        hint = nearest(name, families)
        raise InputError(f"model is {name!r}; {hint}expected {' or '.join(families)}")
    return families[name]
