"""Ensembles: cost against one rule, what manifold their best rules form, and the proxy of 2018.

python benchmarks/ensembles.py speed | manifolds | proxy
"""

import math
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from measurement import SCRATCH, WORKERS, critical_samples

from rsmi.lattice import Alphabet, Window
from rsmi.lattice.alphabet import directions
from rsmi.learning import (
    Ensemble,
    WindowData,
    learn_by_proxy,
    learn_ensemble,
    learn_rule,
    value_rules,
)
from rsmi.storage import SampleRecipe, generate

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


if __name__ == "__main__":
    torch.set_num_threads(1)
    for chosen in sys.argv[1:]:
        {"speed": speed, "manifolds": manifolds, "proxy": proxy}[chosen]()
