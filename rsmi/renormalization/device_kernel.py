# mypy: ignore-errors
# A kernel is Triton's language, not Python: its arguments are pointers and blocks.
"""Triton kernels that coarse-grain spins and sum interactions where the spins were drawn.

The random numbers and the bits are those of the compiled loops of the CPU, so are the results.
"""

import triton
import triton.language as tl

_BITS = tl.constexpr(32)


# Specialised, an argument that is 1 is no number of the kernel but one of Python.
@triton.jit(do_not_specialize=["first", "level", "images", "n_blocks"])
def apply_rule(
    spins, sites, thresholds, seed, out, total, n_sites, n_blocks, images, first, level, stream,
    NV: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One coarse spin of each block of (configurations, images, sites), as `BitRule.apply`."""
    n = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = n < total
    per = images * n_blocks
    c = n // per
    address = n - c * per
    image = address // n_blocks
    block = address - image * n_blocks
    base = (c * images + image) * n_sites
    state = tl.zeros([BLOCK], tl.int32)
    for i in tl.static_range(NV):
        site = tl.load(sites + block * NV + i, mask=here, other=0)
        state |= (tl.load(spins + base + site, mask=here, other=0) > 0).to(tl.int32) << i
    number = c + first
    upper = (((number >> 32) << 8) | level).to(tl.uint32)
    w0, w1, w2, w3 = tl.philox(
        tl.load(seed), (address >> 2).to(tl.uint32), number.to(tl.uint32), upper,
        (stream + tl.zeros_like(n)).to(tl.uint32),
    )  # fmt: skip
    which = address & 3
    word = tl.where(which < 2, tl.where(which == 0, w0, w1), tl.where(which == 2, w2, w3))
    plus = word.to(tl.int64) < tl.load(thresholds + state, mask=here, other=0)
    tl.store(out + n, tl.where(plus, 1, -1).to(tl.int8), mask=here)


@triton.jit
def pack_rows(spins, words, total, length, reach, row_words, BLOCK: tl.constexpr):
    """Rows as bits that are set where a spin is -1; `reach` of them again behind the end."""
    n = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = n < total
    row = n // row_words
    begin = ((n - row * row_words) * _BITS).to(tl.int32)
    word = tl.zeros([BLOCK], tl.int32)
    for bit in range(_BITS):
        x = begin + bit
        inside = here & (x < length + reach)
        spin = tl.load(spins + row * length + x % length, mask=inside, other=1)
        word |= (spin < 0).to(tl.int32) << bit
    tl.store(words + n, word, mask=here)


@triton.jit
def _shifted(words, lattice, rows, plane, shift, r, w, n_rows, row_words, here):
    """Words of the lattice shifted by the offset of a plane; behind the end of a row rubbish."""
    row = tl.load(rows + plane * n_rows + r, mask=here, other=0)
    at = words + (lattice * n_rows + row) * row_words + w
    low = tl.load(at, mask=here, other=0).to(tl.uint32, bitcast=True)
    high = tl.load(at + 1, mask=here, other=0).to(tl.uint32, bitcast=True)
    # Two steps, because a shift by 32 is not defined.
    return (low >> shift) | ((high << 1) << (31 - shift))


@triton.jit
def _popcount(word):
    """Number of set bits of unsigned words."""
    word = word - ((word >> 1) & 0x55555555)
    word = (word & 0x33333333) + ((word >> 2) & 0x33333333)
    word = (word + (word >> 4)) & 0x0F0F0F0F
    return ((word * 0x01010101) >> 24).to(tl.int32)


@triton.jit
def sum_products(
    words, rows, shifts, planes, begins, out, n_rows, n_words, row_words, length, sites,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Sum one interaction over one lattice; the first axis of the grid is the lattice."""
    lattice, interaction = tl.program_id(0).to(tl.int64), tl.program_id(1)
    first, last = tl.load(begins + interaction), tl.load(begins + interaction + 1)
    minus = tl.zeros([BLOCK], tl.int32)
    for offset in range(0, n_rows * n_words, BLOCK):
        n = offset + tl.arange(0, BLOCK)
        here = n < n_rows * n_words
        r = n // n_words
        w = n - r * n_words
        inside = tl.minimum(length - w * _BITS, _BITS)  # bits of the word that belong to the row
        mask = ((2 << (inside - 1)) - 1).to(tl.uint32)
        mask = tl.where(here, mask, 0).to(tl.uint32)
        for t in range(first, last):
            product = tl.zeros([BLOCK], tl.uint32)
            for spin in range(tl.load(planes + 5 * t)):
                plane = tl.load(planes + 5 * t + 1 + spin)
                shift = tl.load(shifts + plane).to(tl.uint32)
                product ^= _shifted(
                    words, lattice, rows, plane, shift, r, w, n_rows, row_words, here
                )
            minus += _popcount(product & mask)
    value = (last - first).to(tl.int64) * sites - 2 * tl.sum(minus.to(tl.int64))
    tl.store(out + lattice * tl.num_programs(1) + interaction, value)
