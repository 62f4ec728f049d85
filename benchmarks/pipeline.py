"""The whole of `rsmi run configs/ising2d.yaml`, as a user starts it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from measurement import SCRATCH, Measurement, seconds

PEER = "plain majority Monte Carlo RG (quoted): 55 s, y_t .9975(43), y_h 1.8746(5), no rule learned"
CONFIG = Path(__file__).parents[1] / "configs" / "ising2d.yaml"


def main() -> Measurement:
    out = SCRATCH / "ising2d"
    shutil.rmtree(out, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("rsmi")), "run", str(CONFIG), "--out", str(out)]
    time = seconds(lambda: subprocess.run(command, check=True, capture_output=True))
    found = {q["name"]: q for q in json.loads((out / "result.json").read_text())["quantities"]}
    y_t, y_h, learned, null, optimum = (
        found[name]
        for name in (
            "exponents.y_t",
            "exponents.y_h",
            "information.learned",
            "information.learned.null",
            "information.exact.optimum",
        )
    )
    return Measurement(
        f"{time:.0f} s; y_t {text(y_t)}, y_h {text(y_h)}; I(H:E) >= {text(learned)}, exact optimum "
        f"{text(optimum)}, null {text(null)}",
        PEER,
        f"information {learned['value'] / optimum['value']:.3f} of the optimum",
    )


def text(quantity: dict[str, float]) -> str:
    return f"{quantity['value']:.5f} +- {quantity['error']:.5f}"
