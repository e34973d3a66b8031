"""Which prints are compared."""

from __future__ import annotations

import numpy as np

from benchmarks.accuracy.pairs import across, cap_impostors, person_numbers, within


def test_within_a_set_every_two_prints_meet_once() -> None:
    pairs = within(["b", "a", "b", "c"])
    met = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert met == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert pairs.genuine.tolist() == [False, True, False, False, False, False]


def test_across_sensors_fingers_are_told_by_name() -> None:
    # Only the second sensor saw finger 2_1; only the first saw 1_2.
    pairs = across(["1_1", "1_2"], ["2_1", "1_1", "1_1"])
    assert len(pairs) == 6
    assert pairs.genuine.tolist() == [False, True, True, False, False, False]
    met = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert met == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_persons_of_pairs() -> None:
    probes, gallery = ["1_1", "1_2"], ["2_1", "1_1"]
    persons = person_numbers(across(probes, gallery), [*probes, *gallery])
    assert persons.tolist() == [[0, 1], [0, 0], [0, 1], [0, 0]]


def test_a_cap_keeps_every_genuine_pair() -> None:
    pairs = within([str(k // 3) for k in range(30)])
    kept = cap_impostors(pairs, 50, seed=1)
    part = pairs.take(kept)
    assert part.genuine.sum() == pairs.genuine.sum() == 30
    assert (~part.genuine).sum() == 50
    assert np.all(np.diff(kept) > 0)
    assert np.array_equal(kept, cap_impostors(pairs, 50, seed=1))
    assert len(cap_impostors(pairs, 10_000, seed=1)) == len(pairs)
