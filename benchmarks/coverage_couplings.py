"""How often renormalised couplings lie within their errors, and how truncation moves them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rsmi.lattice import Space, states
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import Rule, TableRule, decimation, majority
from rsmi.renormalization import (
    Interaction,
    RenormalisedCouplings,
    exact_couplings,
    fitted_couplings,
    generate_interactions,
    variational_couplings,
)
from rsmi.renormalization.renormalised import Products, gas_matrix, torus_products
from rsmi.sampling import CRITICAL_COUPLING, System
from rsmi.sampling.exact import coarse_torus_distribution, products_of
from rsmi.sampling.exact.coarse import BASES
from rsmi.storage import samples_of

TORUS, BLOCK, REACH = System((8, 8)), (2, 2), 2.9
NAMES = (
    "2-spin (1,0)", "2-spin (1,1)", "2-spin (2,0)", "2-spin (2,1)", "2-spin (2,2)",
    "4-spin plaquette (0,0)(0,1)(1,0)(1,1)",
)  # fmt: skip
RECORDS, MANY, REACHES = 100, 9000, (1.0, 1.5, 2.0, 2.3, 2.9)


def soft() -> TableRule:
    """p(h = 1) = sigmoid(2 sum v)."""
    total = 2 * states(4).double().sum(1)
    return TableRule(SPIN, torch.stack([torch.sigmoid(-total), torch.sigmoid(total)], 1), BLOCK)


def rules() -> dict[str, Rule]:
    """Those of the table."""
    return {"majority": majority(BLOCK), "decimation": decimation(BLOCK), "soft": soft()}


def couplings(runs: int = 10) -> None:
    """A row for each rule and method: shares within the errors of the six couplings known."""
    _table(("variational", "pseudo-likelihood"), runs, RECORDS)
    _table(("pseudo-likelihood",), 4, MANY)


def _table(methods: Sequence[str], runs: int, records: int) -> None:
    print(f"8 x 8 -> 4 x 4 at T_c, {runs} seeds of 64 x {records}, the six couplings of the table")
    print("| method | rule | within 1 error | within 2 | largest | rms | largest error |")
    print("|---|---|---|---|---|---|---|")
    for method in methods:
        for name, rule in rules().items():
            truth = exact_couplings(TORUS, rule, reach=REACH)
            found = [_found(method, rule, seed, records) for seed in range(runs)]
            far = np.array([[f[n].deviation(truth[n].value) for n in NAMES] for f in found])
            errors = max(f[n].error for f in found for n in NAMES)
            within = " | ".join(f"{100 * (abs(far) <= k).mean():.0f} %" for k in (1, 2))
            rms = np.sqrt((far**2).mean())
            most = abs(far).max()
            print(f"| {method} | {name} | {within} | {most:.1f} | {rms:.2f} | {errors:.4f} |")


def _found(method: str, rule: Rule, seed: int, records: int) -> RenormalisedCouplings:
    if method == "variational":
        return variational_couplings(TORUS, rule, reach=REACH, sweeps=200, seed=seed)
    sampler = TORUS.engine(seed).sampler
    state, kept = sampler.initial(64), []
    sampler.advance(state, 0, 200)
    for record in range(records):
        sampler.advance(state, 200 + 4 * record, 4)
        kept.append(state.clone())
    samples = samples_of(torch.stack(kept, 1).numpy(), chains=64)
    return fitted_couplings(samples, rule, reach=REACH, seed=seed)


def truncation() -> None:
    """Where fits of few operators end that have seen every coarse configuration with its weight."""
    space = Space.hypercubic((4, 4), SPIN)
    laid = {reach: torus_products(space, generate_interactions(reach)) for reach in REACHES}
    print("| rule | basis | coupling | exact | method |", end=" ")
    print(" | ".join(f"reach {reach:g}" for reach in REACHES), "|")
    print("|" + "---|" * (5 + len(REACHES)))
    for name, rule in rules().items():
        law = coarse_torus_distribution((8, 8), CRITICAL_COUPLING, rule.table()).double()
        exact = {basis: products_of(law.log(), basis) for basis in BASES}
        for method in ("pseudo-likelihood", "variational", "gas cut"):
            ended = {reach: _ended(method, law, *laid[reach]) for reach in REACHES}
            for basis in BASES:
                for which in NAMES[:2]:
                    cells = [_cell(laid[r], ended[r], basis, which) for r in REACHES]
                    products = laid[REACH][1][[i.name for i in laid[REACH][0]].index(which)]
                    truth = float(exact[basis][_number(products)])
                    told = " | ".join(cells)
                    print(f"| {name} | {basis} | {which} | {truth:.4f} | {method} | {told} |")


def _cell(
    laid: tuple[list[Interaction], list[Products]], ended: Tensor, basis: str, which: str
) -> str:
    names = [each.name for each in laid[0]]
    k = ended if basis == "spin" else gas_matrix(laid[1]) @ ended
    return f"{float(k[names.index(which)]):.4f}" if which in names else ""


def _number(products: Products) -> int:
    return int((1 << products[0]).sum())


def _ended(method: str, law: Tensor, kept: list[Interaction], products: list[Products]) -> Tensor:
    """Couplings of spins at the best of a truncated Hamiltonian, (A,); the odd ones are 0."""
    if method == "gas cut":  # occupations kept as they are, the others dropped
        gas = products_of(law.log(), "gas")
        cut = torch.tensor([float(gas[_number(some)]) for some in products])
        return torch.linalg.solve(gas_matrix(products), cut.double())
    even = [a for a, each in enumerate(kept) if each.parity == "even"]
    some = [products[a] for a in even]
    spins = states(16).double()
    sums = torch.stack([sum(spins[:, row].prod(1) for row in one) for one in some], 1)
    local = torch.stack(
        [sum(spins[:, row[row != 0]].prod(1) for row in one if 0 in row) for one in some], 1
    )
    k = torch.zeros(len(some), dtype=torch.float64)
    for _ in range(30):
        variational = method == "variational"
        k = k + (_step(law, sums, some, k) if variational else _slope(law, local, k))
    found = torch.zeros(len(kept), dtype=torch.float64)
    found[even] = k
    return found


def _step(law: Tensor, sums: Tensor, products: list[Products], k: Tensor) -> Tensor:
    """Of the variational functional, damped as by `variational_couplings`."""
    weight = torch.softmax(law.log() - sums @ k, 0)
    mean = weight @ sums
    uniform = torch.tensor([float(len(some)) for some in products], dtype=torch.float64)
    far = min(1.0, float((mean.square() / uniform).sum()))
    covariance = (sums - mean).T @ (weight[:, None] * (sums - mean))
    return torch.linalg.solve(covariance + far * torch.diag(uniform), mean)


def _slope(law: Tensor, local: Tensor, k: Tensor) -> Tensor:
    """Of the pseudo-likelihood of one spin, which by translation is that of all."""
    spin = states(16)[:, 0].double()
    wrong = torch.sigmoid(-2 * spin * (local @ k))
    curvature = local.T @ ((law * 4 * wrong * (1 - wrong))[:, None] * local)
    return torch.linalg.solve(curvature, local.T @ (law * 2 * wrong * spin))


if __name__ == "__main__":
    couplings()
    truncation()
