"""What samples say of their model, in a call as by the command."""

from pathlib import Path
from typing import Any

from rsmi.report import read_result
from rsmi.storage import SampleGrid, describe, describe_grid, open_samples


def test_a_call_gives_what_the_command_writes(samples: Path, rsmi: Any, tmp_path: Path) -> None:
    with open_samples(samples) as opened:
        found = describe(opened)
    energy = next(q for q in found.quantities() if q.name == "sampling.energy")
    assert abs(energy.value - energy.reference) < 5 * energy.error
    assert energy.error < 0.05
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "{shape: [16, 16], temperature: critical, chains: 16, records: 64, seed: 2, thin: 2, "
        "equilibration: 64}"
    )
    said = rsmi("sample", recipe, "--out", tmp_path / "out")
    assert said.code == 0, said.err
    assert said.out.strip() == found.table()
    assert read_result(tmp_path / "out").quantities() == found.quantities()


def test_cells_of_a_grid_stand_in_a_row_each(rsmi: Any, tmp_path: Path) -> None:
    text = (
        "{chains: 4, records: 40, thin: 1, equilibration: 40, "
        "grid: {temperature: [2.0, critical], seed: [1, 2], shape: [[4, 4]]}}"
    )
    (tmp_path / "grid.yaml").write_text(text)
    said = rsmi("sample", tmp_path / "grid.yaml", "--out", tmp_path / "out")
    found = describe_grid(SampleGrid.from_yaml(text), tmp_path / "out")
    assert said.out.strip() == found.table()
    (sheet,) = found.sheets()
    assert [row[:3] for row in sheet.rows] == [
        [temperature, seed, "[4, 4]"] for temperature in ("2.0", "critical") for seed in "12"
    ]
    assert sheet.rows[2][3].endswith("\n-1.56562 exactly")
