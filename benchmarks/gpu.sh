#!/usr/bin/env bash
# Checks and times the Triton samplers, exponents and the learning of rules on a CUDA device, in
# less than 10 minutes. Needs torch with CUDA, triton, numba, numpy, scipy and pytest in $PYTHON (python3 unless
# set), and for the learning pytorch_lightning and h5py; what is missing is said, and the rest runs.
set -uo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
python="${PYTHON:-python3}"
"$python" -c "import sys, torch, triton, numba, numpy; print(sys.version.split()[0], \
*(f'{m.__name__} {m.__version__}' for m in (torch, triton, numba, numpy)))"
# Warnings of other versions of the libraries are no failure here.
timeout 180 "$python" -m pytest -q -p no:cacheprovider -o filterwarnings=default \
    tests/sampling/test_triton.py "tests/sampling/test_reproducibility.py" \
    tests/renormalization/test_device.py -k "triton or cuda or kernels" \
    || echo "CHECKS FAILED OR TOOK MORE THAN 180 S"
timeout 130 "$python" benchmarks/gpu_samplers.py || echo "SAMPLERS FAILED OR TOOK MORE THAN 130 S"
timeout 100 "$python" benchmarks/gpu_exponents.py 70 || echo "EXPONENTS FAILED OR TOOK MORE THAN 100 S"
timeout 160 "$python" benchmarks/gpu_learning.py || echo "LEARNING FAILED OR TOOK MORE THAN 160 S"
