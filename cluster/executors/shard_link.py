"""The coordinator's end of one shard actor: asks it, gives it partitions, knows when it is silent.

Nothing here asks Ray's GCS on the way of a search.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final, TypeVar

import ray

from cluster.executors.actors import awaited, controlled
from cluster.layout import ShardSpec
from cluster.shard_health import ShardHealth
from workers.errors import ErrorCode, RidgelineError
from workers.shard import ShardAnswer, ShardRequest, ShardState

_log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_S: Final = 0.5
"""Between two looks at a shard's state."""

SILENT_S: Final = 5.0
"""A shard that owes its state for so long is taken for silent, and attempts at it are given up.
It answers while it searches and loads; a process that is merely busy is late by less."""


class ShardLink:
    """One shard actor.

    Args:
        actor: its handle.
        health: is told what the looks at the shard find.

    Attributes:
        state: as it was last seen; None while the shard is not ready to search what it should.
        nbytes: memory that it held when it was last seen.
    """

    def __init__(self, spec: ShardSpec, actor: Any, health: ShardHealth) -> None:
        self.spec = spec
        self.state: ShardState | None = None
        self.nbytes = 0
        self._actor = actor
        self._health = health
        self._wanted: tuple[int, ...] = ()
        self._silent = asyncio.Event()
        self._emptied = asyncio.Event()
        self._assigning = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def shard_id(self) -> str:
        """Of the shard."""
        return self.spec.slot.shard_id

    async def open(self) -> None:
        """Waits until the actor runs, then looks at it from time to time.

        Raises:
            RidgelineError: SHARD_UNAVAILABLE where it cannot be made.
        """
        try:
            await awaited(self._actor.state.remote())
        except ray.exceptions.RayError as error:
            raise RidgelineError(
                ErrorCode.SHARD_UNAVAILABLE, f"{self.shard_id} did not start"
            ) from error
        self._tasks = [
            asyncio.create_task(self._look_on()),
            asyncio.create_task(self._give_again()),
        ]

    async def close(self) -> None:
        """Ends the actor; harmless when repeated."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._health.forget(self.shard_id)
        await controlled(ray.kill, self._actor)

    async def search(self, request: ShardRequest) -> ShardAnswer:
        """Asks it; cancelling this stops the shard's work.

        Raises:
            RidgelineError: as `workers.shard.Shard.search`; SHARD_UNAVAILABLE for a shard that
                is gone or silent.
        """
        try:
            result = await self._unless_silent(self._actor.search.remote(request))
        except (asyncio.CancelledError, RidgelineError):
            # A silent shard gets to hear of it when it is back.
            self._actor.cancel.remote(request.request_id)
            raise
        if isinstance(result, RidgelineError):
            raise result
        answer: ShardAnswer = result
        return answer

    async def assign(self, partitions: tuple[int, ...]) -> None:
        """Has it hold these partitions and no others; returns once it has loaded them.

        Raises:
            RidgelineError: what the shard failed with; SHARD_UNAVAILABLE where it is gone or
                silent. It is given them again as soon as it is back.
        """
        async with self._assigning:
            # Until it has them it is ready with what stays, and after a restart gets that again.
            self._wanted = tuple(p for p in self._wanted if p in partitions)
            result = await self._unless_silent(self._actor.assign.remote(partitions))
            if isinstance(result, RidgelineError):
                raise result
            self._wanted = partitions
            self._seen(result)

    async def _unless_silent(self, reference: Any) -> Any:
        answer = asyncio.ensure_future(awaited(reference))
        silence = asyncio.ensure_future(self._silent.wait())
        try:
            await asyncio.wait({answer, silence}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
        except ray.exceptions.RayError as error:
            raise RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "a shard is gone") from error
        finally:
            answer.cancel()
            silence.cancel()
        raise RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "a shard is silent")

    async def _look_on(self) -> None:
        while True:
            # One question at a time: a silent shard owes one answer, not one for each look.
            asked = asyncio.ensure_future(awaited(self._actor.state.remote()))
            try:
                await asyncio.wait({asked}, timeout=SILENT_S)
                while not asked.done():
                    self._lost(silent=True)
                    await asyncio.wait({asked}, timeout=LOOK_S)
                self._seen(asked.result())
            except ray.exceptions.RayError:
                self._lost(silent=False)
            finally:
                asked.cancel()
            await asyncio.sleep(LOOK_S)

    async def _give_again(self) -> None:
        """A shard that was restarted holds nothing; it gets back what it should hold."""
        while True:
            await self._emptied.wait()
            self._emptied.clear()
            try:
                await self.assign(self._wanted)
            except RidgelineError as error:
                _log.warning("shard %s did not take its partitions: %s", self.shard_id, error)
                await asyncio.sleep(LOOK_S)

    def _seen(self, state: ShardState) -> None:
        self._silent.clear()
        self.nbytes = state.nbytes
        if set(self._wanted) <= set(state.partitions):
            self.state = state
            self._health.alive(self.shard_id)
            return
        self.state = None
        self._health.failed(self.shard_id, time.monotonic())
        if not self._assigning.locked():
            self._emptied.set()

    def _lost(self, *, silent: bool) -> None:
        if self.state is not None:
            _log.warning("shard %s is %s", self.shard_id, "silent" if silent else "gone")
        self.state = None
        self._health.failed(self.shard_id, time.monotonic())
        if silent:
            self._silent.set()
