"""How long clients wait when the active coordinator ends and a standby takes over.

python -m benchmarks.takeover
"""

from __future__ import annotations

import signal
import tempfile
import time
from pathlib import Path

from benchmarks.record import record
from coordinator.client import RidgelineClient
from tests.chaos.enrolling import Enrolling, prints
from tests.chaos.processes import CoordinatorProcess, Nursery, Site, free_address

SUBJECTS = 2_000
"""In the gallery that a standby loads as it takes over."""

CASES = (
    ("stopped", signal.SIGTERM, 10.0, 10),
    ("killed", signal.SIGKILL, 1.0, 10),
    ("killed", signal.SIGKILL, 10.0, 5),
    ("frozen", signal.SIGSTOP, 1.0, 10),
)
"""What happens to the active one, by which signal, with which lease in seconds, how often."""


def main() -> None:
    """Runs and records."""
    with Nursery() as nursery:
        cases = [
            {
                "end": end,
                "lease_s": lease_s,
                "seconds": takeovers(nursery, number, lease_s, count),
            }
            for end, number, lease_s, count in CASES
        ]
    result = {"subjects": SUBJECTS, "cases": cases}
    record("takeover", result, data="generated templates, one finger a subject", seed=None)


def takeovers(nursery: Nursery, number: signal.Signals, lease_s: float, count: int) -> list[float]:
    """Seconds from the signal to the answer to an enrolment sent just after it, each time."""
    addresses = [free_address(), free_address()]
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        site = Site.make(Path(folder), lease_s=lease_s)
        active = CoordinatorProcess(nursery, site, addresses[0])
        active.wait_for("serving on")
        with RidgelineClient(site.client_config(*addresses)) as client:
            Enrolling(client).run(range(SUBJECTS), by_id=True)
            for turn in range(count):
                standby = CoordinatorProcess(nursery, site, addresses[(turn + 1) % 2])
                standby.wait_for("standing by on")
                time.sleep(2 * lease_s / 3)  # anywhere between two renewals
                started = time.monotonic()
                active.signal(number)
                client.enroll(prints(SUBJECTS + turn), encounter_id=f"T{turn}")
                seconds.append(round(time.monotonic() - started, 3))
                active.kill()
                active = standby
        active.kill()
    return seconds


if __name__ == "__main__":
    main()
