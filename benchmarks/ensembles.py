"""Ensembles: cost against one rule, what manifold their best rules form, and the proxy of 2018.

python benchmarks/ensembles.py speed | manifolds | proxy | decoupled | plaquette
"""

import math
import sys
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from measurement import SCRATCH, WORKERS, critical_samples

from rsmi.information import Estimate
from rsmi.lattice import Alphabet, Window
from rsmi.lattice.alphabet import directions
from rsmi.learning import (
    Ensemble,
    Rule,
    WindowData,
    learn_by_proxy,
    learn_ensemble,
    learn_rule,
    value_rules,
)
from rsmi.sampling.dimers.exact import dimer_correlation
from rsmi.storage import SampleRecipe, generate, open_samples

ENSEMBLES = {
    "Ising, T_c, 4x4, buffer 2": ("ising", 0.0, (4, 4), 2, 100, {}),
    "dimers, T = inf, 4x4, buffer 2": ("dimers", float("inf"), (4, 4), 2, 100, {"max_epochs": 40}),
    "dimers, T = 1, 4x4, buffer 2": ("dimers", 1.0, (4, 4), 2, 100, {"max_epochs": 40}),
    "dimers, T = 0.5, 4x4, buffer 1": ("dimers", 0.5, (4, 4), 1, 150, {"max_epochs": 20}),
}


def samples(model: str, temperature: float) -> str:
    """Configurations of 64 chains on a torus of 32 x 32."""
    if model == "ising":
        return str(critical_samples(32, 256))
    path = SCRATCH / f"{model}_32_{temperature}.h5"
    recipe = SampleRecipe(
        model="dimers", shape=(32, 32), temperature=temperature, update="worm", chains=64,
        records=256, seed=3, parameters={"lattice": "square", "boundary": "torus"},
    )  # fmt: skip
    generate(recipe, path, workers=WORKERS, resume=True)
    return str(path)


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returns, and the CPU time that it took."""
    start = time.process_time()
    return call(), time.process_time() - start


def speed(size: int = 500) -> None:
    """CPU time of an ensemble, of one member, and of one rule by `learn_rule`, in one run."""
    path = samples("ising", 0.0)
    print(f"| block, buffer | {size} members | one member | ratio | one by learn_rule | ratio |")
    print("|---|---|---|---|---|---|")
    for block, buffer in (((2, 2), 1), ((4, 4), 2)):
        window = Window(block, buffer)
        options: dict[str, Any] = {"null": False}
        _, one = timed(lambda: learn_ensemble(path, window, size=1, **options))  # noqa: B023
        _, many = timed(lambda: learn_ensemble(path, window, size=size, **options))  # noqa: B023
        single = {"rule": "linear", "method": "joint", "restarts": 1, **options}
        _, rule = timed(lambda: learn_rule(path, window, **single))  # noqa: B023
        cells = f"{many:.1f} s | {one:.1f} s | {many / one:.1f} | {rule:.1f} s | {many / rule:.1f}"
        print(f"| {block[0]}x{block[1]}, {buffer} | {cells} |", flush=True)


def manifolds() -> None:
    """The manifold of the best one-bit filters of Ising spins and dimers, and what they see."""
    print(
        "| samples | value of the best | good | manifold | axes | overlap of the axes | s of CPU |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, (model, temperature, block, buffer, size, options) in ENSEMBLES.items():
        path = samples(model, temperature)
        window = Window(block, buffer)
        found, seconds = timed(
            lambda: learn_ensemble(path, window, size=size, null=False, **options)  # noqa: B023
        )
        told = found.degeneracy
        print(
            f"| {name} | {found.information} | {int(found.good.sum())} of {size} | {told.name} | "
            f"{told.span.value:.2f} | {overlaps(found, path)} | {seconds:.0f} |"
        )
        print(f"    {told.reason}", flush=True)


def overlaps(found: Ensemble, path: str) -> str:
    """Median correlation of the good filters' fields with the span of known ones.

    Fields of one name are images of each other under the symmetries of the space, so that they
    have mean 0, the same variance and no covariance.
    """
    placement, shown = found.placement, []
    data = WindowData(path, placement.window, windows_per_configuration=8)
    letters = F.one_hot(data.test_windows().v.long(), placement.space.alphabet.size).flatten(1)
    scale = math.sqrt(2)  # the two logits of a bit are opposite, and share the unit of variance
    responses = scale * found.responses[found.good][..., 1].flatten(1)
    for name, weights in known_fields(placement.space.alphabet, placement.window.block).items():
        variance = (letters.double() @ weights.double().T).square().mean()
        share = (responses @ weights.double().T).square().sum(1).div(variance).sqrt()
        shown.append(f"{name} {float(share.median()):.3f}")
    return ", ".join(shown)


def known_fields(alphabet: Alphabet, block: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """Linear functions of the letters of a box: (fields, sites letters) each."""
    x, y = (part.flatten() for part in torch.meshgrid(*map(torch.arange, block), indexing="ij"))
    if alphabet.size == 2:
        return {"magnetisation": torch.tensor([-1.0, 1.0]).repeat(len(x))[None]}
    goes = torch.tensor(directions(2).directions)
    staggered = 1 - 2 * ((x + y) % 2)
    electric = [(staggered[:, None] * goes[None, :, a]).flatten() for a in (0, 1)]
    columnar = []
    for axis, place in enumerate((x, y)):
        begins = place[:, None] + goes[None, :, axis].clamp(max=0)
        columnar.append(((1 - 2 * (begins % 2)) * goes[None, :, axis].abs()).flatten())
    nematic = (goes[:, 0].abs() - goes[:, 1].abs()).repeat(len(x))
    return {
        "electric": torch.stack(electric), "columnar": torch.stack(columnar),
        "nematic": nematic[None],
    }  # fmt: skip


def proxy(seeds: int = 3) -> None:
    """The 2018 algorithm beside `learn_rule` and the ensemble, on the same samples."""
    path = samples("ising", 0.0)
    print("| block, buffer | seed | algorithm | held-out value | exact value | s of CPU |")
    print("|---|---|---|---|---|---|")
    for block, buffer in (((2, 2), 1), ((4, 4), 2)):
        for seed in range(1, seeds + 1):
            _compare(path, Window(block, buffer), seed)


def _compare(path: str, window: Window, seed: int) -> None:
    old, first = timed(lambda: learn_by_proxy(path, window, seed=seed))
    method = {"rule": "linear", "method": "joint", "null": False}
    new, second = timed(lambda: learn_rule(path, window, seed=seed, **method))
    rules = {"proxy of 2018": old.rule, "learn_rule": new.rule}
    valued = value_rules(path, window, rules, seed=seed + 100)
    exact = {q.name.removeprefix("information.exact."): q.text for q in valued.exact}
    for (name, bound), seconds in zip(
        ((n, valued.bounds[n]) for n in rules), (first, second), strict=True
    ):
        print(
            f"| {window} | {seed} | {name} | {bound.information} | {exact.get(name, '-')} | "
            f"{seconds:.0f} |",
            flush=True,
        )


def decoupled(seeds: int = 5, records: int = 256) -> None:
    """Dimers with spins that know of nothing: what a rule, and what a machine makes of them.

    Pairs of spins are the strongest correlations of these samples, and say nothing of any
    environment. Shares are those of the spins in the variance of a bit's field, and of the input of
    the hidden units of a machine trained by contrastive divergence on the same blocks. Each seed
    has samples of its own, so that the mean weight of a spin can be held to its error.
    """
    print("| seed | held-out value | spins in the bit | another spin, another dimer changes it | "
          "spins in the machine's units: mean, most | s of CPU |")  # fmt: skip
    print("|---|---|---|---|---|---|")
    found = torch.stack([_decoupled(seed, records) for seed in range(1, seeds + 1)])
    errors = found.std(0) / math.sqrt(seeds)
    pulls = found.mean(0) / errors
    print(
        f"weights of {pulls.numel()} spins in units of the bit's field: largest mean "
        f"{float(found.mean(0).abs().max()):.4f}, errors {float(errors.mean()):.4f}, mean square "
        f"of mean over error {float(pulls.square().mean()):.2f} where noise alone has "
        f"{(seeds - 1) / (seeds - 3):.2f}"
    )


def _decoupled(seed: int, records: int) -> torch.Tensor:
    """Weights of the spins, (n_v,)."""
    path = SCRATCH / f"decorated_{records}_{seed}.h5"
    recipe = SampleRecipe(
        model="decorated_dimers", shape=(32, 32), temperature="inf", chains=64, records=records,
        seed=seed,
    )  # fmt: skip
    generate(recipe, path, workers=WORKERS, resume=True)
    options: dict[str, Any] = {"symmetry": "allow", "seed": seed}
    linear = {"rule": "linear", "method": "joint", "null": False}
    window = Window((4, 2), 1)  # cells of two sites
    found, seconds = timed(lambda: learn_rule(str(path), window, **linear, **options))
    machine = learn_by_proxy(str(path), window, **options).machines[1]
    v = WindowData(str(path), window, windows_per_configuration=1).test_windows().v
    field, turned = (_field(found.rule.soft, w) for w in (v, _turned(v)))
    share = spins_in(field, turned)
    with torch.no_grad():
        units = spins_in(*(machine.seen(w) @ machine.weight for w in (v, _turned(v))))
    bits = [found.rule.log_prob(w).argmax(1) for w in (v, *changed(v))]
    flips = [float((bit != bits[0]).double().mean()) for bit in bits[1:]]
    print(
        f"| {seed} | {found.information} | {float(share):.5f} | {flips[0]:.4f}, {flips[1]:.4f} | "
        f"{float(units.mean()):.2f}, {float(units.max()):.2f} | {seconds:.0f} |",
        flush=True,
    )
    return spin_weights(found.rule.soft, v) / field.std()


def _field(rule: Rule, v: torch.Tensor) -> torch.Tensor:
    """ln p(1|v) - ln p(0|v), (n, 1)."""
    chances = rule.log_prob(v)
    return chances[:, 1:] - chances[:, :1]


def spin_weights(rule: Rule, v: torch.Tensor) -> torch.Tensor:
    """Mean over blocks (n, n_v) of what the spin of each site adds to the field, (n_v,)."""
    added = []
    for site in range(v.shape[1]):
        other = v.clone()
        other[:, site] = (other[:, site] + 4) % 8
        sign = 2.0 * (v[:, site] >= 4) - 1
        added.append(float(((_field(rule, v) - _field(rule, other))[:, 0] * sign).mean()) / 2)
    return torch.tensor(added)


def _turned(v: torch.Tensor) -> torch.Tensor:
    """The same dimers, every spin turned."""
    return ((v + 4) % 8).to(v.dtype)


def spins_in(seen: torch.Tensor, turned: torch.Tensor) -> torch.Tensor:
    """Share of the spins in the variance of linear functions of the letters (n, k), (k,)."""
    return ((seen - turned) / 2).var(0) / seen.var(0)


def changed(v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Blocks (n, n_v) with a random site's spin turned, and with its dimer turned at random."""
    generator = torch.Generator().manual_seed(0)
    site = torch.randint(v.shape[1], (len(v), 1), generator=generator)
    old = v.gather(1, site)
    others = (old % 4 + torch.randint(1, 4, old.shape, generator=generator)) % 4 + 4 * (old // 4)
    spins, dimers = (old + 4) % 8, others.to(v.dtype)
    return v.scatter(1, site, spins.to(v.dtype)), v.scatter(1, site, dimers)


def plaquette(stretches: int = 20, most: int = 15360) -> None:
    """How the field C_x + C_y of 2 x 2 blocks of free dimers decays: as r^-2, exactly and measured.

    Samples are those of `benchmarks/blocks.py`, 64 x 64; exact values those of the infinite plane.
    """
    with open_samples(SCRATCH / "blocks_dimers.h5") as samples:
        step, size = samples.n // stretches, most // stretches
        starts = range(0, stretches * step, step)
        parts = [_correlator(samples.letters(a, a + size)[..., 0]) for a in starts]
    mean, scatter = torch.stack(parts).mean(0), torch.stack(parts).std(0) / math.sqrt(stretches)
    print("| r | exact in the plane | on 64 x 64 | exponent between r and 1.25 r, exact |")
    print("|---|---|---|---|")
    for r in (4, 8, 12, 16, 20, 24, 32):
        found = Estimate(float(mean[r - 1]), float(scatter[r - 1]), "estimate", "1")
        near, far = _plane(r), _plane(r * 5 // 4)
        power = -math.log(far / near) / math.log((r * 5 // 4) / r)
        print(f"| {r} | {near:.6f} | {found} | {power:.3f} |")


def _plane(r: int) -> float:
    """The same correlation on the infinite lattice, blocks of every parity in turn."""
    sites = list(product((0, 1), (0, 1)))
    return sum(
        (-1) ** (r + k - i, m - j)[axis] * dimer_correlation((axis, axis), (r + k - i, m - j))
        for axis in (0, 1)
        for i, j in sites
        for k, m in sites
    )


def _correlator(letters: torch.Tensor) -> torch.Tensor:
    """Mean product of the fields of two blocks, by their distance along an axis, (L / 2,)."""
    x, y = (torch.arange(side) for side in letters.shape[1:])
    begins = [(letters == 2 * axis).float() - 0.25 for axis in (0, 1)]
    local = (1 - 2 * (x % 2))[:, None] * begins[0] + (1 - 2 * (y % 2)) * begins[1]
    rows = local + local.roll(-1, 1)
    field = torch.fft.rfft2(rows + rows.roll(-1, 2))
    decay = torch.fft.irfft2((field * field.conj()).mean(0)) / (len(x) * len(y))
    half = len(x) // 2
    return ((decay[1 : half + 1, 0] + decay[0, 1 : half + 1]) / 2).double()


if __name__ == "__main__":
    torch.set_num_threads(1)
    for chosen in sys.argv[1:]:
        {
            "speed": speed, "manifolds": manifolds, "proxy": proxy, "decoupled": decoupled,
            "plaquette": plaquette,
        }[chosen]()  # fmt: skip
