import gzip
import json
import pickle
import subprocess
import sys

import h5py
import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.storage import check_source, open_samples
from rsmi.storage.journal import MAGIC
from rsmi.storage.writer import SampleWriter, journal_path


def spins(shape=(5, 4, 6), seed=0):
    return 2 * np.random.default_rng(seed).integers(0, 2, size=shape, dtype=np.int8) - 1


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float32, ">f8"])
def test_arrays_of_plus_and_minus_one(tmp_path, dtype):
    np.save(tmp_path / "a.npy", spins().astype(dtype))
    with open_samples(tmp_path / "a.npy") as samples:
        assert (samples.n, samples.shape, samples.chains, samples.model) == (5, (4, 6), 1, None)
        assert torch.equal(samples.read(1, 4), torch.from_numpy(spins()[1:4]))
        expected = spins().sum((1, 2)).astype(float)
        assert np.array_equal(samples.observable("magnetisation"), expected)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float64])
def test_arrays_of_zero_and_one(tmp_path, dtype):
    np.save(tmp_path / "a.npy", ((spins() + 1) // 2).astype(dtype))
    with open_samples(tmp_path / "a.npy") as samples:
        assert torch.equal(samples.read(0, 5), torch.from_numpy(spins()))


def test_reading_never_changes_the_file(tmp_path):
    np.save(tmp_path / "a.npy", spins())
    with open_samples(tmp_path / "a.npy") as samples:
        samples.read(0, 5).neg_()
        assert torch.equal(samples.read(0, 5), torch.from_numpy(spins()))


@pytest.mark.parametrize(
    "arrays", [{"mine": spins()}, {"spins": spins(), "energy": np.ones(5)}], ids=["one", "named"]
)
def test_archives(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    with open_samples(tmp_path / "a.npz") as samples:
        assert torch.equal(samples.read(0, 5), torch.from_numpy(spins()))


def test_an_archive_must_leave_no_choice(tmp_path):
    np.savez(tmp_path / "a.npz", a=spins(), b=spins())
    with pytest.raises(InputError, match=r"holds the arrays \['a', 'b'\]; expected exactly one"):
        open_samples(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[1, 2, 3]]), r"holds the values 1, 2, 3; expected spins of \+1/-1 or 0/1"),
        (np.arange(12.0).reshape(3, 4), r"holds the values 0, 1, 2, 3, 4, \.\.\.; expected spins"),
        (np.array([[1.0, np.nan]]), r"holds 1 NaN, in configuration 0 at \[1\]; expected spins"),
        (np.array([[-1, 0, 1]]), "holds the three values -1, 0, 1; expected spins"),
        (np.ones(5), r"has shape \(5,\); expected \(n, L, L\)"),
        (np.ones((0, 4, 4)), r"has shape \(0, 4, 4\): it is empty"),
        (np.array([["up", "down"]]), "holds values of type <U4; expected spins"),
        (np.array([[None, 1]], dtype=object), "cannot be read as a NumPy array"),
    ],
)
def test_arrays_that_are_no_spins(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=message):
        open_samples(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_a_truncated_array(tmp_path, name):
    (np.save if name == "a.npy" else np.savez)(tmp_path / name, spins())
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:-20])
    with pytest.raises(InputError, match="cannot be read as a NumPy array"):
        open_samples(tmp_path / name)


def test_an_unknown_observable(tmp_path, sample_file):
    np.save(tmp_path / "a.npy", spins())
    with (
        open_samples(tmp_path / "a.npy") as samples,
        pytest.raises(InputError, match="no observable 'energy'; it has 'magnetisation' only"),
    ):
        samples.observable("energy")
    with (
        open_samples(sample_file) as samples,
        pytest.raises(InputError, match="no observable 'winding'; it has 'energy'"),
    ):
        samples.observable("winding")


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (3, 2), (0, 61)])
def test_a_range_outside_the_file(sample_file, start, stop):
    with (
        open_samples(sample_file) as samples,
        pytest.raises(InputError, match=r"were asked for; expected a range within 0\.\.60"),
    ):
        samples.read(start, stop)


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match=r"there is no file .*missing.h5; expected a sample file"):
        open_samples(tmp_path / "missing.h5")
    with pytest.raises(InputError, match="is a directory; name the file in it"):
        open_samples(tmp_path)
    (tmp_path / "empty.h5").touch()
    with pytest.raises(InputError, match=r"is empty \(0 bytes\)"):
        open_samples(tmp_path / "empty.h5")
    (tmp_path / "notes.h5").write_text("hello world")
    with pytest.raises(InputError, match="begins with b'hello wo' and is no file of samples"):
        open_samples(tmp_path / "notes.h5")
    (tmp_path / "x.partial").write_bytes(MAGIC + b"...")
    with pytest.raises(InputError, match=r"journal of an interrupted run; finish .* --resume"):
        open_samples(tmp_path / "x.partial")


def test_a_journal_is_explained(tmp_path, files):
    SampleWriter.open(tmp_path / "s.h5", files.header(), resume=False).close()
    for path in (journal_path(tmp_path / "s.h5"), tmp_path / "s.h5.part"):
        with pytest.raises(InputError, match=r"journal of an interrupted run; finish .* --resume"):
            open_samples(path)


def mcising_file(path, temperatures=(2.0,), lattice_type="square", store=True, **couplings):
    """The layout of mcising.io.save_hdf5, metadata schema 3."""
    lattice = {"lattice_type": lattice_type, "size": 4, "j1": 1.0, "j2": 0.0, "j3": 0.0, "h": 0.0}
    with h5py.File(path, "w") as file:
        meta = file.create_group("metadata")
        meta.attrs["schema_version"] = 3
        meta.attrs["config_json"] = json.dumps({"lattice": lattice | couplings})
        for i, temperature in enumerate(temperatures):
            group = file.create_group(f"T={temperature:.6f}")
            group.attrs["temperature"] = temperature
            values = spins((5, 4, 4), seed=i)
            bonds = values * np.roll(values, 1, 1) + values * np.roll(values, 1, 2)
            group["energy"] = -bonds.sum((1, 2)) / 16
            group["magnetization"] = values.mean((1, 2))
            if store:
                group.create_dataset("configurations", data=values, compression="gzip")
    return path


def test_mcising_files(tmp_path):
    path = mcising_file(tmp_path / "m.h5")
    with open_samples(path) as samples:
        assert (samples.n, samples.shape, samples.chains) == (5, (4, 4), 1)
        assert samples.model == {"model": "ising", "coupling": 0.5, "temperature": 2.0}
        values = spins((5, 4, 4))
        assert torch.equal(samples.read(0, 5), torch.from_numpy(values))
        assert np.array_equal(samples.observable("magnetisation"), values.sum((1, 2)))
        bonds = values * np.roll(values, 1, 1) + values * np.roll(values, 1, 2)
        assert np.array_equal(samples.observable("energy"), -bonds.sum((1, 2)))


def test_mcising_files_of_several_temperatures(tmp_path):
    path = mcising_file(tmp_path / "m.h5", (2.0, 3.0))
    with pytest.raises(InputError, match=r"holds 2 temperatures \(2, 3\); choose one"):
        open_samples(path)
    with pytest.raises(InputError, match="has no temperature 4; it holds 2, 3"):
        open_samples(path, temperature=4)
    with open_samples(path, temperature=3) as samples:
        assert torch.equal(samples.read(0, 5), torch.from_numpy(spins((5, 4, 4), seed=1)))


@pytest.mark.parametrize(
    "change", [{"lattice_type": "triangular"}, {"h": 0.1}, {"j1": -1.0}, {"j2": 0.5}]
)
def test_other_hamiltonians_of_mcising_are_what_the_file_says(tmp_path, change):
    with open_samples(mcising_file(tmp_path / "m.h5", **change)) as samples:
        couplings = {"lattice": "square", "j1": 1.0, "j2": 0.0, "j3": 0.0, "h": 0.0} | change
        lattice = couplings.pop("lattice_type", couplings["lattice"])
        expected = {"model": "mcising", "temperature": 2.0} | couplings | {"lattice": lattice}
        assert samples.model == expected


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "spins on square [4, 4]"),
        ({"j2": 0.5}, "spins on square [4, 4]"),
        ({"h": 0.1}, "spins(field) on square [4, 4]"),
        ({"lattice_type": "triangular"}, None),
    ],
)
def test_spaces_of_mcising_are_those_of_the_hamiltonian(tmp_path, change, text):
    with open_samples(mcising_file(tmp_path / "m.h5", **change)) as samples:
        assert (samples.space and samples.space.to_text()) == text
        if text is None:
            assert samples.iteration.startswith("its lattice is triangular")
            with pytest.raises(InputError, match="nothing of its letters"):
                samples.letters(0, 1)
        else:
            assert np.array_equal(samples.letters(0, 5)[..., 0], spins((5, 4, 4)) > 0)


@pytest.mark.parametrize("lattice", ["triangular", "honeycomb"])
def test_rows_of_a_lattice_that_are_shifted_are_refused(tmp_path, lattice):
    with (
        open_samples(mcising_file(tmp_path / "m.h5", lattice_type=lattice)) as samples,
        pytest.raises(InputError, match=f"rows of its {lattice} lattice are shifted"),
    ):
        check_source(samples)


def test_another_unit_of_energy_in_mcising_files(tmp_path):
    with open_samples(mcising_file(tmp_path / "m.h5", j1=2.0)) as samples:
        assert samples.model == {"model": "ising", "coupling": 1.0, "temperature": 1.0}
        values = spins((5, 4, 4))
        bonds = values * np.roll(values, 1, 1) + values * np.roll(values, 1, 2)
        # The file of this test has the energies of J1 = 1.
        assert np.array_equal(samples.observable("energy"), -bonds.sum((1, 2)) / 2)


def test_mcising_files_without_metadata_or_configurations(tmp_path):
    path = mcising_file(tmp_path / "m.h5")
    with h5py.File(path, "r+") as file:
        del file["metadata"]
    with open_samples(path) as samples:
        assert samples.model is None
    with pytest.raises(InputError, match=r"has no configurations at temperature 2; .*store_"):
        open_samples(mcising_file(tmp_path / "n.h5", store=False))


def test_damaged_mcising_files(tmp_path):
    path = mcising_file(tmp_path / "m.h5")
    content = path.read_bytes()
    path.write_bytes(content[:-200])
    with pytest.raises(InputError, match="the file is damaged or cut short"):
        open_samples(path)
    path.write_bytes(content)
    with h5py.File(path, "r+") as file:
        del file["T=2.000000"].attrs["temperature"]
    with pytest.raises(InputError, match="its temperatures cannot be read"):
        open_samples(path)
    with h5py.File(path, "r+") as file:
        file["T=2.000000"].attrs["temperature"] = 2.0
        file["T=2.000000/configurations"][0, 0, 0] = 5
    with pytest.raises(InputError, match=r"T=2.000000/configurations holds the values -1, 1, 5"):
        open_samples(path)


def test_a_temperature_chooses_in_mcising_files_only(tmp_path, sample_file):
    np.save(tmp_path / "a.npy", spins())
    np.savez(tmp_path / "a.npz", spins())
    for path in (sample_file, tmp_path / "a.npy"):
        with pytest.raises(InputError, match="temperature=2, which chooses among"):
            open_samples(path, temperature=2)
    with pytest.raises(InputError, match="temperature=2, but holds no array of this name"):
        open_samples(tmp_path / "a.npz", temperature=2)


def pickled(path):
    path.write_bytes(pickle.dumps(spins()))


def plain_hdf5(path, schema=None):
    with h5py.File(path, "w") as file:
        file["mine/spins"], file["e"] = spins(), np.ones(5)
        if schema is not None:
            file.attrs["schema"] = schema


FOREIGN = {
    "pickle": (pickled, r"looks like a pickle: convert .*pickle.load\(open\('.*x'"),
    "text": (lambda path: np.savetxt(path, np.ones((2, 4))), r"looks like text: .*numpy.loadtxt"),
    "gzip": (lambda path: path.write_bytes(gzip.compress(b"1")), "file of gzip: .* gunzip -k .*x"),
    "matlab": (lambda path: path.write_bytes(b"MATLAB 5.0 MAT-file"), r"MATLAB .*scipy.io.loadmat"),
    "torch": (lambda path: torch.save(torch.ones(2, 4), path), r"file of torch.*torch.load\('.*x'"),
    "hdf5": (plain_hdf5, r"HDF5 file with \['mine/spins', 'e'\].*\['mine/spins'\]\[:\]\)"),
    "schema": (lambda path: plain_hdf5(path, "lab/3"), r"HDF5 file with \['mine/spins', 'e'\]"),
    "number": (lambda path: plain_hdf5(path, 3), r"HDF5 file with \['mine/spins', 'e'\]"),
}


@pytest.mark.parametrize(("write", "message"), FOREIGN.values(), ids=FOREIGN)
def test_files_of_other_programs_come_with_a_way_to_convert_them(write, message, tmp_path):
    write(tmp_path / "x")
    with pytest.raises(InputError, match=message) as refusal:
        open_samples(tmp_path / "x")
    assert "upgrade" not in str(refusal.value)


@pytest.mark.parametrize("killed", [False, True])
def test_a_file_that_another_program_writes_is_not_called_damaged(killed, tmp_path):
    path = tmp_path / "a.h5"
    mode, end = ("f.swmr_mode = True", "os._exit(0)") if killed else ("", "sys.stdin.read()")
    code = (
        "import h5py, os, sys\n"
        f"f = h5py.File({str(path)!r}, 'w', libver='latest')\n"
        f"f['a'] = [1]\n{mode}\nf.flush(); print('open', flush=True); {end}"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as writer:
        assert writer.stdout.readline() == b"open\n"
        if killed:
            writer.wait()
        with pytest.raises(InputError, match="is open for writing in another program") as refusal:
            open_samples(path)
        assert "damaged" not in str(refusal.value)
        writer.stdin.close()
