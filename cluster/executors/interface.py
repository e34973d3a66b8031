"""What runs searches and extractions: in this process, or on a Ray cluster.

Both executors give the same answers from the same gallery; they are chosen by configuration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cluster.rebalance import RebalancePlan
from workers.biometrics.model import Submission
from workers.matching.probe import Probe
from workers.prepare import PreparedSubmission
from workers.shard import PartitionAnswer, ShardState


@dataclass(frozen=True, slots=True)
class GallerySearch:
    """One search of the whole gallery.

    Attributes:
        limit: hits wanted from each partition.
        timeout_s: what is left of the caller's deadline, seconds.
        hidden: encounters that are not there for this search.
    """

    search_id: str
    probe: Probe
    sequence: int
    limit: int
    exhaustive: bool
    timeout_s: float
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class GalleryAnswer:
    """What the partitions that could be searched answered, at one sequence.

    Attributes:
        partitions: one answer for each partition searched, by partition number.
        unsearched: partitions that no replica answered for in time.
        backends: names of the backends that answered, sorted, without repeats.
        stage_seconds: slowest shard's wall time by stage name.
    """

    sequence: int
    partitions: tuple[PartitionAnswer, ...]
    unsearched: tuple[int, ...]
    backends: tuple[str, ...]
    stage_seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ShardReport:
    """A shard as the executor sees it; `state` is None while it does not answer."""

    shard_id: str
    node: str
    ready: bool
    partitions: tuple[int, ...]
    state: ShardState | None


@dataclass(frozen=True, slots=True)
class ExecutorStatus:
    """What an executor could search now."""

    executor: str
    shards: tuple[ShardReport, ...]
    extractors: int
    placement_generation: int
    partitions_total: int

    @property
    def partitions_ready(self) -> int:
        """Partitions with at least one ready shard."""
        return len({p for s in self.shards if s.ready for p in s.partitions})


class Executor(Protocol):
    """Runs work beside the data. Started once, stopped once; `stop` may be repeated."""

    async def start(self) -> None:
        """Starts shards and extractors and loads every partition."""
        ...

    async def stop(self) -> None:
        """Stops what `start` started; harmless when repeated or before `start`."""
        ...

    async def prepare(
        self, submissions: Sequence[Submission], *, timeout_s: float
    ) -> list[PreparedSubmission | Exception]:
        """Decodes, segments, extracts and describes submissions, spread over extractors.

        The i-th result is the i-th submission's, or the error it failed with.
        """
        ...

    async def search(self, search: GallerySearch) -> GalleryAnswer:
        """Searches every partition at exactly `search.sequence`.

        Partitions that could not be searched are named in the answer, never left out of it.
        Cancelling the awaiting task stops the shards between blocks.

        Raises:
            RidgelineError: DEADLINE_EXCEEDED when nothing was answered in time; OVERLOADED,
                with a time to come again, where too many searches are under way.
        """
        ...

    async def status(self) -> ExecutorStatus:
        """The shards and whether they answer."""
        ...

    async def rebalance(self, *, dry_run: bool) -> RebalancePlan:
        """Spreads the gallery over the nodes that are there now; searches stay whole.

        Args:
            dry_run: only tell what would be done.

        Returns:
            What was done, or would be.

        Raises:
            RidgelineError: SHARD_UNAVAILABLE where it cannot be done now; nothing has changed.
        """
        ...
