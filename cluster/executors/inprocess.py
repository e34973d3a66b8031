"""The executor without Ray: shards and extractors in threads of this process."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import threadpoolctl

from cluster.config import ClusterConfig
from cluster.executors.admission import Admission
from cluster.executors.fan_out import fan_out
from cluster.executors.interface import (
    ExecutorStatus,
    GalleryAnswer,
    GallerySearch,
    ShardReport,
)
from cluster.executors.results import prepared_or_error
from cluster.placement import Slot, place
from cluster.rebalance import RebalancePlan, plan
from cluster.shard_health import ShardHealth
from cluster.source import StoreSource
from cluster.store import KeyProvider, Store
from workers.batching import BATCH_MAX
from workers.biometrics.model import Submission
from workers.errors import ErrorCode, RidgelineError
from workers.matching.backends import load_backend
from workers.prepare import PreparedSubmission, prepare
from workers.shard import Shard, ShardAnswer, ShardRequest


class InProcessExecutor:
    """Runs everything here; NumPy and onnxruntime release the interpreter lock.

    Args:
        keys: that segments are sealed under; needed where those are configured.
        sequence: to hold the gallery at; by default it follows the store.
    """

    def __init__(
        self,
        config: ClusterConfig,
        store: Store,
        keys: KeyProvider | None = None,
        *,
        sequence: int | None = None,
    ) -> None:
        self._config = config
        self._store = store
        self._sequence = sequence
        self._segments = config.segment_settings(keys)
        count = config.shards or max(2, os.cpu_count() or 1)
        self._slots = [Slot(f"shard-{i}", "local") for i in range(count)]
        self._placement = place(store.partitions, self._slots, replicas=config.replicas)
        self._shards: dict[str, Shard] = {}
        self._health = ShardHealth()
        self._admission = Admission(config.searches_max)
        # A search holds a thread while it waits, so as many can wait as a pass takes.
        self._threads = ThreadPoolExecutor(count * BATCH_MAX, thread_name_prefix="search")
        self._extractors = ThreadPoolExecutor(
            max(config.extractors, 1), thread_name_prefix="extractor"
        )
        # One BLAS thread a shard: shards are what runs in parallel.
        self._blas = threadpoolctl.threadpool_limits(1, user_api="blas")

    async def start(self) -> None:
        """See `Executor.start`."""
        source = StoreSource(self._store, self._sequence)
        backend = load_backend(self._config.backend)
        for slot in self._slots:
            partitions = self._placement.partitions_of(slot.shard_id)
            self._shards[slot.shard_id] = Shard(
                slot.shard_id, partitions, source, backend, self._segments
            )
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            *(loop.run_in_executor(self._threads, shard.load) for shard in self._shards.values())
        )

    async def stop(self) -> None:
        """See `Executor.stop`."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._extractors.shutdown(wait=True, cancel_futures=True)
        self._blas.restore_original_limits()
        for shard in self._shards.values():
            shard.close()
        self._shards.clear()

    async def prepare(
        self, submissions: Sequence[Submission], *, timeout_s: float
    ) -> list[PreparedSubmission | Exception]:
        """See `Executor.prepare`."""
        loop = asyncio.get_running_loop()
        work = [
            asyncio.wait_for(
                loop.run_in_executor(self._extractors, prepare, submission, self._config.gate),
                timeout_s,
            )
            for submission in submissions
        ]
        results = await asyncio.gather(*work, return_exceptions=True)
        return [prepared_or_error(result) for result in results]

    async def search(self, search: GallerySearch) -> GalleryAnswer:
        """See `Executor.search`."""
        with self._admission.admitted():
            return await fan_out(
                search,
                self._placement,
                self._health,
                self._ask,
                attempt_s=self._config.attempt_timeout_s,
            )

    async def status(self) -> ExecutorStatus:
        """See `Executor.status`."""
        reports = [
            ShardReport(shard_id, "local", True, shard.partitions, shard.state())
            for shard_id, shard in sorted(self._shards.items())
        ]
        return ExecutorStatus(
            executor="inprocess",
            shards=tuple(reports),
            extractors=self._config.extractors,
            placement_generation=self._placement.generation,
            partitions_total=self._store.partitions,
        )

    async def rebalance(self, *, dry_run: bool) -> RebalancePlan:
        """See `Executor.rebalance`: one process has nothing to spread."""
        del dry_run
        held = {shard_id: shard.state().nbytes for shard_id, shard in self._shards.items()}
        return plan(self._placement, self._placement, self._slots, held)

    async def _ask(self, shard_id: str, request: ShardRequest) -> ShardAnswer:
        shard = self._shards.get(shard_id)
        if shard is None:
            raise RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "the shard is not running")
        stop = threading.Event()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, shard.search, request, stop.is_set)
        except asyncio.CancelledError:
            stop.set()
            raise
