"""The identification benchmark in little, from generated fingers to rates."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import generated_persons, searched_persons
from benchmarks.composed_persons import draw_person
from benchmarks.identification import Cell, Plan, merged, run, small_plan, whole_plan
from benchmarks.searched_persons import ComposedPopulation
from benchmarks.shown_fingers import Condition
from coordinator.paths import CACHE_VARIABLE
from workers.matching.descriptor import describe_encounter
from workers.matching.parameters import parameters_hash
from workers.matching.template import FingerTemplate
from workers.synthesis.templates import generate_subject

SEED = 99


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(generated_persons, "CHUNK", 4)


@pytest.fixture(scope="module")
def fingers() -> list[list[FingerTemplate]]:
    """Twenty fingers with two prints each, for real ones."""
    sessions = [
        [
            finger
            for person in range(2)
            for finger in describe_encounter(generate_subject(SEED, person, session)).fingers
        ]
        for session in range(2)
    ]
    return [list(prints) for prints in zip(*sessions, strict=True)]


def test_a_plan_in_little(fingers: list[list[FingerTemplate]]) -> None:
    cells = [
        Cell(False, 12, Condition.NONE, 2, 6),
        Cell(False, 12, Condition.ABSENT_IN_GALLERY, 10, 2),
        Cell(False, 12, Condition.HANDS_EXCHANGED, 10, 2),
        Cell(True, 10, Condition.NONE, 4, 4),
        Cell(True, 10, Condition.TWO_EXCHANGED, 4, 4),
    ]
    plan = Plan(cells, searched=4, made=8, enrolled=6, partitions=3)
    result = json.loads(json.dumps(run(plan, fingers), allow_nan=False))
    plain, absent, hands, composed, exchanged = result["cells"]
    assert [c["not_first"]["share"] for c in (plain, absent, composed)] == [0.0, 0.0, 0.0]
    assert hands["at_threshold"]["likely"]["missed"]["share"] == 1.0
    assert exchanged["condition"] == "two fingers exchanged"
    assert (plain["truly_generated"], plain["persons_searched"]) == (8, 4)
    assert (composed["truly_generated"], composed["persons_searched"]) == (4, 4)
    assert all(cell["at_threshold"]["likely"]["false"]["share"] == 0.0 for cell in result["cells"])
    assert {cell["parameters_hash"] for cell in result["cells"]} == {parameters_hash()}


def test_one_condition_is_run_anew_in_the_place_of_what_it_was() -> None:
    cells = [
        {"persons": "generated", "subjects": n, "condition": c, "fingers": 2, "at": f"{n} {c}"}
        for n in (10, 20)
        for c in ("none", "rolled")
    ]
    anew = [cell | {"at": "later"} for cell in cells if cell["condition"] == "rolled"]
    together = merged(cells, anew)
    assert [cell["at"] for cell in together] == ["10 none", "later", "20 none", "later"]
    plan = whole_plan().only(Condition.ROLLED_PROBE)
    assert [cell.fingers for cell in plan.cells] == [10, 4, 2]
    assert plan.partitions == whole_plan().partitions


def test_the_recorded_plan_asks_for_everything() -> None:
    plan = whole_plan()
    asked = {(c.composed, c.subjects, c.condition, c.fingers) for c in plan.cells}
    sizes = [(False, 1_000), (False, 10_000), (False, 100_000), (True, 20_000)]
    assert {(*size, Condition.NONE, k) for size in sizes for k in (10, 4, 2, 1)} <= asked
    assert {condition for _, _, condition, _ in asked} == set(Condition)
    assert len(small_plan().cells) == len(plan.cells)
    assert min(cell.searches for cell in small_plan().cells) > 1


def test_composed_persons_who_share_a_shown_finger_are_hidden(
    fingers: list[list[FingerTemplate]],
) -> None:
    population = ComposedPopulation(fingers, composed=40, subjects=42, fewer=0, partitions=2)
    rng = np.random.default_rng(searched_persons.SEED)
    enrolled = [
        {f.position: owner(fingers, f) for f in draw_person(fingers, 10, rng).mate.fingers}
        for _ in range(40)
    ]
    for condition in (Condition.NONE, Condition.TWO_EXCHANGED, Condition.HANDS_EXCHANGED):
        case = population.case(condition, 4, 5)
        shown = {f.position: owner(fingers, f) for f in case.probe.fingers}
        assert case.hidden is not None
        assert not case.hidden[40:].any()
        for person, theirs in enumerate(enrolled):
            shares = any(theirs[position] == finger for position, finger in shown.items())
            assert case.hidden[person] == (shares and person != case.person)
        assert 0 < case.hidden.sum() < 39


def owner(fingers: list[list[FingerTemplate]], shown: FingerTemplate) -> int:
    """Which of the fingers a shown print is of."""
    (number,) = [
        number
        for number, prints in enumerate(fingers)
        if any(np.array_equal(p.descriptors, shown.descriptors) for p in prints)
    ]
    return number
