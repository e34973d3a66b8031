"""One gallery, one answer: however it is laid out, enrolled and computed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.config import ClusterConfig
from cluster.executors.inprocess import InProcessExecutor
from cluster.executors.interface import GalleryAnswer, GallerySearch
from cluster.store import Enrolment, FileKeyProvider, Store
from tests.recombined import LARGE, crowd, person
from workers.matching.probe import Probe, prepare_probe

pytestmark = pytest.mark.slow

PARTITIONS = 3
COUNT = PARTITIONS * LARGE
ORDERS = 2
PROBES = ((3, 4), (11, 2), (999, 4), (5, 1))
"""Person and fingers; nobody enrolled is person 999."""


class Galleries:
    """The same encounters, enrolled in several orders."""

    def __init__(self, folder: Path) -> None:
        keys = FileKeyProvider(folder / "master.key")
        people = crowd(COUNT)
        self.stores = []
        for number in range(ORDERS):
            store = Store.open(f"sqlite:///{folder}/{number}.db", keys, partitions=PARTITIONS)
            order = np.random.default_rng(number).permutation(COUNT).tolist()
            store.enroll([Enrolment(people[i], f"s{i}", f"e{i}") for i in order])
            self.stores.append(store)

    async def answers(
        self, order: int, *, exhaustive: bool, config: ClusterConfig
    ) -> list[GalleryAnswer]:
        """Every probe's answer, without what may differ: times and the backend's name."""
        store = self.stores[order]
        executor = InProcessExecutor(config, store)
        await executor.start()
        try:
            found = [
                await executor.search(
                    GallerySearch(
                        f"{number}",
                        probe(*wanted),
                        store.sequence(),
                        5,
                        exhaustive=exhaustive,
                        timeout_s=100.0,
                    )
                )
                for number, wanted in enumerate(PROBES)
            ]
        finally:
            await executor.stop()
        return [replace(answer, stage_seconds={}, backends=()) for answer in found]


def probe(number: int, fingers: int) -> Probe:
    template = person(number, session=1)
    return prepare_probe(replace(template, fingers=template.fingers[:fingers]))


@pytest.fixture(scope="module")
def galleries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Galleries]:
    made = Galleries(tmp_path_factory.mktemp("orders"))
    yield made
    for store in made.stores:
        store.close()


@pytest.fixture(scope="module")
def by_reference(galleries: Galleries) -> dict[bool, list[GalleryAnswer]]:
    config = ClusterConfig(shards=1, backend="reference")
    return {
        exhaustive: asyncio.run(galleries.answers(0, exhaustive=exhaustive, config=config))
        for exhaustive in (False, True)
    }


def test_the_answers_are_worth_comparing(by_reference: dict[bool, list[GalleryAnswer]]) -> None:
    """Partitions are sketched, mates are found first, and the sketch saves work."""
    sketched, exhaustive = by_reference[False][0], by_reference[True][0]
    assert all(p.sketched and p.screened < p.sketched for p in sketched.partitions)
    assert all(p.sketched == 0 for p in exhaustive.partitions)
    for answer, (number, _) in zip(by_reference[False][:2], PROBES, strict=False):
        hits = [hit for partition in answer.partitions for hit in partition.hits]
        assert max(hits, key=lambda hit: hit.fused_score).encounter_id == f"e{number}"


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    shards=st.integers(1, PARTITIONS + 1),
    replicas=st.integers(1, 3),
    order=st.integers(0, ORDERS - 1),
    exhaustive=st.booleans(),
)
def test_an_answer_does_not_depend_on_how_the_gallery_is_held(
    galleries: Galleries,
    by_reference: dict[bool, list[GalleryAnswer]],
    shards: int,
    replicas: int,
    order: int,
    exhaustive: bool,
) -> None:
    config = ClusterConfig(shards=shards, replicas=replicas, backend="numpy")
    found = asyncio.run(galleries.answers(order, exhaustive=exhaustive, config=config))
    assert found == by_reference[exhaustive]
