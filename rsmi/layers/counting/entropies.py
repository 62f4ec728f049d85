"""Entropies of labelled, weighted rows: everything that counting can say."""

from dataclasses import dataclass

import numpy as np

from rsmi.layers.counting.labels import Labels, Weights, pair


def label_entropy(labels: Labels, weights: Weights) -> float:
    """Shannon entropy in nats of labels whose rows have these probabilities.

    >>> round(label_entropy(np.array([0, 1]), np.array([0.5, 0.5])), 6)
    0.693147
    """
    p = np.bincount(labels, weights)
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


def conditional_entropy(labels: Labels, given: Labels, weights: Weights) -> float:
    r"""H(A|B) in nats; exactly 0 where the condition fixes the label.

    .. math:: H(A|B) = \sum_{ab} p(a,b) \ln\frac{p(b)}{p(a,b)}

    >>> conditional_entropy(np.array([3, 4]), np.array([0, 1]), np.array([0.3, 0.7]))
    0.0
    """
    both = pair(labels, given)
    p_both, p_given = np.bincount(both, weights), np.bincount(given, weights)
    condition = np.empty(len(p_both), dtype=np.int64)
    condition[both] = given
    met = p_both > 0
    ratio = p_given[condition[met]] / p_both[met]
    return float((p_both[met] * np.log(ratio)).sum())


@dataclass(frozen=True)
class Counted:
    """Entropies, in nats, of the distribution that the weighted rows (x, y, t) are.

    Args:
        x: H(X).
        y: H(Y).
        t: H(T).
        x_given_t: H(X|T).
        y_given_t: H(Y|T).
        x_given_ty: H(X|T,Y).
    """

    x: float
    y: float
    t: float
    x_given_t: float
    y_given_t: float
    x_given_ty: float

    def quantities(self) -> dict[str, float]:
        """H(T), H(X|T), I(X;T), and with labels H(Y|T), I(T;Y) and H(X|T,Y), in nats."""
        return {
            "H(T)": self.t,
            "H(X|T)": self.x_given_t,
            "I(X;T)": self.x - self.x_given_t,
            "H(Y|T)": self.y_given_t,
            "I(T;Y)": self.y - self.y_given_t,
            "H(X|T,Y)": self.x_given_ty,
        }


def count(x: Labels, y: Labels, t: Labels, weights: Weights) -> Counted:
    """Count the rows of one layer.

    Args:
        x: (n,) label of the input of each row.
        y: (n,) label of its class; all 0 where there are none.
        t: (n,) label of its activation.
        weights: (n,) probabilities, summing to 1.

    >>> half, zero = np.array([0.5, 0.5]), np.zeros(2, dtype=np.int64)
    >>> round(count(np.arange(2), zero, zero, half).x_given_t, 6)
    0.693147
    """
    return Counted(
        x=label_entropy(x, weights),
        y=label_entropy(y, weights),
        t=label_entropy(t, weights),
        x_given_t=conditional_entropy(x, t, weights),
        y_given_t=conditional_entropy(y, t, weights),
        x_given_ty=conditional_entropy(x, pair(y, t), weights),
    )
