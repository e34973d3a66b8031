"""Why two fingers match: the pairs of minutiae behind a score, for an examiner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import FingerPosition
from workers.matching.blocks import in_blocks
from workers.matching.consolidate import relaxed_pairs
from workers.matching.parameters import PARAMETERS
from workers.matching.probe import Probe
from workers.matching.template import EncounterTemplate, FingerTemplate
from workers.matching.verify import match_fingers

KEPT_SHARE = 0.15**PARAMETERS.consolidate.iterations
"""A pair is shown when relaxation left it this share of its starting value: in each iteration the
support of 15 % of the others."""


@dataclass(frozen=True, slots=True)
class FingerMatch:
    """One finger common to both sides: its best pair of prints.

    Attributes:
        probe_finger: index into the probe's fingers.
        gallery_finger: index into the template's fingers.
        pairs: geometrically consistent pairs (probe minutia, gallery minutia), intp (k, 2),
            the one that others support most first.
        similarity: value of each pair after relaxation, float64 (k,), 0 to about 1.
        raw_score: raw consolidated score of the two prints.
    """

    position: FingerPosition
    probe_finger: int
    gallery_finger: int
    pairs: NDArray[np.intp]
    similarity: NDArray[np.float64]
    raw_score: float


def explain(probe: Probe | EncounterTemplate, template: EncounterTemplate) -> list[FingerMatch]:
    """The matching minutiae of every common finger, by finger position."""
    ours = probe.template if isinstance(probe, Probe) else probe
    matches = []
    for position in sorted(
        {f.position for f in ours.fingers} & {f.position for f in template.fingers}
    ):
        tried = [
            (match_fingers(a, b), -i, -j)
            for i, a in enumerate(ours.fingers)
            for j, b in enumerate(template.fingers)
            if a.position == position == b.position
        ]
        raw, i, j = max(tried)
        pairs, similarity = consistent_pairs(ours.fingers[-i], template.fingers[-j])
        matches.append(FingerMatch(position, -i, -j, pairs, similarity, raw))
    return matches


def consistent_pairs(
    probe: FingerTemplate, gallery: FingerTemplate
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Pairs of two prints that agree with each other, intp (k, 2), and their values (k,)."""
    (block,) = in_blocks([gallery])
    pairs, relaxed = relaxed_pairs(probe, block)
    start, end = relaxed.start[:, 0], relaxed.end[:, 0]
    kept = np.flatnonzero(end >= KEPT_SHARE * start)
    kept = kept[np.argsort(-end[kept], kind="stable")]
    return np.stack([pairs.probe[kept, 0], pairs.gallery[kept, 0]], axis=1), end[kept]
