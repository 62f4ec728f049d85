"""FIRENET: a network that no training made, with a proof of its accuracy and stability."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.theory.operators import LinearOperator, check_operator


class Firenet(nn.Module):
    r"""The restarted primal-dual iteration, unrolled as layers.

    It finds the minimiser of the square-root LASSO

    .. math:: \min_z \; \lambda \|z\|_1 + \|A z - y\|_2

    in n restarts of p steps each. With :math:`\epsilon \leftarrow e^{-1} (\delta + \epsilon)`,
    :math:`\beta = \epsilon / 2` and :math:`a = 1 / (\beta p)`, a restart is
    :math:`\psi \leftarrow a^{-1} \mathrm{Inner}(a y, a \psi)`, the mean of the :math:`x^+` of

    .. math:: x^+ = \mathrm{soft}(x - A^* v, \lambda), \qquad
              v \leftarrow \mathrm{Proj}_{\|\cdot\|_2 \le 1} [v + A (2 x^+ - x) - b]

    Where sparse vectors can be found at all, and p is large enough for that, the error falls by
    e with every restart down to the noise, and no change of y is amplified beyond a constant.

    Args:
        operator: A of norm at most 1, with its adjoint.
        sparsity: lambda, the weight of the 1-norm.
        inner: p, steps of a restart.
        restarts: n.
        noise: delta, a bound on the noise in units of the norm of y.

    Raises:
        InputError: For an operator whose adjoint is wrong or whose norm is above 1, and settings
            out of range.

    Source: Colbrook, Antun and Hansen (2022), PNAS 119, arXiv:2101.08286.

    >>> from rsmi.theory import DenseOperator
    >>> half = torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64)).Q[:6]
    >>> Firenet(DenseOperator(half))(half @ torch.eye(8, dtype=torch.float64)[0]).shape
    torch.Size([8])
    """

    def __init__(
        self,
        operator: LinearOperator,
        sparsity: float = 0.1,
        inner: int = 10,
        restarts: int = 15,
        noise: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 < sparsity < math.inf or inner < 1 or restarts < 1 or not 0 <= noise < math.inf:
            raise InputError(
                f"sparsity {sparsity}, {restarts} restarts of {inner} steps, noise {noise}; "
                "expected a sparsity above 0, at least one restart of one step, and noise >= 0"
            )
        check_operator(operator)
        self.operator, self.sparsity, self.noise = operator, sparsity, noise
        self.inner, self.restarts = inner, restarts

    def forward(self, y: Tensor) -> Tensor:
        """The unknown x (..., n) of data y (..., m)."""
        *_, last = self.iterates(y)
        return last

    def image(self, y: Tensor) -> Tensor:
        """The signal (..., *shape) whose coefficients are found from y."""
        return self.operator.signal(self(y))

    def iterates(self, y: Tensor) -> Iterator[Tensor]:
        """The unknown after each restart.

        Args:
            y: (..., m) data.

        Raises:
            InputError: For data of another length or type.
        """
        if y.ndim < 1 or y.shape[-1] != self.operator.m:
            raise InputError(f"data have shape {tuple(y.shape)}; expected (..., {self.operator.m})")
        if y.is_complex() and not self.operator.complex_data:
            raise InputError("the data are complex, those of the operator are real")
        # Data that are 0 have the solution 0, whatever they are divided by.
        size = y.norm(dim=-1, keepdim=True)
        size = torch.where(size > 0, size, torch.ones_like(size))
        noise, epsilon = self.noise * size, size
        found = torch.zeros_like(self.operator.adjoint(y))
        for _ in range(self.restarts):
            epsilon = (noise + epsilon) / math.e
            scale = 2 / (epsilon * self.inner)
            found = self._inner(scale * y, scale * found) / scale
            yield found

    def _inner(self, b: Tensor, x: Tensor) -> Tensor:
        v, total = torch.zeros_like(b), torch.zeros_like(x)
        for _ in range(self.inner):
            nearer = _shrunk(x - self.operator.adjoint(v), self.sparsity)
            v = v + self.operator(2 * nearer - x) - b
            v = v / v.norm(dim=-1, keepdim=True).clamp(min=1)
            x, total = nearer, total + nearer
        return total / self.inner


def _shrunk(x: Tensor, by: float) -> Tensor:
    """Soft thresholding: every entry nearer to 0, real or complex."""
    size = x.abs()
    return x * ((size - by).clamp(min=0) / size.clamp(min=by))
