"""Rules on disk: a YAML that says what they are, and safetensors with the numbers."""

import importlib
import inspect
import json
import math
import os
import re
import site
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import yaml
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor, nn

from rsmi.digest import KEY, plain_digest
from rsmi.errors import InputError, nearest
from rsmi.lattice import Placement
from rsmi.lattice.text import alphabet_of, alphabet_text
from rsmi.learning.classical import CLASSICAL, named_rule
from rsmi.learning.equivariance import Images
from rsmi.learning.rules import HardRule, Rule, TableRule, check_fit
from rsmi.learning.trainable import KINDS, LogitRule, NetworkRule

SCHEMA = "rsmi.model/2"
OLD_SCHEMA = "rsmi.model/1"
"""Tables for blocks of two-valued spins, as version 0.1.0 wrote them."""
DEFINITION = "model.yaml"
WEIGHTS = "weights.safetensors"

T = TypeVar("T", bound="str | os.PathLike[str]")

_Types = Mapping[str, type | tuple[type, ...]]
_OLD_TYPES: _Types = {"schema": str, "class": str, "arguments": dict, "card": dict}
_NEW_TYPES: _Types = {"alphabet": (str, dict), "block": list, "sites": int, "symbols": int}
_TYPES = {OLD_SCHEMA: _OLD_TYPES, SCHEMA: {**_OLD_TYPES, **_NEW_TYPES}}
_KINDS = {f"rsmi.learning.{kind.__name__}": kind for kind in KINDS.values()}
_TABLE, _HARD, _OWN = (f"rsmi.learning.{c.__name__}" for c in (TableRule, HardRule, NetworkRule))


def save_rule(rule: Rule, directory: str | os.PathLike[str], card: Mapping[str, Any]) -> None:
    """Write a rule as `model.yaml` and `weights.safetensors`, with one digest of all files.

    A network of a user's own is written by its class and the attribute `arguments` of the network,
    with which the class makes one of the same shape; where the class is in no installed package,
    the file that defines it is copied beside.

    Args:
        rule: The rule.
        directory: Created where it is missing.
        card: What else a user should know: window, training data, seeds, measured numbers.

    Raises:
        InputError: For a network of one's own that could not be loaded again, with the reason.
    """
    target, (kind, arguments, code) = Path(directory), _described(rule)
    target.mkdir(parents=True, exist_ok=True)
    definition = {
        "schema": SCHEMA,
        "class": kind,
        "alphabet": alphabet_text(rule.alphabet),
        "block": list(rule.block),
        "sites": rule.n_sites,
        "symbols": rule.n_symbols,
        "arguments": arguments,
        "card": dict(card),
    }
    definition = json.loads(json.dumps(definition))  # nothing is shared, so nothing is an alias
    numbers = {name: tensor.contiguous() for name, tensor in rule.state_dict().items()}
    save_file(numbers, _part(target / WEIGHTS))
    weights = _part(target / WEIGHTS).read_bytes()
    if code is not None:
        _part(target / code.name).write_bytes(code.read_bytes())
    text = yaml.safe_dump(definition, sort_keys=False)
    digest = plain_digest(definition, weights, *([] if code is None else [code.read_bytes()]))
    _part(target / DEFINITION).write_text(f"{text}{KEY}: {digest}\n")
    for name in (*([] if code is None else [code.name]), WEIGHTS, DEFINITION):
        os.replace(_part(target / name), target / name)


def load_rule(
    rule: str | os.PathLike[str], placement: Placement | None = None, *, trust: bool = False
) -> Rule:
    """A rule by name, or from the directory of a trained one.

    Args:
        rule: One of `CLASSICAL`, or a directory written by `save_rule`.
        placement: Window in a space; needed for a rule known by name, checked for a trained one.
        trust: Whether code of a user's own network may run: that of a file in the directory, or of
            an installed package, never any other.

    Raises:
        InputError: For an unknown name, a missing or damaged file, a rule for other letters or
            another block, or one with code of its own without `trust`.

    >>> from rsmi.lattice import Space, Window, place
    >>> placed = place(Window((2, 2), 1), Space.from_text("spins on square [8, 8]"))
    >>> load_rule("majority", placed).block
    (2, 2)
    """
    if rule in CLASSICAL:
        if placement is None:
            raise InputError(f"the rule '{rule}' needs a block; give --block, such as [2,2]")
        return named_rule(str(rule), placement)
    found = _load(Path(rule), trust)
    if placement is not None:
        check_fit(found, placement)
    return found


def rules_by_name(rules: Sequence[T]) -> dict[str, T]:
    """Rules by the names under which their values are reported.

    Raises:
        InputError: Where two rules have the same name, so that one would hide the other.

    >>> rules_by_name(["majority", "runs/fit/rule"])
    {'majority': 'majority', 'rule': 'runs/fit/rule'}
    """
    found: dict[str, T] = {}
    for rule in rules:
        name = rule_name(rule)
        if name in found:
            raise InputError(
                f"the rules '{found[name]}' and '{rule}' would both be reported as '{name}'; name "
                "each once, and give directories different last names"
            )
        found[name] = rule
    return found


def read_card(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """What `save_rule` recorded beside a rule.

    Raises:
        InputError: For a missing or damaged definition.
    """
    return dict(_definition(Path(directory))[0]["card"])


def rule_has_digest(directory: str | os.PathLike[str]) -> bool:
    """Whether a rule carries a digest, and so is known to be as it was written.

    Rules of version 0.1.0 carry none.

    Raises:
        InputError: For a missing or damaged file.
    """
    return KEY in _definition(Path(directory))[0]


def describe_rule(directory: str | os.PathLike[str]) -> dict[str, str]:
    """What a rule says of itself: kind, letters, block, symbols, and a network of one's own.

    Nothing of its own runs; `network` is there where `load_rule` would need `trust`.

    Raises:
        InputError: For a missing or damaged file.
    """
    path = Path(directory)
    definition = _definition(path)[0]
    try:
        known = _modern(definition)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error) from None
    kind, arguments = _innermost(known)
    facts = {
        "kind": kind.rpartition(".")[2] + (", hardened" if known["class"] == _HARD else ""),
        "letters": str(known["alphabet"]),
        "block": str(known["block"]) if known["block"] else f"{known['sites']} sites",
        "symbols": str(known["symbols"]),
    }
    if kind != _OWN:
        return facts
    code = arguments.get("file", "an installed package")
    return facts | {"network": f"{arguments.get('network')} of {code}"}


def rule_name(rule: Rule | str | os.PathLike[str]) -> str:
    """The last part of a rule's path, to stand in a quantity's name, which holds no blank or dot.

    One that is no path is called by its class.

    >>> rule_name("models/ising2d_2x2/"), rule_name("my rules/block of 2.5/")
    ('ising2d_2x2', 'block_of_2_5')
    """
    if isinstance(rule, Rule):
        return type(rule).__name__
    return re.sub(r"[\s.]", "_", Path(rule).resolve().name)


def _described(rule: Rule) -> tuple[str, dict[str, Any], Path | None]:
    """Class and arguments of a rule, and the file with the code of a network of one's own."""
    if isinstance(rule, HardRule):
        kind, arguments, code = _described(rule.soft)
        return _HARD, {"soft": {"class": kind, "arguments": arguments}}, code
    if not isinstance(rule, LogitRule):
        return _TABLE, {}, None
    arguments, code = {"images": len(rule.images)} | rule.settings, None
    if type(rule) is NetworkRule:
        network, code = _described_network(rule.network)
        arguments |= network | {"sees": rule.sees}
    return f"rsmi.learning.{type(rule).__name__}", arguments, code


def _described_network(network: nn.Module) -> tuple[dict[str, Any], Path | None]:
    kind = type(network)
    arguments = getattr(network, "arguments", {})
    if kind.__module__ == "__main__" or "." in kind.__qualname__:
        raise InputError(
            f"the network's class {kind.__qualname__} is defined in a notebook, a script or a "
            "function, from where it cannot be loaded again; put it at the top of a file of its "
            "own, such as my_rule.py, and import it"
        )
    try:
        json.dumps(arguments)
        kind(**arguments).load_state_dict(network.state_dict())
    except (TypeError, RuntimeError, ValueError) as error:
        raise InputError(
            f"the network {kind.__qualname__} cannot be made again with the arguments {arguments} "
            f"({error}); give it an attribute `arguments`, a dict of plain values with which its "
            "class makes a network of the same shape; nn.Sequential and the like have none, so "
            "write a class of your own"
        ) from None
    source = inspect.getsourcefile(kind)
    code = None if source is None or _installed(kind.__module__) else Path(source)
    module = kind.__module__ if code is None else code.stem
    found = {"network": f"{module}.{kind.__qualname__}", "network_arguments": arguments}
    return found | ({} if code is None else {"file": code.name}), code


def _load(directory: Path, trust: bool) -> Rule:
    definition, weights = _definition(directory)
    network = _own_network(directory, definition, trust)
    try:
        tensors = load(weights)
        rule = _built(_modern(definition), tensors, network)
        rule.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise _damaged(directory, error) from None
    return rule.eval()


def _modern(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition of version 0.1.0 in today's words."""
    if definition["schema"] != OLD_SCHEMA:
        return definition
    block, bits = definition["arguments"]["block"], definition["arguments"]["n_hidden"]
    if definition["class"] != "rsmi.learning.TableFilter" or bits not in range(1, 5):
        raise ValueError(f"'class' is {definition['class']!r} with {bits!r} coarse bits")
    told = {"alphabet": "spins", "block": block, "sites": math.prod(block), "symbols": 1 << bits}
    return definition | told | {"class": _TABLE, "arguments": {}}


def _built(
    definition: dict[str, Any], tensors: Mapping[str, Tensor], network: nn.Module | None
) -> Rule:
    """A rule of the shape that a definition says, before its numbers are filled in."""
    alphabet, block = alphabet_of(definition["alphabet"]), definition["block"]
    geometry = alphabet, definition["sites"], definition["symbols"], block
    if definition["class"] == _TABLE:
        rule: Rule = TableRule(alphabet, tensors["probabilities"], block)
        if (rule.n_sites, rule.n_symbols) != geometry[1:3]:
            raise ValueError(f"its table is for {rule.n_sites} sites, {rule.n_symbols} symbols")
        return rule
    kind, arguments = _innermost(definition)
    options = dict(arguments)
    images = Images(geometry[1], alphabet.size, geometry[2], options.pop("images"))
    if kind == _OWN and network is not None:
        soft: Rule = NetworkRule(network, *geometry, images=images, sees=options["sees"])
    else:
        soft = _KINDS[kind](*geometry, images=images, **options)
    return HardRule(soft) if definition["class"] == _HARD else soft


def _innermost(definition: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Class and arguments of the rule that has weights."""
    chosen = definition
    if definition["class"] == _HARD and isinstance(definition["arguments"].get("soft"), dict):
        chosen = definition["arguments"]["soft"]
    kind, arguments = chosen.get("class"), chosen.get("arguments")
    return str(kind), arguments if isinstance(arguments, dict) else {}


def _own_network(directory: Path, definition: dict[str, Any], trust: bool) -> nn.Module | None:
    """A user's own network, from a file in the directory of its rule or an installed package."""
    kind, arguments = _innermost(definition)
    if kind != _OWN:
        return None
    module, _, name = str(arguments.get("network")).rpartition(".")
    code = _code_of(directory, definition)
    if not trust:
        where = "an installed package" if code is None else code
        raise InputError(
            f"the rule in {directory} holds a network of its author's own, {module}.{name} of "
            f"{where}; loading it runs that code, which can do whatever you can; read it, and "
            "give --trust (trust=True) if you trust it"
        )
    found = getattr(_import(module, directory) if code is None else _run(code), name, None)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise _damaged(directory, f"{module}.{name} is no network (a subclass of torch.nn.Module)")
    try:
        network: nn.Module = found(**arguments.get("network_arguments", {}))
    except Exception as error:  # whatever a user's own code raises
        raise _damaged(directory, f"{name} cannot be made: {error}") from None
    return network


def _code_of(directory: Path, definition: Mapping[str, Any]) -> Path | None:
    """The file beside a rule that defines its network.

    Raises:
        InputError: For a file that is not there, or lies elsewhere.
    """
    _, arguments = _innermost(definition)
    if "file" not in arguments:
        return None
    path = directory / str(arguments["file"])
    if path.resolve().parent != directory.resolve() or not path.is_file():
        raise _damaged(directory, f"its code {arguments['file']!r} is no file beside it")
    return path


def _run(code: Path) -> ModuleType:
    """The module that a file of a user's own defines."""
    module = ModuleType(f"rule_{plain_digest(str(code.resolve()))[:12]}_{code.stem}")
    module.__file__ = str(code)
    sys.modules[module.__name__] = module
    try:
        exec(compile(code.read_bytes(), str(code), "exec"), module.__dict__)
    except Exception as error:  # whatever a user's own code raises
        raise InputError(
            f"the code of a rule, {code}, fails ({type(error).__name__}: {error}); it must import "
            "nothing but installed packages"
        ) from None
    return module


def _import(name: str, directory: Path) -> ModuleType:
    """An installed module; a file of that name in the working directory is not taken for it."""
    if not _installed(name):
        raise InputError(
            f"the rule in {directory} needs {name}, which is no installed package; install it "
            "(code is never taken from the working directory)"
        )
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(f"the rule in {directory} needs {name}, and {error}") from None


def _installed(module: str) -> bool:
    """Whether what would be imported under a name lies where packages are installed."""
    top = module.partition(".")[0]
    roots = {*site.getsitepackages(), *sysconfig.get_paths().values()}
    there, here = PathFinder.find_spec(top, sorted(roots)), PathFinder.find_spec(top)
    if not top or there is None or here is None or there.origin is None:
        return False
    loaded = getattr(sys.modules.get(top), "__file__", there.origin)
    return there.origin == here.origin == loaded


def _damaged(directory: Path, reason: object) -> InputError:
    return InputError(
        f"the rule in {directory} is damaged ({reason}); train it again, or restore {DEFINITION} "
        f"and {WEIGHTS}"
    )


def _definition(directory: Path) -> tuple[dict[str, Any], bytes]:
    """What a rule says it is, and the bytes of its weights, as they were written."""
    path = directory / DEFINITION
    if directory.is_file():
        raise InputError(
            f"{directory} is a file, such as a training leaves behind; a checkpoint says neither "
            "block nor letters and may hold code, so none is loaded as a rule; name the directory "
            f"of a rule, with {DEFINITION} and {WEIGHTS}"
        )
    if not path.is_file():
        raise InputError(
            f"there is no rule '{directory}'; {nearest(directory, CLASSICAL)}expected "
            f"{', '.join(CLASSICAL)}, or a directory with {DEFINITION} and {WEIGHTS}"
        )
    try:
        definition, weights = yaml.safe_load(path.read_text()), (directory / WEIGHTS).read_bytes()
    except (yaml.YAMLError, ValueError, RecursionError):
        definition = None
    except OSError as error:
        raise _damaged(directory, error) from None
    schema = str(definition.get("schema")) if isinstance(definition, dict) else ""
    types = _TYPES.get(schema)
    if types is None and schema.startswith(SCHEMA[:-1]):
        raise InputError(
            f"{path} has schema {schema}; this version of rsmi reads {OLD_SCHEMA} and {SCHEMA}; "
            "upgrade rsmi, or train the rule again"
        )
    if types is None:
        raise InputError(f"{path} is no definition of a rule (schema {SCHEMA}); train it again")
    for name in {*types, *definition} - {KEY}:
        if name not in types or not isinstance(definition.get(name), types[name]):
            raise _damaged(directory, f"{name!r} is {definition.get(name)!r:.60}")
    if KEY in definition and not _digest_holds(directory, definition, weights):
        raise _damaged(directory, f"its content is not what its {KEY} says")
    return definition, weights


def _digest_holds(directory: Path, definition: dict[str, Any], weights: bytes) -> bool:
    text = (directory / DEFINITION).read_text()
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
        return False  # `save_rule` writes none, and a few lines of them could stand for gigabytes
    content = {name: value for name, value in definition.items() if name != KEY}
    code = _code_of(directory, definition)
    more = [weights] if code is None else [weights, code.read_bytes()]
    try:
        return plain_digest(content, *more) == definition[KEY]
    except (TypeError, ValueError, RecursionError):
        return False


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")
