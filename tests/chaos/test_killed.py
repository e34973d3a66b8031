"""A coordinator killed while subjects are enrolled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.killing import kill_while_enrolling
from tests.chaos.processes import Nursery

pytestmark = pytest.mark.chaos

SUBJECTS, KILLS, SEED = 2_000, 20, 20_26
"""`benchmarks/failover.py` records ten such runs."""


@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost_halved_or_doubled(nursery: Nursery, tmp_path: Path) -> None:
    kills = kill_while_enrolling(nursery, tmp_path, subjects=SUBJECTS, kills=KILLS, seed=SEED)
    assert len(kills) == KILLS
    times = sorted(kill.recovery_s for kill in kills)
    print(f"recovery: median {times[len(times) // 2]:.1f} s, longest {times[-1]:.1f} s")
    # Kills that come between a commit and its answer are the ones that matter.
    assert any(kill.unacknowledged for kill in kills)
