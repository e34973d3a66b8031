"""Consolidated scores of prints so small that the formulas can be worked out by hand.

Two minutiae that pair up with their like, so that what relaxation leaves of each pair is how well
the two agree: Cappelli, Ferrara, Maltoni 2010, section 4.3, with the changes of
`docs/decisions/0018-consolidation.md`. The reference shares its constants with the other
backends, so comparing them shows nothing about those.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from workers.biometrics.model import FingerPosition, Impression
from workers.matching.template import FingerTemplate
from workers.matching.verify import match_fingers

LEAST_COUNTED = 4
"""Pairs that a score is the mean of, however few there are (the paper's table 2)."""

DISTANCE, TURN, BEARING = 5.0, math.pi / 12, math.pi / 12
"""Differences at which two pairs half agree, pixels and radians (the paper's table 2)."""

Place = tuple[float, float, float]
"""Pixels to the right, pixels up, and degrees counter-clockwise."""


def finger(places: Sequence[Place], cosine: float = 1.0) -> FingerTemplate:
    """A print whose minutiae have descriptors of their own, orthogonal to each other's.

    Args:
        cosine: of the angle between a minutia's descriptor and its like in `finger(places)`.
    """
    n = len(places)
    x, up, degrees = np.array(places).T
    descriptors = np.zeros((n, 64), np.int8)
    descriptors[np.arange(n), np.arange(n)] = round(127 * cosine)
    descriptors[np.arange(n), n + np.arange(n)] = round(127 * math.sqrt(1 - cosine**2))
    return FingerTemplate(
        position=FingerPosition.RIGHT_INDEX,
        impression=Impression.PLAIN,
        x=np.rint(x).astype(np.int16),
        y=np.rint(-up).astype(np.int16),
        angle=(np.rint(degrees / 360 * 65536).astype(np.int64) % 65536).astype(np.uint16),
        kind=np.ones(n, np.uint8),
        quality=np.full(n, 80, np.uint8),
        descriptors=descriptors,
        sketch=np.zeros(64, np.int8),
    )


def sigmoid(difference: float, half: float) -> float:
    return 1.0 / (1.0 + (difference / half) ** 8)


def agreement(ours: Sequence[Place], theirs: Sequence[Place], seen_from: int) -> float:
    """Of the two pairs, seen from one of them: distance, turn and bearing (equation 27)."""
    t, s = seen_from, 1 - seen_from
    distances, bearings = [], []
    for side in (ours, theirs):
        dx, dy = side[s][0] - side[t][0], side[s][1] - side[t][1]
        distances.append(math.hypot(dx, dy))
        bearings.append(math.atan2(dy, dx) - math.radians(side[t][2]))
    turns = [math.radians(b[2] - a[2]) for a, b in zip(ours, theirs, strict=True)]
    apart = math.remainder(turns[s] - turns[t], 2 * math.pi)
    bent = math.remainder(bearings[0] - bearings[1], 2 * math.pi)
    chord = math.sqrt(2 - 2 * math.cos(bent))  # stands for the angle; equal to it where it is small
    longer = abs(distances[0] - distances[1])
    if longer > 1.5 * DISTANCE or abs(apart) > 1.5 * TURN:
        return 0.0
    return sigmoid(longer, DISTANCE) * sigmoid(apart, TURN) * sigmoid(chord, BEARING)


def expected(ours: Sequence[Place], theirs: Sequence[Place], start: float = 1.0) -> float:
    """Score of two pairs of the same starting value after four rounds of nothing but support."""
    values = [start, start]
    for _ in range(4):
        values = [agreement(ours, theirs, seen_from=t) * values[1 - t] for t in (0, 1)]
    return float((sum(values) / LEAST_COUNTED / len(ours)) ** 0.25)


PROBE: tuple[Place, Place] = ((100.0, -100.0, 45.0), (220.0, -190.0, 202.5))


def turned(places: Sequence[Place], degrees: float) -> list[Place]:
    """A print turned as a whole, counter-clockwise."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [(x * cos - y * sin, x * sin + y * cos, a + degrees) for x, y, a in places]


def moved(dx: float = 0.0, dy: float = 0.0, degrees: float = 0.0) -> list[Place]:
    """The probe's minutiae, the second of them elsewhere."""
    (x, y, angle) = PROBE[1]
    return [PROBE[0], (x + dx, y + dy, angle + degrees)]


@pytest.mark.parametrize("degrees", [0.0, 20.0, -20.0, 75.0, -75.0])
def test_prints_turned_as_a_whole_agree(degrees: float) -> None:
    score = match_fingers(finger(PROBE), finger(turned(PROBE, degrees)))
    assert score == pytest.approx((2 / LEAST_COUNTED / 2) ** 0.25, abs=0.005)


@pytest.mark.parametrize(
    "theirs",
    [
        moved(dx=4.0, dy=-3.0),  # on the line between them: the distance alone, by five
        moved(dx=-4.0, dy=3.0),
        moved(degrees=15.0),
        moved(degrees=-15.0),
        moved(degrees=12.0),
        moved(dx=18.0, dy=24.0),  # across the line
        moved(dx=-24.0, dy=-32.0),
        moved(dx=-24.0, dy=-32.0, degrees=6.0),
    ],
)
def test_pairs_that_disagree_lose_by_the_papers_sigmoids(theirs: list[Place]) -> None:
    score = match_fingers(finger(PROBE), finger(theirs))
    assert 0.05 < score == pytest.approx(expected(PROBE, theirs), abs=0.005)


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        (moved(dx=6.0, dy=-4.0), moved(dx=6.0, dy=-5.0)),  # 7.2 and 7.8 pixels: 7.5 is the end
        (moved(dx=-6.0, dy=4.0), moved(dx=-6.0, dy=5.0)),
        (moved(degrees=22.5), moved(degrees=22.51)),
        (moved(degrees=-22.5), moved(degrees=-22.51)),
    ],
)
def test_support_ends_out_of_reach(inside: list[Place], outside: list[Place]) -> None:
    near = match_fingers(finger(PROBE), finger(inside))
    assert 0.0 < near == pytest.approx(expected(PROBE, inside), rel=0.1)
    assert match_fingers(finger(PROBE), finger(outside)) == 0.0


@pytest.mark.parametrize("cosine", [1.0, 0.8, 0.5, 0.2])
def test_pairs_start_from_how_alike_their_descriptors_are(cosine: float) -> None:
    """1 - |a - b| / (|a| + |b|) of unit vectors."""
    apart = math.sqrt(2 - 2 * cosine)
    score = match_fingers(finger(PROBE, cosine), finger(PROBE))
    assert score == pytest.approx(expected(PROBE, PROBE, 1 - apart / 2), abs=0.002)


def test_the_larger_print_counts() -> None:
    """A minutia of one side that pairs with none: what is left is shared by one more."""
    more = finger([*PROBE, (400.0, 400.0, 90.0)])
    for ours, theirs in ((finger(PROBE), more), (more, finger(PROBE))):
        assert match_fingers(ours, theirs) == pytest.approx((2 / LEAST_COUNTED / 3) ** 0.25)


def test_minutiae_turned_further_than_a_quarter_do_not_pair() -> None:
    assert match_fingers(finger(PROBE), finger(turned(PROBE, 120.0))) == 0.0


def test_minutiae_in_one_place_do_not_agree() -> None:
    """No distance and so no bearing between them: as bad as a right angle."""
    here = (PROBE[0], (*PROBE[0][:2], 200.0))
    support = sigmoid(math.sqrt(2), BEARING)
    score = match_fingers(finger(here), finger(here))
    assert score == pytest.approx((2 * support**4 / LEAST_COUNTED / 2) ** 0.25, rel=0.01)
