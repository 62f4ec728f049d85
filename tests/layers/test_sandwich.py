import itertools
import math

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.information import Estimate, entropy
from rsmi.layers import (
    Autoregressive,
    Codes,
    RGLayer,
    Training,
    bounds,
    conditional_bound,
    conditional_entropy_bounds,
    drawn_inputs,
    entropy_bound,
    without_ties,
)
from rsmi.layers.bounds import _counts, _network
from rsmi.layers.codes import training_rows
from rsmi.layers.samples import label_interval
from rsmi.learning import decimation, majority
from rsmi.sampling import CRITICAL_COUPLING, System
from rsmi.sampling.exact import coarse_torus_distribution

CASES, SAMPLES = 200, 4000


def random_case(seed):
    """A random map of a random distribution, sampled, with its exact H(X) and H(X|T)."""
    generator = torch.Generator().manual_seed(seed)
    size, image = (int(torch.randint(*r, (1,), generator=generator)) for r in ((4, 64), (2, 9)))
    p = torch.rand(size, generator=generator, dtype=torch.float64) ** 3
    p /= p.sum()
    f = torch.randint(image, (size,), generator=generator)
    p_t = torch.zeros(image, dtype=torch.float64).index_add_(0, f, p)
    x = torch.multinomial(p, SAMPLES, True, generator=generator)
    h_x, h_t = float(entropy(p)), float(entropy(p_t))
    return Codes(x[:, None], size), Codes(f[x][:, None], image), h_x, h_x - h_t


CONFIDENCE = 0.99
MOST_MISSES = 12  # of 200 at 99 %: more have probability 2e-7


def missed(confidence, slip=0.0):
    """How many of the intervals at this confidence miss the exact value moved by `slip` H(X)."""
    count, widths = 0, []
    for seed in range(CASES):
        x, t, h_x, exact = random_case(seed)
        found = conditional_entropy_bounds(x, t, Estimate(h_x, 0.0, "exact"))
        count += not found.contains(exact + slip * h_x, confidence)
        widths.append(found.width / h_x)
    assert sum(widths) / CASES < 0.05
    return count


def test_the_sandwich_contains_the_exact_value():
    """At a stated confidence c at most 1 - c of the intervals may miss, beside chance.

    With 99.99 % stated, 3 misses of 200 have probability 1e-6 and 99 % must contain the value.
    """
    assert missed(CONFIDENCE) <= MOST_MISSES
    assert missed(0.9999) <= 0.01 * CASES


def test_a_value_outside_the_sandwich_is_missed():
    """The mutant: 8 % of H(X) away from the exact value."""
    assert missed(CONFIDENCE, slip=0.08) > MOST_MISSES


def test_the_alphabet_is_that_of_the_training_part():
    """64 equally likely values, 40 samples: the cross entropy must stay above ln 64 on average.

    With levels read off all rows it falls below, since a value met in the test part only is then
    one of those few that occurred.
    """
    generator = torch.Generator().manual_seed(0)
    honest, seen = [], []
    for _ in range(200):
        t = torch.randint(64, (40, 1), generator=generator)
        honest.append(entropy_bound(Codes.of(t)).value)
        found, values = t.unique(return_inverse=True)
        seen.append(entropy_bound(Codes(values, len(found))).value)
    assert mean_in_errors(honest, math.log(64)) > -4.9
    assert mean_in_errors(seen, math.log(64)) < -4.9


def mean_in_errors(values, expected):
    """Deviation of a mean from what is expected, in its standard errors."""
    v = torch.tensor(values)
    return float((v.mean() - expected) / (v.std() / len(v) ** 0.5))


def test_code_lengths_are_those_of_a_distribution():
    """Over all rows of four possible values, two of them met, they add up to at most 1."""
    known, learnt = 2, 8
    rows = torch.cartesian_prod(*[torch.arange(4)] * 2)
    unknown = (rows >= known).any(1)
    codes = Codes(torch.where(rows < known, rows, 0), known, unknown, possible=4)
    uniform = torch.full((16,), -2 * math.log(2), dtype=torch.float64)
    lengths = codes.code_length(uniform, slice(0, 16), learnt)
    assert 0.9 < (-lengths).exp().sum() <= 1.0
    assert lengths.max() <= codes.longest(-2 * math.log(2), learnt)


@pytest.mark.parametrize(
    ("values", "unknown", "possible"),
    [
        (torch.tensor([[False], [True]] * 10), False, 0),
        (torch.tensor([[False]] * 20), False, 0),
        (torch.tensor([[-1.0], [1.0]] * 10), False, 0),
        (torch.tensor([[0.0], [1.0]] * 10), False, 64),
        (torch.tensor([[0], [1]] * 9 + [[2], [1]]), True, 64),
        (torch.arange(100)[:, None], True, 200),
    ],
)
def test_values_that_are_possible(values, unknown, possible):
    codes = Codes.of(values, most=100)
    assert (codes.unknown is not None, codes.possible) == (unknown, possible)


@pytest.mark.parametrize("given", [None, "t", "network"])
def test_no_row_costs_more_than_the_longest(given):
    """Every row that is possible, under every condition, for counts and networks."""
    generator = torch.Generator().manual_seed(0)
    rows = (torch.rand(200, 3, generator=generator) < 0.05).float()
    rows[150:] = torch.cartesian_prod(*[torch.arange(4.0)] * 3)[:50]
    t = (torch.rand(200, 1, generator=generator) < 0.2).long()
    symbols, cut = Codes.of(rows), training_rows(200)
    options = Training(hidden=8, epochs=2)
    if given == "network":
        model = _network(symbols, Codes(t, 2), cut, options)
    else:
        model = _counts(symbols, Codes(t, 2) if given else None, cut)
    longest = symbols.longest(model.floor, cut)
    lengths = symbols.code_length(model.log_q(slice(cut, 200)), slice(cut, 200), cut)
    assert 0 <= lengths.min() <= lengths.max() <= longest


def test_a_wrong_entropy_of_x_is_noticed():
    lost, crossed = 0, 0
    for seed in range(40):
        x, t, h_x, exact = random_case(seed)
        found = conditional_entropy_bounds(x, t, Estimate(1.1 * h_x, 0.0, "exact"))
        lost += not found.contains(exact, 0.99)
        crossed += found.disagreement() > 3
    assert lost > 20
    assert crossed > 20


@pytest.mark.parametrize("rule", [majority, decimation])
def test_ising_layers(rule):
    table = without_ties(rule((2, 2)).table())
    inputs = drawn_inputs(System((4, 4)), 12800, seed=1)
    x = next(inputs.stream(12800)).x
    h_x = inputs.entropy
    exact = h_x.value - float(entropy(coarse_torus_distribution((4, 4), CRITICAL_COUPLING, table)))
    found = conditional_entropy_bounds(
        Codes.of(x),
        Codes.of(RGLayer(table, (2, 2))(x)),
        h_x,
        chains=inputs.chains,
        training=Training(hidden=64, epochs=6),
    )
    assert found.contains(exact, 1 - 1e-6)
    assert found.width < 0.1 * h_x.value


def test_models_are_normalised_and_see_earlier_sites_only():
    torch.manual_seed(0)
    model = Autoregressive(sites=4, levels=3, context=2, hidden=16)
    every = torch.tensor(list(itertools.product(range(3), repeat=4)))
    context = torch.randn(1, 2).expand(len(every), -1)
    assert model.log_prob(every, context).exp().sum().item() == pytest.approx(1, abs=1e-5)
    changed = every.clone()
    changed[:, 2] = (changed[:, 2] + 1) % 3
    before, after = model(every, context), model(changed, context)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.equal(before[:, 3], after[:, 3])


def test_a_model_of_real_activations():
    torch.manual_seed(0)
    t = torch.randn(2000, 3)
    y = Codes((t[:, :1] > 0).long(), 2)
    found = conditional_bound(y, t, training=Training(hidden=16, epochs=8, rate=0.02))
    assert found.kind == "upper"
    assert 0 < found.value < 0.2
    with pytest.raises(InputError, match=r"no model applies: .*pass training=Training\(\)"):
        conditional_bound(y, t)


def test_bounds_hold_for_samples_of_a_chain():
    """Blocks of equal samples carry less than they seem to: the error must grow."""
    torch.manual_seed(0)
    x = torch.randint(8, (500,)).repeat_interleave(20)[:, None]
    free = entropy_bound(Codes(torch.randint(8, (10000, 1)), 8))
    slow = entropy_bound(Codes(x, 8))
    assert slow.error > 2 * free.error
    assert abs(slow.value - math.log(8)) < 5 * slow.error


def test_bad_codes_are_named():
    with pytest.raises(InputError, match=r"expected \(n, sites\) integers in 0..levels-1"):
        Codes(torch.tensor([[2]]), 2)
    with pytest.raises(InputError, match=r"140 different values; at most 64 levels .* quantise"):
        Codes.of(torch.randn(200, 1))
    with pytest.raises(InputError, match="10 samples of 1 chains; a training and a test part"):
        entropy_bound(Codes(torch.zeros(10, 1, dtype=torch.int64), 2))
    with pytest.raises(InputError, match="30 samples of one and 20 of the other"):
        conditional_bound(
            Codes(torch.zeros(30, 1, dtype=torch.int64), 2),
            Codes(torch.zeros(20, 1, dtype=torch.int64), 2),
        )


def rare_labels(seed):
    """Labels of 2 or 8 classes, all but one with p from 1e-4 to 1/2 together; n from 100."""
    generator = torch.Generator().manual_seed(seed)
    one, two = torch.rand(2, generator=generator).tolist()
    p, n = 10 ** (-4 + 3.7 * one), round(100 * 200**two)
    others = 1 + 6 * (seed % 2)
    shares = torch.tensor([1 - p] + [p / others] * others, dtype=torch.float64)
    y = torch.multinomial(shares, n, True, generator=generator)
    return y.numpy(), float(entropy(shares))


def nearly_equal_labels(seed):
    """100 to 400 labels of two classes that may look equally likely."""
    generator = torch.Generator().manual_seed(seed)
    one, two = torch.rand(2, generator=generator).tolist()
    shares = torch.tensor([0.5 + 0.1 * one, 0.5 - 0.1 * one], dtype=torch.float64)
    y = torch.multinomial(shares, round(100 * 4**two), True, generator=generator)
    return y.numpy(), float(entropy(shares))


def missed_labels(drawn, cases=400):
    """How many intervals of H(Y) miss it at 99 % and at 99.99 %."""
    misses = np.zeros(2, dtype=int)
    for seed in range(cases):
        y, h = drawn(seed)
        found = label_interval(y, np.zeros_like(y), 1)
        misses += [not found.contains(h, 0.99), not found.contains(h, 0.9999)]
    return misses.tolist()


@pytest.mark.parametrize("drawn", [rare_labels, nearly_equal_labels])
def test_intervals_of_labels_keep_their_promise(drawn):
    """400 cases: more than 18 misses at 99 % have a chance of 2e-7, more than 2 at 99.99 % 1e-5.

    Seen are fewer: ends that hold for any distribution hold more often than they say.
    """
    most = [18, 2]
    assert all(np.array(missed_labels(drawn)) <= most)


@pytest.mark.parametrize(
    ("drawn", "term"), [(rare_labels, "_UNSEEN"), (nearly_equal_labels, "_CURVED")]
)
def test_errors_of_spread_alone_miss(drawn, term, monkeypatch):
    """The mutants: no cost of what was not seen, no room for shares that are not quite equal."""
    monkeypatch.setattr(bounds, term, 0.0)
    assert missed_labels(drawn)[1] > 2
