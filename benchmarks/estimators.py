"""Every estimator on every task whose truth is known: writes benchmarks/estimators.md.

python benchmarks/estimators.py [SEEDS]

Values are kept in `rsmi_benchmarks` in the system's temporary directory, and what is there is not
computed again; seed by seed, so that a table can be printed from what has been finished.
"""

import datetime
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import torch

from rsmi.information import Estimate, estimate, estimator
from rsmi.information.estimators.pairs import paired
from rsmi.known import Task, known_tasks

ROWS, SEEDS = 2000, 3
KEPT = Path(tempfile.gettempdir()) / "rsmi_benchmarks" / "estimators.jsonl"
PAGE = Path(__file__).with_suffix(".md")

LOWER = (
    "infonce",
    "infonce(separable)",
    "nwj",
    "js",
    "alpha(0.1)",
    "predictive",
    "infonce_known(256)",
)
OTHER = ("dv", "smile(5)", "club", "club_known(256)", "leave_one_out(256)")
NUMBERS = ("gaussian", "ksg(3)", "bins(10)", "renyi(1.01)")
LETTERS = ("plug_in", "miller_madow", "grassberger", "nsb")
PEERS = ("scikit-learn", "ennemi")
OURS = (*LOWER, *OTHER, *NUMBERS, *LETTERS)

Found = dict[tuple[str, str, int], dict[str, float]]
"""(task, estimator, seed) -> value, error, seconds, ceiling."""


def peers(task: Task, seed: int) -> Iterable[tuple[str, Callable[[], float]]]:
    """What other packages say of one number beside one other, or of letters."""
    from ennemi import estimate_mi
    from sklearn.feature_selection import mutual_info_regression
    from sklearn.metrics import mutual_info_score

    x, y = (side.numpy() for side in task.draw(ROWS, seed))
    if x.dtype.kind == "i":
        a, b = (np.unique(side, axis=0, return_inverse=True)[1] for side in (x, y))
        return [("scikit-learn", lambda: float(mutual_info_score(a, b)))]
    if x.shape[1] > 1 or y.shape[1] > 1:
        return []
    return [
        ("scikit-learn", lambda: float(mutual_info_regression(x, y[:, 0], random_state=0)[0])),
        ("ennemi", lambda: float(estimate_mi(y[:, 0], x[:, 0]).item())),
    ]


def measured(task: Task, seed: int, done: Found) -> Iterable[tuple[str, dict[str, float]]]:
    """Values of one draw that are not there yet, by estimator."""
    x, y = task.draw(ROWS, seed)
    pairs = paired(x, y, seed=seed, log_conditional=task.log_conditional)
    for name in OURS:
        if (task.name, name, seed) in done or estimator(name).refusal(pairs):
            continue
        known = task.log_conditional
        line = estimate(x, y, name, log_conditional=known, null=False, seed=seed).lines[0]
        ceiling = math.inf if line.ceiling is None else line.ceiling
        yield (
            name,
            {
                "value": line.value.value,
                "error": line.value.error,
                "seconds": line.seconds,
                "ceiling": ceiling,
            },
        )
    for name, compute in peers(task, seed):
        if (task.name, name, seed) not in done:
            start = time.process_time()
            value = compute()
            yield (
                name,
                {
                    "value": value,
                    "error": 0.0,
                    "seconds": time.process_time() - start,
                    "ceiling": math.inf,
                },
            )


def kept() -> Found:
    """What has been computed before."""
    lines = KEPT.read_text().splitlines() if KEPT.exists() else []
    return {tuple(one["key"]): one["found"] for one in map(json.loads, lines)}


def compute(seeds: int) -> None:
    """Compute what is not there yet."""
    KEPT.parent.mkdir(exist_ok=True)
    done = kept()
    with KEPT.open("a") as file:
        for seed in range(1, seeds + 1):
            for task in known_tasks().values():
                for name, found in measured(task, seed, done):
                    file.write(json.dumps({"key": [task.name, name, seed], "found": found}) + "\n")
                    file.flush()


def averaged(found: Found, task: str, name: str) -> Estimate | None:
    """Mean over the seeds, with the error of the mean as the seeds scatter; or a single value."""
    own = [one for key, one in found.items() if key[:2] == (task, name)]
    values = [one["value"] for one in own]
    if not own:
        return None
    error = stdev(values) / math.sqrt(len(own)) if len(own) > 1 else own[0]["error"]
    return Estimate(fmean(values), error, "estimate", "1")


def table(found: Found, tasks: Sequence[Task], names: Sequence[str]) -> list[str]:
    """Means by task and estimator; columns without a value are left out."""
    cells = {(t.name, n): averaged(found, t.name, n) for t in tasks for n in names}
    names = [name for name in names if any(cells[task.name, name] for task in tasks)]
    rows = [row for row in tasks if any(cells[row.name, name] for name in names)]
    lines = [_row(["task", "truth", *(f"`{n}`" for n in names)]), "|---" * (len(names) + 2) + "|"]
    return lines + [
        _row([t.name, f"{t.exact:.3f}", *(str(cells[t.name, n] or "") for n in names)])
        for t in rows
    ]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def summary(found: Found, tasks: Mapping[str, Task]) -> list[str]:
    """By estimator: kind, how far above and below the truth in its own errors, time."""
    heads = ["estimator", "kind", "values", "most above the truth, in errors", "most below",
             "mean absolute deviation, nats", "CPU seconds, mean", "most"]  # fmt: skip
    lines = [_row(heads), "|---" * len(heads) + "|"]
    for name in (*OURS, *PEERS):
        own = [(tasks[key[0]].exact, one) for key, one in found.items() if key[1] == name]
        if own:
            lines.append(_row([f"`{name}`", *_judged(name, own)]))
    return lines


def _judged(name: str, own: Sequence[tuple[float, Mapping[str, float]]]) -> list[str]:
    away = [one["value"] - exact for exact, one in own]
    seconds = [one["seconds"] for _, one in own]
    sizes = [fmean(map(abs, away)), fmean(seconds), max(seconds)]
    ends = ["", ""]
    if name not in PEERS and estimator(name).comparable:
        sigmas = [gap / one["error"] for gap, (_, one) in zip(away, own, strict=True)]
        ends = [f"{max(sigmas):+.1f}", f"{min(sigmas):+.1f}"]
    kind = "" if name in PEERS else estimator(name).kind
    return [kind, str(len(own)), *ends, *(f"{size:.3f}" for size in sizes)]


def violations(found: Found, tasks: Mapping[str, Task]) -> list[str]:
    """Bounds on the wrong side of the truth by more than three of their errors."""
    lines = []
    for (task, name, seed), one in found.items():
        if name in PEERS or (kind := estimator(name).kind) not in ("lower", "upper"):
            continue
        gap = (one["value"] - tasks[task].exact) / one["error"]
        if (gap if kind == "lower" else -gap) > 3:
            lines.append(f"{task}, {name}, seed {seed}: {gap:+.1f} errors")
    return lines


def page(found: Found) -> str:
    """The whole page."""
    tasks = known_tasks()
    letters = [task for task in tasks.values() if task.name.startswith(("spins", "halves"))]
    numbers = [task for task in tasks.values() if task not in letters]
    seeds = sorted({key[2] for key in found})
    trained = ", ".join(map(str, sorted({key[2] for key in found if key[1] == "nwj"})))
    wrong = violations(found, tasks)
    parts = [
        "# Estimators of mutual information beside the truth\n",
        f"`python benchmarks/estimators.py {len(seeds)}`, {datetime.date.today()}, one of 2 shared "
        f"cores (AMD EPYC), torch {torch.__version__}: {ROWS} rows, seeds "
        f"{', '.join(map(str, seeds))} (of trained estimators {trained}), each "
        "another draw and another training, nats.\n",
        "Cells are means over the seeds with the error of the mean as the seeds scatter; where one "
        "seed was run, its value with the error that it states itself; the first table counts in "
        "those, and says how many values there are. A trained estimator learns from "
        f"{round(0.55 * ROWS)} rows and reports {round(0.3 * ROWS)} others. "
        "Tasks: `rsmi.known.known_tasks()`.\n",
        "## How far from the truth\n",
        *summary(found, tasks),
        "\nBounds on the wrong side of the truth by more than three errors: "
        f"{'; '.join(wrong) or 'none'}.\n",
        "## Lower bounds\n",
        "`infonce` reports batches of K = 200 rows and cannot exceed ln 200 = 5.30; "
        "`infonce_known(256)` of 250, ln 250 = 5.52; `alpha(0.1)` ln(599 / 0.1) = 8.70.\n",
        *table(found, numbers, LOWER),
        "\n## Estimates and upper bounds of trained or known densities\n",
        *table(found, numbers, OTHER),
        "\n## Estimates of real numbers, and the same of other packages\n",
        *table(found, numbers, (*NUMBERS, *PEERS)),
        "\n## Spins\n",
        *table(found, letters, (*LETTERS, "scikit-learn", *LOWER, "dv", "smile(5)", "club")),
    ]
    return "\n".join(parts) + "\n"


def main(arguments: Sequence[str]) -> int:
    torch.set_num_threads(1)
    compute(int(arguments[0]) if arguments else SEEDS)
    text = page(kept())
    PAGE.write_text(text)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
