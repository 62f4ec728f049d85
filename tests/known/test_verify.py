import json

import pytest

from rsmi.cli.main import main
from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.known import SECTIONS, Check, Verification, check
from rsmi.known.checking import evaluate
from rsmi.learning import named_rule
from rsmi.sampling.swendsen_wang import bond_probability


def _section(name, **parts):
    """A section of one check for the registry."""
    defaults = {
        "name": "one",
        "section": name,
        "compute": lambda: Estimate(1.0, 0.0, "exact", "1"),
        "expected": 1.0,
        "tolerance": 1e-9,
        "source": "arithmetic",
    }
    return {name: lambda: [Check(**(defaults | parts))]}


def _only(monkeypatch, sections):
    """These sections and no others."""
    monkeypatch.setattr("rsmi.cli.verify.SECTIONS", sections)
    monkeypatch.setattr("rsmi.known.sections.SECTIONS", sections)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_check_of_a_section_passes(section, capsys):
    assert main(["verify", section]) == 0
    printed = capsys.readouterr().out
    assert "FAIL" not in printed
    assert printed.count("pass") >= 3


@pytest.mark.parametrize("section", SECTIONS)
def test_names_are_unique_and_belong_to_their_section(section):
    checks = SECTIONS[section]()
    assert len({check.name for check in checks}) == len(checks)
    assert {check.section for check in checks} == {section}


def test_result_holds_expected_values_as_references(tmp_path, capsys):
    assert main(["verify", "thermodynamics", "--out", str(tmp_path / "out")]) == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    found = {quantity["name"]: quantity for quantity in result["quantities"]}
    energy = found["verify.thermodynamics.critical.L=4.energy"]
    assert energy["reference"] == -1.56562378763832
    assert energy["context"]["passed"] is True
    assert found["verify.failed"]["value"] == 0


def test_a_wrong_coupling_is_noticed(monkeypatch, capsys):
    monkeypatch.setattr("rsmi.known.thermodynamics.CRITICAL_COUPLING", 0.4407)
    assert main(["verify", "thermodynamics"]) == 1
    streams = capsys.readouterr()
    assert "FAIL" in streams.out
    assert "failed: thermodynamics.critical.L=4.energy" in streams.err


def test_a_wrong_bond_probability_is_noticed(monkeypatch, capsys):
    hotter = "rsmi.sampling.swendsen_wang.bond_probability"
    monkeypatch.setattr(hotter, lambda coupling: bond_probability(1.02 * coupling))
    assert main(["verify", "sampling"]) == 1
    assert "failed: sampling.swendsen_wang.critical.L=16.energy" in capsys.readouterr().err


def test_a_reader_that_ignores_damage_is_noticed(monkeypatch, capsys):
    monkeypatch.setattr("rsmi.storage.hdf5.seal_holds", lambda path: True)
    assert main(["verify", "storage"]) == 1
    assert "failed: storage.bit_flips.unnoticed" in capsys.readouterr().err


def test_another_rule_is_noticed(monkeypatch, capsys):
    monkeypatch.setattr(
        "rsmi.known.renormalization.named_rule",
        lambda rule, block: named_rule("majority", block),
    )
    assert main(["verify", "renormalization"]) == 1
    assert "failed: renormalization.decimation.even.eigenvalue" in capsys.readouterr().err


def test_code_that_raises_is_a_failed_check(monkeypatch, capsys, tmp_path):
    def broken():
        raise ZeroDivisionError("no kernel")

    _only(monkeypatch, _section("demo", compute=broken))
    assert main(["verify", "--out", str(tmp_path / "out")]) == 1
    streams = capsys.readouterr()
    assert "failed: demo.one ZeroDivisionError: no kernel" in streams.err
    assert "Traceback" not in streams.err
    assert "error" in streams.out


def test_a_section_is_added_by_registering_it(monkeypatch, capsys):
    _only(monkeypatch, _section("demo"))
    assert main(["verify", "all"]) == 0
    assert "demo" in capsys.readouterr().out


def test_unknown_sections_are_refused(capsys):
    assert main(["verify", "termodynamics"]) == 2
    message = capsys.readouterr().err
    assert "unknown section 'termodynamics'" in message
    assert "thermodynamics" in message


@pytest.mark.parametrize(
    ("value", "error", "kind", "passes"),
    [
        (1.05, 0.0, "exact", True),
        (1.15, 0.0, "exact", False),
        (1.5, 0.09, "estimate", True),
        (1.5, 0.07, "estimate", False),
        (1.2, 0.07, "lower", True),
        (1.3, 0.07, "lower", False),
        (0.95, 0.0, "lower", True),
        (0.85, 0.07, "lower", False),
    ],
)
def test_agreement(value, error, kind, passes):
    got = Estimate(value, error, kind, "1")
    checked = evaluate(Check("one", "demo", lambda: got, 1.0, 0.1, "arithmetic"))
    assert checked.passed is passes
    drawn = Verification([checked]).plot()
    assert (max(line.get_xdata()[0] for line in drawn.axes[0].lines[1:]) <= 1) is passes


def test_no_check_is_lost():
    assert sum(len(section()) for section in SECTIONS.values()) == 288


def test_a_call_gives_what_the_command_prints(capsys):
    found = check("dimers")
    assert found.passed
    assert [one.check.section for one in found.checked] == ["dimers"] * len(SECTIONS["dimers"]())
    assert main(["verify", "dimers"]) == 0
    assert capsys.readouterr().out.strip() == found.table()
    assert found.quantities()[0].value == 0
    assert all(quantity.context["passed"] for quantity in found.quantities()[1:])


def test_a_call_with_a_wrong_name_is_told_the_right_one():
    with pytest.raises(InputError, match="unknown section 'layer'; did you mean 'layers'"):
        check("layer")
