"""Rules survive a round trip, damaged ones are refused, and code runs only where it is trusted."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from rsmi.errors import InputError
from rsmi.lattice import Placement, Space, Window, place
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import (
    HardRule,
    NetworkRule,
    Rule,
    TableRule,
    block_alone,
    describe_rule,
    load_rule,
    make_rule,
    read_card,
    rule_has_digest,
    save_rule,
)


@pytest.fixture
def rule(tmp_path: Path) -> tuple[TableRule, Path]:
    table = torch.softmax(torch.randn(16, 4, generator=torch.Generator().manual_seed(2)), 1)
    made = TableRule(SPIN, table, (2, 2))
    save_rule(made, tmp_path / "rule", {"seed": 3})
    return made, tmp_path / "rule"


def test_round_trip_keeps_every_digit(rule: tuple[TableRule, Path]) -> None:
    made, directory = rule
    assert torch.equal(load_rule(directory).table(), made.table())
    assert load_rule(directory, block_alone((2, 2))).n_symbols == 4
    assert read_card(directory) == {"seed": 3}


def test_other_blocks_and_letters_are_refused(rule: tuple[TableRule, Path]) -> None:
    with pytest.raises(InputError, match=r"for a block of \[2, 2\] sites, the window .* has 4"):
        load_rule(rule[1], block_alone((4,)))
    with pytest.raises(InputError, match=r"letters -1, \+1, those of the space are 0, 1, 2"):
        load_rule(rule[1], placed_in("clock(3) on square [8, 8]"))


def placed_in(text: str, window: Window = Window((2, 2), 1)) -> Placement:  # noqa: B008, frozen
    return place(window, Space.from_text(text))


KINDS: dict[str, Callable[[], Rule]] = {
    "table": lambda: make_rule("table", placed_in("clock(3) on square [8, 8]"), 3),
    "linear": lambda: make_rule("linear", placed_in("vacant_spins on square [8, 8]"), 4),
    "mlp": lambda: make_rule(
        "mlp", placed_in("spins on triangular [9, 9]", Window(disk=1.0)), 2, point_group="impose"
    ),
    "conv": lambda: make_rule("conv", placed_in("directions(2) on square [8, 8]"), 4),
    "hard": lambda: HardRule(
        make_rule("conv", placed_in("spins on square [16, 16]", Window((6, 6), 1))), [1, 0]
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_rule_is_loaded_as_it_was(kind: str, tmp_path: Path) -> None:
    made = KINDS[kind]()
    save_rule(made, tmp_path, {})
    found = load_rule(tmp_path)
    assert type(found) is type(made)
    assert (found.alphabet, found.block, found.n_symbols) == (
        made.alphabet,
        made.block,
        made.n_symbols,
    )
    letters = made.some_words()[:200]
    assert torch.equal(found.log_prob(letters), made.log_prob(letters))


@pytest.mark.parametrize("name", ["model.yaml", "weights.safetensors"])
def test_truncated_files_are_refused(rule: tuple[TableRule, Path], name: str) -> None:
    path = rule[1] / name
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(InputError, match="train it again"):
        load_rule(rule[1])


def test_no_damage_of_a_rule_changes_it(rule: tuple[TableRule, Path]) -> None:
    """One digest covers the card and the weights, so a number of neither can change unseen."""
    made, directory = rule
    generator, seen = np.random.default_rng(1), 0
    for name in ("model.yaml", "weights.safetensors"):
        raw = np.fromfile(directory / name, dtype=np.uint8)
        for _ in range(150):
            damaged, start = raw.copy(), int(generator.integers(len(raw)))
            stretch = damaged[start : start + int(2 ** generator.uniform(0, 6))]
            stretch[:] = [np.roll(stretch, 1), 0 * stretch, stretch ^ 4][generator.integers(3)]
            damaged.tofile(directory / name)
            try:
                assert torch.equal(load_rule(directory).table(), made.table())
                assert read_card(directory) == {"seed": 3}
            except InputError:
                seen += 1
        raw.tofile(directory / name)
    assert seen > 200
    assert torch.equal(load_rule(directory).table(), made.table())


def test_weights_of_another_rule_are_refused(rule: tuple[TableRule, Path], tmp_path: Path) -> None:
    other = TableRule(SPIN, torch.full((16, 4), 0.25), (2, 2))
    save_rule(other, tmp_path / "other", {"seed": 4})
    shutil.copy(tmp_path / "other" / "weights.safetensors", rule[1])
    with pytest.raises(InputError, match=r"what its sha256 says.; train it again"):
        load_rule(rule[1])


def test_a_rule_of_version_0_1_0_has_no_digest(rule: tuple[TableRule, Path]) -> None:
    old = Path(__file__).parent / "data" / "rule-0.1.0"
    assert torch.equal(load_rule(old).table(), load_rule("majority", block_alone((2, 2))).table())
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
def test_a_spoiled_card_is_named(rule: tuple[TableRule, Path], text: str) -> None:
    path = rule[1] / "model.yaml"
    path.write_text(path.read_text().split("card:")[0] + text)
    with pytest.raises(InputError, match=SPOILED[text]):
        read_card(rule[1])


def test_a_card_that_names_itself_many_times_does_not_hang(rule: tuple[TableRule, Path]) -> None:
    lines = ["  a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    path = rule[1] / "model.yaml"
    text = path.read_text().split("card:")[0] + "card:\n" + "\n".join(lines)
    path.write_text(f"{text}\nsha256: x\n")
    with pytest.raises(InputError, match="its content is not what its sha256"):
        read_card(rule[1])


def test_a_rule_of_another_version_is_named(rule: tuple[TableRule, Path]) -> None:
    path = rule[1] / "model.yaml"
    path.write_text(path.read_text().replace("rsmi.model/2", "rsmi.model/7"))
    with pytest.raises(InputError, match=r"has schema rsmi.model/7; .* and rsmi.model/2; upgrade"):
        load_rule(rule[1])


def test_a_checkpoint_is_no_rule_and_none_of_its_code_runs(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"state_dict": {}, "hyper_parameters": Evil()}, tmp_path / "best.ckpt")
    with pytest.raises(InputError, match=r"a checkpoint says neither block nor letters.*code"):
        load_rule(tmp_path / "best.ckpt")
    assert not (tmp_path / "ran").exists()


def test_unknown_rule_lists_those_known() -> None:
    with pytest.raises(InputError, match=r"did you mean 'majority'.* plurality, .*or a directory"):
        load_rule("majorty", block_alone((2, 2)))


def test_rule_known_by_name_needs_a_block() -> None:
    with pytest.raises(InputError, match="give --block"):
        load_rule("majority")


OWN = """
from torch import nn


class Net(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.arguments = {"width": width}
        self.first, self.last = nn.Linear(36, width), nn.Linear(width, 2)

    def forward(self, features):
        return self.last(self.first(features.flatten(1)).tanh())
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[NetworkRule, Path]:
    """A saved rule whose network is a class of a file that nobody installed."""
    source = tmp_path / "elsewhere" / "my_rule.py"
    source.parent.mkdir()
    source.write_text(OWN)
    module = ModuleType("my_rule")
    module.__file__ = str(source)
    monkeypatch.setitem(sys.modules, "my_rule", module)
    exec(compile(OWN, str(source), "exec"), module.__dict__)
    placed = placed_in("spins on square [16, 16]", Window((6, 6), 1))
    made = make_rule(module.__dict__["Net"](5), placed, point_group="impose")
    assert isinstance(made, NetworkRule)
    save_rule(made, tmp_path / "rule", {})
    monkeypatch.delitem(sys.modules, "my_rule")
    source.unlink()
    return made, tmp_path / "rule"


def test_a_network_of_ones_own_is_loaded_where_it_is_trusted(
    own: tuple[NetworkRule, Path], tmp_path: Path
) -> None:
    made, directory = own
    with pytest.raises(InputError, match=r"my_rule.Net of .*my_rule.py; loading .* --trust"):
        load_rule(directory)
    found = load_rule(directory, trust=True)
    letters = made.some_words()[:50]
    assert torch.equal(found.log_prob(letters), made.log_prob(letters))
    assert describe_rule(directory)["network"] == "my_rule.Net of my_rule.py"
    save_rule(found.hardened(), tmp_path / "again", {})
    hard = load_rule(tmp_path / "again", trust=True)
    assert torch.equal(hard.log_prob(letters).argmax(1), made.log_prob(letters).argmax(1))


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "a function": ({"network": "os.system", "network_arguments": {}}, "is no network"),
    "no module": ({"network": "eval"}, "code 'my_rule.py' is no file|no installed package|damaged"),
    "a file elsewhere": ({"file": "../evil.py"}, "'../evil.py' is no file beside it"),
    "a file anywhere": ({"file": "/evil.py"}, "'/evil.py' is no file beside it"),
    "a link": ({"file": "link.py"}, "'link.py' is no file beside it"),
    "a module of the working directory": ({"network": "evil.Net"}, "no installed package"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_rules_run_nothing(
    name: str, own: tuple[NetworkRule, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither code from elsewhere nor anything without trust; a digest may be made up."""
    _, directory = own
    evil = "import pathlib; pathlib.Path('ran').touch()\n"
    (tmp_path / "evil.py").write_text(evil)
    (directory / "link.py").symlink_to(tmp_path / "evil.py")
    definition = yaml.safe_load((directory / "model.yaml").read_text())
    del definition["sha256"]
    wanted, message = HOSTILE[name]
    if "network" in wanted:
        del definition["arguments"]["file"]
    definition["arguments"] |= wanted
    (directory / "model.yaml").write_text(yaml.safe_dump(definition))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match=message):
        load_rule(directory, trust=True)
    with pytest.raises(InputError):
        load_rule(directory)
    assert not (tmp_path / "ran").exists()


def test_code_that_was_changed_does_not_run(own: tuple[NetworkRule, Path], tmp_path: Path) -> None:
    code = own[1] / "my_rule.py"
    code.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n" + code.read_text())
    for trust in (False, True):
        with pytest.raises(InputError, match="its content is not what its sha256 says"):
            load_rule(own[1], trust=trust)
    assert not (tmp_path / "ran").exists()


def test_yaml_that_asks_for_objects_is_refused(rule: tuple[TableRule, Path]) -> None:
    path = rule[1] / "model.yaml"
    path.write_text(path.read_text() + "evil: !!python/object/apply:os.system ['touch ran']\n")
    with pytest.raises(InputError, match="no definition of a rule"):
        load_rule(rule[1], trust=True)


def test_describing_a_rule_runs_nothing(own: tuple[NetworkRule, Path]) -> None:
    before = set(sys.modules)
    assert describe_rule(own[1])["network"] == "my_rule.Net of my_rule.py"
    assert set(sys.modules) == before
    load_rule(own[1], trust=True)
    assert len(set(sys.modules) - before) == 1


UNSAVED: list[tuple[Callable[[], nn.Module], str]] = [
    (lambda: nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), "give it an attribute `arguments`"),
    (lambda: _Local(), "put it at the top of a file"),
]


def _local() -> type[nn.Module]:
    class Local(nn.Flatten):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x)[:, :2]

    return Local


_Local = _local()


@pytest.mark.parametrize(("make", "message"), UNSAVED)
def test_networks_that_could_not_be_made_again_are_not_saved(
    make: Callable[[], nn.Module], message: str, tmp_path: Path
) -> None:
    rule = make_rule(make(), placed_in("spins on square [8, 8]"))
    with pytest.raises(InputError, match=message):
        save_rule(rule, tmp_path / "rule", {})
    assert not (tmp_path / "rule" / "model.yaml").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sites", 5),
        ("symbols", 3),
        ("class", "os.system"),
        ("alphabet", "letters(3)"),
        ("arguments", {"images": 10**15}),
        ("block", [3, 3]),
    ],
)
def test_definitions_that_do_not_fit_their_weights_are_damaged(
    key: str, value: Any, tmp_path: Path
) -> None:
    save_rule(KINDS["linear"](), tmp_path, {})
    definition = yaml.safe_load((tmp_path / "model.yaml").read_text()) | {key: value}
    del definition["sha256"]
    (tmp_path / "model.yaml").write_text(yaml.safe_dump(definition))
    with pytest.raises(InputError, match=r"is damaged \("):
        load_rule(tmp_path)
