"""Impostor comparisons of persons: real ones, and those composed of real fingers.

Real persons are few, so most are composed: at each position a finger of one set against another
finger of the same set, all of them different, scans drawn. What the fingers of a real person
share is lost in that; generated persons have it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.impostors import RealGroup
from workers.matching.calibration import person_curve
from workers.matching.fuse import fuse


def score_persons(finger_scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Calibrated scores, without bound, of persons with k common fingers, raw (..., k)."""
    count = finger_scores.shape[-1]
    fused = fuse(finger_scores.reshape(-1, count))
    return person_curve(count).at(fused).reshape(finger_scores.shape[:-1])


def parts(
    finger_scores: NDArray[np.float64], count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """As many disjoint parts of `count` fingers as there are, drawn for each comparison.

    Args:
        finger_scores: raw, (..., fingers).

    Returns:
        (parts, ..., count).
    """
    fingers = finger_scores.shape[-1]
    order = rng.permuted(np.broadcast_to(np.arange(fingers), finger_scores.shape).copy(), axis=-1)
    drawn = np.take_along_axis(finger_scores, order, axis=-1)
    return np.stack([drawn[..., i * count : (i + 1) * count] for i in range(fingers // count)])


class Composer:
    """Composes impostor persons of the fingers of some groups."""

    def __init__(self, groups: Sequence[RealGroup], factors: Mapping[str, float]) -> None:
        """Raw scores of each group are multiplied by its factor."""
        self._pools = [_Pool(group, factors[group.name]) for group in groups]

    @property
    def positions(self) -> int:
        """Pairs of fingers that a composed comparison can have at most."""
        return sum(pool.fingers // 2 for pool in self._pools)

    def compose(
        self, draws: int, rng: np.random.Generator, *, anew: bool = False
    ) -> NDArray[np.float64]:
        """Raw scores of drawn comparisons, (draws, positions), in an order drawn for each.

        Args:
            anew: of fingers drawn with replacement, for an interval; a position at which a
                finger would meet itself is NaN, and comes last.
        """
        scores = np.concatenate([pool.draw(draws, rng, anew) for pool in self._pools], axis=1)
        order = np.argsort(rng.random(scores.shape) + np.isnan(scores), axis=1)
        return np.take_along_axis(scores, order, axis=1)


class _Pool:
    """The fingers of one group."""

    def __init__(self, group: RealGroup, factor: float) -> None:
        self._raw = group.raw * factor
        self._prints = np.argsort(group.fingers, kind="stable")
        self._count = np.bincount(group.fingers)
        self._first = np.cumsum(self._count) - self._count
        self.fingers = len(self._count)

    def draw(self, draws: int, rng: np.random.Generator, anew: bool) -> NDArray[np.float64]:
        """Scores of fingers paired at random, (draws, fingers // 2)."""
        pool = np.arange(self.fingers)
        if anew:
            pool = rng.integers(self.fingers, size=self.fingers)
        order = rng.permuted(np.tile(pool, (draws, 1)), axis=1)
        half = self.fingers // 2
        a, b = order[:, :half], order[:, half : 2 * half]
        scores = self._raw[self._scan(a, rng), self._scan(b, rng)]
        return np.where(a == b, np.nan, scores)

    def _scan(self, fingers: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
        within = (rng.random(fingers.shape) * self._count[fingers]).astype(np.intp)
        return np.asarray(self._prints[self._first[fingers] + within])


@dataclass(frozen=True, slots=True)
class RealPersons:
    """Every session of a person against every session of another.

    Attributes:
        persons: how many.
        fingers: numbers of the fingers that all of them have, (k,).
        raw: raw scores, float64 (n, k); sessions that lack one of the fingers are left out.
    """

    persons: int
    fingers: tuple[int, ...]
    raw: NDArray[np.float64]


def real_persons(group: RealGroup, set_name: str) -> RealPersons:
    """The persons of a set whose names tell persons."""
    prints: dict[tuple[str, int], dict[int, int]] = {}
    for i, (scan, name) in enumerate(zip(group.scans, group.sets, strict=True)):
        if name == set_name:
            session = prints.setdefault((scan.person, scan.number), {})
            session[int(scan.finger_number)] = i
    seen: dict[str, set[int]] = {}
    for (person, _), session in prints.items():
        seen.setdefault(person, set()).update(session)
    fingers = tuple(sorted(set.intersection(*seen.values())))
    sessions: dict[str, list[list[int]]] = {person: [] for person in seen}
    for (person, _), session in prints.items():
        if session.keys() >= set(fingers):
            sessions[person].append([session[finger] for finger in fingers])
    raw = [
        group.raw[ours, theirs]
        for one, other in itertools.combinations(sessions, 2)
        for ours, theirs in itertools.product(sessions[one], sessions[other])
    ]
    return RealPersons(len(seen), fingers, np.array(raw))
