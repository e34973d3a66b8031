"""Searches whose every answer is checked: whole, and the same on whatever it was computed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from cluster.executors.interface import Executor, GalleryAnswer, GallerySearch
from cluster.store import Store
from workers.errors import ErrorCode, RidgelineError
from workers.matching.probe import Probe

LIMIT = 20
"""Hits of a partition that are asked for, and of the gallery that are compared."""

Ranked = tuple[tuple[float, str], ...]
"""Fused score, negated, and encounter, best first."""


class WrongAnswerError(Exception):
    """An answer that claims to be whole and is not, or differs from another to the same search."""


class CheckedSearches:
    """Searches of a gallery for persons who are in it, over any number of executors.

    Args:
        probes: by the person's encounter, the first in the gallery.
    """

    def __init__(
        self, store: Store, probes: Sequence[tuple[str, Probe]], *, timeout_s: float
    ) -> None:
        self._probes = probes
        self._sequence = store.sequence()
        self._partitions = tuple(range(store.partitions))
        self._encounters = store.counts(self._sequence).encounters
        self._timeout_s = timeout_s
        self._known: dict[int, Ranked] = {}
        self.answers = 0
        self.mates_first = 0
        self.backends: set[str] = set()

    async def run(self, executor: Executor, number: int) -> None:
        """The n-th search, probes in turn.

        Raises:
            RidgelineError: as of the executor, COVERAGE_TOO_LOW for an answer that says it
                is partial.
            WrongAnswerError: for one that does not say so, or is not what was answered before.
        """
        place = number % len(self._probes)
        mate, probe = self._probes[place]
        search = GallerySearch(
            uuid.uuid4().hex,
            probe,
            self._sequence,
            LIMIT,
            exhaustive=False,
            timeout_s=self._timeout_s,
        )
        answer = await executor.search(search)
        if answer.unsearched:
            raise RidgelineError(ErrorCode.COVERAGE_TOO_LOW, "not every partition was searched")
        ranked = self._checked(answer)
        if self._known.setdefault(place, ranked) != ranked:
            raise WrongAnswerError("the same search was answered differently")
        self.answers += 1
        self.mates_first += ranked[0][1] == mate
        self.backends.update(answer.backends)

    def _checked(self, answer: GalleryAnswer) -> Ranked:
        compared = sum(max(p.sketched, p.screened) for p in answer.partitions)
        if (
            tuple(p.partition for p in answer.partitions) != self._partitions
            or answer.sequence != self._sequence
            or compared != self._encounters
        ):
            raise WrongAnswerError("an answer is not whole and does not say so")
        hits = [hit for partition in answer.partitions for hit in partition.hits]
        return tuple(sorted((-hit.fused_score, hit.encounter_id) for hit in hits)[:LIMIT])
