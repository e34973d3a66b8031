"""Figures in the documents are those that the benchmarks recorded, of the matcher that ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.figures import TABLES
from benchmarks.record import recorded
from benchmarks.render import DOCUMENTS, filled
from workers.matching.parameters import PARAMETERS, SCREEN_LOSS, SKETCH_LOSS, parameters_hash


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_in_a_document(name: str) -> None:
    assert any(f"<!-- table {name} -->" in document.read_text() for document in DOCUMENTS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_tables_are_as_recorded(document: Path) -> None:
    text = document.read_text()
    assert text == filled(text, TABLES), "python -m benchmarks.render"


def test_recorded_accuracy_is_of_the_matcher_that_ships() -> None:
    reports = recorded("accuracy")
    hashes = {r["parameters_hash"] for kind in reports.values() for r in kind.values()}
    assert hashes == {parameters_hash()}


@pytest.mark.parametrize("name", recorded("accuracy")["peers"])
def test_peers_are_compared_with_what_was_evaluated(name: str) -> None:
    reports = recorded("accuracy")
    ours, own = reports["peers"][name]["ours"], reports["verification"][name]
    assert (ours["genuine"], ours["impostor"]) == (own["genuine"], own["impostor"])
    assert ours["eer"] == own["eer"]
    assert ours["fnmr_at_fmr_0.001"] == own["fnmr_at_fmr"]["0.001"]


def test_answers_quote_the_recorded_loss_of_the_screen() -> None:
    result = recorded("screen_loss")
    result["fingers"] |= {k: {"all": v} for k, v in recorded("cut_loss")["fingers"].items()}
    shares = {1: result["depths"], 2: result["depths"]} | dict.fromkeys(
        (4, 8), recorded("cut_loss")["shares"]
    )
    for fingers, cut in PARAMETERS.screen.cuts:
        measured = result["fingers"][str(fingers)]["all"]
        lost = measured["lost"][shares[fingers].index(cut)]
        assert (SCREEN_LOSS[fingers].lost, SCREEN_LOSS[fingers].mates) == (lost, measured["mates"])


def test_answers_quote_the_recorded_loss_of_the_sketch() -> None:
    result = recorded("sketch_loss")
    for depth in PARAMETERS.sketch.depths:
        measured = result["fingers"][str(depth.fingers)]
        at = measured["depth"]
        assert (at["coarse"], at["fine"]) == (depth.coarse, depth.fine)
        quoted = SKETCH_LOSS[depth.fingers]
        assert (quoted.lost, quoted.mates) == (at["lost"], measured["mates"])


def test_recorded_robustness_is_of_the_matcher_that_ships() -> None:
    assert recorded("robustness")["parameters_hash"] == parameters_hash()
