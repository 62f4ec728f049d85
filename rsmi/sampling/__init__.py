"""Models, their Monte Carlo updates on CPU and GPU, and the diagnostics of the chains."""

from rsmi.sampling.autocorrelation import (
    Correlation,
    autocorrelation_time,
    correlation,
    effective_samples,
    jackknife,
    mean_estimate,
)
from rsmi.sampling.base import ChainSampler
from rsmi.sampling.chains import measure_sweeps, observables, sample_blocks
from rsmi.sampling.equilibration import EquilibrationReport, equilibrate
from rsmi.sampling.families import System
from rsmi.sampling.interface import Model, Sampler
from rsmi.sampling.ising import CRITICAL_COUPLING, Ising
from rsmi.sampling.metropolis import Metropolis
from rsmi.sampling.multispin import Multispin
from rsmi.sampling.order import Order, OrderReport, order_report
from rsmi.sampling.percolation import Percolation
from rsmi.sampling.random import Stream, check_seed, fill_uint64, philox4x32
from rsmi.sampling.registry import find_update, registry
from rsmi.sampling.select import Update
from rsmi.sampling.swendsen_wang import SwendsenWang
from rsmi.sampling.torch_random import philox_words
from rsmi.sampling.wolff import Wolff

__all__ = [
    "CRITICAL_COUPLING",
    "ChainSampler",
    "Correlation",
    "EquilibrationReport",
    "Ising",
    "Metropolis",
    "Model",
    "Multispin",
    "Order",
    "OrderReport",
    "Percolation",
    "Sampler",
    "Stream",
    "SwendsenWang",
    "System",
    "Update",
    "Wolff",
    "autocorrelation_time",
    "check_seed",
    "correlation",
    "effective_samples",
    "equilibrate",
    "fill_uint64",
    "find_update",
    "jackknife",
    "mean_estimate",
    "measure_sweeps",
    "observables",
    "order_report",
    "philox4x32",
    "philox_words",
    "registry",
    "sample_blocks",
]
