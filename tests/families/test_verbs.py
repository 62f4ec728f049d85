"""Every model and verb that the documents promise, on lattices small enough to list."""

import math
from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

import rsmi.learning
from rsmi.errors import InputError
from rsmi.lattice import Window, place, words
from rsmi.learning import block_alone, named_rule
from rsmi.learning.results import LearnedRule
from rsmi.learning.streaming import StreamingWindowData
from rsmi.renormalization import check_iteration, renormalise
from rsmi.sampling.exact import WindowPosterior, enumerated_window
from rsmi.sampling.families import VERBS, Row, families, family_of, verb_rows
from rsmi.sampling.potts import Potts, PottsSwendsenWang
from rsmi.storage import SampleRecipe, generate, open_samples, samples_of

ROWS = verb_rows()
SAMPLES = 64 * 32
QUICK = {"hidden": (16,), "batch_size": 512, "steps_per_epoch": 30, "max_epochs": 3, "null": False}


def that_can(*verbs: str) -> list[Any]:
    """Rows of which all of these verbs are promised."""
    able = (row for row in ROWS if not any(row.reasons()[verb] for verb in verbs))
    return [pytest.param(row, id=row.name) for row in able]


def window_of(row: Row) -> Window:
    """The first site that is not always empty, and its neighbours, or all where these meet."""
    letters, space = row.family.enumerate(row.model())[0].flatten(1), row.family.space(row.model())
    site = int((letters != letters[0]).any(0).nonzero()[0])
    shell = 1 if min(space.cells) > 2 else None
    return Window(sites=(site,), buffer=0, environment=shell)


def solved(row: Row) -> WindowPosterior:
    model = row.model()
    placed = place(window_of(row), row.family.space(model))
    return enumerated_window(*row.family.enumerate(model), placed)


def drawn(row: Row) -> Tensor:
    """Independent configurations from the list of all."""
    letters, probabilities = row.family.enumerate(row.model())
    chosen = torch.multinomial(probabilities, SAMPLES, replacement=True)
    return letters[chosen]


def test_every_family_gives_examples_and_every_no_a_reason() -> None:
    assert {row.family.name for row in ROWS} == set(families)
    for row in ROWS:
        reasons = row.reasons()
        assert tuple(reasons) == VERBS
        assert all(len(reason.split()) > 5 for reason in reasons.values() if reason)
        assert row.solved_by()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_is_promised_of_samples_is_what_their_file_says(row: Row, tmp_path: Any) -> None:
    example = row.example
    recipe = SampleRecipe(
        model=row.family.name, shape=example.shape, temperature=example.temperature,
        parameters=dict(example.parameters), update=example.update, chains=4, records=4, seed=2,
        thin=2, equilibration=10,
    )  # fmt: skip
    generate(recipe, tmp_path / "samples.h5")
    reasons = row.reasons()
    with open_samples(tmp_path / "samples.h5") as samples:
        assert samples.n == 16
        assert samples.iteration == reasons["flow"]
        if reasons["exponents"]:
            with pytest.raises(InputError, match="can be iterated"):
                check_iteration(samples)
        else:
            check_iteration(samples)
        if reasons["fit"]:
            with pytest.raises(InputError):
                row.family.space(row.model())
        else:
            space = samples.space
            assert space is not None
            letters = samples.letters(0, 16)
            space.check(letters)
            listed = {state.numpy().tobytes() for state in row.family.enumerate(row.model())[0]}
            assert all(state.numpy().tobytes() in listed for state in letters)


def test_running_chains_give_the_letters_of_their_family() -> None:
    potts = Potts((6, 6), 3, 0.9)
    data = StreamingWindowData(
        PottsSwendsenWang(potts, 1), Window((1, 2), 1), chains=16, held_out_chains=8,
        held_out_records=20, batch_size=64, thin=2, equilibration=20,
    )  # fmt: skip
    data.setup()
    v, _ = next(data.stream())
    assert sorted(v.unique().tolist()) == [0, 1, 2]
    assert data.symmetry.declared
    assert len(data.symmetry.group) == 48
    held = data.test_windows().v
    equal = (held[:, 0] == held[:, 1]).double().mean()
    assert 0.4 < float(equal) < 0.8
    assert family_of(potts) is families["potts"]
    assert family_of(object()) is None


KINDS: tuple[dict[str, Any], ...] = (
    {"rule": "linear"},
    {"rule": "mlp"},
    {"rule": "table", "method": "joint"},
)


@pytest.mark.parametrize("row", that_can("fit", "information", "exact"))
def test_what_is_learned_and_bounded_from_samples_is_what_is_exact(row: Row) -> None:
    """Decimation of a single site keeps I(V:E); the rule that is found, what its table keeps.

    Ninety steps reach half of it at least; an environment of somewhere else would give 0.
    """
    symbols = min(row.family.space(row.model()).alphabet.size, 4)
    found = learned(row, symbols, beside=("decimation",))
    window, bound = solved(row), found.beside[0]
    exact = window.full().value
    assert bound.kind == "lower"
    assert 0.5 * exact - 5 * bound.error <= bound.value <= exact + 5 * bound.error
    kept = window.rule(found.rule.table().double()).value
    assert found.information.value <= kept + 5 * found.information.error
    assert kept >= 0.8 * window.optimum(symbols, "allow")[1].value - 0.01


@pytest.mark.parametrize("number", range(0, len(that_can("fit", "exact")), 2))
def test_kinds_of_rules_train_on_spaces_in_turn(number: int) -> None:
    """Kinds in turn, a predictor being trained beside the rule."""
    row = that_can("fit", "exact")[number].values[0]
    found = learned(row, 2, **KINDS[number // 2 % len(KINDS)], restarts=1)
    kept = solved(row).rule(found.rule.table().double()).value
    assert found.information.value <= kept + 5 * found.information.error


def learned(row: Row, symbols: int, **options: Any) -> LearnedRule:
    return rsmi.learning.learn_rule(
        drawn(row), window_of(row), symbols=symbols, symmetry="allow", seed=5, chains=SAMPLES,
        space=row.family.space(row.model()), **QUICK, **options,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["ising_graph, kagome", "blume_capel", "dimers"])
def test_rules_are_valued_by_name(name: str) -> None:
    row = next(row for row in ROWS if row.name == name)
    found = rsmi.learning.value_rules(
        drawn(row), window_of(row), ("decimation",), symmetry="allow", seed=4, chains=SAMPLES,
        space=row.family.space(row.model()), **QUICK,
    )  # fmt: skip
    bound, exact = found.bounds["decimation"].information, solved(row).full().value
    assert 0.5 * exact - 5 * bound.error <= bound.value <= exact + 5 * bound.error


@pytest.mark.parametrize("row", that_can("exponents", "flow"))
@pytest.mark.parametrize("mutant", [False, True])
def test_letters_without_coupling_flow_as_the_list_of_one_block_says(
    row: Row, mutant: bool
) -> None:
    """There a coarse letter knows its own block alone: b^y = sum_i <f(h) f(v_i)> / <f^2>.

    The mutant counts one site of the block too few.
    """
    family, rule = row.family, "plurality"
    space = replace(family.space(row.model()), cells=(16, 16))
    size = space.alphabet.size
    coins = torch.randint(0, size, (2048, *space.shape)).to(torch.int8)
    flow = renormalise(samples_of(coins, chains=2048, space=space), rule)
    scan = [q for q in flow.quantities() if q.name == "exponents.scan.y_h"]
    steps = [q for q in scan if q.context["level"] == 1]
    first = max(steps, key=lambda q: cast(int, q.context["couplings"]))
    blocks = words(size, 4)
    f = torch.zeros(size, dtype=torch.float64)
    f[0], f[-1] = -1, 1
    table = named_rule(rule, block_alone((2, 2), space.alphabet)).table()
    kept = ((table @ f)[:, None] * f[blocks]).mean(0)[: 3 if mutant else 4].sum() / (f**2).mean()
    gap = abs(first.value - math.log2(kept)) / first.error
    assert (gap > 6) if mutant else (gap < 5)
