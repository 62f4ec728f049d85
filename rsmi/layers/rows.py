"""From codes and kept rows to the quantities of each layer."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from rsmi.information import Estimate
from rsmi.layers.accumulate import Collected
from rsmi.layers.autoregressive import Training
from rsmi.layers.bounds import Sample, label_interval, sampled_quantities
from rsmi.layers.certificates import Kept, certified, label_bound
from rsmi.layers.counting import Labels, label_entropy
from rsmi.layers.estimators import Estimators, KeptRows, estimator_column
from rsmi.layers.followed import Followed
from rsmi.layers.inputs import Inputs
from rsmi.layers.interval import Interval
from rsmi.layers.noisy_information import noisy_information
from rsmi.layers.quantised import Quantise
from rsmi.layers.report import LayerRow, Value
from rsmi.layers.selection import layer_names
from rsmi.layers.setting import WITHOUT_LABELS, LayerKind, Setting

_SHUFFLE_SEED = 20180101
_NOISY_ROWS = 4096
_NOISY_BATCH = 512


@dataclass(frozen=True)
class Rows:
    """Builds one row per layer.

    Args:
        model: The network measured.
        inputs: What it was measured on.
        found: Codes and kept rows.
        setting: Kinds of the layers.
        training: Options of networks for tighter values of samples; None for counts.
        estimators: Columns of estimators.
    """

    model: nn.Module
    inputs: Inputs
    found: Collected
    setting: Setting
    training: Training | None
    estimators: Estimators | None

    def row(self, name: str) -> LayerRow:
        """One layer, without the quantities that are not defined for it."""
        kind = self.setting.kind(self.model, name)
        refused = dict(self.setting.undefined(kind))
        quantities = {k: v for k, v in self._quantities(name, kind).items() if k not in refused}
        column = self._column(name) if self.estimators else {}
        return LayerRow(name, kind, self.found.layers[name].width, quantities, refused, column)

    def entropy_y(self) -> Value | None:
        """H(Y), exact for a finite set."""
        if not self.found.labelled:
            return None
        y = self.found.y
        if self.inputs.kind == "finite":
            return Interval.exact(label_entropy(y, self.found.weights))
        return label_interval(y[self._order], np.zeros_like(y), self.inputs.chains or 1)

    def log_capacity(self, name: str) -> float:
        """ln of the number of values of a quantised layer; infinite for others."""
        module = layer_names(self.model)[name.split(":")[0]]
        last = module.after if isinstance(module, Followed) else module
        if not isinstance(last, Quantise):
            return math.inf
        return self.found.layers[name].width * math.log(last.levels)

    def _quantities(self, name: str, kind: LayerKind) -> Mapping[str, Value]:
        if kind == "noisy":
            return self._noisy(name)
        if self.inputs.kind == "finite":
            values = self.found.counted(name).quantities()
            wanted = values if self.found.labelled else WITHOUT_LABELS
            return {q: Interval.exact(values[q]) for q in wanted}
        sample = self._sample(name)
        if not len(self.found.kept):
            return sampled_quantities(sample)
        return certified(sample, self._kept(name), self.training)

    def _noisy(self, name: str) -> dict[str, Value]:
        information = self._noisy_information[name]
        result: dict[str, Value] = {"I(X;T)": information}
        known = self.inputs.entropy
        if known is not None:
            total = Interval(
                Estimate(known.value, known.error, "lower"),
                Estimate(known.value, known.error, "upper"),
            )
            result["H(X|T)"] = information.subtracted_from(total).within(0.0, known.value)
        total_y = self.entropy_y()
        if self.training and isinstance(total_y, Interval):
            upper = label_bound(self._kept(name), self.training)
            forgotten = Interval(Estimate(0.0, 0.0, "lower"), upper)
            result["H(Y|T)"] = forgotten
            kept = forgotten.subtracted_from(total_y)
            result["I(T;Y)"] = kept.within(0.0, total_y.upper.value)
        return result

    @cached_property
    def _noisy_information(self) -> dict[str, Interval]:
        return noisy_information(self.model, self._draws(), batch=self._noisy_batch())

    def _noisy_batch(self) -> int:
        return min(_NOISY_BATCH, len(self.found.kept) // 2)

    def _draws(self) -> Tensor:
        """Independent samples of X from the kept rows."""
        generator = torch.Generator().manual_seed(_SHUFFLE_SEED)
        if self.inputs.kind == "finite":
            weights = torch.from_numpy(self.found.weights[self.found.kept])
            chosen = torch.multinomial(weights, _NOISY_ROWS, True, generator=generator)
        else:
            chosen = torch.randperm(len(self.found.kept), generator=generator)[:_NOISY_ROWS]
        return self.found.kept_x[chosen]

    @cached_property
    def _order(self) -> Labels:
        """Rows as the chains gave them, or shuffled where they are independent."""
        n = len(self.found.x)
        if self.inputs.chains is not None:
            return np.arange(n)
        return np.random.default_rng(_SHUFFLE_SEED).permutation(n)

    def _sample(self, name: str) -> Sample:
        order, found = self._order, self.found
        return Sample(
            found.x[order],
            found.y[order] if found.labelled else None,
            found.layers[name].labels()[order],
            self.inputs.chains or 1,
            self.inputs.entropy,
            self.log_capacity(name),
        )

    def _kept(self, name: str) -> Kept:
        found, chains = self.found, self.inputs.chains
        order = np.arange(len(found.kept))
        if chains is None:
            order = np.random.default_rng(_SHUFFLE_SEED).permutation(len(order))
        stride = int(found.kept[1] - found.kept[0]) if len(found.kept) > 1 else 1
        # Every stride-th row of c interleaved chains visits c / gcd(stride, c) of them.
        periods = chains // math.gcd(stride, chains) if chains else 1
        rows = torch.from_numpy(order)
        y = found.y[found.kept][order] if found.labelled else None
        return Kept(found.kept_x[rows], y, found.layers[name].rows()[rows], periods)

    def _column(self, name: str) -> dict[str, Estimate]:
        found, layer = self.found, self.found.layers[name]
        weights = found.weights[found.kept]
        rows = KeptRows(
            layer.rows(),
            found.kept_x,
            found.x[found.kept],
            found.y[found.kept] if found.labelled else None,
            weights / weights.sum(),
            layer.low,
            layer.high,
        )
        return estimator_column(rows, self.estimators or Estimators())
