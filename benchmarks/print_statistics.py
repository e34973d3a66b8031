"""Aggregate statistics of minutiae and of their repetition between impressions of a finger.

Used to compare generated prints with real ones; it keeps nothing of a print but sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, Delaunay, cKDTree

from workers.biometrics.model import Minutiae, MinutiaKind

NEAR_PX = 9.0
"""Mated minutiae lie within this distance after the fit, pixels."""

NEAR_ANGLE = np.radians(22.0)
"""Mated minutiae differ by less than this in direction, radians."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """How one impression repeats another of the same finger, after a smooth fit.

    Attributes:
        first, second: minutiae of each in the region that both show.
        mated: pairs found.
        reversed: pairs at the same place whose direction is reversed.
        dx, dy: float64 (mated,), residuals of position, pixels.
        dangle: float64 (mated,), residuals of direction, radians.
        kind_differs: mated pairs whose kinds differ.
        rotation: of the fit, radians.
        bend_px: root mean square of what the smooth fit adds to the rigid one.
        quality: uint8 (mated + missed,), of the first's minutiae in the common region.
        found: bool, same length: whether each is mated.
    """

    first: int
    second: int
    mated: int
    reversed: int
    dx: NDArray[np.float64]
    dy: NDArray[np.float64]
    dangle: NDArray[np.float64]
    kind_differs: int
    rotation: float
    bend_px: float
    quality: NDArray[np.uint8]
    found: NDArray[np.bool_]


def spacing(prints: Iterable[Minutiae]) -> dict[str, list[float]]:
    """Percentiles 5, 25, 50, 75, 95 of counts, hull areas, densities and spacings.

    Densities are per 10,000 square pixels of the convex hull, spacings are distances to the
    nearest neighbour in pixels; ``same_way`` is the share of nearest neighbours that point the
    same way within 60 degrees, ``other_way`` within 60 degrees of the opposite.
    """
    count, area, nearest, along = [], [], [], []
    ending, quality = [], []
    for print_ in prints:
        count.append(len(print_))
        if len(print_) < 8:
            continue
        points = _points(print_)
        area.append(float(ConvexHull(points).volume))
        distance, near = cKDTree(points).query(points, k=2)
        nearest.append(distance[:, 1])
        along.append(np.cos(print_.angle - print_.angle[near[:, 1]]))
        ending.append(print_.kind == MinutiaKind.ENDING)
        quality.append(print_.quality)
    enough = np.array([c for c in count if c >= 8])
    ways = np.concatenate(along)
    return {
        "count": _percentiles(count),
        "area_kpx": _percentiles(np.array(area) / 1e3),
        "density": _percentiles(1e4 * enough / np.array(area)),
        "nearest_px": _percentiles(np.concatenate(nearest)),
        "quality": _percentiles(np.concatenate(quality)),
        "ending": [float(np.concatenate(ending).mean())],
        "same_way": [float((ways > 0.5).mean())],
        "other_way": [float((ways < -0.5).mean())],
    }


def repetition(pairs: Iterable[tuple[Minutiae, Minutiae]]) -> dict[str, list[float]]:
    """Percentiles and means of `repeat` over mated pairs of impressions."""
    results = [r for r in (repeat(a, b) for a, b in pairs) if r is not None]
    rate = [r.mated / max(1, min(r.first, r.second)) for r in results if r.mated >= 8]
    good = [r for r in results if r.mated >= 8]
    mated = sum(r.mated for r in good)
    quality = np.concatenate([r.quality for r in good])
    found = np.concatenate([r.found for r in good])
    bins = [(0, 50), (50, 70), (70, 85), (85, 93), (93, 101)]
    return {
        "pairs": [float(len(results))],
        "aligned": [len(good) / len(results)],
        "repeat": _percentiles(rate),
        "common": _percentiles([min(r.first, r.second) for r in good]),
        # Each of two independent jitters has half the variance of their difference.
        "jitter_px": _robust_spread(np.concatenate([[*r.dx, *r.dy] for r in good])),
        "jitter_deg": _robust_spread(np.degrees(np.concatenate([r.dangle for r in good]))),
        "reversed": [sum(r.reversed for r in good) / mated],
        "kind_differs": [sum(r.kind_differs for r in good) / mated],
        "rotation_deg": _percentiles(np.degrees([abs(r.rotation) for r in good])),
        "bend_px": _percentiles([r.bend_px for r in good]),
        "found_by_quality": [
            float(found[(quality >= low) & (quality < high)].mean()) for low, high in bins
        ],
    }


def repeat(first: Minutiae, second: Minutiae) -> Repetition | None:
    """Fits `first` onto `second` and says what repeats; None where no fit was found."""
    if min(len(first), len(second)) < 8:
        return None
    rigid = _rigid(first, second)
    moved, turned = _apply(rigid, first)
    target, tree = _points(second), cKDTree(_points(second))
    fitted = moved
    for tolerance, degree in ((14.0, 1), (12.0, 2), (10.0, 3), (NEAR_PX, 3)):
        i, j = _mates(fitted, turned, tree, second, tolerance)
        terms = _monomials(moved, degree)
        if len(i) < 2 * terms.shape[1]:
            continue
        ridge = 0.02 * len(i) * np.diag([0.0] * 3 + [1.0] * (terms.shape[1] - 3))
        normal = terms[i].T @ terms[i] + ridge
        shift = np.linalg.solve(normal, terms[i].T @ (target[j] - moved[i]))
        fitted = moved + terms @ shift
    i, j = _mates(fitted, turned, tree, second, NEAR_PX)
    if len(i) < 4:
        return None
    inside_first = Delaunay(target).find_simplex(fitted) >= 0
    inside_second = Delaunay(fitted).find_simplex(target) >= 0
    both = inside_first[i] & inside_second[j]
    mated = np.zeros(len(first), np.bool_)
    mated[i] = True
    i, j = i[both], j[both]
    delta = target[j] - fitted[i]
    off = _signed(second.angle[j] - turned[i])
    distance, near = tree.query(fitted, distance_upper_bound=NEAR_PX)
    hit = np.flatnonzero(np.isfinite(distance) & ~mated)
    against = np.abs(_signed(second.angle[near[hit]] - turned[hit])) > np.pi - NEAR_ANGLE
    return Repetition(
        first=int(inside_first.sum()),
        second=int(inside_second.sum()),
        mated=len(i),
        reversed=int(against.sum()),
        dx=delta[:, 0],
        dy=delta[:, 1],
        dangle=off - np.median(off) if len(off) else off,
        kind_differs=int((first.kind[i] != second.kind[j]).sum()),
        rotation=float(rigid[0]),
        bend_px=float(np.sqrt(np.mean((fitted[i] - moved[i]) ** 2) * 2)) if len(i) else 0.0,
        quality=first.quality[inside_first],
        found=mated[inside_first],
    )


def _rigid(first: Minutiae, second: Minutiae) -> NDArray[np.float64]:
    """Rotation and translation (angle, x, y) that brings most minutiae together."""
    a, b = _strongest(first, 40), _strongest(second, 60)
    p, q = _points(a), _points(b)
    best, score = np.zeros(3), -1.0
    for i in range(len(a)):
        turn = _signed(b.angle - a.angle[i])
        keep = np.flatnonzero(np.abs(turn) < np.radians(50.0))
        cos, sin = np.cos(turn[keep])[:, None], np.sin(turn[keep])[:, None]
        dx, dy = p[:, 0] - p[i, 0], p[:, 1] - p[i, 1]
        x = q[keep, 0][:, None] + cos * dx + sin * dy
        y = q[keep, 1][:, None] + cos * dy - sin * dx
        far = (x[:, :, None] - q[:, 0]) ** 2 + (y[:, :, None] - q[:, 1]) ** 2
        off = np.cos(b.angle[None, None] - a.angle[None, :, None] - turn[keep][:, None, None])
        votes = np.exp(-far / 128.0) * (off > np.cos(np.radians(25.0)))
        total = votes.max(axis=2).sum(axis=1)
        k = int(np.argmax(total)) if len(keep) else -1
        if k >= 0 and total[k] > score:
            angle = turn[keep[k]]
            score = float(total[k])
            c, s = np.cos(angle), np.sin(angle)
            best = np.array(
                [
                    angle,
                    q[keep[k], 0] - c * p[i, 0] - s * p[i, 1],
                    q[keep[k], 1] - c * p[i, 1] + s * p[i, 0],
                ]
            )
    return best


def _apply(
    rigid: NDArray[np.float64], print_: Minutiae
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    p = _points(print_)
    cos, sin = np.cos(rigid[0]), np.sin(rigid[0])
    moved = np.column_stack([cos * p[:, 0] + sin * p[:, 1], cos * p[:, 1] - sin * p[:, 0]])
    return moved + rigid[1:], print_.angle + rigid[0]


def _mates(
    points: NDArray[np.float64],
    angles: NDArray[np.float64],
    tree: cKDTree,
    second: Minutiae,
    tolerance: float,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs that are each other's nearest of like direction, within `tolerance`."""
    far = np.hypot(*(points[:, None] - tree.data[None]).transpose(2, 0, 1))
    like = np.abs(_signed(second.angle[None] - angles[:, None])) < NEAR_ANGLE
    far = np.where(like & (far < tolerance), far, np.inf)
    j = far.argmin(axis=1)
    i = np.flatnonzero(np.isfinite(far.min(axis=1)) & (far.argmin(axis=0)[j] == np.arange(len(j))))
    return i, j[i]


def _monomials(points: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    centred = (points - points.mean(axis=0)) / 100.0
    u, v = centred.T
    return np.column_stack([u**a * v**b for n in range(degree + 1) for a, b in _powers(n)])


def _powers(degree: int) -> Sequence[tuple[int, int]]:
    return [(a, degree - a) for a in range(degree + 1)]


def _strongest(print_: Minutiae, count: int) -> Minutiae:
    return print_.take(np.argsort(-print_.quality.astype(int), kind="stable")[:count])


def _points(print_: Minutiae) -> NDArray[np.float64]:
    return np.column_stack([print_.x, print_.y]).astype(np.float64)


def _signed(angle: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi, np.float64)


def _percentiles(values: Sequence[float] | NDArray[np.floating]) -> list[float]:
    return [float(p) for p in np.percentile(values, [5, 25, 50, 75, 95])]


def _robust_spread(difference: NDArray[np.floating]) -> list[float]:
    """Deviation of one of two equal jitters, from quartiles, and from the mean square."""
    low, high = np.percentile(difference, [25, 75])
    return [float((high - low) / 1.349 / np.sqrt(2)), float(np.sqrt(np.mean(difference**2) / 2))]
