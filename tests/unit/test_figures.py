"""Figures in the documents are those that the benchmarks recorded, of the matcher that ships."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.figures import TABLES
from benchmarks.record import RESULTS, recorded
from workers.matching.parameters import PARAMETERS, SCREEN_LOSS, parameters_hash

ROOT = RESULTS.parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))


def words(path: Path) -> str:
    return re.sub(r"\s+", " ", path.read_text())


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_as_recorded(name: str) -> None:
    table = re.sub(r"\s+", " ", TABLES[name]())
    assert any(table in words(document) for document in DOCUMENTS)


def test_recorded_accuracy_is_of_the_matcher_that_ships() -> None:
    reports = recorded("accuracy")
    hashes = {r["parameters_hash"] for kind in reports.values() for r in kind.values()}
    assert hashes == {parameters_hash()}


def test_answers_quote_the_recorded_loss_of_the_screen() -> None:
    result = recorded("screen_loss")
    cuts = {1: PARAMETERS.screen.cut_fraction_one_finger, 2: PARAMETERS.screen.cut_fraction}
    for fingers, cut in cuts.items():
        measured = result["fingers"][str(fingers)]["all"]
        lost = measured["lost"][result["depths"].index(cut)]
        assert (SCREEN_LOSS[fingers].lost, SCREEN_LOSS[fingers].mates) == (lost, measured["mates"])


def test_recorded_robustness_is_of_the_matcher_that_ships() -> None:
    assert recorded("robustness")["parameters_hash"] == parameters_hash()
