"""No flipped bit and no cut goes unseen."""

import random
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.storage import iterate, open_samples, room, verify
from rsmi.storage.checksums import RowSums, fletcher32
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
    """Make checksums, digest and seal fit again: only the physics can then tell."""
    with h5py.File(path, "r+") as file:
        for name in ("spins", "observables/energy"):
            values = file[name][:]
            sums = RowSums(int(file["xxh64"][name].attrs["rows"]), values[:1].nbytes)
            sums.add(values)
            file["xxh64"][name][:] = sums.values()
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
        for name in ("observables", "autocorrelation", "xxh64"):
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


def all_up(header):
    return torch.ones((header.n, *header.shape), dtype=torch.int8)


def blocks_of(path):
    """Where each block of spins lies in the file, with its Fletcher-32 sum."""
    with h5py.File(path) as file:
        spins = file["spins"].id
        infos = [spins.get_chunk_info(i) for i in range(spins.get_num_chunks())]
    return [slice(info.byte_offset, info.byte_offset + info.size) for info in infos]


def words_swapped(block):
    words = block[: len(block) // 2 * 2].reshape(-1, 2).copy()
    words[[3, 200]] = words[[200, 3]]
    return np.concatenate([words.ravel(), block[words.size :]])


def one_bit_flipped(block):
    flipped = block.copy()
    flipped[1234] ^= 16
    return flipped


def with_range(value):
    def change(block):
        changed = block.copy()
        changed[1000:1400] = value
        return changed

    return change


ONE_BLOCK = {
    "zeroed": with_range(0),
    "all ones": with_range(255),
    "words swapped": words_swapped,
    "shifted": lambda block: np.roll(block, 1),
    "one bit": one_bit_flipped,
}


def damaged_blocks(raw, blocks):
    """Every damage of one block, as (name, bytes of the file)."""
    for number, place in enumerate(blocks[:2]):
        for name, change in ONE_BLOCK.items():
            damaged = raw.copy()
            damaged[place][:-4] = change(damaged[place][:-4])
            yield name, damaged
        other = blocks[1 - number]
        damaged = raw.copy()
        damaged[place] = raw[other]
        yield "duplicated", damaged
        damaged[other] = raw[place]
        yield "blocks swapped", damaged


def everything(path):
    """All that reading gives, in order and at random."""
    with open_samples(path) as samples:
        order = np.random.default_rng(5).permutation(samples.n)
        taken = samples.take(order)
        values = [samples.observable(name) for name in sorted(samples.header.observables)]
        return (samples.read(0, samples.n), taken, *values), samples.attributes, samples.model


def same(left, right):
    arrays = all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(left[0], right[0], strict=True)
    )
    return arrays and left[1:] == right[1:]


def by_hdf5(path):
    """The stored spins for a reader that knows Fletcher-32 only; None where that complains."""
    try:
        with h5py.File(path) as file:
            return file["spins"][:]
    except OSError:
        return None


@pytest.mark.parametrize(
    ("spins", "unseen"),
    [
        ("all_up", {"zeroed"}),
        ("random_spins", {"duplicated", "blocks swapped"}),
    ],
)
def test_every_damage_of_one_block_is_seen_by_every_read(tmp_path, files, spins, unseen):
    """Fletcher-32 takes 0xFFFF for 0x0000, and a block of another place for the right one."""
    path, header = tmp_path / "s.h5", files.header(shape=(64, 64), chains=1, records=200)
    files.write(path, header, spins=all_up(header) if spins == "all_up" else None)
    raw, blocks = np.fromfile(path, dtype=np.uint8), blocks_of(path)
    truth, missed = by_hdf5(path), set()
    for name, damaged in damaged_blocks(raw, blocks):
        damaged.tofile(path)
        found = by_hdf5(path)
        if found is not None and np.array_equal(found, truth):
            continue  # what was written over is what was there
        missed |= {name} if found is not None else set()
        with open_samples(path) as samples:
            for read in (lambda: samples.read(0, 200), lambda: samples.take([3, 70])):
                with pytest.raises(InputError, match=r"rows \d+ to \d+ do not have their checksum"):
                    read()
    assert missed == unseen  # the checksum of HDF5 alone lets these through


def scattered(raw, generator):
    """Random damage anywhere: a stretch zeroed, filled, shifted, copied, or single bits flipped."""
    damaged, size = raw.copy(), int(2 ** generator.uniform(0, 12))
    start = int(generator.integers(len(raw)))
    stretch = damaged[start : start + size]
    match generator.integers(6):
        case 0:
            stretch[:] = 0
        case 1:
            stretch[:] = 255
        case 2:
            stretch[:] = np.roll(stretch, 1 + int(generator.integers(8)))
        case 3:
            stretch[:] = generator.integers(0, 256, len(stretch))
        case 4:
            source = int(generator.integers(len(raw) - len(stretch) + 1))
            stretch[:] = raw[source : source + len(stretch)]
        case 5:
            stretch[generator.integers(len(stretch))] ^= 1 << generator.integers(8)
    return damaged


@pytest.mark.parametrize(
    ("name", "count"), [("new", 400), ("ordered", 200), ("0.1.0/ising_ordered.h5", 100)]
)
def test_no_random_damage_changes_what_is_read(tmp_path, files, name, count):
    path, header = tmp_path / "s.h5", files.header(shape=(32, 32), records=40)
    if name.endswith(".h5"):
        shutil.copy(Path(__file__).parent / "data" / name, path)
    else:
        files.write(path, header, spins=all_up(header) if name == "ordered" else None)
    raw, truth, refused = np.fromfile(path, dtype=np.uint8), everything(path), 0
    generator = np.random.default_rng(len(name))
    for _ in range(count):
        scattered(raw, generator).tofile(path)
        try:
            assert same(everything(path), truth)
        except InputError:
            refused += 1
    assert refused > count / 3  # most damage hits what is read


def all_seeds(path):
    with open_samples(path, temperature=2.0) as samples:
        return samples.read(0, samples.n), samples.observable("energy")


def test_no_random_damage_of_a_collection_changes_what_is_read(tmp_path):
    """Neither in the collection nor in its shards, which version 0.1.0 drew."""
    path = tmp_path / "grid" / "samples.h5"
    shutil.copytree(Path(__file__).parent / "data" / "0.1.0" / "collection", path.parent)
    truth, generator, refused = all_seeds(path), np.random.default_rng(6), 0
    for damaged in 3 * [path, *sorted(path.parent.glob("shards/*temperature=2.0.h5"))]:
        raw = np.fromfile(damaged, dtype=np.uint8)
        for _ in range(8):
            scattered(raw, generator).tofile(damaged)
            try:
                assert all(map(np.array_equal, all_seeds(path), truth))
            except InputError:
                refused += 1
        raw.tofile(damaged)
    assert refused > 35


def mcising(path, make):
    """A file in the layout of mcising whose configurations `make` puts into a group."""
    with h5py.File(path, "w") as file:
        group = file.create_group("T=2.0")
        group.attrs["temperature"] = 2.0
        make(group)
    return path


def half_written(group):
    shape = (10**12, 8, 8)
    spins = group.create_dataset("configurations", shape, "i1", chunks=(64, 8, 8))
    spins[:64] = 1


def linked(group):
    group["configurations"] = h5py.ExternalLink("real.h5", "/x")


def external(group):
    group.create_dataset("configurations", (4, 8, 8), "i1", external=[("raw.bin", 0, 256)])


def virtual(group):
    layout = h5py.VirtualLayout((4, 8, 8), "i1")
    layout[:] = h5py.VirtualSource("real.h5", "x", (4, 8, 8))
    group.create_virtual_dataset("configurations", layout)


ELSEWHERE = [
    (linked, r"'T=2.0/configurations' is a link to '/x' in the file 'real.h5', .* copy the data"),
    (external, "the values of '/T=2.0/configurations' lie in other files, which are not followed"),
    (virtual, "the values of '/T=2.0/configurations' lie in other files"),
    (half_written, r"has shape \(1000000000000, 8, 8\), but not all of its values were written"),
]


@pytest.mark.parametrize(("make", "message"), ELSEWHERE)
def test_values_that_are_not_in_the_file_are_refused(tmp_path, monkeypatch, make, message):
    """They could be anything tomorrow; values never written would be read as spins down."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw.bin").write_bytes(bytes(range(256)))
    with h5py.File("real.h5", "w") as file:
        file["x"] = np.ones((4, 8, 8), dtype="i1")
    with pytest.raises(InputError, match=message):
        open_samples(mcising(tmp_path / "foreign.h5", make))


def test_a_sample_file_of_links_is_refused(sample_file, tmp_path):
    def change(file):
        del file["spins"]
        file["spins"] = h5py.ExternalLink(str(sample_file), "/spins")

    with pytest.raises(InputError, match="'spins' is a link to '/spins' in the file"):
        open_samples(edited(sample_file, tmp_path, change))


def numpy_header(shape):
    text = f"{{'descr': '|i1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


SHAPES = ["(-1, 8, 8)", "(-4, -4, 4)", "(10000000000000000, 8, 8)", f"({10**25}, 1, 1)"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_arrays_of_impossible_extents_are_refused(tmp_path, shape, packed):
    content, path = numpy_header(shape) + b"\1" * 640, tmp_path / "a.npz"
    if packed:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("spins.npy", content)
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as a NumPy array"):
        open_samples(path)


def test_what_cannot_fit_into_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "bomb.npz", np.ones((4096, 64, 64), dtype=np.int8))
    monkeypatch.setattr(room, "free_memory", lambda: 10**6)
    with pytest.raises(InputError, match=r"bomb.npz, .* packed, needs about 17 MB of memory"):
        open_samples(tmp_path / "bomb.npz")
    np.save(tmp_path / "wide.npy", np.ones((1, 4096, 4096), dtype=np.int8))
    with pytest.raises(InputError, match=r"one configuration of .*wide.npy.* needs about 84 MB"):
        open_samples(tmp_path / "wide.npy")
