import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.sampling import Stream, check_seed, fill_uint64, philox4x32, philox_words

ONES = 0xFFFFFFFF
PI = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0)
KNOWN = [  # Random123, kat_vectors, philox4x32 10
    ((0,) * 6, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 6, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (PI, (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]
LARGE_SWEEP = 2**40 + 5
SEED = 2**63 + 12345


@pytest.mark.parametrize(("arguments", "expected"), KNOWN)
def test_philox_known_answers(arguments: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert tuple(int(word) for word in philox4x32(*arguments)) == expected


def address(sweep: int, stream: int) -> tuple[int, int]:
    return sweep & ONES, (sweep >> 32) << 8 | stream


@pytest.mark.parametrize("sweep", [3, LARGE_SWEEP])
def test_fill_is_the_scalar_generator(sweep: int) -> None:
    words = np.empty(50, dtype=np.uint64)
    fill_uint64(words, 10, 7, sweep, int(Stream.METROPOLIS), np.uint64(SEED))
    for i in range(25):
        four = philox4x32(5 + i, 7, *address(sweep, 2), SEED & ONES, SEED >> 32)
        a, b, c, d = (int(word) for word in four)
        assert int(words[2 * i]) == a | b << 32
        assert int(words[2 * i + 1]) == c | d << 32


def test_fill_in_parts_is_fill_at_once() -> None:
    whole, part = np.empty(64, dtype=np.uint64), np.empty(40, dtype=np.uint64)
    fill_uint64(whole, 0, 1, 2, 3, np.uint64(4))
    fill_uint64(part, 24, 1, 2, 3, np.uint64(4))
    assert (whole[24:] == part).all()


@pytest.mark.parametrize("sweep", [3, LARGE_SWEEP])
def test_torch_words_are_the_scalar_generator(sweep: int) -> None:
    words = philox_words(10, 3, sweep, Stream.METROPOLIS, SEED, torch.device("cpu"))
    for chain in range(3):
        for site in range(10):
            four = philox4x32(site // 4, chain, *address(sweep, 2), SEED & ONES, SEED >> 32)
            assert words[chain, site] == int(four[site % 4])


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seed_must_fit(seed: int) -> None:
    with pytest.raises(InputError, match=rf"seed is {seed}; expected 0 <= seed < 2\*\*64"):
        check_seed(seed)
