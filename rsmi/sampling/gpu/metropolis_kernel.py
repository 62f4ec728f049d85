# mypy: ignore-errors
# A kernel is Triton's language, not Python: its arguments are pointers and blocks.
"""Triton kernels for bit-packed Metropolis sweeps; the algorithm is that of `multispin_kernel`."""

import triton
import triton.language as tl

from rsmi.sampling.acceptance import DIGITS
from rsmi.sampling.multispin_kernel import CALL_BITS, FIRST_CALLS, PLANES

_CALL_BITS = tl.constexpr(CALL_BITS)
_FIRST_CALLS = tl.constexpr(FIRST_CALLS)
_PLANES = tl.constexpr(PLANES)
_TOP = tl.constexpr(DIGITS - 1)
_ALL = tl.constexpr(0xFFFFFFFF)


@triton.jit
def _load(pointers, mask):
    """Words as unsigned numbers, so that shifts bring in zeros."""
    return tl.load(pointers, mask=mask, other=0).to(tl.uint32, bitcast=True)


@triton.jit
def _digit(tables, first, place, one, two, three):
    """Digit at this place of the probability of every lane."""
    shift = _TOP - place
    change0 = (0 - ((tl.load(tables + first) >> shift) & 1)).to(tl.uint32)
    change1 = (0 - ((tl.load(tables + first + 1) >> shift) & 1)).to(tl.uint32)
    change2 = (0 - ((tl.load(tables + first + 2) >> shift) & 1)).to(tl.uint32)
    change3 = (0 - ((tl.load(tables + first + 3) >> shift) & 1)).to(tl.uint32)
    return change0 ^ (one & change1) ^ (two & change2) ^ (three & change3)


@triton.jit
def _compare(tables, place, bits, one, two, three, undecided, accepted):
    """Compare one more random bit of every lane."""
    digit = _digit(tables, 0, place, one, two, three)
    differs = digit ^ bits
    return undecided & (differs ^ _ALL), accepted | (undecided & differs & digit)


@triton.jit
def _call(tables, call, m, sweep, stream, one, two, three, undecided, accepted):
    """Draw four random bits of every lane and compare them."""
    seed = tl.load(tables + 8)
    c0 = m.to(tl.uint32)
    c1 = (m >> 32).to(tl.uint32) | (call << _CALL_BITS).to(tl.uint32)
    c2 = (sweep + tl.zeros_like(m)).to(tl.uint32)
    c3 = (((sweep >> 32) << 8 | stream) + tl.zeros_like(m)).to(tl.uint32)
    a, b, c, d = tl.philox(seed, c0, c1, c2, c3)
    place = call * _PLANES
    undecided, accepted = _compare(tables, place, a, one, two, three, undecided, accepted)
    undecided, accepted = _compare(tables, place + 1, b, one, two, three, undecided, accepted)
    undecided, accepted = _compare(tables, place + 2, c, one, two, three, undecided, accepted)
    undecided, accepted = _compare(tables, place + 3, d, one, two, three, undecided, accepted)
    following = tl.minimum(place + 4, _TOP)
    undecided = undecided & _digit(tables, 4, following, one, two, three)
    return tl.where(place + 4 > _TOP, 0, undecided).to(tl.uint32), accepted


@triton.jit
def _count(one, two, three, bond):
    """Add one bond to the unary counts."""
    return one | bond, two | (one & bond), three | (two & bond)


@triton.jit
def _side(other, parity, row, inside, column, width, colour, here, TURN: tl.constexpr):
    """Word after or before each one along its row, turned where that is in the next lane."""
    forward = tl.load(parity + inside, mask=here, other=0) != colour
    reached = column + tl.where(forward, 1, -1)
    beyond, before = reached == width, reached < 0
    reached = tl.where(beyond, 0, tl.where(before, width - 1, reached))
    side = _load(other + row * width + reached, here)
    if TURN:
        up, down = (side >> 1) | (side << 31), (side << 1) | (side >> 31)
        side = tl.where(beyond, up, tl.where(before, down, side))
    return side


@triton.jit
def _unsatisfied(
    mine, other, next_rows, parity, sense, n, here, rows, width, colour,
    AXES: tl.constexpr, TURN: tl.constexpr,
):  # fmt: skip
    """Lanes with at least one, two, three unsatisfied bonds."""
    row = n // width
    column = (n - row * width).to(tl.int32)
    inside = (row % rows).to(tl.int32)
    zero = tl.zeros_like(mine)
    one, two, three = _count(zero, zero, zero, _load(other + n, here) ^ mine ^ sense)
    side = _side(other, parity, row, inside, column, width, colour, here, TURN)
    one, two, three = _count(one, two, three, side ^ mine ^ sense)
    for axis in tl.static_range(2 * AXES - 2):
        step = tl.load(next_rows + axis * rows + inside, mask=here, other=0)
        near = _load(other + (row - inside + step) * width + column, here)
        one, two, three = _count(one, two, three, near ^ mine ^ sense)
    return one, two, three


@triton.jit
def _decide(tables, m, sweep, stream, one, two, three, here):
    """Lanes whose flip is accepted; all words of a block wait for the last undecided one."""
    undecided = tl.where(here, _ALL, 0).to(tl.uint32)
    accepted = tl.zeros_like(one)
    call = tl.full((), 0, tl.int32)
    for _ in tl.static_range(_FIRST_CALLS):
        undecided, accepted = _call(
            tables, call, m, sweep, stream, one, two, three, undecided, accepted
        )
        call += 1
    left = tl.max((undecided != 0).to(tl.int32))
    while left > 0:
        undecided, accepted = _call(
            tables, call, m, sweep, stream, one, two, three, undecided, accepted
        )
        call += 1
        left = tl.max((undecided != 0).to(tl.int32))
    return accepted


@triton.jit
def _update(
    words, next_rows, parity, tables, total, first, last, rows, width, colour, sweep, stream,
    AXES: tl.constexpr, TURN: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Update the words of one colour with numbers first, ..., last - 1 that the block reaches."""
    n = first + tl.arange(0, BLOCK).to(tl.int64)
    here = n < last
    mine = _load(words + colour * total + n, here)
    other = words + (1 - colour) * total
    sense = tl.load(tables + 9).to(tl.uint32)
    one, two, three = _unsatisfied(
        mine, other, next_rows, parity, sense, n, here, rows, width, colour, AXES, TURN
    )
    accepted = _decide(tables, 2 * n + colour, sweep, stream, one, two, three, here)
    flipped = (mine ^ accepted).to(tl.int32, bitcast=True)
    tl.store(words + colour * total + n, flipped, mask=here)


@triton.jit(do_not_specialize=["colour", "first_sweep"])
def update_colour(
    words, next_rows, parity, tables, total, rows, width, colour, first_sweep, stream,
    AXES: tl.constexpr, TURN: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Half a sweep: all words of one colour, one block for each program."""
    _update(
        words, next_rows, parity, tables, total, tl.program_id(0).to(tl.int64) * BLOCK, total,
        rows, width, colour, tl.full((), first_sweep, tl.int64), stream, AXES, TURN, BLOCK,
    )  # fmt: skip


@triton.jit(do_not_specialize=["first_sweep", "sweeps"])
def sweep_groups(
    words, next_rows, parity, tables, total, rows, width, first_sweep, sweeps, stream,
    AXES: tl.constexpr, TURN: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Many sweeps of small lattices: each program keeps one group of lanes to itself."""
    size = rows * width
    start = tl.program_id(0).to(tl.int64) * size
    for number in range(sweeps):
        sweep = tl.full((), first_sweep, tl.int64) + number
        for colour in tl.static_range(2):
            for offset in range(0, size, BLOCK):
                _update(
                    words, next_rows, parity, tables, total, start + offset, start + size,
                    rows, width, colour, sweep, stream, AXES, TURN, BLOCK,
                )  # fmt: skip
            # The next colour reads what the other threads of this program have written.
            tl.debug_barrier()


@triton.jit
def _place(n, colour, parity, rows, width, group_step, row_step):
    """Address of the spin of lane 0 in each word."""
    row = n // width
    inside = (row % rows).to(tl.int32)
    odd = tl.load(parity + inside) ^ colour
    return (row // rows) * group_step + inside * row_step + 2 * (n % width) + odd


@triton.jit
def pack_words(
    spins, words, parity, total, sites, rows, width, group_step, lane_step, row_step,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Set the bit of each spin that is up; the second axis of the grid is the colour."""
    colour = tl.program_id(1)
    n = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = n < total
    place = _place(tl.where(here, n, 0), colour, parity, rows, width, group_step, row_step)
    word = tl.zeros([BLOCK], tl.int32)
    for lane in range(32):
        up = tl.load(spins + place, mask=here & (place < sites), other=-1) > 0
        word |= up.to(tl.int32) << lane
        place += lane_step  # a sum in 64 bits; lane times lane_step may not fit into 32
    tl.store(words + colour * total + n, word, mask=here)


@triton.jit
def unpack_words(
    spins, words, parity, total, sites, rows, width, group_step, lane_step, row_step,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Undo `pack_words`."""
    colour = tl.program_id(1)
    n = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = n < total
    place = _place(tl.where(here, n, 0), colour, parity, rows, width, group_step, row_step)
    word = tl.load(words + colour * total + n, mask=here, other=0)
    for lane in range(32):
        value = (2 * ((word >> lane) & 1) - 1).to(tl.int8)
        tl.store(spins + place, value, mask=here & (place < sites))
        place += lane_step
