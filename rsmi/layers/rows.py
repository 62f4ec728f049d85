"""From codes and kept rows to the quantities of each layer."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import nn

from rsmi.information import Estimate
from rsmi.layers.changes import Quantise
from rsmi.layers.collecting import Collected
from rsmi.layers.counting import Labels, Weights, label_entropy
from rsmi.layers.estimators import Estimators, KeptRows, estimator_column, estimators_refused
from rsmi.layers.inputs import Inputs
from rsmi.layers.interval import Interval, Known, Value, certain_quantities
from rsmi.layers.models import Training
from rsmi.layers.noisy import (
    Draws,
    drawn_activations,
    independent_draws,
    is_chain,
    noisy_information,
)
from rsmi.layers.report import LayerRow
from rsmi.layers.samples import (
    Kept,
    Sample,
    label_bound,
    label_interval,
    quick_label_bound,
    sampled_quantities,
    upper_values,
)
from rsmi.layers.selection import layer_names, output_module
from rsmi.layers.setting import WITHOUT_LABELS, LayerKind, Setting, quantised_before

_SHUFFLE_SEED = 20180101
_NOISY_BATCH = 512
_OPEN = 0.1


@dataclass(frozen=True)
class Rows:
    """Builds one row per layer.

    Args:
        model: The network measured.
        inputs: What it was measured on.
        found: Codes and kept rows.
        setting: Kinds of the layers.
        training: Options of networks for tighter values of samples; None for counts, and a small
            classifier of the labels.
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
        column: dict[str, Estimate] = {}
        if self.estimators:
            kept = self._kept_rows(name)
            column = estimator_column(kept, self.estimators)
            refused |= estimators_refused(kept, self.estimators)
        return LayerRow(name, kind, self.found.layers[name].width, quantities, refused, column)

    @cached_property
    def entropy_y(self) -> Interval | None:
        """H(Y), exact for a finite set."""
        if not self.found.labelled:
            return None
        y, order, chains = self.found.y, self._order, self.inputs.chains or 1
        if self.inputs.kind == "finite":
            return Interval.exact(label_entropy(y, self.found.weights))
        return label_interval(y[order], np.zeros_like(y), chains).ordered()

    def log_capacity(self, name: str) -> float:
        """ln of the number of values of a quantised layer; infinite for others.

        What a chain computes from a quantised layer takes no more values than that.
        """
        names = layer_names(self.model)
        capacities = [math.inf]
        for before in quantised_before(self.model, name.split(":")[0]):
            if before not in names or before not in self.found.layers:
                continue  # another place of a module that has its name elsewhere
            last = output_module(names[before])
            if isinstance(last, Quantise):
                capacities.append(self.found.layers[before].width * math.log(last.levels))
        return min(capacities)

    def _quantities(self, name: str, kind: LayerKind) -> Mapping[str, Value]:
        if kind != "noisy" and self.inputs.kind == "finite":
            values = self.found.counted(name).quantities()
            wanted = values if self.found.labelled else WITHOUT_LABELS
            return {q: Interval.exact(values[q]) for q in wanted}
        known = Known(self.inputs.entropy, self.entropy_y, self.log_capacity(name), kind == "noisy")
        measured = self._noisy(name) if kind == "noisy" else self._sampled(name)
        return certain_quantities(measured, known)

    def _sampled(self, name: str) -> dict[str, Value]:
        """Counts of all rows, with the upper values that the kept ones give."""
        result = sampled_quantities(self._sample(name))
        kept = self._kept(name)
        tighter = upper_values(kept, self.training) if len(kept.x) else {}
        if len(kept.x) and self.training is None and self._is_open(result.get("H(Y|T)")):
            tighter["H(Y|T)"] = quick_label_bound(kept)
        for quantity, upper in tighter.items():
            value = result[quantity]
            if isinstance(value, Estimate):
                result[quantity] = Interval(value, upper)
            else:
                result[quantity] = value.below(upper)
        return result

    def _is_open(self, value: Value | None) -> bool:
        """Whether counts leave more than a tenth of H(Y) open."""
        if not isinstance(value, Interval) or self.entropy_y is None:
            return False
        return value.width > _OPEN * self.entropy_y.upper.value

    def _noisy(self, name: str) -> dict[str, Value]:
        result: dict[str, Value] = {"I(X;T)": self._noisy_information[name]}
        if self.found.labelled:
            drawn = self._drawn(name)
            upper = label_bound(drawn, self.training) if self.training else quick_label_bound(drawn)
            result["H(Y|T)"] = Interval(Estimate(0.0, 0.0, "lower"), upper)
        return result

    @cached_property
    def _noisy_information(self) -> dict[str, Interval]:
        return noisy_information(
            self.model,
            self._draws.x,
            batch=self.noisy_batch,
            chain=is_chain(self.model),
            layout=self._draws.layout,
        )

    @property
    def noisy_batch(self) -> int:
        """Samples that noisy layers are told apart among."""
        if self.inputs.kind == "finite":
            return _NOISY_BATCH
        return min(_NOISY_BATCH, len(self.found.kept) // 2)

    @cached_property
    def _draws(self) -> Draws:
        return independent_draws(self.inputs, self.found)

    def _drawn(self, name: str) -> Kept:
        """Independent samples with their activations; of a finite set with its probabilities."""
        if self.inputs.kind != "finite":
            return self._kept(name)
        draws = self._draws
        return Kept(draws.x, draws.y, drawn_activations(self.model, name, draws), 1)

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

    @cached_property
    def kept_weights(self) -> Weights:
        """Probabilities of the rows kept."""
        weights = self.found.weights[self.found.kept]
        return weights / weights.sum()

    def _kept_rows(self, name: str) -> KeptRows:
        found, layer = self.found, self.found.layers[name]
        return KeptRows(
            layer.rows(),
            found.kept_x,
            found.x[found.kept],
            found.y[found.kept] if found.labelled else None,
            self.kept_weights,
            layer.low,
            layer.high,
        )
