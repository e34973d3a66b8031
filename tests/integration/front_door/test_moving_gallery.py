"""A search whose sequence is gone before the shards get to it asks for a newer one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cluster.config import ClusterConfig
from cluster.executors.interface import Executor
from cluster.launch import make_executor
from cluster.store import Enrolment, FileKeyProvider, Store
from coordinator.gallery import Gallery
from coordinator.search import run
from coordinator.search.plan import SearchOptions
from coordinator.search.run import Searcher, SearchResult
from tests.populations import encounter
from workers.errors import ErrorCode, RidgelineError

TIMEOUT_S = 30.0


class OvertakenGallery(Gallery):
    """After each of the first `times` readings of the sequence an encounter comes and goes.

    Then the shards go on to what is newest, so that they cannot show the sequence just read.
    """

    def __init__(self, store: Store, searcher: Searcher | None, times: int) -> None:
        super().__init__(store)
        self.searcher = searcher
        self._writes = store
        self._times = times

    async def sequence(self) -> int:
        read = await super().sequence()
        if self._times:
            self._times -= 1
            name = f"passing-{self._times}"
            self._writes.enroll([Enrolment(encounter(9), name, name)])
            self._writes.remove_encounter(name)
            assert self.searcher is not None
            await search(self.searcher, f"other-{self._times}")
        return read


async def search(searcher: Searcher, search_id: str) -> SearchResult:
    return await searcher.search(
        search_id, encounter(0, session=1), SearchOptions(5), lambda: TIMEOUT_S
    )


async def search_overtaken(store: Store, executor: Executor, times: int) -> SearchResult:
    others = Searcher(executor, Gallery(store), required_coverage=1.0)
    await search(others, "first")
    gallery = OvertakenGallery(store, others, times)
    return await search(Searcher(executor, gallery, required_coverage=1.0), "overtaken")


@pytest.mark.parametrize("times", [0, 1, run.SEQUENCE_TRIES - 1, run.SEQUENCE_TRIES])
def test_a_newer_sequence_is_asked_for(tmp_path: Path, times: int) -> None:
    keys = FileKeyProvider(tmp_path / "master.key")
    store = Store.open(f"sqlite:///{tmp_path / 'gallery.db'}", keys, partitions=4)
    store.enroll([Enrolment(encounter(p), f"s{p}", f"e{p}") for p in range(4)])

    async def searched() -> SearchResult:
        executor = make_executor(ClusterConfig(shards=2), store, keys)
        await executor.start()
        try:
            return await search_overtaken(store, executor, times)
        finally:
            await executor.stop()

    try:
        if times < run.SEQUENCE_TRIES:
            answer = asyncio.run(searched())
            assert answer.leads[0].subject_id == "s0"
            assert answer.sequence == store.sequence()
            assert answer.share.partitions_searched == answer.share.partitions_total
        else:
            with pytest.raises(RidgelineError) as caught:
                asyncio.run(searched())
            assert caught.value.code is ErrorCode.SEQUENCE_UNAVAILABLE
    finally:
        store.close()
