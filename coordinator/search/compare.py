"""A probe against named subjects, without the shards: verification and its details."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cluster.store import StoredEncounter
from workers.biometrics.model import Impression
from workers.matching.backend import Backend
from workers.matching.columns import Columns
from workers.matching.fuse import fuse
from workers.matching.probe import Probe
from workers.matching.template import EncounterTemplate, FingerTemplate
from workers.matching.verify import match_fingers
from workers.shard import EncounterHit


def compare_encounters(
    backend: Backend, probe: Probe, encounters: Sequence[StoredEncounter]
) -> list[EncounterHit]:
    """Every encounter that has a finger in common with the probe, compared in full.

    Raises:
        RidgelineError: PARAMETERS_MISMATCH where one was described with other parameters.
    """
    gallery = backend.pack(Columns.of([encounter.template for encounter in encounters]))
    rows = np.arange(len(encounters), dtype=np.intp)
    scores = backend.consolidate(probe, gallery, rows, lambda: None)
    fused = fuse(scores)
    hits = []
    for row, encounter in enumerate(encounters):
        common = np.flatnonzero(~np.isnan(scores[row]))
        if len(common):
            by_finger = {int(column) + 1: float(scores[row, column]) for column in common}
            hits.append(EncounterHit(encounter.encounter_id, float(fused[row]), by_finger))
    return hits


def best_impressions(
    probe: EncounterTemplate, gallery: EncounterTemplate
) -> dict[int, tuple[Impression, Impression]]:
    """Impressions (probe's, gallery's) of the pair of prints behind each finger's score.

    Where a side has both a rolled and a plain print of a finger, the pairs are compared again;
    ties go to the first pair in template order.
    """
    ours, theirs = _by_position(probe), _by_position(gallery)
    result = {}
    for position in sorted(ours.keys() & theirs.keys()):
        pairs = [(a, b) for a in ours[position] for b in theirs[position]]
        best = pairs[0] if len(pairs) == 1 else max(pairs, key=lambda pair: match_fingers(*pair))
        result[position] = (best[0].impression, best[1].impression)
    return result


def _by_position(template: EncounterTemplate) -> dict[int, list[FingerTemplate]]:
    result: dict[int, list[FingerTemplate]] = {}
    for finger in template.fingers:
        result.setdefault(int(finger.position), []).append(finger)
    return result
