"""``kill -9`` of the coordinator during enrolments, two hundred times.

python -m benchmarks.crashes [--runs 10]

Each run is the chaos suite's (`tests/chaos/test_killed.py`) with another seed, recorded as it is
done: it fails, and is not, at an enrolment that was lost, halved, doubled or not on record.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.record import record
from tests.chaos.killing import kill_while_enrolling
from tests.chaos.processes import Nursery
from tests.chaos.test_killed import KILLS, SUBJECTS

SEED = 500


def main() -> None:
    """Runs and records."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    kills = []
    with Nursery() as nursery:
        for run in range(runs):
            with tempfile.TemporaryDirectory() as folder:
                seen = kill_while_enrolling(
                    nursery, Path(folder), subjects=SUBJECTS, kills=KILLS, seed=SEED + run
                )
            kills += [{"run": run, **asdict(kill)} for kill in seen]
            result = {"runs": run + 1, "subjects": SUBJECTS, "kills": kills}
            record("crashes", result, data="generated templates, one finger a subject", seed=SEED)
            print(f"run {run + 1} of {runs}: {len(kills)} kills", flush=True)


if __name__ == "__main__":
    main()
