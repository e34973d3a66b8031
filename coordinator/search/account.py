"""The account of a search: how many each stage compared, and what its cut may have lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.matching.parameters import MeasuredLoss
from workers.matching.probe import Probe
from workers.matching.search import screen_loss
from workers.matching.shortlist import sketch_loss
from workers.shard import PartitionAnswer


def account(
    probe: Probe, partitions: Sequence[PartitionAnswer]
) -> tuple[Mapping[str, int], Mapping[str, MeasuredLoss]]:
    """Encounters compared by stage, and the measured loss of each stage that dropped somebody.

    A stage that compared nobody was left out and has no entry.
    """
    sketched = sum(p.sketched for p in partitions)
    screened = sum(p.screened for p in partitions)
    consolidated = sum(p.consolidated for p in partitions)
    compared = {"sketch": sketched, "screen": screened, "consolidate": consolidated}
    losses: dict[str, MeasuredLoss] = {}
    if sketched:
        losses["sketch"] = sketch_loss(probe)
    if consolidated < screened:
        losses["screen"] = screen_loss(probe)
    return {stage: count for stage, count in compared.items() if count}, losses
