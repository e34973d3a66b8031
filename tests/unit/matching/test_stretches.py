"""How long a search works without looking for a reason to stop."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from coordinator.bench.filler import Filler, probes
from workers.matching.backends.numpy_backend import NumpyBackend
from workers.matching.columns import Columns
from workers.matching.layered import LayeredBackend, LayeredGallery
from workers.matching.probe import Probe, prepare_probe
from workers.matching.search import search_batch

ROWS = 1_000_000
STRETCH_S = 0.1
"""Twice what is aimed at: caches are shared with whatever else runs."""


@dataclass(slots=True)
class Stretches:
    """A checkpoint that measures this thread's own time since the last one."""

    longest: float = 0.0
    last: float = field(default_factory=time.thread_time)

    def __call__(self) -> None:
        now = time.thread_time()
        self.longest = max(self.longest, now - self.last)
        self.last = time.thread_time()


@pytest.fixture(scope="module")
def gallery() -> LayeredGallery:
    return LayeredGallery((Filler.make(100).gallery(ROWS), NumpyBackend().pack(Columns.of([]))))


def batch(fingers: int, count: int) -> list[Probe]:
    return [prepare_probe(replace(t, fingers=t.fingers[:fingers])) for t in probes(count)]


@pytest.mark.slow
@pytest.mark.parametrize("partitions", [1, 64])
@pytest.mark.parametrize(("fingers", "count"), [(10, 8), (4, 1), (2, 1), (1, 1)])
def test_a_search_of_a_million_looks_often(
    gallery: LayeredGallery, partitions: int, fingers: int, count: int
) -> None:
    probes_together = batch(fingers, count)
    visible = np.array_split(np.arange(ROWS), partitions)
    stretches = Stretches()
    search_batch(
        *(LayeredBackend(NumpyBackend()), probes_together, gallery, visible),
        limit=20,
        checkpoint=stretches,
    )
    stretches()
    assert 0.0 < stretches.longest < STRETCH_S
