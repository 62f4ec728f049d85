"""Rules survive a round trip, and damaged ones are refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.learning import TableFilter, load_filter, read_card, rule_has_digest, save_filter


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


def test_no_damage_of_a_rule_changes_it(rule: tuple[TableFilter, Path]) -> None:
    """One digest covers the card and the weights, so a number of neither can change unseen."""
    filter, directory = rule
    generator, seen = np.random.default_rng(1), 0
    for name in ("model.yaml", "weights.safetensors"):
        raw = np.fromfile(directory / name, dtype=np.uint8)
        for _ in range(150):
            damaged, start = raw.copy(), int(generator.integers(len(raw)))
            stretch = damaged[start : start + int(2 ** generator.uniform(0, 6))]
            stretch[:] = [np.roll(stretch, 1), 0 * stretch, stretch ^ 4][generator.integers(3)]
            damaged.tofile(directory / name)
            try:
                assert torch.equal(load_filter(directory).table(), filter.table())
                assert read_card(directory) == {"seed": 3}
            except InputError:
                seen += 1
        raw.tofile(directory / name)
    assert seen > 200
    assert torch.equal(load_filter(directory).table(), filter.table())


def test_weights_of_another_rule_are_refused(
    rule: tuple[TableFilter, Path], tmp_path: Path
) -> None:
    save_filter(TableFilter((2, 2), n_hidden=2), tmp_path / "other", {"seed": 4})
    shutil.copy(tmp_path / "other" / "weights.safetensors", rule[1])
    with pytest.raises(InputError, match=r"what its sha256 says.; train it again"):
        load_filter(rule[1])


def test_a_rule_of_version_0_1_0_has_no_digest(rule: tuple[TableFilter, Path]) -> None:
    old = Path(__file__).parent / "data" / "rule-0.1.0"
    assert torch.equal(load_filter(old).table(), load_filter("majority", (2, 2)).table())
    assert read_card(old) == {"seed": 3}
    assert not rule_has_digest(old)
    assert rule_has_digest(rule[1])


SPOILED = {
    "card: 5": "'card' is 5",
    "cart: {}": r"'car[dt]' is",
    "card: {}\nmore: 1": "'more' is 1",
    "card: &a [*a]": r"'card' is \[\[",
    "card: {x: &a [*a]}\nsha256: x": "its content is not what",
}


@pytest.mark.parametrize("text", SPOILED)
def test_a_spoiled_card_is_named(rule: tuple[TableFilter, Path], text: str) -> None:
    path = rule[1] / "model.yaml"
    path.write_text(path.read_text().split("card:")[0] + text)
    with pytest.raises(InputError, match=SPOILED[text]):
        read_card(rule[1])


def test_a_card_that_names_itself_many_times_does_not_hang(rule: tuple[TableFilter, Path]) -> None:
    lines = ["  a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    path = rule[1] / "model.yaml"
    text = path.read_text().split("card:")[0] + "card:\n" + "\n".join(lines)
    path.write_text(f"{text}\nsha256: x\n")
    with pytest.raises(InputError, match="its content is not what its sha256"):
        read_card(rule[1])


def test_unknown_rule_lists_those_known() -> None:
    with pytest.raises(
        InputError, match="expected majority, plurality, decimation, or a directory"
    ):
        load_filter("majorty", (2, 2))
