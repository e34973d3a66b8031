"""Planted faults are found: a partition left out, a wrong sequence, another answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.config import ClusterConfig
from cluster.executors.inprocess import InProcessExecutor
from cluster.executors.interface import GalleryAnswer, GallerySearch
from cluster.store import Enrolment, FileKeyProvider, Store
from coordinator.bench.checked import CheckedSearches, WrongAnswerError
from coordinator.bench.gallery import fill
from coordinator.progress import silent
from tests.populations import encounter
from workers.errors import RidgelineError
from workers.matching.probe import prepare_probe

PERSONS = 12
Fault = Callable[[GalleryAnswer], GalleryAnswer]


class Faulty(InProcessExecutor):
    """Answers with a fault."""

    fault: Fault = staticmethod(lambda answer: answer)

    async def search(self, search: GallerySearch) -> GalleryAnswer:
        return self.fault(await super().search(search))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    keys = FileKeyProvider(tmp_path / "master.key")
    opened = Store.open(f"sqlite:///{tmp_path / 'gallery.db'}", keys, partitions=4)
    opened.enroll([Enrolment(encounter(p), f"s{p}", f"e{p}") for p in range(PERSONS)])
    yield opened
    opened.close()


def run(store: Store, fault: Fault, times: int = 1) -> CheckedSearches:
    probes = [(f"e{p}", prepare_probe(encounter(p, session=1))) for p in (0, 3)]
    searches = CheckedSearches(store, probes, timeout_s=30.0)

    async def all_of_them() -> None:
        executor = Faulty(ClusterConfig(), store)
        await executor.start()
        try:
            for number in range(times):
                await searches.run(executor, number)
            executor.fault = fault
            await searches.run(executor, 0)
        finally:
            await executor.stop()

    asyncio.run(all_of_them())
    return searches


def test_whole_answers_pass(store: Store) -> None:
    searches = run(store, lambda answer: answer, times=4)
    assert (searches.answers, searches.mates_first) == (5, 5)
    assert searches.backends == {"numpy"}


def other_score(answer: GalleryAnswer) -> GalleryAnswer:
    first = next(p for p in answer.partitions if p.hits)
    hit = replace(first.hits[0], fused_score=first.hits[0].fused_score + 1e-9)
    changed = replace(first, hits=(hit, *first.hits[1:]))
    parts = tuple(changed if p is first else p for p in answer.partitions)
    return replace(answer, partitions=parts)


def fewer_compared(answer: GalleryAnswer) -> GalleryAnswer:
    first = next(p for p in answer.partitions if p.screened)
    parts = tuple(
        replace(p, screened=p.screened - 1) if p is first else p for p in answer.partitions
    )
    return replace(answer, partitions=parts)


@pytest.mark.parametrize(
    "fault",
    [
        lambda answer: replace(answer, partitions=answer.partitions[1:]),
        lambda answer: replace(answer, partitions=(*answer.partitions, answer.partitions[0])),
        lambda answer: replace(answer, sequence=answer.sequence - 1),
        fewer_compared,
        other_score,
    ],
    ids=["partition left out", "partition twice", "sequence", "encounter left out", "score"],
)
def test_faults_are_found(store: Store, fault: Fault) -> None:
    with pytest.raises(WrongAnswerError):
        run(store, fault)


def test_an_answer_that_says_it_is_partial_is_an_error_and_not_wrong(store: Store) -> None:
    with pytest.raises(RidgelineError, match="COVERAGE_TOO_LOW"):
        run(store, lambda answer: replace(answer, unsearched=(1,)))


def test_a_gallery_of_somebody_else_is_left_alone(store: Store) -> None:
    with pytest.raises(RidgelineError, match="store_url"):
        fill(store, PERSONS, silent)
    assert store.counts(store.sequence()).encounters == PERSONS


def test_a_filled_gallery_is_used_again_if_it_is_of_this_size(tmp_path: Path) -> None:
    keys = FileKeyProvider(tmp_path / "master.key")
    store = Store.open(f"sqlite:///{tmp_path / 'bench.db'}", keys, partitions=4)
    try:
        assert fill(store, 3, silent)
        assert not fill(store, 3, silent)
        with pytest.raises(RidgelineError, match="store_url"):
            fill(store, 2, silent)
    finally:
        store.close()
