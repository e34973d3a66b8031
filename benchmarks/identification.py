"""Identification by gallery size and fingers, with fingers missing, exchanged, and rolled.

    python -m benchmarks.identification [--small] [--only CONDITION]

Persons composed of real fingers, and generated ones, are searched for with ten fingers, a slap of
four, two and one, each once while they are in the gallery and once while they are not. Writes
``benchmarks/results/identification.json``; with ``--small`` the galleries are a fiftieth, the
searches few, and what was found is printed only. With ``--only`` the cells of one condition are run
anew and put among those recorded; each names the matcher that it is of. What is generated is kept
on disk, so that a second run takes about ten minutes less. A gallery of 100,000 needs 6 GB of
memory.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks import searched_persons
from benchmarks.composed_persons import real_fingers
from benchmarks.identification_rates import rates
from benchmarks.real_prints import DEVELOPMENT
from benchmarks.record import record, recorded
from benchmarks.searched_persons import ComposedPopulation, GeneratedPopulation, Population
from benchmarks.shown_fingers import Condition
from cluster.partitions import DEFAULT_PARTITIONS
from coordinator.evaluate.searches import CANDIDATES
from workers.matching.parameters import PARAMETERS, parameters_hash
from workers.matching.template import FingerTemplate

REPLICATES = 500
SMALL = 50
"""A small run's galleries are smaller by this factor."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Searches of one kind.

    Attributes:
        composed: whether the persons are composed of real fingers.
        subjects: in the gallery.
        fingers: of the probe before any goes missing.
        searches: with the person in the gallery, and as many without.
    """

    composed: bool
    subjects: int
    condition: Condition
    fingers: int
    searches: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run.

    Attributes:
        cells: in the order that they are reported in.
        searched: generated persons that may be searched for.
        made: generated persons at most; a larger gallery turns their hands.
        enrolled: composed persons in the gallery.
    """

    cells: Sequence[Cell]
    searched: int
    made: int
    enrolled: int
    partitions: int

    def only(self, condition: Condition) -> Plan:
        """The part of it under one condition."""
        return replace(self, cells=[cell for cell in self.cells if cell.condition is condition])


def whole_plan() -> Plan:
    """The run that is recorded."""
    composed, generated = (True, 20_000), (False, 100_000)
    cells = [
        Cell(*gallery, Condition.NONE, fingers, searches)
        for gallery, by_fingers in (
            (composed, {10: 300, 4: 300, 2: 300, 1: 300}),
            ((False, 1_000), {10: 40, 4: 300, 2: 300, 1: 3000}),
            ((False, 10_000), {10: 40, 4: 100, 2: 300, 1: 300}),
            (generated, {10: 300, 4: 300, 2: 300, 1: 40}),
        )
        for fingers, searches in by_fingers.items()
    ]
    cells += [
        Cell(*composed, Condition.ABSENT_IN_PROBE, 10, 30),
        Cell(*composed, Condition.ABSENT_IN_GALLERY, 10, 30),
        Cell(*generated, Condition.ABSENT_IN_GALLERY, 10, 30),
        Cell(*composed, Condition.TWO_EXCHANGED, 10, 30),
        Cell(*composed, Condition.TWO_EXCHANGED, 4, 30),
        Cell(*composed, Condition.HANDS_EXCHANGED, 10, 30),
    ]
    # The development sets have no rolled prints.
    cells += [Cell(*generated, Condition.ROLLED_PROBE, fingers, 40) for fingers in (10, 4, 2)]
    return Plan(cells, 1_000, 20_800, 1_000, DEFAULT_PARTITIONS)


def small_plan() -> Plan:
    """All of it in little, to see that it runs; few partitions, so that the sketch is used."""
    whole = whole_plan()
    cells = [
        replace(cell, subjects=cell.subjects // SMALL, searches=max(cell.searches // SMALL, 2))
        for cell in whole.cells
    ]
    return Plan(cells, whole.searched // SMALL, whole.made // SMALL, whole.enrolled // SMALL, 4)


def main() -> None:
    """Runs the plan and records it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a fiftieth of it; not recorded")
    parser.add_argument("--only", choices=[condition.name for condition in Condition])
    arguments = parser.parse_args()
    plan = small_plan() if arguments.small else whole_plan()
    if arguments.only:
        plan = plan.only(Condition[arguments.only])
    result = run(plan, real_fingers())
    if arguments.small:
        print(json.dumps(result, indent=2))
        return
    if arguments.only:
        result["cells"] = merged(recorded("identification")["cells"], result["cells"])
    data = f"{DEVELOPMENT}; generated persons"
    record("identification", result, data=data, seed=searched_persons.SEED)


def run(plan: Plan, real: Sequence[Sequence[FingerTemplate]]) -> dict[str, Any]:
    """Everything of a plan."""
    thresholds = PARAMETERS.thresholds
    return {
        "partitions": plan.partitions,
        "candidates": CANDIDATES,
        "thresholds": {"likely": thresholds.likely, "possible": thresholds.possible},
        "real_fingers": len(real),
        "composed_in_gallery": plan.enrolled,
        "cells": _cells(plan, real),
    }


def merged(
    before: Sequence[dict[str, Any]], anew: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Cells in the order they were recorded in, those run anew in the place of what they were."""
    cells = {_searches(cell): cell for cell in (*before, *anew)}
    return list(cells.values())


def _searches(cell: dict[str, Any]) -> tuple[Any, ...]:
    """What searches a recorded cell is of."""
    return tuple(cell[name] for name in ("persons", "subjects", "condition", "fingers"))


def _cells(plan: Plan, real: Sequence[Sequence[FingerTemplate]]) -> list[dict[str, Any]]:
    """Each cell's result; one gallery is in memory at a time."""
    results: dict[Cell, dict[str, Any]] = {}
    for gallery in dict.fromkeys(map(_gallery, plan.cells)):
        cells = [cell for cell in plan.cells if _gallery(cell) == gallery]
        started = time.process_time()
        population = _population(plan, cells, real)
        taken = time.process_time() - started
        print(f"{cells[0].subjects:,} subjects enrolled in {taken:.0f} s")
        results |= {cell: _cell(cell, population) for cell in cells}
        del population  # before the next one needs the memory
    return [results[cell] for cell in plan.cells]


def _gallery(cell: Cell) -> tuple[bool, int]:
    return cell.composed, cell.subjects


def _population(
    plan: Plan, cells: Sequence[Cell], real: Sequence[Sequence[FingerTemplate]]
) -> Population:
    subjects = cells[0].subjects
    fewer = max(
        (c.searches for c in cells if c.condition is Condition.ABSENT_IN_GALLERY), default=0
    )
    if cells[0].composed:
        return ComposedPopulation(
            real,
            composed=plan.enrolled,
            subjects=subjects,
            fewer=fewer,
            partitions=plan.partitions,
        )
    return GeneratedPopulation(
        subjects,
        searched=plan.searched,
        made=plan.made,
        fewer=fewer,
        partitions=plan.partitions,
    )


def _cell(cell: Cell, population: Population) -> dict[str, Any]:
    started = time.process_time()
    found = []
    for number in range(cell.searches):
        case = population.case(cell.condition, cell.fingers, number)
        found.append(
            population.gallery.search(
                case.probe,
                case.person,
                hidden=case.hidden,
                fewer=cell.condition is Condition.ABSENT_IN_GALLERY,
            )
        )
    rng = np.random.default_rng(searched_persons.SEED)
    resampled = (population.weights(cell.fingers, cell.searches, rng) for _ in range(REPLICATES))
    result = {
        "persons": "composed" if cell.composed else "generated",
        "subjects": cell.subjects,
        "truly_generated": population.truly_generated,
        "condition": str(cell.condition),
        "fingers": cell.fingers,
        "searches": cell.searches,
        "persons_searched": population.persons(cell.searches),
        "parameters_hash": parameters_hash(),
        **rates(found, resampled),
        "cpu_seconds_a_case": (time.process_time() - started) / cell.searches,
    }
    print(result)
    return result


if __name__ == "__main__":
    main()
