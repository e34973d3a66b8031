"""Whether a gallery is whole: every row against the journal, every template against its digest.

All is read in one transaction, row by row, so it fits in little memory and sees one state also
while servers run. Damage is named by the id of what is damaged, as far as there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from cluster.store import rules
from cluster.store.opening import require_current
from cluster.store.reading import ROWS_AT_ONCE, GalleryReader, Track, untracked
from cluster.store.schema import counter, encounters, journal, memberships, subjects

FINDINGS_MAX = 1_000
"""Findings that a report lists; it counts all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is damaged.

    Attributes:
        table: where it was found.
        id: of the encounter, the subject or the sequence.
    """

    table: str
    id: str
    problem: str


@dataclass(slots=True)
class CheckReport:
    """What was checked, as of a sequence, and the first `FINDINGS_MAX` findings."""

    sequence: int
    counts: dict[str, int] = field(default_factory=dict)
    damaged: int = 0
    findings: list[Finding] = field(default_factory=list)


def check(store: GalleryReader, track: Track = untracked) -> CheckReport:
    """Checks everything that the gallery's tables say against each other.

    Raises:
        RidgelineError: STORE_UNAVAILABLE, also for a gallery of an older schema.
    """
    require_current(store.facts)
    with store.database.reading() as connection:
        sequence = int(connection.execute(sa.select(counter.c.value)).scalar_one())
        report = CheckReport(sequence)
        keys, partitions, gaps_until = store.keys, store.partitions, store.facts.gaps_until
        by_table: tuple[tuple[sa.Table, sa.Select[Any], Callable[..., rules.Problems]], ...] = (
            (journal, rules.JOURNAL, lambda r: rules.check_journal(r, sequence, gaps_until)),
            (subjects, rules.SUBJECTS, lambda r: rules.check_subjects(r, keys)),
            (encounters, rules.ENCOUNTERS, lambda r: rules.check_encounters(r, keys, partitions)),
            (memberships, rules.MEMBERSHIPS, rules.check_memberships),
        )
        for table, statement, judge in by_table:
            count = sa.select(sa.func.count()).select_from(table)
            total = report.counts[table.name] = int(connection.execute(count).scalar_one())
            streaming = connection.execution_options(yield_per=ROWS_AT_ONCE)
            with streaming.execute(statement) as rows:
                for of, problem in judge(track(rows, table.name, total)):
                    report.damaged += 1
                    if report.damaged <= FINDINGS_MAX:
                        report.findings.append(Finding(table.name, of, problem))
    return report
