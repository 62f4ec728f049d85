"""`rsmi estimate`: one file of pairs, one table, and messages that say what is wrong."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from rsmi.known import known_task


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs") / "xy.npz"
    x, y = known_task("two pairs 2v2").draw(600, seed=1)
    np.savez(path, x=x, y=y, block=np.arange(600) // 20, hole=np.where(x > 2, np.nan, x))
    return path


def test_a_file_of_pairs_becomes_a_table_and_a_result(rsmi, pairs, tmp_path):
    out = tmp_path / "out"
    options = ["--estimators", '[gaussian, ksg, "bins(8)"]', "--blocks", "block"]
    said = rsmi("estimate", "--data", pairs, *options, "--out", out)
    assert said.code == 0, said.err
    assert "I(X;Y) in nats from 600 pairs" in said.out
    found = {q["name"]: q for q in json.loads((out / "result.json").read_text())["quantities"]}
    value = found["information.estimate.gaussian"]
    assert abs(value["value"] - 1.021651) < 5 * value["error"]
    assert value["kind"] == "estimate"
    assert abs(found["information.estimate.gaussian.null"]["value"]) < 0.1
    assert "information.estimate.ksg(3)" in found
    page = (out / "report.html").read_text()
    assert "bins(8): refused: its null" in page
    assert page.count("data:image/png") == 1
    assert (out / "figures" / "estimate.png").stat().st_size > 1000


def test_spins_in_hdf5_are_letters(rsmi, tmp_path):
    x, y = known_task("spins of a ring, 2v1").draw(100, seed=1)
    with h5py.File(tmp_path / "pairs.h5", "w") as file:
        file["block"], file["rest"] = x.numpy(), y.numpy()
    names = ["--x", "block", "--y", "rest", "--null", "false"]
    said = rsmi("estimate", "--data", tmp_path / "pairs.h5", *names)
    assert said.code == 0, said.err
    assert "nsb" in said.out
    assert "gaussian" not in said.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--estimators", "[infonse]"], "did you mean 'infonce'?"),
        (["--estimators", "[nsb]"], "nsb counts letters, and x holds real numbers"),
        (["--y", "yy"], "holds no array 'yy'; did you mean 'y'? it holds x, y, block, hole"),
        (["--y", "hole"], "of y hold a number that is not finite"),
        (["--chains", "0"], "chains is 0; expected a whole number from 1 to 600"),
        (["--chains", "2", "--estimators", "[nwj]"], "2 independent chains or blocks"),
        (["--seed", "-1"], "seed is -1; expected a whole number"),
    ],
)
def test_bad_requests_leave_nothing_behind(rsmi, pairs, tmp_path, options, message):
    said = rsmi("estimate", "--data", pairs, *options, "--out", tmp_path / "out")
    assert said.code == 2
    assert message in said.err
    assert not (tmp_path / "out").exists()


def test_bad_files_are_named(rsmi, pairs, tmp_path):
    for name, content, message in (
        ("none.npz", None, "there is no file"),
        ("empty.npz", b"", "is empty (0 bytes); expected a .npz file"),
        ("text.npz", b"x,y\n1,2\n", "begins with b'x,y"),
        ("short.npz", pairs.read_bytes()[:400], "cannot be read"),
    ):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        said = rsmi("estimate", "--data", path)
        assert (said.code, message in said.err) == (2, True), said.err
    x, y = known_task("two pairs 2v2").draw(60)
    np.savez(tmp_path / "uneven.npz", x=x, y=y[:50])
    said = rsmi("estimate", "--data", tmp_path / "uneven.npz")
    assert said.code == 2
    assert "x has 60 rows and y has 50" in said.err
