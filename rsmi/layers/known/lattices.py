"""Known answers of lattices: coarse-graining layers, and entropies of the inputs."""

import math

from rsmi.information import entropy
from rsmi.layers.analyse import analyse_layers
from rsmi.layers.known.check import BIT, Check, bits
from rsmi.layers.physics import (
    dimer_entropy,
    enumerated_dimers,
    enumerated_ising,
    integrated_entropy,
    ising_entropy,
    sampled_ising,
)
from rsmi.layers.rg import coarse_distribution, rg_network, without_ties
from rsmi.learning import decimation, majority
from rsmi.sampling import CRITICAL_COUPLING, Ising, SwendsenWang


def enumerated_ising_checks() -> list[Check]:
    """RG layers of all configurations, beside transfer matrices over the coarse rows."""
    checks = []
    for name, rule in (("majority", majority((2, 2))), ("decimation", decimation((2, 2)))):
        table = without_ties(rule.table())
        inputs = enumerated_ising((4, 4), CRITICAL_COUPLING)
        report = analyse_layers(rg_network(table, (2, 2), 2), inputs)
        p = coarse_distribution((4, 4), CRITICAL_COUPLING, table)
        known = ising_entropy((4, 4), CRITICAL_COUPLING).value - float(entropy(p))
        got = bits(report["0"].interval("H(X|T)"))
        checks.append(Check(f"4x4 Ising, {name}: H(X|T)", known / BIT, got, 1e-9))
    return checks


def sampled_ising_checks() -> list[Check]:
    """The same of samples."""
    table = without_ties(majority((2, 2)).table())
    inputs = sampled_ising((6, 6), CRITICAL_COUPLING, 32768, seed=5)
    report = analyse_layers(rg_network(table, (2, 2), 1), inputs)
    p = coarse_distribution((6, 6), CRITICAL_COUPLING, table)
    known = ising_entropy((6, 6), CRITICAL_COUPLING).value - float(entropy(p))
    found = report["0"].interval("H(X|T)")
    inside = float(found.contains(known, 0.9999))
    return [
        Check("6x6 Ising, majority: exact H(X|T) inside", 1.0, inside, 0.0, "1"),
        Check("6x6 Ising, majority: H(X|T), middle", known / BIT, bits(found), 0.1),
    ]


def input_entropy_checks() -> list[Check]:
    """Entropies of inputs: counted coverings, and energies integrated over the coupling."""

    def update(k: float) -> SwendsenWang:
        return SwendsenWang(Ising((8, 8), k), seed=round(1e9 * k))

    coverings = enumerated_dimers((4, 4)).entropy
    counted = coverings.value if coverings else math.nan
    found = integrated_entropy(update, CRITICAL_COUPLING, 64 * math.log(2), intervals=8)
    known = ising_entropy((8, 8), CRITICAL_COUPLING).value
    return [
        Check("4x4 dimers: H(X)", dimer_entropy((4, 4)).value / BIT, counted / BIT, 1e-9),
        Check("8x8 Ising, integrated: H(X)", known / BIT, found.value / BIT, 5 * found.error / BIT),
    ]
