"""Generated templates: determinism, plausible numbers, mates alike and non-mates not."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest
from scipy.spatial import cKDTree

from workers.biometrics.model import FINGERS, FingerPosition, FingerSample, Impression, Minutiae
from workers.synthesis.templates import generate_population, generate_subject


def _equal(left: FingerSample, right: FingerSample) -> bool:
    arrays = ("x", "y", "angle", "kind", "quality")
    return left.source == right.source and all(
        np.array_equal(getattr(left.minutiae, a), getattr(right.minutiae, a)) for a in arrays
    )


def test_same_key_same_minutiae_in_any_order_and_company() -> None:
    alone = generate_subject(7, 3, 1, fingers=(FingerPosition.LEFT_RING,))
    among = generate_subject(7, 3, 1)
    assert _equal(alone[0], among[8])
    later = list(generate_population(7, 2, start=3, session=1))
    assert all(_equal(a, b) for a, b in zip(among, later[0].samples, strict=True))


def test_another_process_gives_the_same_minutiae() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        theirs = pool.apply(generate_subject, (11, 2, 0))
    assert all(_equal(a, b) for a, b in zip(generate_subject(11, 2, 0), theirs, strict=True))


@pytest.mark.parametrize("change", [(8, 3, 1), (7, 4, 1), (7, 3, 0)])
def test_seed_person_and_session_each_change_the_print(change: tuple[int, int, int]) -> None:
    assert not _equal(generate_subject(7, 3, 1)[0], generate_subject(*change)[0])


def test_minutiae_keep_to_the_model_conventions() -> None:
    for impression in Impression:
        for sample in generate_subject(5, 0, impression=impression):
            m = sample.minutiae
            assert sample.impression is impression
            assert m.x.dtype == m.y.dtype == m.angle.dtype == np.float32
            assert np.all((m.x >= 0) & (m.x <= m.width - 1) & (m.y >= 0) & (m.y <= m.height - 1))
            assert np.all((m.angle >= 0) & (m.angle < 2 * np.pi))
            assert np.all((m.kind == 1) | (m.kind == 2))
            assert np.all((m.quality >= 1) & (m.quality <= 100))
    assert [s.position for s in generate_subject(5, 0)] == list(FINGERS)


@pytest.mark.parametrize(
    ("impression", "low", "high"), [(Impression.PLAIN, 30, 90), (Impression.ROLLED, 75, 190)]
)
def test_counts_and_spacing_are_those_of_real_prints(
    impression: Impression, low: int, high: int
) -> None:
    counts, nearest = [], []
    for subject in generate_population(1, 10, impression=impression):
        for sample in subject.samples:
            points = np.column_stack([sample.minutiae.x, sample.minutiae.y])
            counts.append(len(points))
            nearest.append(cKDTree(points).query(points, k=2)[0][:, 1])
    assert low < np.percentile(counts, 5) < np.percentile(counts, 95) < high
    # LEADER's minutiae of live-scan prints: median 20.6 px, 5 % below 11 px.
    assert np.median(np.concatenate(nearest)) == pytest.approx(20.6, abs=2.0)
    assert 7.0 < np.percentile(np.concatenate(nearest), 5) < 13.0


def _best_overlap(left: Minutiae, right: Minutiae) -> int:
    """Most minutiae of `left` near one of `right` after any rigid move that joins a pair."""
    best = 0
    tree = cKDTree(np.column_stack([right.x, right.y]))
    for i in range(len(left)):
        for j in range(len(right)):
            turn = right.angle[j] - left.angle[i]
            if abs((turn + np.pi) % (2 * np.pi) - np.pi) > np.radians(35):
                continue
            dx, dy = left.x - left.x[i], left.y - left.y[i]
            x = right.x[j] + np.cos(turn) * dx + np.sin(turn) * dy
            y = right.y[j] + np.cos(turn) * dy - np.sin(turn) * dx
            distance, near = tree.query(np.column_stack([x, y]), distance_upper_bound=12.0)
            hit = np.isfinite(distance)
            off = right.angle[near[hit]] - left.angle[hit] - turn
            best = max(best, int(np.sum(np.cos(off) > np.cos(np.radians(25)))))
    return best


def test_mates_overlap_more_than_any_non_mate() -> None:
    fingers = (FingerPosition.RIGHT_INDEX,)
    first = [generate_subject(3, i, 0, fingers=fingers)[0].minutiae for i in range(5)]
    second = [generate_subject(3, i, 1, fingers=fingers)[0].minutiae for i in range(5)]
    overlap = np.array([[_best_overlap(a, b) for b in second] for a in first])
    mates, others = np.diag(overlap), overlap[~np.eye(5, dtype=bool)]
    assert mates.min() > others.max()
