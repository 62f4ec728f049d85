"""No flipped bit and no cut goes unseen."""

import random
import shutil

import h5py
import numpy as np
import pytest

from rsmi.errors import InputError
from rsmi.storage import iterate, open_samples, verify
from rsmi.storage.chunks import fletcher32
from rsmi.storage.layout import CONTENT_DIGEST
from rsmi.storage.seal import content_digest, file_seal


def must_be_seen(path):
    with pytest.raises(InputError) as caught:
        verify(path)
    assert str(path) in str(caught.value)


def test_every_flipped_bit_is_seen(sample_file):
    content = sample_file.read_bytes()
    generator = random.Random(3)
    for position in generator.sample(range(len(content)), 200):
        damaged = bytearray(content)
        damaged[position] ^= 1 << generator.randrange(8)
        sample_file.write_bytes(damaged)
        must_be_seen(sample_file)


def test_every_truncation_is_seen_when_the_file_is_opened(sample_file):
    content = sample_file.read_bytes()
    for length in random.Random(4).sample(range(len(content)), 20):
        sample_file.write_bytes(content[:length])
        with pytest.raises(InputError):
            open_samples(sample_file)


def test_reading_alone_sees_a_flipped_spin(sample_file):
    with h5py.File(sample_file, "r") as file:
        offset = file["spins"].id.get_chunk_info(0).byte_offset
    damaged = bytearray(sample_file.read_bytes())
    damaged[offset + 11] ^= 4
    sample_file.write_bytes(damaged)
    with (
        open_samples(sample_file) as samples,
        pytest.raises(InputError, match="dataset 'spins' cannot be read: the file is damaged"),
    ):
        list(iterate(samples, 10))


def test_reading_alone_sees_a_flipped_energy(sample_file):
    with h5py.File(sample_file, "r") as file:
        offset = file["observables/energy"].id.get_chunk_info(0).byte_offset
    damaged = bytearray(sample_file.read_bytes())
    damaged[offset + 11] ^= 4
    sample_file.write_bytes(damaged)
    with (
        open_samples(sample_file) as samples,
        pytest.raises(InputError, match="dataset 'observables/energy' cannot be read"),
    ):
        samples.observable("energy")


def edited(path, tmp_path, change):
    """A copy that was changed with an HDF5 library, so that its checksums are right."""
    copy = tmp_path / "edited.h5"
    shutil.copy(path, copy)
    with h5py.File(copy, "r+") as file:
        change(file)
    return copy


def write_seal(path):
    seal = file_seal(path)
    with path.open("r+b") as file:
        file.write(seal)


def resealed(path):
    """Make digest and seal fit again: only the physics can then tell."""
    with h5py.File(path, "r+") as file:
        file.attrs[CONTENT_DIGEST] = np.bytes_(content_digest(file).encode())
    write_seal(path)
    return path


def flip_spin(file):
    file["spins"][7, 2, 0] ^= 1


def other_seed(file):
    file.attrs["seed"] = 5


def test_an_edit_breaks_the_seal(sample_file, tmp_path):
    with pytest.raises(InputError, match="SHA-256 seal is broken; copy it again"):
        verify(edited(sample_file, tmp_path, other_seed))


@pytest.mark.parametrize("change", [other_seed, flip_spin])
def test_an_edit_with_a_new_seal_breaks_the_content_digest(sample_file, tmp_path, change):
    copy = edited(sample_file, tmp_path, change)
    write_seal(copy)
    with pytest.raises(InputError, match=r"attribute 'content_sha256' is .* but the content has"):
        verify(copy)


def test_spins_must_fit_their_magnetisation(sample_file, tmp_path):
    copy = resealed(edited(sample_file, tmp_path, flip_spin))
    with pytest.raises(InputError, match="magnetisation of configuration 7 is stored as"):
        verify(copy)


def test_spins_must_fit_their_energy(sample_file, tmp_path):
    def change(file):
        file["observables/energy"][31] += 4

    with pytest.raises(InputError, match="energy of configuration 31 is stored as"):
        verify(resealed(edited(sample_file, tmp_path, change)))


def test_padding_must_be_zero(sample_file, tmp_path):
    def change(file):
        file["spins"][7, 2, 0] |= 128

    with pytest.raises(InputError, match="padding bits between configurations 0 and 60 are set"):
        verify(resealed(edited(sample_file, tmp_path, change)))


def delete_attribute(file):
    del file.attrs["recipe"]


def delete_schema(file):
    del file.attrs["schema"]


def delete_spins(file):
    del file["spins"]


def newer_schema(file):
    file.attrs["schema"] = "rsmi.samples/2"


def other_chains(file):
    file.attrs["chains"] = 7


def other_shape(file):
    file.attrs["shape"] = np.array([6, 60])


def no_unit(file):
    del file["observables/energy"].attrs["unit"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (delete_attribute, "lacks the root attribute 'recipe'"),
        (delete_schema, "is an HDF5 file with .*'spins'.*, but no file of samples"),
        (delete_spins, "dataset 'spins' cannot be read"),
        (newer_schema, "has schema 'rsmi.samples/2'; .*upgrade rsmi"),
        (other_chains, "60 configurations do not make whole records of 7 chains"),
        (other_shape, "dataset 'spins' is uint8 of shape .* ask for uint8 of shape"),
        (no_unit, "group 'observables' cannot be read"),
    ],
)
def test_a_changed_structure_is_named_when_opened(sample_file, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        open_samples(edited(sample_file, tmp_path, change))


def flipped(path, name, row):
    """Flip a bit of one chunk of a dataset, behind the back of HDF5."""
    with h5py.File(path, "r") as file:
        chunk = file[name].id.get_chunk_info(row // file[name].chunks[0])
    damaged = bytearray(path.read_bytes())
    damaged[chunk.byte_offset + 7] ^= 2
    path.write_bytes(damaged)


def test_taking_configurations_sees_a_flipped_spin(tmp_path, files):
    path, header = tmp_path / "s.h5", files.header(shape=(64, 64), records=100)
    spins = files.write(path, header)
    flipped(path, "spins", 200)
    with open_samples(path) as samples:
        whole = [0, 63, 5, 63]
        assert np.array_equal(samples.take(whole), spins[whole])
        for _ in range(2):
            with pytest.raises(InputError, match="dataset 'spins' cannot be read: the file is dam"):
                samples.take([1, 200])


def test_configurations_are_taken_from_a_repacked_copy(sample_file, tmp_path):
    copy = tmp_path / "copy.h5"
    with h5py.File(sample_file) as old, h5py.File(copy, "w") as new:
        for name, value in old.attrs.items():
            new.attrs[name] = value
        for name in ("observables", "autocorrelation"):
            old.copy(name, new)
        new.create_dataset("spins", data=old["spins"][:], chunks=(7, 3, 1), compression="gzip")
    with open_samples(copy) as samples:
        assert np.array_equal(samples.take([59, 3]), samples.read(0, 60)[[59, 3]])


def test_the_checksum_is_that_of_hdf5(tmp_path):
    generator = np.random.default_rng(4)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for size in (1, 2, 21, 358, 720, 722, 4097, 32768):
            values = generator.integers(0, 256, size, dtype=np.uint8)
            for number, data in enumerate((values, np.full_like(values, 255), 0 * values)):
                dataset = file.create_dataset(
                    f"{size}/{number}", data=data, chunks=(size,), fletcher32=True
                )
                _, raw = dataset.id.read_direct_chunk((0,))
                stored = int.from_bytes(raw[size:], "little")
                assert int(fletcher32(data)) == stored, (size, number)
