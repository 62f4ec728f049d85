"""The thread that draws ahead ends in time."""

import subprocess
import sys


def test_a_thread_that_nobody_closed_does_not_break_the_end_of_the_interpreter() -> None:
    code = (
        "import torch\n"
        "from rsmi.learning.prefetch import Prefetch\n"
        "def batches():\n"
        "    while True:\n"
        "        yield torch.randn(300, 300) @ torch.randn(300, 300)\n"
        "kept = [Prefetch(batches(), 4) for _ in range(4)]\n"
        "next(kept[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
