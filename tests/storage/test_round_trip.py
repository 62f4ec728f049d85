import dataclasses
import hashlib
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from rsmi.errors import AnalysisError
from rsmi.sampling.families import families
from rsmi.storage import open_samples, verify, writer
from rsmi.storage.layout import planned_places
from rsmi.storage.packing import pack, padding_is_zero, unpack

SEALED = "every byte outside the spins is as it was written (SHA-256 seal)"


@pytest.mark.parametrize("extent", [1, 7, 8, 9, 64, 65])
def test_unpacking_undoes_packing(extent):
    bits = np.random.default_rng(extent).integers(0, 2, size=(5, 3, extent), dtype=np.int8)
    packed = pack(2 * bits - 1)
    assert packed.shape == (5, 3, (extent + 7) // 8)
    assert padding_is_zero(packed, extent)
    assert np.array_equal(unpack(packed, extent), 2 * bits - 1)


def test_unpacking_in_several_pieces_changes_nothing():
    bits = np.random.default_rng(0).integers(0, 2, size=(3000, 17), dtype=np.int8)
    assert np.array_equal(unpack(pack(2 * bits - 1), 17), 2 * bits - 1)


@pytest.mark.parametrize("shape", [(5,), (16,), (6, 6), (3, 7), (8, 8), (2, 3, 5), (4, 4, 8)])
def test_a_file_gives_back_what_was_written(tmp_path, files, shape):
    path = tmp_path / "new" / "samples.h5"
    header = files.header(shape=shape)
    spins = files.write(path, header)
    with open_samples(path) as samples:
        assert (samples.shape, samples.n, len(samples), samples.chains) == (shape, 60, 60, 3)
        assert samples.model == {"model": "ising", "coupling": 0.4, "temperature": 2.5}
        assert samples.header == header
        assert samples.read(0, 60).dtype == torch.int8
        assert torch.equal(samples.read(0, 60), spins)
        assert torch.equal(samples.read(17, 41), spins[17:41])
        assert samples.read(5, 5).shape == (0, *shape)
        magnetisation = spins.flatten(1).sum(1).double().numpy()
        assert np.array_equal(samples.observable("magnetisation"), magnetisation)
    report = verify(path)
    assert report.n == 60
    assert "energies agree with the spins" in report.checks


def test_the_layout_is_the_documented_one(sample_file):
    with h5py.File(sample_file, "r") as file:
        assert sorted(file) == ["autocorrelation", "observables", "spins", "xxh64"]
        spins = file["spins"]
        assert (spins.dtype, spins.shape) == (np.uint8, (60, 6, 1))
        assert spins.fletcher32
        assert spins.compression is None
        assert file["observables/energy"].fletcher32
        assert file["observables/energy"].attrs["unit"] == b"J"
        assert file["autocorrelation/energy"].attrs["unit"] == b"records"
        assert file["autocorrelation/energy"][:].tolist() == [1.5, 2.5, 3.5]
        assert file.attrs["schema"] == b"rsmi.samples/1"
        assert file.attrs["model.coupling"].dtype == np.float64
        assert file.attrs["thin"] == 3
        assert file.attrs["recipe"] == b"seed: 1\n"
        assert file.attrs["shape"].tolist() == [6, 6]


def test_large_configurations_are_chunked_by_configuration(tmp_path, files):
    path = tmp_path / "samples.h5"
    files.write(path, files.header(shape=(128, 128), chains=2, records=64), blocks=7)
    with h5py.File(path, "r") as file:
        assert file["spins"].chunks == (16, 128, 16)


@pytest.mark.parametrize(
    ("shape", "chains", "records"), [((64, 64), 2, 200), ((3,), 3, 7), ((700, 700), 1, 9)]
)
def test_block_sizes_leave_no_trace(tmp_path, files, shape, chains, records):
    header = files.header(shape=shape, chains=chains, records=records)
    contents = set()
    for blocks in (1, 5, records):
        spins = files.write(tmp_path / f"{blocks}.h5", header, blocks)
        contents.add((tmp_path / f"{blocks}.h5").read_bytes())
    assert len(contents) == 1
    assert verify(tmp_path / "1.h5").checks[0] == SEALED
    with open_samples(tmp_path / "1.h5") as samples:
        assert torch.equal(samples.read(0, header.n), spins)


def test_chunks_in_other_places_than_planned_are_refused(tmp_path, files, monkeypatch):
    """As another version of HDF5 might lay them out."""

    def elsewhere(header):
        places = planned_places(header)
        return dataclasses.replace(places, gap=places.gap + 8)

    monkeypatch.setattr(writer, "planned_places", elsewhere)
    with pytest.raises(AnalysisError, match=r"HDF5 .* lays out the chunks of spins in a way"):
        files.write(tmp_path / "s.h5", files.header(shape=(64, 64)))
    assert not (tmp_path / "s.h5").exists()
    monkeypatch.undo()
    files.write(tmp_path / "t.h5", files.header(shape=(64, 64)))


def test_the_day_comes_from_source_date_epoch(monkeypatch):
    from rsmi.storage.header import creation_day

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert creation_day() == "1970-01-02"


def test_a_repacked_copy_still_verifies(sample_file, tmp_path):
    copy = tmp_path / "copy.h5"
    with h5py.File(sample_file, "r") as old, h5py.File(copy, "w") as new:
        for name in old:
            old.copy(name, new)
        for name, value in old.attrs.items():
            new.attrs[name] = value
    assert verify(copy).checks[0].startswith("no seal")


def test_verify_takes_foreign_files(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((3, 4, 4)))
    report = verify(tmp_path / "a.npy")
    assert (report.n, report.shape, report.model) == (3, (4, 4), None)
    assert report.checks == ("every value is one of two spin values",)


OLD = Path(__file__).parent / "data" / "0.1.0"
KNOWN = json.loads((OLD / "known.json").read_text())
NO_BLOCKS = "no checksum of each block (version 0.1.0): all content is held to its SHA-256"


@pytest.mark.parametrize("name", KNOWN)
def test_files_of_version_0_1_0_open_with_the_same_spins(name):
    known = KNOWN[name]
    with open_samples(OLD / f"{name}.h5") as samples:
        spins = samples.read(0, samples.n)
        taken = samples.take(np.arange(samples.n))
        assert list(spins.shape) == known["shape"]
        assert sha256(spins) == sha256(taken) == known["spins"]
        assert sha256(samples.decode(spins)) == known["states"]
        found = {o: float(samples.observable(o).sum()) for o in samples.header.observables}
        assert found == pytest.approx(known["observables"], rel=1e-14)
        assert samples.attributes["content_sha256"] == known["content_sha256"]
    checks = verify(OLD / f"{name}.h5").checks
    assert checks[0] == SEALED
    assert checks[1].startswith(NO_BLOCKS)


def test_there_is_an_old_file_of_every_family():
    assert set(KNOWN) >= set(families)


def sha256(values):
    return hashlib.sha256(values.numpy().tobytes()).hexdigest()


def test_a_collection_of_version_0_1_0_opens():
    path = OLD / "collection" / "samples.h5"
    assert verify(path).n == 160
    with open_samples(path, temperature=3.0) as samples:
        assert (samples.chains, samples.read(0, 80).shape) == (4, (80, 4, 4))


def test_files_of_earlier_versions_still_load(files):
    """Written by version 0.1.0 and kept: the promise of docs/file-format.md."""
    path = Path(__file__).parent / "data" / "samples-1.h5"
    with open_samples(path) as samples:
        assert torch.equal(samples.read(0, 24), files.spins(files.header(shape=(3, 5), records=8)))
        assert samples.attributes["model.coupling"] == 0.4
    assert verify(path).checks[0] == SEALED
