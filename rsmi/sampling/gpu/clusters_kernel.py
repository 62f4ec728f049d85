# mypy: ignore-errors
# A kernel is Triton's language, not Python: its arguments are pointers and blocks.
"""Triton kernels for batched Swendsen-Wang: bonds, union-find with atomics, flips.

The bits and their use are those of `rsmi.sampling.clusters`, so are the clusters: labels are
smallest site numbers. Stale labels do no harm: `atomic_min` returns the value that was really
there, and the union goes on from it.

Source: Playne, Hawick (2018), A new algorithm for parallel connected-component labelling on GPUs,
IEEE Trans. Parallel Distrib. Syst. 29, 1217.
"""

import triton
import triton.language as tl

from rsmi.sampling.clusters import BOND_BITS

_CHANCE = tl.constexpr(2**BOND_BITS - 1)
_TOP_BIT = tl.constexpr(31)
_SIGN = tl.constexpr(7)


@triton.jit
def _site(total, BLOCK: tl.constexpr):
    """Sites of all chains that this program treats."""
    n = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    return n, n < total


@triton.jit
def _root(labels, base, site, here):
    """Smallest site of the tree of each site."""
    parent = tl.load(labels + base + site, mask=here, other=0, cache_modifier=".cg")
    parent = tl.where(here, parent, site)
    while tl.max((parent != site).to(tl.int32)) > 0:
        site = parent
        parent = tl.load(labels + base + site, mask=here, other=0, cache_modifier=".cg")
        parent = tl.where(here, parent, site)
    return site


@triton.jit(do_not_specialize=["sweep"])
def draw_bonds(
    spins, bits, labels, forward, seed, total, sites, threshold, sweep, stream,
    AXES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Bit a of a site is its forward bond along axis a, bit 7 its random sign; labels begin."""
    n, here = _site(total, BLOCK)
    chain = n // sites
    site = (n - chain * sites).to(tl.int32)
    spin = tl.load(spins + n, mask=here, other=0)
    padded = sites + sites % 2
    number = tl.full((), sweep, tl.int64)
    zero = tl.zeros([BLOCK], tl.int64)
    found = tl.zeros([BLOCK], tl.int32)
    for word in tl.static_range((AXES + 1) // 2):
        place = site.to(tl.int64) + word * padded
        a, b, c, d = tl.philox(
            tl.load(seed), (place >> 1).to(tl.uint32), chain.to(tl.uint32),
            (number + zero).to(tl.uint32), (((number >> 32) << 8 | stream) + zero).to(tl.uint32),
        )  # fmt: skip
        odd = (place & 1) != 0
        low, high = tl.where(odd, c, a), tl.where(odd, d, b)
        if word == 0:
            found |= ((high >> _TOP_BIT) & 1).to(tl.int32) << _SIGN
        for half in tl.static_range(2):
            if 2 * word + half < AXES:
                axis = 2 * word + half
                near = tl.load(forward + axis * sites + site, mask=here, other=0)
                same = tl.load(spins + chain * sites + near, mask=here, other=0) == spin
                chance = ((high if half == 1 else low) & _CHANCE).to(tl.int64)
                found |= (same & (chance < threshold)).to(tl.int32) << axis
    tl.store(bits + n, found.to(tl.uint8), mask=here)
    tl.store(labels + n, site, mask=here)


@triton.jit
def merge(bits, labels, forward, total, sites, AXES: tl.constexpr, BLOCK: tl.constexpr):
    """Join the trees of bonded sites; a root always gets a smaller parent."""
    n, here = _site(total, BLOCK)
    base = (n // sites) * sites
    site = (n - base).to(tl.int32)
    bonds = tl.load(bits + n, mask=here, other=0).to(tl.int32)
    for axis in tl.static_range(AXES):
        active = here & (((bonds >> axis) & 1) != 0)
        a = site
        b = tl.load(forward + axis * sites + site, mask=active, other=0)
        b = tl.where(active, b, a)
        while tl.max(active.to(tl.int32)) > 0:
            a = _root(labels, base, a, active)
            b = _root(labels, base, b, active)
            a, b = tl.maximum(a, b), tl.minimum(a, b)
            active = active & (a != b)
            seen = tl.atomic_min(labels + base + a, b, mask=active, sem="relaxed")
            active = active & (seen != a)
            a = tl.where(active, seen, a)


@triton.jit
def choose_signs(bits, labels, signs, total, sites, length, BLOCK: tl.constexpr):
    """A root takes the random sign at the end of the run of bonds that begins with it."""
    n, here = _site(total, BLOCK)
    base = (n // sites) * sites
    site = (n - base).to(tl.int32)
    is_root = here & (tl.load(labels + n, mask=here, other=-1) == site)
    found = tl.load(bits + n, mask=is_root, other=0).to(tl.int32)
    going = is_root & ((found & 1) != 0) & (site % length != length - 1)
    while tl.max(going.to(tl.int32)) > 0:
        site += going.to(tl.int32)
        found = tl.load(bits + base + site, mask=is_root, other=0).to(tl.int32)
        going = going & ((found & 1) != 0) & (site % length != length - 1)
    sign = 1 - 2 * ((found >> _SIGN) & 1)
    tl.store(signs + n, sign.to(tl.int8), mask=is_root)


@triton.jit
def flip(spins, labels, signs, total, sites, BLOCK: tl.constexpr):
    """Give every spin the sign of its cluster."""
    n, here = _site(total, BLOCK)
    base = (n // sites) * sites
    root = _root(labels, base, (n - base).to(tl.int32), here)
    sign = tl.load(signs + base + root, mask=here, other=1)
    spin = tl.load(spins + n, mask=here, other=1)
    tl.store(spins + n, (spin * sign).to(tl.int8), mask=here)
