"""A shard as a Ray actor: a thin shell, one process, one BLAS thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

import ray
import threadpoolctl

from workers.batching import BATCH_MAX
from workers.errors import RidgelineError
from workers.matching.backends import load_backend
from workers.segments.folder import SegmentSettings
from workers.shard import Shard, ShardAnswer, ShardRequest, ShardState
from workers.shard_gallery import GallerySource

ACTOR_OPTIONS: Final = {
    "num_cpus": 1,
    "max_restarts": -1,
    "max_task_retries": 0,
    # A search holds a thread while it waits, so as many can wait as a pass takes.
    "concurrency_groups": {"assign": 1, "control": 2, "search": BATCH_MAX},
}
"""For `ray.remote`. Retrying is the coordinator's, on another replica."""

_CANCELLED_EARLY: Final = 1024
"""Requests remembered that were cancelled before they began, or after they ended."""


class ShardActor:
    """Holds a `workers.shard.Shard`; made an actor with `ACTOR_OPTIONS`.

    Errors that a caller can act on are returned, not raised: Ray would wrap them. A restarted
    actor has the partitions that it was made with, and loads them at its first search unless
    it is assigned others, from its machine's segments if it has any.
    """

    def __init__(
        self,
        shard_id: str,
        partitions: tuple[int, ...],
        open_source: Callable[[], GallerySource],
        backend: str,
        segments: SegmentSettings | None = None,
    ) -> None:
        threadpoolctl.threadpool_limits(1, user_api="blas")
        self._shard = Shard(shard_id, partitions, open_source(), load_backend(backend), segments)
        self._lock = threading.Lock()
        self._running: dict[str, threading.Event] = {}
        self._cancelled: deque[str] = deque(maxlen=_CANCELLED_EARLY)

    @ray.method(concurrency_group="assign")
    def assign(self, partitions: tuple[int, ...]) -> ShardState | RidgelineError:
        """See `Shard.assign`."""
        try:
            self._shard.assign(partitions)
        except RidgelineError as error:
            return error
        return self._shard.state()

    def fold(self) -> ShardState | RidgelineError:
        """See `Shard.fold`."""
        try:
            self._shard.fold()
        except RidgelineError as error:
            return error
        return self._shard.state()

    @ray.method(concurrency_group="search")
    def search(self, request: ShardRequest) -> ShardAnswer | RidgelineError:
        """See `Shard.search`."""
        stop = threading.Event()
        with self._lock:
            self._running[request.request_id] = stop
            if request.request_id in self._cancelled:
                stop.set()
        try:
            return self._shard.search(request, stop.is_set)
        except RidgelineError as error:
            return error
        finally:
            with self._lock:
                del self._running[request.request_id]

    @ray.method(concurrency_group="control")
    def cancel(self, request_id: str) -> None:
        """Stops a search, between two blocks of its work or before it begins."""
        with self._lock:
            stop = self._running.get(request_id)
            if stop is None:  # Ray still has it waiting for a thread
                self._cancelled.append(request_id)
            else:
                stop.set()

    @ray.method(concurrency_group="control")
    def state(self) -> ShardState:
        """The shard's account of itself."""
        return self._shard.state()
