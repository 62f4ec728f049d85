"""Filters of every kind satisfy one contract, whatever their parametrisation."""

from collections.abc import Callable

import pytest
import torch

from rsmi.errors import InputError
from rsmi.lattice import states
from rsmi.learning import (
    Filter,
    LinearFilter,
    TableFilter,
    TrainableTable,
    majority,
)
from rsmi.learning.filters import orientation

FILTERS: dict[str, Callable[[], Filter]] = {
    "table": lambda: TrainableTable((2, 2), n_hidden=2, odd=True),
    "free table": lambda: TrainableTable((3,), odd=False),
    "linear": lambda: LinearFilter((2, 2), n_hidden=2, odd=True),
    "linear with offset": lambda: LinearFilter((4,), odd=False),
}
ODD = ["table", "linear"]


@pytest.fixture(params=FILTERS)
def filter(request: pytest.FixtureRequest) -> Filter:
    torch.manual_seed(1)
    return FILTERS[request.param]()


def test_log_prob_is_the_log_of_the_table(filter: Filter) -> None:
    rows = filter.log_prob(states(filter.n_visible)).exp().double()
    torch.testing.assert_close(rows.detach(), filter.table(), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(filter.table().sum(-1), torch.ones(len(rows)).double())


def test_hardened_rule_puts_all_weight_on_the_largest_entries(filter: Filter) -> None:
    table, hard = filter.table(), filter.hardened().table()
    assert torch.equal(hard > 0, table >= table.max(1, keepdim=True).values - 1e-9)


@pytest.mark.parametrize("name", ODD)
def test_odd_rules_turn_over_with_the_spins(name: str) -> None:
    table = FILTERS[name]().table()
    torch.testing.assert_close(table, table.flip(0, 1))


def test_oriented_rule_points_up_with_the_block() -> None:
    down = majority((2, 2)).table().flip(1)
    torch.testing.assert_close(down[:, orientation(down)], majority((2, 2)).table())


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (torch.ones(4, 2), "every row must sum to 1"),
        (torch.tensor([[2.0, -1.0]] * 4), "every entry must be >= 0"),
        (torch.eye(2), r"expected \[4, 2\]"),
        (torch.full((4, 3), 1 / 3), r"has shape \[4, 3\]"),
    ],
)
def test_tables_that_are_no_rules_are_refused(table: torch.Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TableFilter((2,), table)


def test_block_too_large_for_a_table_is_refused() -> None:
    with pytest.raises(InputError, match="1 to 20 sites"):
        LinearFilter((5, 5))
