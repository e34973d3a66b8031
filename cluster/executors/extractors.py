"""The pool of extractor actors: each has one submission at a time, and dead ones come back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Final

import ray

from cluster.executors.actors import awaited, controlled
from cluster.layout import Node
from workers.biometrics.model import Submission
from workers.errors import ErrorCode, RidgelineError
from workers.prepare import PreparedSubmission

_log = logging.getLogger(__name__)

TRIES: Final = 2
"""Extractors that a submission is given to: one that dies may be the submission's doing."""

PAUSE_S: Final = 1.0
"""Between looks at an extractor that died."""


class ExtractorPool:
    """Hands submissions to idle extractors.

    Args:
        start: makes an extractor actor on a node.
    """

    def __init__(self, start: Callable[[Node], Any]) -> None:
        self._start = start
        self._actors: dict[int, Any] = {}
        self._homes: list[Node] = []
        self._idle: asyncio.Queue[int] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._actors)

    async def open(self, homes: Collection[Node]) -> None:
        """Starts one on each home and waits until all run."""
        self._homes = list(homes)
        self._actors = {place: self._start(home) for place, home in enumerate(self._homes)}
        await asyncio.gather(*(awaited(actor.ready.remote()) for actor in self._actors.values()))
        for place in self._actors:
            self._idle.put_nowait(place)

    async def close(self) -> None:
        """Ends them; harmless when repeated."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        actors, self._actors = list(self._actors.values()), {}
        for actor in actors:
            await controlled(ray.kill, actor)

    async def prepare(self, submission: Submission) -> PreparedSubmission | RidgelineError:
        """The submission prepared by an extractor that lives to answer; waits for an idle one.

        Raises:
            RidgelineError: SHARD_UNAVAILABLE when extractors died of it, or with it.
        """
        for _ in range(TRIES):
            place = await self._idle.get()
            work = asyncio.ensure_future(awaited(self._actors[place].prepare.remote(submission)))
            # Whoever waits may leave; the extractor is not idle before it is done.
            work.add_done_callback(partial(self._done, place))
            try:
                return await asyncio.shield(work)
            except ray.exceptions.RayError:
                _log.warning("an extractor died; its submission goes to another")
        raise RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "the extractor failed")

    def _done(self, place: int, work: asyncio.Future[Any]) -> None:
        if not work.cancelled() and work.exception() is None:
            self._idle.put_nowait(place)
            return
        task = asyncio.get_running_loop().create_task(self._revive(place))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _revive(self, place: int) -> None:
        """Waits until Ray has restarted it; starts another where Ray has given it up."""
        while True:
            try:
                await awaited(self._actors[place].ready.remote())
            except ray.exceptions.ActorUnavailableError:
                await asyncio.sleep(PAUSE_S)
            except ray.exceptions.RayError:
                await asyncio.sleep(PAUSE_S)
                self._actors[place] = await controlled(self._start, self._homes[place])
            else:
                self._idle.put_nowait(place)
                return
