"""What manifold equally good rules form: a point, an orbit, a circle or a sphere."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.special import gammaln
from scipy.stats import beta
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import Estimate, Outcome, Quantity, Sheet, quantity_sheet

Numbers = NDArray[np.float64]
Shape = Literal["point", "orbit", "sphere", "undecided"]
Permutation = tuple[int, ...]

FALSE_ALARM = 1e-6
"""Chance to find an orbit in rules that lie evenly on a circle or any larger manifold."""

LEAST = 24
"""Rules below which nothing is said."""

_SIGNAL = 0.1  # of the largest variance along an axis: what an axis of the manifold has at least
_POINT, _SPREAD = 0.15, 0.35  # of the length of the rules: spread of a point, and of more than one
_MOST = 16  # clusters
_SHARE = 0.02  # of all rules: the smallest cluster
_COVERED = 0.8  # of all rules that lie in clusters
_RATIO = 3.0  # gap between clusters in units of the largest gap within them
_COMPACT = 0.25  # spread of a cluster in units of the distance to the next
_SHRUNK = 0.5  # of its length that a rule keeps when it is seen from a block beside its own
_NEAR = 2  # neighbours of a rule that is not alone
_ALONE, _TOGETHER = 5.0, 0.2  # times the median distance to these; share of the whole width
_OUTSIDE, _ROUNDED = 5.0, 1e-4  # deviations off the axes; share of the whole width
_THIN = 0.13  # thickness of a sphere in units of its radius: 6 blurred clusters show through
_SCALES = 0.3, 0.8  # of the radius: between these the dimension is measured
_OFF = 0.35  # of the dimension that is measured, from a whole number
_FOLDS, _EVEN = 8, 0.5  # harmonics of the angle, and the largest amplitude of an even circle
_ROUND = 0.25  # smallest variance along an axis of a sphere in units of the largest
_BARE = 60.0  # degrees from the nearest rule that no direction of a sphere may exceed
_PARTS = 20  # of the jackknife


@dataclass(frozen=True, repr=False)
class Degeneracy(Outcome):
    """The manifold that equally good rules form.

    Args:
        shape: `point`; `orbit` of separate clusters; `sphere`, of which a circle is the one of
            dimension 1; `undecided` with the reason.
        labels: (M,) int64 cluster of each rule, -1 for those that belong to none.
        axes: (p, D) float64 orthonormal axes along which the rules differ, the widest first.
        coordinates: (M, p) float64 the rules along these, from their mean.
        centres: (n, D) float64 the clusters' means; one for a point, none for a sphere.
        dimension: Of the manifold where it is measured, from the number of pairs within a distance.
        span: Axes that the rules use: the participation ratio of their variances.
        spread: Of a cluster, or across a sphere, in units of the distance between clusters or of
            the radius.
        false_alarm: Chance that evenly spread rules would have shown such gaps; 1 without any.
        group: Name of the group by which the given symmetries permute the clusters.
        order: Elements of this group; 0 where no symmetries were given.
        orbits: Names of the sets of clusters that it maps into each other, the largest first: `Zn`
            where one symmetry leads through all n of them in turn, else `n clusters`.
        reason: In words.
    """

    shape: Shape
    labels: Tensor
    axes: Tensor
    coordinates: Tensor
    centres: Tensor
    dimension: Estimate | None
    span: Estimate
    spread: float
    false_alarm: float = 1.0
    group: str = ""
    order: int = 0
    orbits: tuple[str, ...] = ()
    reason: str = ""

    __repr__ = Outcome.__repr__

    @property
    def name(self) -> str:
        """Of the manifold: `point`, `Z4`, `Z4 + Z2`, `6 clusters`, `U(1)`, `S^2`, `undecided`."""
        if self.shape == "orbit":
            return " + ".join(self.orbits) or f"{len(self.centres)} clusters"
        if self.shape == "sphere":
            return "U(1)" if len(self.axes) == 2 else f"S^{len(self.axes) - 1}"
        return self.shape

    def quantities(self) -> list[Quantity]:
        """How many clusters there are, of which dimension, and how many axes they use."""
        context: dict[str, Any] = {"manifold": self.name, "rules": len(self.labels)}
        found = [Quantity.of("degeneracy.span", self.span, **context)]
        if self.dimension is not None:
            number = None if self.shape == "undecided" else float(self._expected)
            found.insert(0, Quantity.of("degeneracy.dimension", self.dimension, number, **context))
        if self.shape in ("point", "orbit"):
            n = float(len(self.centres))
            found.append(Quantity("degeneracy.clusters", n, 0.0, "estimate", "1", None, context))
        return found

    def sheets(self) -> list[Sheet]:
        """The numbers, and what they mean in words."""
        sheet = quantity_sheet(self.quantities(), f"optimal rules: {self.name}")
        return [Sheet(sheet.title, sheet.columns, sheet.rows, self.reason, sheet.words)]

    @property
    def _expected(self) -> int:
        return len(self.axes) - 1 if self.shape == "sphere" else 0


def degeneracy(vectors: Tensor, symmetries: Sequence[Tensor] = ()) -> Degeneracy:
    r"""Tell a point, an orbit of clusters and a sphere apart, or refuse.

    Rules are points; the axes along which they differ are those of a principal component analysis
    with at least a tenth of the largest variance. Clusters are told from a continuous manifold by
    the gap between them: for M points spread evenly on a circle the sorted spacings are those of
    independent exponential variables, so that the k-th largest is :math:`\rho` times the next with

    .. math:: P = \prod_{j=k+1}^{M} \frac{j}{j + k (\rho - 1)}

    and on a larger manifold with less. Without a gap, the rules lie on a sphere if their distance
    from its centre is the same for all, the number of pairs within a distance r grows as
    :math:`r^{p - 1}`, and no part of it is left bare.

    Args:
        vectors: (M, D) rules as vectors, such that rules that keep the same have the same vector.
        symmetries: Each (D,) int64 with g(x) = x[..., g], or (D, D) with g(x) along x @ g, such
            as a translation of which a block sees a part; they generate the group.

    Returns:
        The manifold, its clusters, and which group permutes them.

    Raises:
        InputError: For vectors that are no finite matrix.

    Source: Levina and Bickel (2004) and Grassberger and Procaccia (1983) for the dimension from
    pairs; Renyi (1953) for the spacings; Gokmen et al. (2021), arXiv:2101.11633, for degenerate
    optimal filters.

    >>> turn = torch.arange(200) * 2.399963
    >>> print(degeneracy(torch.stack([turn.cos(), turn.sin()], 1)).name)
    U(1)
    >>> print(degeneracy(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).repeat(50, 1)).name)
    2 clusters
    """
    x = _checked(vectors)
    cloud = _Cloud.of(x)
    if len(x) < LEAST:
        return cloud.told("undecided", f"{len(x)} rules; expected at least {LEAST}: train more")
    apart = int((~cloud.kept).sum())
    if apart > (1 - _COVERED) * len(x):
        return cloud.told("undecided", f"{apart} of {len(x)} rules lie apart from the others")
    found = _orbit(cloud, symmetries) or _point(cloud)
    return found or _sphere(cloud)


@dataclass(frozen=True)
class _Cloud:
    """Rules along the axes in which they differ.

    Args:
        x: (M, D) all rules.
        axes: (p, D) of them.
        kept: (M,) bool, those that are not alone.
        length: Root mean square of the rules' lengths.
        variances: (D,) along all axes, descending.
    """

    x: Tensor
    axes: Tensor
    kept: Tensor
    length: float
    variances: Tensor
    found: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, x: Tensor) -> "_Cloud":
        """Axes, first of all rules, then of those that neither leave these nor are alone."""
        kept = torch.ones(len(x), dtype=torch.bool)
        axes, variances = _axes(x)
        if len(x) >= LEAST:
            inside = (x - x.mean(0)) @ axes.T
            outside = ((x - x.mean(0)).square().sum(1) - inside.square().sum(1)).clamp(min=0).sqrt()
            kept = outside <= _typical(outside, _OUTSIDE) + _ROUNDED * variances.sum().sqrt()
            kept &= _company(inside, kept)
            axes, variances = _axes(x[kept])
        length = float(x[kept].square().sum(1).mean().sqrt())
        return cls(x, axes, kept, length, variances)

    @property
    def coordinates(self) -> Tensor:
        """(M, p) along the axes, from the mean of those kept."""
        return (self.x - self.x[self.kept].mean(0)) @ self.axes.T

    @property
    def points(self) -> Tensor:
        """(m, p) of those kept."""
        return self.coordinates[self.kept]

    def told(self, shape: Shape, reason: str, **more: Any) -> Degeneracy:
        """What is said of it."""
        labels = torch.where(self.kept, 0, -1)
        defaults = {
            "labels": labels, "centres": self.x[:0], "dimension": None, "spread": 0.0,
            "span": _span(self.x[self.kept]),
        }  # fmt: skip
        return Degeneracy(
            shape, axes=self.axes, coordinates=self.coordinates, reason=reason, **defaults | more
        )


def _checked(vectors: Tensor) -> Tensor:
    if vectors.dim() != 2 or not vectors.numel() or not bool(torch.isfinite(vectors).all()):
        raise InputError(
            f"rules as vectors of shape {list(vectors.shape)}; expected a matrix (rules, "
            "components) of finite numbers"
        )
    return vectors.detach().double()


def _axes(x: Tensor) -> tuple[Tensor, Tensor]:
    """The axes (p, D) of the largest variances, and all variances in descending order."""
    _, s, axes = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    variances = s.square() / len(x)
    wide = variances >= _SIGNAL * variances[0].clamp(min=1e-300)
    return axes[: max(1, int(wide.sum()))], variances


def _span(x: Tensor) -> Estimate:
    r"""Participation ratio :math:`(\sum \lambda)^2 / \sum \lambda^2` of the variances.

    The median variance along all other axes is taken for noise.
    """

    def ratio(part: Tensor) -> float:
        axes, variances = _axes(part)
        others = variances[len(axes) :]
        above = (variances - (others.median() if len(others) else 0.0)).clamp(min=0)
        total = float(above.square().sum())
        return float(above.sum()) ** 2 / total if total > 0 else 0.0

    return _jackknifed(x, ratio)


def _jackknifed(x: Tensor, statistic: Any) -> Estimate:
    """A statistic of points without its bias, leaving out one part of them after the other."""
    parts = min(_PARTS, len(x))
    part = torch.arange(len(x)) % parts
    value = statistic(x)
    if parts < 3:
        return Estimate(value, abs(value), "estimate", "1", len(x))
    without = torch.tensor([statistic(x[part != i]) for i in range(parts)], dtype=torch.float64)
    bias = (parts - 1) * (float(without.mean()) - value)
    error = math.hypot(float(((parts - 1) * without.var(correction=0)).sqrt()), bias)
    return Estimate(value - bias, error, "estimate", "1", len(x))


def _typical(x: Tensor, deviations: float) -> Tensor:
    """The median and so many times the spread of the middle half, as if it were normal."""
    middle = x.median()
    return middle + deviations * 1.4826 * (x - middle).abs().median()


def _company(points: Tensor, kept: Tensor) -> Tensor:
    """Which points have a few others nearby."""
    near = min(_NEAR, int(kept.sum()) - 1)
    distances = torch.cdist(points, points[kept])
    reach = distances.kthvalue(near + 1, dim=1).values
    wide = points[kept].square().sum(1).mean().sqrt()
    return reach <= (_ALONE * reach[kept].median()).maximum(_TOGETHER * wide)


def _orbit(cloud: _Cloud, symmetries: Sequence[Tensor]) -> Degeneracy | None:
    """Separate clusters, where gaps tell them."""
    points = cloud.points
    cut, chance = _cut(points)
    if chance > FALSE_ALARM:
        return None
    labels, centres = _pieces(points, cut)
    inside = labels >= 0
    within = (points[inside] - centres[labels[inside]]).square().sum(1)
    radius = max(float(within[labels[inside] == k].mean().sqrt()) for k in range(len(centres)))
    spread = radius / float(torch.pdist(centres).min())
    every = torch.full((len(cloud.x),), -1)
    every[cloud.kept] = labels
    full = torch.stack([cloud.x[every == k].mean(0) for k in range(len(centres))])
    known: dict[str, Any] = {
        "labels": every,
        "centres": full,
        "spread": spread,
        "false_alarm": chance,
    }
    if spread > _COMPACT:
        return cloud.told(
            "undecided", f"{len(full)} clusters, each of which is {spread:.2f} times as wide as "
            f"the distance between them; expected at most {_COMPACT}", **known,
        )  # fmt: skip
    group = _group(full, symmetries, every)
    rare = max(chance, 1e-30)
    group["reason"] += f"; without clusters such gaps come with a chance of {rare:.0e}"
    return cloud.told("orbit", **known, **group)


def _cut(points: Tensor) -> tuple[float, float]:
    """The length that separates clusters best, and the chance of such gaps on a circle.

    Pieces are joined at growing lengths; while the number of large ones stays the same, the length
    may grow by a factor, the gap.
    """
    merges = linkage(points.numpy(), "single")
    count, least = len(points), max(3, math.ceil(_SHARE * len(points)))
    sizes = [1] * count
    large = covered = 0
    best = (0.0, 1.0)
    for a, b, length, _ in merges[:-1]:
        both = sizes[int(a)], sizes[int(b)]
        sizes.append(sum(both))
        gone = [size for size in both if size >= least]
        large += (sum(both) >= least) - len(gone)
        covered += (sum(both) if sum(both) >= least else 0) - sum(gone)
        if not 2 <= large <= _MOST or covered < _COVERED * count:
            continue
        ratio = _persistence(merges, sizes, len(sizes) - count, length, least)
        chance = min(1.0, (_MOST - 1) * _chance(count, large - 1, ratio))
        if ratio >= _RATIO and chance < best[1]:
            best = (math.sqrt(max(length, 1e-12) * length * ratio), chance)
    return best


def _persistence(
    merges: Numbers, sizes: Sequence[int], done: int, length: float, least: int
) -> float:
    """How many times longer the joints are that change the number of large pieces next."""
    known = list(sizes)
    for a, b, later, size in merges[done:]:
        if known[int(a)] >= least and known[int(b)] >= least:
            return float(later) / max(length, 1e-12)
        known.append(int(size))
    return 1.0


def _chance(count: int, k: int, ratio: float) -> float:
    """P(k-th largest of so many exponential spacings >= ratio times the next), see `degeneracy`.

    >>> round(_chance(100, 1, 2.0), 6)
    0.019802
    """
    if ratio <= 1 or k >= count:
        return 1.0
    more = k * (ratio - 1)
    terms = gammaln(count + 1), gammaln(k + 1), gammaln(count + 1 + more), gammaln(k + 1 + more)
    return float(np.exp(terms[0] - terms[1] - terms[2] + terms[3]))


def _pieces(points: Tensor, cut: float) -> tuple[Tensor, Tensor]:
    """Labels of the large pieces at a length, and their means; the largest piece first."""
    near = torch.cdist(points, points) <= cut
    labels = torch.arange(len(points))
    while True:
        least = torch.where(near, labels, len(points)).amin(1)
        if torch.equal(least, labels):
            break
        labels = least
    names, counts = labels.unique(return_counts=True)
    large = counts >= max(3, math.ceil(_SHARE * len(points)))
    names = names[large][counts[large].argsort(descending=True, stable=True)]
    place = torch.full((len(points),), -1)
    place[names] = torch.arange(len(names))
    labels = place[labels]
    return labels, torch.stack([points[labels == k].mean(0) for k in range(len(names))])


def _group(centres: Tensor, symmetries: Sequence[Tensor], labels: Tensor) -> dict[str, Any]:
    """The group that permutes the clusters, and what it is called."""
    n, members = len(centres), len(labels)
    least = max(3, math.ceil(_SHARE * members))
    missed = float(beta.ppf(0.95, least, members - least + 1))
    reason = (
        f"{n} clusters of {members} rules; a further one that more than {missed:.1%} of all "
        "trainings lead to is excluded at 95 %"
    )
    if not len(symmetries):
        return {"reason": reason}
    found, lost = _permutations(centres, symmetries)
    sets = {tuple(sorted({p[a] for p in found})) for a in range(n)}
    orbits = sorted((_orbit_name(found, each) for each in sets), key=_size, reverse=True)
    name = group_name(found)
    reason += (
        f"; the {len(symmetries)} symmetries permute them by {name} with {len(found)} elements, "
        f"in {len(orbits)} orbit{'s' * (len(orbits) > 1)}"
    )
    if lost:
        reason += f"; {lost} of these symmetries lead to where no cluster was found"
    return {"group": name, "order": len(found), "orbits": tuple(orbits), "reason": reason}


def _orbit_name(group: set[Permutation], orbit: tuple[int, ...]) -> str:
    """`Zn` where an element leads through all clusters of an orbit in turn."""
    n = len(orbit)
    cyclic = n > 1 and any(_cycle(p, orbit[0]) == n for p in group)
    return f"Z{n}" if cyclic else f"{n} cluster{'s' * (n > 1)}"


def _size(name: str) -> int:
    return int(name.strip("Z").split()[0])


def _permutations(centres: Tensor, symmetries: Sequence[Tensor]) -> tuple[set[Permutation], int]:
    """How symmetries permute the clusters, and how many map one of them to no other."""
    near, lost = 0.25 * torch.pdist(centres).min(), 0
    found = set[Permutation]()
    for g in symmetries:
        images = centres[:, g] if g.dim() == 1 else _along(centres, g)
        distance, target = torch.cdist(images, centres).min(1)
        if bool((distance < near).all()) and len(target.unique()) == len(centres):
            found.add(tuple(target.tolist()))
        else:
            lost += 1
    return _generated(found, len(centres)), lost


def _along(centres: Tensor, g: Tensor) -> Tensor:
    """Images under a map of which the direction counts, as long as the centres."""
    images = centres @ g.to(centres)
    shrunk = images.norm(dim=1, keepdim=True) / centres.norm(dim=1, keepdim=True)
    return torch.where(shrunk > _SHRUNK, images / shrunk, images)


def _generated(generators: set[Permutation], n: int) -> set[Permutation]:
    """The group of all products."""
    group, fresh = {tuple(range(n))}, {tuple(range(n))}
    while fresh:
        fresh = {_product(a, b) for a in generators for b in fresh} - group
        group |= fresh
    return group


def group_name(permutations: set[Permutation]) -> str:
    """What a group of permutations is called; `a group of order N` where it has no short name.

    >>> group_name({(0, 1, 2, 3), (1, 2, 3, 0), (2, 3, 0, 1), (3, 0, 1, 2)})
    'Z4'
    >>> group_name({(0, 1, 2, 3), (1, 0, 2, 3), (0, 1, 3, 2), (1, 0, 3, 2)})
    'Z2^2'
    """
    order, orders = len(permutations), [_order(p) for p in permutations]
    if order == 1:
        return "the trivial group"
    if max(orders) == order:
        return f"Z{order}"
    if max(orders) == 2:
        return f"Z2^{order.bit_length() - 1}"
    if 2 * max(orders) == order:
        abelian = all(_product(a, b) == _product(b, a) for a in permutations for b in permutations)
        if abelian:
            return f"Z{order // 2} x Z2"
        if sum(n == 2 for n in orders) >= order // 2:
            return f"D{order // 2}"
    degree = len(next(iter(permutations)))
    if order == math.factorial(degree):
        return f"S{degree}"
    return f"a group of order {order}"


def _product(a: Permutation, b: Permutation) -> Permutation:
    return tuple(a[i] for i in b)


def _order(p: Permutation) -> int:
    identity, power, n = tuple(range(len(p))), p, 1
    while power != identity:
        power, n = _product(p, power), n + 1
    return n


def _cycle(p: Permutation, start: int) -> int:
    """Length of the cycle of a cluster."""
    place, n = p[start], 1
    while place != start:
        place, n = p[place], n + 1
    return n


def _point(cloud: _Cloud) -> Degeneracy | None:
    """One cluster, where the rules agree along every axis."""
    widest = float(cloud.variances[0].sqrt()) / max(cloud.length, 1e-300)
    if widest > _POINT:
        if widest > _SPREAD:
            return None
        return cloud.told(
            "undecided", f"the rules differ by {widest:.2f} of their length along one axis; "
            f"expected less than {_POINT} of a point and more than {_SPREAD} of anything else",
            spread=widest,
        )  # fmt: skip
    return cloud.told(
        "point", f"the rules differ by at most {widest:.2g} of their length along any axis",
        centres=cloud.x[cloud.kept].mean(0, keepdim=True), spread=widest,
    )  # fmt: skip


def _sphere(cloud: _Cloud) -> Degeneracy:
    """A sphere with as many axes as the rules have, or what speaks against it."""
    points, p = cloud.points, len(cloud.axes)
    if p == 1:
        return cloud.told("undecided", "the rules differ along one axis, without a gap")
    centre, radius, thick = _fitted(points)
    low, high = (share * radius for share in _SCALES)
    dimension = _jackknifed(points, lambda part: _slope(part, low, high))
    known = {"dimension": dimension, "spread": thick}
    against = _against(points - centre, thick, dimension, p - 1)
    if against:
        return cloud.told("undecided", f"{p} axes without a gap, but {against}", **known)
    return cloud.told(
        "sphere", f"no gap; the rules lie within {thick:.2f} of the radius of a sphere with {p} "
        "axes, of which no part is bare; an orbit of up to 6 clusters would be seen", **known,
    )  # fmt: skip


def _fitted(points: Tensor) -> tuple[Tensor, float, float]:
    """Centre and radius of the sphere through points, and its thickness in radii."""
    rows = torch.cat([2 * points, points.new_ones(len(points), 1)], 1)
    solved = torch.linalg.lstsq(rows, points.square().sum(1, keepdim=True)).solution[:, 0]
    centre = solved[:-1]
    lengths = (points - centre).square().sum(1).sqrt()
    radius = float(lengths.median())
    return centre, radius, 1.4826 * float((lengths - radius).abs().median()) / max(radius, 1e-300)


def _slope(points: Tensor, low: float, high: float) -> float:
    r"""Dimension from pairs within two distances: ln[C(high) / C(low)] / ln[high / low]."""
    distances = torch.pdist(points)
    few, many = ((distances <= reach).sum().clamp(min=1) for reach in (low, high))
    return float((many / few).log()) / math.log(high / low)


def _against(points: Tensor, thick: float, dimension: Estimate, expected: int) -> str:
    """What speaks against an even sphere; nothing where it is one."""
    if thick > _THIN:
        return (
            f"their distances from a centre differ by {thick:.2f} of it; expected at most {_THIN}, "
            "through which up to 6 blurred clusters would be seen"
        )
    variances = _axes(points)[1]
    if variances[-1] < _ROUND * variances[0]:
        return (
            f"their variances along these are {float(variances[-1] / variances[0]):.2f} to 1; "
            f"expected at least {_ROUND} on a sphere"
        )
    if expected == 1:
        angles = torch.atan2(points[:, 1], points[:, 0])
        turns = torch.arange(1, _FOLDS + 1)[:, None] * angles
        size = torch.hypot(turns.cos().mean(1), turns.sin().mean(1))
        fold = int((size > _EVEN).int().argmax())
        if size[fold] > _EVEN:
            return (
                f"{fold + 1} angles are preferred (amplitude {float(size[fold]):.2f}; expected at "
                f"most {_EVEN}): an orbit that is blurred, or a circle that is not even"
            )
    if abs(dimension.value - expected) > _OFF + dimension.error:
        return f"pairs of them tell a dimension of {dimension}; expected {expected}"
    return _bare(points, expected)


def _bare(points: Tensor, expected: int) -> str:
    """Whether a part of the sphere holds no rule."""
    generator = torch.Generator().manual_seed(0)
    probes = torch.randn(2000, expected + 1, generator=generator, dtype=torch.float64)
    unit = (x / x.square().sum(1, keepdim=True).sqrt() for x in (probes, points))
    nearest = torch.matmul(*(x if i == 0 else x.T for i, x in enumerate(unit))).amax(1)
    far = float(torch.rad2deg(nearest.clamp(-1, 1).acos()).max())
    return "" if far < _BARE else f"a part of the sphere is bare, {far:.0f} degrees from all rules"
