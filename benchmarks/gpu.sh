#!/usr/bin/env bash
# Checks and times the Triton samplers on a CUDA device, in less than 8 minutes.
# Needs torch with CUDA, triton, numba, numpy, scipy and pytest in $PYTHON (python3 unless set).
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
python="${PYTHON:-python3}"
timeout 180 "$python" -m pytest -q -p no:cacheprovider \
    tests/sampling/test_triton.py tests/sampling/test_reproducibility.py || echo "CHECKS FAILED"
timeout 280 "$python" benchmarks/gpu_samplers.py
