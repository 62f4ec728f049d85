#!/usr/bin/env bash
# Checks and times the Triton samplers, the learning of rules, exponents that are measured while they
# are drawn, and the training of maze networks on a CUDA device, in less than 8 minutes. Needs torch
# with CUDA, triton, numba, numpy, scipy and pytest in $PYTHON (python3 unless set), and for learning
# and mazes pytorch_lightning and h5py; what is missing is said, and the rest runs.
set -uo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
python="${PYTHON:-python3}"
"$python" -c "import sys, torch, triton, numba, numpy; print(sys.version.split()[0], \
*(f'{m.__name__} {m.__version__}' for m in (torch, triton, numba, numpy)))"
# Warnings of other versions of the libraries are no failure here.
limited() {
    timeout "$1" "$python" "${@:2}" || echo "FAILED, OR TOOK MORE THAN $1 S: ${*:2}"
}
limited 110 -m pytest -q -p no:cacheprovider -o filterwarnings=default tests/sampling/test_triton.py \
    tests/sampling/test_reproducibility.py tests/renormalization/test_device.py -k "triton or cuda or device"
limited 60 benchmarks/gpu_samplers.py
limited 80 benchmarks/gpu_learning.py
limited 110 benchmarks/gpu_exponents.py 80
limited 115 benchmarks/gpu_mazes.py cuda
