"""Plans of large galleries: the arithmetic, on the recorded speeds."""

from __future__ import annotations

import math

import pytest

from benchmarks.scale_plan import (
    MACHINE,
    REPLICAS,
    ROWS_LEAST,
    SUBJECTS,
    UTILISATION,
    Work,
    encounter_bytes,
    gpu_sketch_devices,
    plan,
    sketch_bytes,
    slack,
)
from workers.matching.parameters import PARAMETERS
from workers.matching.sketch import Level


def test_small_partitions_are_screened_whole() -> None:
    rows = PARAMETERS.sketch.rows_min
    work = Work.of(64 * rows, 64)
    assert (work.fine, work.screened) == (0, 64 * rows)
    assert work.core_seconds()["coarse"] == 0
    larger = Work.of(64 * (rows + 1), 64)
    assert larger.fine == 64 * rows
    assert larger.screened == 64 * PARAMETERS.sketch.fine_rows_min


def test_depths_are_those_that_ship() -> None:
    work = Work.of(64_000_000, 64)
    assert work.fine == 64 * math.ceil(0.01 * 1_000_000)
    assert work.screened == 64 * math.ceil(0.0002 * 1_000_000)
    assert work.consolidated == 64 * math.ceil(0.00005 * 1_000_000)


def test_a_shared_pass_saves_on_the_coarse_sketch_alone() -> None:
    alone, shared = (Work.of(10_000_000, 64).core_seconds(batch) for batch in (1, 8))
    assert shared["coarse"] < alone["coarse"]
    assert {k: v for k, v in shared.items() if k != "coarse"} == {
        k: v for k, v in alone.items() if k != "coarse"
    }


@pytest.mark.parametrize("subjects", SUBJECTS)
def test_a_plan_holds_what_it_promises(subjects: int) -> None:
    made = plan(subjects)
    held = REPLICAS * subjects * sketch_bytes()
    assert held <= made.machines * MACHINE.memory * MACHINE.held
    rows = subjects / made.work.partitions
    assert rows >= ROWS_LEAST
    assert made.work.partitions >= 4 * made.shards or rows < 2 * ROWS_LEAST
    assert 0.0 < made.balance <= 1.0
    busy = made.peak_per_s * sum(made.work.core_seconds(batch=8).values()) * slack()
    assert busy <= UTILISATION * made.machines * MACHINE.cores
    assert (
        made.peak_per_s * made.work.bytes_read <= UTILISATION * made.machines * MACHINE.read_per_s
    )
    # One may be down.
    assert made.machines == max(made.needed.values()) + 1
    assert made.alone_s < made.peak_s == pytest.approx(1.5 * made.alone_s)


def test_more_subjects_take_more_machines() -> None:
    machines = [plan(subjects).machines for subjects in SUBJECTS]
    assert machines == sorted(machines)
    assert plan(SUBJECTS[-1]).extraction_cores > plan(SUBJECTS[0]).extraction_cores
    devices = [gpu_sketch_devices(subjects) for subjects in SUBJECTS]
    assert devices == sorted(devices)


def test_bytes_are_those_of_the_code_and_of_the_record() -> None:
    assert sketch_bytes() == Level.COARSE.width + Level.FINE.width
    assert 10_000 < encounter_bytes() < 100_000
    # The plan of what a device holds counts one sketch of these two.
    assert Level.FINE.width < sketch_bytes()
