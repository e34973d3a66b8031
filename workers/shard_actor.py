"""A shard as a Ray actor: a thin shell, one process, one BLAS thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import ray
import threadpoolctl

from workers.errors import RidgelineError
from workers.matching.backends import load_backend
from workers.shard import GallerySource, Shard, ShardAnswer, ShardRequest, ShardState

SEARCHES_AT_ONCE = 2
"""Searches of one shard side by side; the second fills the gaps of the first's Python."""


ACTOR_OPTIONS: Final = {
    "num_cpus": 1,
    "max_restarts": -1,
    "max_task_retries": 0,
    "concurrency_groups": {"control": 2, "search": SEARCHES_AT_ONCE},
}
"""For `ray.remote`. Retrying is the coordinator's, on another replica."""


class ShardActor:
    """Holds a `workers.shard.Shard`; made an actor with `ACTOR_OPTIONS`.

    Errors that a caller can act on are returned, not raised: Ray would wrap them. A restarted
    actor is empty and fills itself at its first search.
    """

    def __init__(
        self,
        shard_id: str,
        partitions: tuple[int, ...],
        open_source: Callable[[], GallerySource],
        backend: str,
    ) -> None:
        threadpoolctl.threadpool_limits(1, user_api="blas")
        self._shard = Shard(shard_id, partitions, open_source(), load_backend(backend))
        self._running: dict[str, threading.Event] = {}

    def load(self) -> ShardState | RidgelineError:
        """Reads every partition."""
        try:
            self._shard.load()
        except RidgelineError as error:
            return error
        return self._shard.state()

    @ray.method(concurrency_group="search")
    def search(self, request: ShardRequest) -> ShardAnswer | RidgelineError:
        """See `Shard.search`."""
        stop = self._running.setdefault(request.search_id, threading.Event())
        try:
            return self._shard.search(request, stop.is_set)
        except RidgelineError as error:
            return error
        finally:
            self._running.pop(request.search_id, None)

    @ray.method(concurrency_group="control")
    def cancel(self, search_id: str) -> None:
        """Stops a search that is running, between two blocks of its work."""
        stop = self._running.get(search_id)
        if stop is not None:
            stop.set()

    @ray.method(concurrency_group="control")
    def state(self) -> ShardState:
        """The shard's account of itself."""
        return self._shard.state()
