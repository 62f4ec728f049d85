"""Linear operators with their adjoints: dense, subsampled Fourier and Walsh, or one's own."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from rsmi.errors import InputError, nearest

Transform = Literal["fourier", "walsh"]
Wavelet = Literal["haar", "none"]

_PAIRS, _POWERS = 3, 60
_ADJOINT, _NORM = 1e-5, 1e-5


class LinearOperator(nn.Module, ABC):
    """A linear map of vectors along the last axis, with its adjoint.

    Args:
        n: Length of an unknown x.
        m: Length of data y = A x.
        complex_unknown: Whether x is complex; a real x has the real part of the adjoint.
        complex_data: Whether y is complex.
    """

    def __init__(self, n: int, m: int, complex_unknown: bool, complex_data: bool) -> None:
        super().__init__()
        if min(m, n) < 1:
            raise InputError(f"{m} data of {n} unknowns; expected at least one of each")
        self.n, self.m = n, m
        self.complex_unknown, self.complex_data = complex_unknown, complex_data

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """A x: (..., n) to (..., m)."""

    @abstractmethod
    def adjoint(self, y: Tensor) -> Tensor:
        """A* y: (..., m) to (..., n)."""

    def signal(self, x: Tensor) -> Tensor:
        """What the coefficients x stand for; x itself where they are no coefficients."""
        return x


class DenseOperator(LinearOperator):
    """A matrix.

    Args:
        matrix: (m, n), real or complex.

    >>> DenseOperator(torch.tensor([[1.0, 2.0]]))(torch.tensor([3.0, 4.0])).tolist()
    [11.0]
    """

    matrix: Tensor

    def __init__(self, matrix: Tensor) -> None:
        if matrix.ndim != 2 or not (matrix.is_floating_point() or matrix.is_complex()):
            raise InputError(
                f"matrix has shape {tuple(matrix.shape)} and type {matrix.dtype}; expected (m, n) "
                "of real or complex numbers"
            )
        super().__init__(matrix.shape[1], matrix.shape[0], matrix.is_complex(), matrix.is_complex())
        self.register_buffer("matrix", matrix)

    def forward(self, x: Tensor) -> Tensor:
        """A x."""
        return x @ self.matrix.mT

    def adjoint(self, y: Tensor) -> Tensor:
        """A* y."""
        return y @ self.matrix.conj()


class GivenOperator(LinearOperator):
    """An operator given by two functions of batches.

    Args:
        forward: (batch, n) to (batch, m).
        adjoint: (batch, m) to (batch, n).
        n: Length of an unknown.
        m: Length of the data.
        complex_unknown: Whether the unknown is complex.
        complex_data: Whether the data are.
    """

    def __init__(
        self,
        forward: Callable[[Tensor], Tensor],
        adjoint: Callable[[Tensor], Tensor],
        n: int,
        m: int,
        complex_unknown: bool = False,
        complex_data: bool = False,
    ) -> None:
        super().__init__(n, m, complex_unknown, complex_data)
        self._forward, self._adjoint = forward, adjoint

    def forward(self, x: Tensor) -> Tensor:
        """A x."""
        return self._forward(x)

    def adjoint(self, y: Tensor) -> Tensor:
        """A* y."""
        return self._adjoint(y)


class SubsampledTransform(LinearOperator):
    r"""Some frequencies of a signal that is given by its wavelet coefficients, A = P F W*.

    F is the orthonormal Fourier or Walsh transform (by sequency), W that of Haar, P keeps the
    frequencies asked for: the norm is 1.

    Args:
        shape: Extents of the signal, one or two; powers of 2 for Walsh.
        kept: Numbers of the frequencies that are measured, each once, of those of the flat signal.
        transform: fourier or walsh.
        wavelet: haar; with none, x is the signal itself.
        complex_unknown: Whether x is complex.

    Raises:
        InputError: For another shape or transform, or frequencies that are not there.

    >>> both = SubsampledTransform((4,), [0, 1], "walsh", "none")
    >>> both(torch.tensor([1.0, 1.0, 0.0, 0.0])).tolist()
    [1.0, 1.0]
    """

    kept: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        kept: Sequence[int],
        transform: Transform = "fourier",
        wavelet: Wavelet = "haar",
        complex_unknown: bool = False,
    ) -> None:
        extents = tuple(shape)
        _check_transform(extents, transform, wavelet)
        n, numbers = math.prod(extents), torch.tensor(list(kept), dtype=torch.int64)
        there = len(numbers) > 0 and bool(((numbers >= 0) & (numbers < n)).all())
        if not there or len(numbers.unique()) < len(numbers):
            raise InputError(
                f"kept are {len(numbers)} numbers; expected at least one, each once, from 0 to "
                f"{n - 1}"
            )
        complex_data = complex_unknown or transform == "fourier"
        super().__init__(n, len(numbers), complex_unknown, complex_data)
        self.shape, self.transform, self.wavelet = extents, transform, wavelet
        self.register_buffer("kept", numbers)

    def signal(self, x: Tensor) -> Tensor:
        """W* x, (..., *shape)."""
        image = x.reshape(*x.shape[:-1], *self.shape)
        return image if self.wavelet == "none" else haar_inverse(image, len(self.shape))

    def coefficients(self, signal: Tensor) -> Tensor:
        """W of a signal (..., *shape), as the unknown (..., n)."""
        d = len(self.shape)
        return (signal if self.wavelet == "none" else haar(signal, d)).flatten(-d)

    def forward(self, x: Tensor) -> Tensor:
        """The frequencies of W* x that are kept."""
        d, signal = len(self.shape), self.signal(x)
        if self.transform == "fourier":
            spectrum = torch.fft.fftn(signal, dim=tuple(range(-d, 0)), norm="ortho")
        else:
            spectrum = walsh(signal, d)
        return spectrum.flatten(-d)[..., self.kept]

    def adjoint(self, y: Tensor) -> Tensor:
        """W of the signal with these frequencies and no others."""
        d = len(self.shape)
        spectrum = y.new_zeros(*y.shape[:-1], self.n).index_copy(-1, self.kept, y)
        spectrum = spectrum.reshape(*y.shape[:-1], *self.shape)
        if self.transform == "fourier":
            signal = torch.fft.ifftn(spectrum, dim=tuple(range(-d, 0)), norm="ortho")
        else:
            signal = walsh(spectrum, d, inverse=True)
        real = signal.is_complex() and not self.complex_unknown
        return self.coefficients(signal.real if real else signal)


def haar(x: Tensor, d: int = 1) -> Tensor:
    """Orthonormal Haar coefficients over the last d axes, as far as extents can be halved.

    >>> haar(torch.tensor([1.0, 1.0, 1.0, 1.0]).double()).round(decimals=12).tolist()
    [2.0, 0.0, 0.0, 0.0]
    """
    if any(extent % 2 for extent in x.shape[-d:]):
        return x
    for axis in range(-d, 0):
        x = _step(x, axis)
    return _with_low(x, haar(_low(x, d), d), d)


def haar_inverse(x: Tensor, d: int = 1) -> Tensor:
    """The signal of Haar coefficients: inverse and adjoint of `haar`.

    >>> haar_inverse(torch.tensor([2.0, 0.0, 0.0, 0.0]).double()).round(decimals=12).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    if any(extent % 2 for extent in x.shape[-d:]):
        return x
    x = _with_low(x, haar_inverse(_low(x, d), d), d)
    for axis in range(-d, 0):
        total, difference = x.movedim(axis, -1).chunk(2, -1)
        pairs = torch.stack([total + difference, total - difference], -1)
        x = pairs.flatten(-2).movedim(-1, axis) / math.sqrt(2)
    return x


def walsh(x: Tensor, d: int = 1, inverse: bool = False) -> Tensor:
    """Orthonormal Walsh transform by sequency over the last d axes.

    Args:
        x: (..., *extents), the last d of them powers of 2.
        d: Number of axes.
        inverse: Whether to go back, which is the adjoint.

    >>> walsh(torch.tensor([1.0, 1.0, -1.0, -1.0]).double()).round(decimals=12).tolist()
    [0.0, 2.0, 0.0, 0.0]
    """
    for axis in range(-d, 0):
        extent = x.shape[axis]
        order = _by_sequency(extent).to(x.device)
        x = x.index_select(axis, order.argsort()) if inverse else x
        for _ in range(extent.bit_length() - 1):
            x = _step(x, axis)
        x = x if inverse else x.index_select(axis, order)
    return x


def _step(x: Tensor, axis: int) -> Tensor:
    """Sums of neighbours, then differences."""
    moved = x.movedim(axis, -1)
    even, odd = moved[..., ::2], moved[..., 1::2]
    return (torch.cat([even + odd, even - odd], -1) / math.sqrt(2)).movedim(-1, axis)


def _low(x: Tensor, d: int) -> Tensor:
    """The first half along each of the last d axes."""
    for axis in range(-d, 0):
        x = x.narrow(axis, 0, x.shape[axis] // 2)
    return x


def _with_low(x: Tensor, low: Tensor, d: int) -> Tensor:
    """x with another first half."""
    if d == 1:
        return torch.cat([low, x[..., low.shape[-1] :]], -1)
    top = torch.cat([low, x[..., : low.shape[-2], low.shape[-1] :]], -1)
    return torch.cat([top, x[..., low.shape[-2] :, :]], -2)


def _by_sequency(extent: int) -> Tensor:
    """Where the function with s changes of sign stands in Hadamard's order: Gray code, reversed."""
    bits = extent.bit_length() - 1
    numbers = torch.arange(extent)
    gray = numbers ^ (numbers >> 1)
    return sum(
        (((gray >> place) & 1) << (bits - 1 - place) for place in range(bits)),
        torch.zeros_like(gray),
    )


def frequencies(
    shape: Sequence[int], m: int, transform: Transform = "fourier", seed: int = 0
) -> list[int]:
    r"""Frequencies to measure: half of them the lowest ones, the others at random.

    The chance of the others falls as :math:`1 / (1 + |k|)^2` with the frequency, for images have
    most of their wavelet coefficients on coarse scales (Adcock, Hansen, Poon and Roman 2017).

    Args:
        shape: Extents of the signal.
        m: How many.
        transform: fourier, where frequencies beyond half of an extent are negative, or walsh.
        seed: Of the draw.

    Raises:
        InputError: For more frequencies than there are, or none.
    """
    n = math.prod(shape)
    if not 1 <= m <= n:
        raise InputError(f"{m} frequencies of {n}; expected 1 to {n}")
    axes = [torch.arange(extent, dtype=torch.float64) for extent in shape]
    if transform == "fourier":
        axes = [torch.minimum(axis, len(axis) - axis) for axis in axes]
    size = torch.stack(torch.meshgrid(*axes, indexing="ij")).norm(dim=0).flatten()
    lowest = size.argsort(stable=True)[: m // 2]
    chance = (1 + size) ** -2
    chance[lowest] = 0
    others = torch.multinomial(chance, m - m // 2, generator=torch.Generator().manual_seed(seed))
    return sorted(torch.cat([lowest, others]).tolist())


def check_operator(operator: LinearOperator, seed: int = 0) -> None:
    r"""Refuse an operator whose adjoint is wrong, or whose norm is above 1.

    .. math:: \langle A x, y \rangle = \langle x, A^* y \rangle, \qquad \|A\| \le 1

    for random x and y; the norm by the power method, which never exceeds it.

    Args:
        operator: Any.
        seed: Of the vectors.

    Raises:
        InputError: With the two products, or the norm to divide by.

    >>> check_operator(DenseOperator(2 * torch.eye(3)))
    Traceback (most recent call last):
    ...
    rsmi.errors.InputError: the operator has a norm of 2; expected at most 1: divide it by that
    """
    generator = torch.Generator().manual_seed(seed)
    x = _random(_PAIRS, operator.n, operator.complex_unknown, generator, operator)
    y = _random(_PAIRS, operator.m, operator.complex_data, generator, operator)
    with torch.no_grad():
        ahead, back = operator(x), operator.adjoint(y)
        if ahead.shape != y.shape or back.shape != x.shape:
            raise InputError(
                f"the operator takes {tuple(x.shape)} to {tuple(ahead.shape)} and "
                f"{tuple(y.shape)} back to {tuple(back.shape)}; expected {tuple(y.shape)} and "
                f"{tuple(x.shape)}"
            )
        one, other = _product(ahead, y), _product(x, back)
        scale = float((ahead.norm(dim=-1) * y.norm(dim=-1)).max())
        if not float((one - other).abs().max()) <= _ADJOINT * scale:
            raise InputError(
                f"the operator's adjoint is wrong: <A x, y> = {float(one[0]):.6g} but <x, A* y> = "
                f"{float(other[0]):.6g} for random x and y; the adjoint of a matrix is its "
                "conjugate transpose"
            )
        norm = _norm(operator, x[:1])
    if norm > 1 + _NORM:
        raise InputError(
            f"the operator has a norm of {norm:.6g}; expected at most 1: divide it by that"
        )


def _random(
    count: int, length: int, is_complex: bool, generator: torch.Generator, operator: nn.Module
) -> Tensor:
    """Normal vectors in the precision and on the device of the operator."""
    held = next((b for b in operator.buffers() if b.is_floating_point() or b.is_complex()), None)
    single = held is not None and held.dtype in (torch.float32, torch.complex64)
    shape = (2 if is_complex else 1, count, length)
    parts = torch.randn(shape, generator=generator, dtype=torch.float64)
    parts = (parts.float() if single else parts).to("cpu" if held is None else held.device)
    return torch.complex(parts[0], parts[1]) if is_complex else parts[0]


def _product(a: Tensor, b: Tensor) -> Tensor:
    return (a.conj() * b).sum(-1).real if a.is_complex() or b.is_complex() else (a * b).sum(-1)


def _norm(operator: LinearOperator, x: Tensor) -> float:
    for _ in range(_POWERS):
        x = operator.adjoint(operator(x / x.norm()))
        if not float(x.norm()):
            return 0.0
    return float(operator(x / x.norm()).norm())


def _check_transform(shape: tuple[int, ...], transform: str, wavelet: str) -> None:
    for given, kind, what in ((transform, Transform, "transform"), (wavelet, Wavelet, "wavelet")):
        if given not in get_args(kind):
            raise InputError(
                f"{what} is {given!r}; {nearest(given, get_args(kind))}expected one of "
                f"{', '.join(get_args(kind))}"
            )
    if len(shape) not in (1, 2) or min(shape) < 2:
        raise InputError(f"shape is {list(shape)}; expected one or two extents of at least 2")
    if transform == "walsh" and any(extent & (extent - 1) for extent in shape):
        raise InputError(
            f"shape is {list(shape)}; the Walsh transform takes extents that are powers of 2"
        )
