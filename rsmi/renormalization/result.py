"""What the iteration of a rule found: exponents, whether they may be quoted, what is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rsmi.information import Estimate, Outcome, Quantity
from rsmi.renormalization.averages import Average
from rsmi.renormalization.couplings import Operator, Parity
from rsmi.renormalization.exponents import (
    SYMBOLS,
    Exponent,
    exponents_of,
    further_exponents,
    relevance,
)
from rsmi.renormalization.stability import ScanEntry, over_steps
from rsmi.renormalization.verdict import Drift, Verdict
from rsmi.sampling import OrderReport


@dataclass(frozen=True, repr=False)
class MCRGResult(Outcome):
    """What a Monte Carlo renormalisation-group analysis found.

    Args:
        rule: Name of the rule.
        shapes: Lattice shape at each level, the samples' first.
        interactions: The basis of each parity, in order; of letters, operators by sector.
        scan: Leading exponents by parity, level and size of the basis.
        verdict: Whether the flow rests, without which no exponent is quoted.
        n: Configurations used.
        blocks: Independent blocks of the data behind the jackknife errors.
        order: How much the configurations remember of each other.
        omega: Exponent of corrections that shrink slowly; None where they shrink as b**-2.
        known: Exact exponents of the samples' model, by name; empty where none are known.
        remark: Why there are none.
        further: As `scan`, of the eigenvalues behind the leading ones.
        soft: Whether the rule draws symbols by chance, beyond ties.
    """

    rule: str
    shapes: tuple[tuple[int, ...], ...]
    interactions: Mapping[Parity, Sequence[Operator]]
    scan: tuple[ScanEntry, ...]
    verdict: Verdict
    n: int
    blocks: int
    order: OrderReport
    omega: float | None
    known: Mapping[str, float] = field(default_factory=dict)
    remark: str = ""
    further: tuple[ScanEntry, ...] = ()
    soft: bool = False

    @property
    def exponents(self) -> dict[str, Exponent]:
        """Final numbers by name, see `exponents_of`.

        Raises:
            AnalysisError: If there is no fixed point, with the reasons.
        """
        self.verdict.check()
        even, odd = ([e for e in self.scan if e.parity == parity] for parity in SYMBOLS)
        return exponents_of(even, odd, len(self.shapes[0]), self.omega, self.soft)

    @property
    def further_exponents(self) -> dict[str, Exponent]:
        """`even[1]` and `odd[1]`, of the eigenvalues behind the leading ones."""
        return further_exponents(self.further)

    @property
    def remarks(self) -> list[str]:
        """What to know of the numbers, a sentence each."""
        sizes = " -> ".join("x".join(map(str, shape)) for shape in self.shapes)
        bases = ", ".join(f"{len(basis)} {parity}" for parity, basis in self.interactions.items())
        found = [
            f"{sizes}; {bases} couplings; {self.n} configurations in {self.blocks} blocks",
            str(self.order),
        ]
        for parity in self.interactions:
            found.append(f"{SYMBOLS[parity]} over the steps: {over_steps(self.scan, parity)}")
        return [*found, f"verdict: {self.verdict.text}", *filter(None, [self.remark])]

    def quantities(self, prefix: str = "exponents") -> list[Quantity]:
        """Exponents if the verdict allows them, the verdict, and the scan behind.

        Args:
            prefix: Of the names of the exponents and the verdict.
        """
        final = self._exponents(prefix) if self.verdict.fixed_point else []
        final.append(self._fixed_point(prefix))
        final += [self._scanned(entry) for entry in (*self.scan, *self.further)]
        final += [self._drift(drift) for drift in self.verdict.drifts]
        return final + [self._average(average) for average in self.verdict.odd]

    def _exponents(self, prefix: str) -> list[Quantity]:
        further = {f"eigenvalues.{name}": one for name, one in self.further_exponents.items()}
        return [
            Quantity.of(
                f"{prefix}.{name}",
                exponent.value,
                self.known.get(exponent.name),
                rule=self.rule,
                statistical=exponent.statistical,
                truncation=exponent.truncation,
                **({"relevance": relevance(exponent)} if name in further else {}),
            )
            for name, exponent in (self.exponents | further).items()
        ]

    def _fixed_point(self, prefix: str) -> Quantity:
        """1 where nothing speaks against a fixed point, 0 where exponents are refused."""
        verdict = self.verdict
        number = Estimate(float(verdict.fixed_point), 0.0, "estimate", unit="1")
        return Quantity.of(
            f"{prefix}.fixed_point",
            number,
            rule=self.rule,
            verdict=verdict.text,
            flip_chance=verdict.flip_chance,
        )

    def _scanned(self, entry: ScanEntry) -> Quantity:
        name = f"{entry.parity}[{entry.rank}]" if entry.rank else SYMBOLS[entry.parity]
        return Quantity.of(
            f"exponents.scan.{name}",
            entry.exponent,
            self.known.get(name),
            rule=self.rule,
            level=entry.level + 1,
            couplings=entry.n_couplings,
            last=entry.last,
        )

    def _drift(self, drift: Drift) -> Quantity:
        after = drift.change.after
        return Quantity.of(
            f"exponents.scan.drift.{drift.name}",
            drift.change.value,
            rule=self.rule,
            level=after.level + 1,
            couplings=after.n_couplings,
            allowed=drift.allowed,
        )

    def _average(self, average: Average) -> Quantity:
        return Quantity.of(
            "exponents.scan.odd_average",
            average.value,
            rule=self.rule,
            level=average.level,
            interaction=average.name,
        )


def known_exponents(samples: object) -> tuple[Mapping[str, float], str]:
    """Exact exponents of the samples' model, and a remark where there are none."""
    while (finer := getattr(samples, "fine", None)) is not None:  # what is critical stays so
        samples = finer
    point, model = getattr(samples, "critical", None), getattr(samples, "model", None)
    coupling = (model or {}).get("coupling")
    if point is not None and coupling is not None and point.holds(float(coupling)):
        return point.universality.values() | point.universality.further, ""
    return {}, _NOTHING_KNOWN if model is None else _OFF.format(model=_described(model))


_NOTHING_KNOWN = (
    "nothing is known of the Hamiltonian of these samples: what stands below are critical "
    "exponents only if they were drawn at a critical point; the flow can refute that (see the "
    "verdict) but not prove it, least of all on a small lattice"
)
_OFF = (
    "{model} is not at a critical point known here, so no exact values stand beside these; away "
    "from criticality they are no critical exponents"
)


def _described(model: Mapping[str, str | float]) -> str:
    name, *facts = (f"{key} {value}" if key != "model" else value for key, value in model.items())
    return f"the model {name} at {', '.join(map(str, facts))}"
