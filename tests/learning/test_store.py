"""Rules survive a round trip, and damaged ones are refused."""

from pathlib import Path

import pytest
import torch

from rsmi.errors import InputError
from rsmi.learning import TableFilter, load_filter, read_card, save_filter


@pytest.fixture
def rule(tmp_path: Path) -> tuple[TableFilter, Path]:
    table = torch.softmax(torch.randn(16, 4, generator=torch.Generator().manual_seed(2)), 1)
    filter = TableFilter((2, 2), table)
    save_filter(filter, tmp_path / "rule", {"seed": 3})
    return filter, tmp_path / "rule"


def test_round_trip_keeps_every_digit(rule: tuple[TableFilter, Path]) -> None:
    filter, directory = rule
    assert torch.equal(load_filter(directory).table(), filter.table())
    assert load_filter(directory, (2, 2)).n_hidden == 2
    assert read_card(directory) == {"seed": 3}


def test_other_block_is_refused(rule: tuple[TableFilter, Path]) -> None:
    with pytest.raises(InputError, match=r"has block \[2, 2\], asked for was \[4\]"):
        load_filter(rule[1], (4,))


@pytest.mark.parametrize("name", ["model.yaml", "weights.safetensors"])
def test_truncated_files_are_refused(rule: tuple[TableFilter, Path], name: str) -> None:
    path = rule[1] / name
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(InputError, match="train it again"):
        load_filter(rule[1])


def test_unknown_rule_lists_those_known() -> None:
    with pytest.raises(InputError, match="expected majority, decimation, or a directory"):
        load_filter("majorty", (2, 2))
