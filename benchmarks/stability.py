"""Stability matrix over 60 000 configurations of 64 x 64: 5 even, 3 odd couplings, all levels."""

from measurement import WORKERS, Measurement, critical_samples, seconds

from rsmi.learning import majority
from rsmi.renormalization import MCRGResult, renormalise
from rsmi.storage import Samples, open_samples, split

PEER = "plain majority Monte Carlo RG (quoted): 55 s with sampling, y_t .9975(43), y_h 1.8746(5)"


def main() -> Measurement:
    path = critical_samples(64, 938)
    with open_samples(path) as samples:
        analyse(split(samples, (0.05, 0.95))[0])  # compiles
        found: list[MCRGResult] = []
        time = seconds(lambda: found.append(analyse(samples)))
    y_t, y_h = (found[0].exponents[name] for name in ("y_t", "y_h"))
    return Measurement(
        f"{time:.1f} s; y_t {y_t.value} (statistical {y_t.statistical:.4f}), "
        f"y_h {y_h.value} (statistical {y_h.statistical:.4f})",
        PEER,
        f"statistical error of y_t {y_t.statistical / 0.0043:.2f}, "
        f"of y_h {y_h.statistical / 0.0005:.2f}",
    )


def analyse(samples: Samples) -> MCRGResult:
    return renormalise(samples, majority((2, 2)), n_even=5, n_odd=3, workers=WORKERS)
