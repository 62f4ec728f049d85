"""What a second core is worth on this machine, for work that fills a core and for work that waits.

Hardware threads of one core share its execution units: a loop of independent operations gains
little from the second one, a loop of operations that wait for each other gains all of it.
"""

import threading
from collections.abc import Callable

import numpy as np
from measurement import WORKERS, Measurement, seconds
from numba import njit

STEPS, RUNS = 1_000_000_000, 7


@njit(nogil=True)
def independent(steps: int, seed: int) -> np.uint64:
    """Six shifts a step that do not wait for each other: bound by execution units."""
    a, b, c = np.uint64(seed), np.uint64(seed + 1), np.uint64(seed + 2)
    d, e, f = np.uint64(seed + 3), np.uint64(seed + 4), np.uint64(seed + 5)
    for _ in range(steps):
        a ^= a << np.uint64(13)
        b ^= b >> np.uint64(7)
        c ^= c << np.uint64(17)
        d ^= d << np.uint64(13)
        e ^= e >> np.uint64(7)
        f ^= f << np.uint64(17)
    return a ^ b ^ c ^ d ^ e ^ f


@njit(nogil=True)
def waiting(steps: int, seed: int) -> np.uint64:
    """One multiplication a step that needs the one before: bound by its latency."""
    a = np.uint64(seed)
    for _ in range(steps):
        a = a * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
    return a


def main() -> Measurement:
    full, idle = gain(independent), gain(waiting)
    return Measurement(
        f"{WORKERS} threads do {full:.2f} times the work of one where each fills its core",
        f"{idle:.2f} times where each waits for its own results",
        f"{full / idle:.2f}",
    )


def gain(work: Callable[[int, int], object]) -> float:
    """Work done by several threads in the time in which one does its part."""
    work(1, 1)
    alone = seconds(lambda: work(STEPS, 1), RUNS)
    return WORKERS * alone / seconds(lambda: together(work), RUNS)


def together(work: Callable[[int, int], object]) -> None:
    threads = [threading.Thread(target=work, args=(STEPS, seed)) for seed in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    print(main())
