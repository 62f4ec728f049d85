"""What a config may say: one dataclass per step, so every key is typed and documented once."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rsmi.errors import InputError
from rsmi.lattice import Space, Window
from rsmi.learning.settings import Learning, check_seed
from rsmi.sampling.families import DEFAULT
from rsmi.sampling.select import AUTO
from rsmi.sampling.threads import cores
from rsmi.storage import SampleRecipe, Selection


@dataclass(frozen=True)
class Execution:
    """How a task is carried out; it changes no number.

    Args:
        out: Directory for everything the task leaves behind.
        resume: Whether to go on with an interrupted run.
        workers: Threads for sampling and measuring.
        device: Where samples are drawn.
        trust: Whether code of a rule's own network may run.
    """

    out: str | None = None
    resume: bool = False
    workers: int = field(default_factory=cores)
    device: str = AUTO
    trust: bool = False


@dataclass(frozen=True)
class Cut:
    """How windows are cut out of the lattice; give at most one of block, disk, ball and sites.

    Args:
        block: Extents of the visible block in cells; 2 along each axis where nothing is given.
        buffer: Width of the buffer shell.
        environment: Width of the environment shell; null for all that lies beyond.
        disk: Radius of a disk around the site `at`, in units of the cell vectors.
        ball: Radius of a ball around the site `at`, in bonds.
        sites: Numbers of the visible sites.
        at: Where the window lies, which matters only where the cells of a lattice differ.
    """

    block: tuple[int, ...] | None = None
    buffer: int = 1
    environment: int | None = 1
    disk: float | None = None
    ball: int | None = None
    sites: tuple[int, ...] = ()
    at: int = 0

    def window(self, space: Space) -> Window:
        """The window, in a space.

        Raises:
            InputError: For one that cannot be.

        >>> from rsmi.lattice.alphabet import SPIN
        >>> Cut().window(Space.hypercubic((8, 8, 8), SPIN)).block
        (2, 2, 2)
        """
        other = self.disk is not None or self.ball is not None or bool(self.sites)
        block = (self.block or ()) if other else block_for(self.block, space.cells)
        return Window(
            block, self.buffer, self.environment, self.disk, self.ball, self.sites, self.at
        )


def block_for(block: Sequence[int] | None, shape: Sequence[object]) -> tuple[int, ...]:
    """The block that was asked for, or 2 sites along each axis of the lattice."""
    return (2,) * len(shape) if block is None else tuple(block)


@dataclass(frozen=True)
class Exponents:
    """How critical exponents are measured.

    Args:
        rules: Rules to iterate: `learned`, a classical one by its name, or the directory of a
            trained one; without it the learned one, and `majority` or what takes its place.
        levels: Coarse-graining steps, two or more where the lattice allows them; all without a
            number.
        reach: Largest distance between two spins of an interaction, in lattice constants.
        blocks: Independent blocks of samples for the jackknife.
    """

    rules: tuple[str, ...] | None = None
    levels: int | None = None
    reach: float = 2.0
    blocks: int = 64


@dataclass(frozen=True)
class Run:
    """The whole pipeline: samples, a learned rule, its information, exponents, a report.

    Args:
        samples: The recipe of the samples to draw; leave it out where `data` is given.
        data: A file of configurations from elsewhere (`.npy`, `.npz`, HDF5 of this project or
            of mcising).
        select: Which samples of `data`, where it is a collection or an mcising file.
        window: Visible block, buffer and environment.
        learning: How the rule is learned.
        exponents: How exponents are measured.
        seed: Of learning, stochastic rules and error bars; the samples have their own.
    """

    samples: SampleRecipe | None = None
    data: str | None = None
    select: Selection = field(default_factory=Selection)
    window: Cut = field(default_factory=Cut)
    learning: Learning = field(default_factory=Learning)
    exponents: Exponents = field(default_factory=Exponents)
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed(self.seed)


@dataclass(frozen=True)
class Information:
    """Which rules to judge, on which samples.

    Args:
        data: A file of configurations: of this project, of mcising, or `.npy`/`.npz`.
        select: Which of its samples, where it is a collection or an mcising file.
        rules: Classical rules by name, or directories of trained rules; without it the classical
            ones of these letters.
        window: Visible block, buffer and environment.
        learning: How the posterior q(v|e) behind the bounds is learned, or for large blocks the
            predictor of each rule.
        seed: Of training and error bars.
    """

    data: str
    select: Selection = field(default_factory=Selection)
    rules: tuple[str, ...] | None = None
    window: Cut = field(default_factory=Cut)
    learning: Learning = field(default_factory=Learning)
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed(self.seed)


@dataclass(frozen=True)
class ExponentsTask:
    """Which rule to iterate, on which samples.

    Args:
        data: A file of configurations: of this project, of mcising, or `.npy`/`.npz`; or a recipe
            (`.yaml`), whose configurations are drawn while they are measured and kept nowhere.
        select: Which of its samples, where it is a collection or an mcising file.
        rule: `majority`, in three dimensions better `soft_majority`, of letters other than two
            `plurality`, of spins with vacancies also `vacancy_majority`, or the directory of a
            trained rule (with --trust where it holds a network of somebody's own); one that copies
            spins, as `decimation` does, has no fixed point and is refused.
        block: Extents of the block of a rule known by name; 2 along each axis without.
        levels: Coarse-graining steps, two or more where the lattice allows them; all without a
            number.
        reach: Largest distance between two spins of an interaction, in lattice constants.
        blocks: Independent blocks of samples for the jackknife.
        seed: Of the random entries of the rule.
    """

    data: str
    select: Selection = field(default_factory=Selection)
    rule: str = "majority"
    block: tuple[int, ...] | None = None
    levels: int | None = None
    reach: float = Exponents.reach
    blocks: int = Exponents.blocks
    seed: int = 0


@dataclass(frozen=True)
class Exact:
    """A window of a model and the rules to be judged on it.

    Args:
        shape: Extents of the periodic lattice as the model counts them; of models of bonds and
            sites [inf] is the infinite chain, [6,inf] the infinite cylinder, whose buffers are
            full columns.
        model: Any model; small lattices are solved by listing every configuration.
        temperature: T in units of J; `critical` where it is known exactly, and the default where
            the model has a temperature.
        parameters: Parameters of the model, such as `states: 3` or `crystal_field: 1.966`.
        block: Extents of the visible block, in cells; 2 along each axis without.
        buffer: Width of the buffer.
        disk: In place of the block, the radius of a disk, in units of the cell vectors.
        ball: In place of the block, the radius of a ball, in bonds.
        sites: In place of the block, sites by number.
        at: Site in the middle of a disk or ball, or in whose cell the block begins.
        environment: Width of the environment; all that lies beyond the buffer without.
        rules: `plurality` (of two letters `majority`), `decimation`, `optimum` (the best rule), or
            directories of trained rules; the first three by default.
        symbols: Coarse symbols of the optimum; as many as the model has letters by default.
        z2: `impose`, the default for bits of a two-valued model, restricts the optimum
            to rules odd under flipping every spin; `allow` takes the best of all, `optimum_any`.
        bottleneck: Put the rules, and the best ones of 2 to 16 symbols (8 for blocks of more than
            16 states), beside the most that any coarse variable of the same I(V:H) keeps: the
            information-bottleneck curve.
    """

    shape: tuple[int | Literal["inf"], ...]
    model: str = DEFAULT
    temperature: float | str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    block: tuple[int, ...] | None = None
    buffer: int = 1
    disk: float | None = None
    ball: int | None = None
    sites: tuple[int, ...] = ()
    at: int = 0
    environment: int | None = None
    rules: tuple[str, ...] | None = None
    symbols: int | None = None
    z2: Literal["impose", "allow"] | None = None
    bottleneck: bool = False

    @property
    def cut(self) -> Cut:
        """How the window is cut out."""
        return Cut(
            self.block, self.buffer, self.environment, self.disk, self.ball, self.sites, self.at
        )


def _trainings() -> Learning:
    return Learning(rule="linear", batch_size=1024, learning_rate=1e-2, null=False)


def _valuing() -> Learning:
    return Learning(null=False)


@dataclass(frozen=True)
class Compare:
    """One data set, and the methods whose rules are put beside each other on it.

    Args:
        samples: The recipe of the samples to draw; leave it out where `data` is given.
        data: A file of configurations from elsewhere.
        select: Which samples of `data`, where it is a collection or an mcising file.
        window: Visible block, buffer and environment.
        methods: Of `rsmi`, `proxy`, `bottleneck`, `infomax`, `pca`, `autoencoder`, `rbm`,
            `classifier`, `majority` (of more letters than two the plurality), `decimation`,
            `random`; all without.
        seeds: Of trainings, windows and predictors; every method is repeated with each.
        learning: How the rules are trained, those of all methods alike where they take it.
        valuing: How the predictor is trained that values a frozen rule.
        levels: Coarse-graining steps behind the exponents; all without a number.
        blocks: Independent blocks of samples for their jackknife.
        share: Of the configurations, from which rules are learned; the others measure.
    """

    samples: SampleRecipe | None = None
    data: str | None = None
    select: Selection = field(default_factory=Selection)
    window: Cut = field(default_factory=Cut)
    methods: tuple[str, ...] | None = None
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    learning: Learning = field(default_factory=_trainings)
    valuing: Learning = field(default_factory=_valuing)
    levels: int | None = None
    blocks: int = Exponents.blocks
    share: float = 0.4

    def __post_init__(self) -> None:
        for name, values in (("seeds", self.seeds), ("methods", self.methods)):
            if values is not None and (not values or len(set(values)) < len(values)):
                raise InputError(
                    f"{name} is {list(values)}; expected at least one, and each of them once"
                )
        for seed in self.seeds:
            check_seed(seed)
        if not 0 < self.share < 1:
            raise InputError(
                f"share is {self.share}; expected the part of the configurations to learn from, "
                "above 0 and below 1"
            )


def to_plain(settings: Any) -> Any:
    """Dataclasses, tuples and paths as what YAML and JSON can hold."""
    if dataclasses.is_dataclass(settings) and not isinstance(settings, type):
        fields = dataclasses.fields(settings)
        return {field.name: to_plain(getattr(settings, field.name)) for field in fields}
    if isinstance(settings, Mapping):
        return {str(key): to_plain(value) for key, value in settings.items()}
    if isinstance(settings, list | tuple):
        return [to_plain(value) for value in settings]
    return str(settings) if isinstance(settings, Path) else settings
