"""Peers are timed on the fingers that ours is timed on."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy.peers import Bozorth3
from benchmarks.peer_speed import COMPARED, peer_rate, workload
from coordinator.bench.matcher import SIZES, rolled


@pytest.mark.parametrize(("probe", "gallery"), SIZES)
def test_prints_have_the_minutiae_that_are_stated(probe: int, gallery: int) -> None:
    one, others = workload(probe, gallery)
    assert len(one) == probe
    assert [len(m) for m in others] == [gallery] * COMPARED


def test_they_are_the_best_of_different_fingers() -> None:
    one, others = workload(40, 32)
    samples = [sample for person in rolled(40) for sample in person.samples]
    for kept, sample in zip((one, *others), samples, strict=False):
        lowest = kept.quality.min()
        assert (sample.minutiae.quality > lowest).sum() <= len(kept)
        places = set(zip(sample.minutiae.x, sample.minutiae.y, strict=True))
        assert places.issuperset(zip(kept.x, kept.y, strict=True))
    assert not any(np.array_equal(one.x[:32], other.x) for other in others)


@pytest.mark.slow
def test_smaller_prints_are_compared_faster() -> None:
    assert peer_rate(Bozorth3(), 40, 32) > peer_rate(Bozorth3(), 96, 64) > 0
