#!/usr/bin/env bash
# Checks and times the Triton samplers on a CUDA device, in less than 8 minutes.
# Needs torch with CUDA, triton, numba, numpy, scipy and pytest in $PYTHON (python3 unless set).
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
python="${PYTHON:-python3}"
"$python" -c "import sys, torch, triton, numba, numpy; print(sys.version.split()[0], \
*(f'{m.__name__} {m.__version__}' for m in (torch, triton, numba, numpy)))"
# Warnings of other versions of the libraries are no failure here.
timeout 240 "$python" -m pytest -q -p no:cacheprovider -o filterwarnings=default \
    tests/sampling/test_triton.py "tests/sampling/test_reproducibility.py" -k "triton or cuda" \
    || echo "CHECKS FAILED OR TOOK MORE THAN 240 S"
timeout 220 "$python" benchmarks/gpu_samplers.py
