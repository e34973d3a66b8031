"""From a submission to templates: decode, segment, extract, judge, describe.

The extractor actor's whole job, as one pure function; enrolment and search both start here.
"""

from __future__ import annotations

from dataclasses import dataclass

from workers.biometrics.model import TenPrint
from workers.matching.template import EncounterTemplate


@dataclass(frozen=True, slots=True)
class SequenceSwap:
    """A rolled print that fits the plain print of another finger better than its own."""

    rolled_position: int
    plain_position: int


@dataclass(frozen=True, slots=True)
class PreparedSubmission:
    """What a submission came to.

    Attributes:
        ten_print: every finger extracted, with what was set aside and why.
        template: the fingers that passed the quality gate, described; fingers in it are what
            is searched or enrolled. It has no finger when the prints are too poor.
        swaps: of the rolled against plain sequence check.
    """

    ten_print: TenPrint
    template: EncounterTemplate
    swaps: tuple[SequenceSwap, ...]
