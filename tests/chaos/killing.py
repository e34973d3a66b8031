"""``kill -9`` of the coordinator at random points while subjects are enrolled."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from coordinator.client import RidgelineClient
from tests.chaos.enrolling import Enrolling, check, copied
from tests.chaos.processes import (
    START_TIMEOUT_S,
    CoordinatorProcess,
    Nursery,
    Site,
    eventually,
    free_address,
)

LONGEST_PAUSE_S = 0.1
"""Between the acknowledgement that a kill waits for and the kill: some commits and answers."""


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill.

    Attributes:
        acknowledged: enrolments until then.
        unacknowledged: encounters in the store that nobody had been told of.
        recovery_s: until the next enrolment was acknowledged, or one could be.
    """

    acknowledged: int
    unacknowledged: int
    recovery_s: float


def kill_while_enrolling(
    nursery: Nursery, folder: Path, *, subjects: int, kills: int, seed: int
) -> list[Kill]:
    """Kills and restarts a coordinator at points drawn over the course of an enrolment.

    Asserts what `check` does of the store as each kill left it, and that at the end every
    subject is there once.
    """
    draw = random.Random(seed)
    site, address = Site.make(folder), free_address()
    points = sorted(draw.sample(range(1, subjects * 3 // 4), kills))
    seen = []
    with RidgelineClient(site.client_config(address)) as client:
        enrolling = Enrolling(client)
        process = CoordinatorProcess(nursery, site, address)
        run = threading.Thread(target=enrolling.run, args=(range(subjects),))
        run.start()
        try:
            for number, point in enumerate(points):
                _wait_for(enrolling, point)
                time.sleep(draw.uniform(0.0, LONGEST_PAUSE_S))
                process.kill()
                killed = time.monotonic()
                told = dict(enrolling.acknowledged)
                left = copied(site, folder / f"kill-{number}")
                process = CoordinatorProcess(nursery, site, address)
                if len(told) < subjects:
                    _wait_for(enrolling, len(told) + 1)
                else:  # on a busy machine they may all have been enrolled before the kill
                    process.wait_for("serving on")
                recovery_s = time.monotonic() - killed
                there = check(left, site.key_file, told)
                seen.append(Kill(len(told), there - len(told), recovery_s))
            run.join()
        finally:
            enrolling.stop()
            run.join()
            process.kill()
    assert not enrolling.failures, enrolling.failures[0]
    told = enrolling.acknowledged
    assert len(told) == len({one.subject_id for one in told.values()}) == subjects
    assert check(site.url, site.key_file, told) == subjects
    return seen


def _wait_for(enrolling: Enrolling, acknowledged: int) -> None:
    def enough() -> bool:
        return len(enrolling.acknowledged) >= acknowledged or bool(enrolling.failures)

    eventually(enough, START_TIMEOUT_S)
    assert not enrolling.failures, enrolling.failures[0]
