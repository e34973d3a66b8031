"""What an operational evaluation prints."""

from __future__ import annotations

import io
import re

from rich.console import Console

from coordinator.commands.operational_tables import show_operational
from coordinator.evaluate.operational.comparison import compare
from coordinator.evaluate.operational.draw import SAME, UNKNOWN, Traits
from coordinator.evaluate.operational.run import OperationalRun
from tests.unit.evaluate.searches import Run, log_of

TRAITS = Traits("10", "50 to 74", SAME, UNKNOWN)
LONE = Traits("2", UNKNOWN, UNKNOWN, UNKNOWN)


def printed(ours: Run, theirs: Run | None = None, *, redescribed: bool = False) -> str:
    log = log_of(ours, redescribed=redescribed)
    run = OperationalRun(
        log=log,
        traits=(*[TRAITS] * (len(ours) - 1), LONE),
        eligible=120,
        left_out={"erased meanwhile": 2},
        no_common_finger=1,
        backend="numpy",
        search_seconds=(0.1,) * len(ours),
    )
    report = run.report()
    if theirs is not None:
        report["against"] = compare(log, log_of(theirs))
    to = io.StringIO()
    show_operational(Console(file=to, width=160, highlight=False), report)
    return to.getvalue()


def test_counts_come_first_and_what_is_not_resolved_is_said() -> None:
    run: Run = [*[(1, 80.0, 10.0)] * 49, (None, None, 65.0)]
    lines = printed(run).splitlines()
    assert lines[0].startswith("gallery at sequence 9: 7 subjects, 9 encounters, 120 with several")
    assert lines[1].startswith("50 searched for (sample all, seed 1, fingers all, 2 erased")
    text = " ".join(" ".join(lines).split())
    assert "Mate at rank 1 49 of 50 98.00 %" in text
    assert "FNIR at FPIR 1 % not resolvable" in text
    assert "outcomes with mates: 49 CANDIDATES, 1 NO_CANDIDATE" in text
    # Forty-nine with ten fingers have rates; the one with two is a count.
    assert "10 49 100.00 % (92.75 to 100.00)" in text
    assert "2 1 0 of 1 - - - -" in text
    assert "described again" not in text
    assert "against" not in text
    assert "described again from its stored minutiae" in " ".join(
        printed(run, redescribed=True).split()
    )


def test_two_releases_side_by_side() -> None:
    ours: Run = [(1, 80.0, 10.0)] * 200
    theirs: Run = [(1, 80.0, 10.0)] * 190 + [(2, 45.0, 10.0)] * 10
    text = " ".join(printed(ours, theirs).split())
    assert "10 of 200 searches came out differently (2.42 to 9.00 %)" in text
    assert "at rank 1 190 10 0 0" in text
    assert "with the mates there REVIEW CANDIDATES 10" in text
    assert re.search(r"FNIR, likely 0.00 % 5.00 % -5.00 points -\d\.\d\d to -\d\.\d\d points", text)
    assert "FPIR, likely 0.00 % 0.00 % +0.00 points none seen" in text
