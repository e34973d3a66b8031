"""Whom an operational evaluation draws, how it counts, what it exchanges and compares."""

from __future__ import annotations

import datetime
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.store import StoredEncounter
from coordinator.evaluate.metrics import binomial_interval
from coordinator.evaluate.operational.comparison import compare
from coordinator.evaluate.operational.draw import (
    DIFFERENT,
    GROUPS,
    SAME,
    UNKNOWN,
    Draw,
    Traits,
    draw_subjects,
    hold_out,
)
from coordinator.evaluate.operational.exchange import (
    Search,
    SearchLog,
    read_log,
    require_same_searches,
    write_log,
)
from coordinator.evaluate.operational.rates import (
    SUBJECTS_MIN,
    Scores,
    breakdowns,
    measure,
    rates,
)
from tests.populations import FEW, encounter
from tests.unit.evaluate.searches import LIKELY, POSSIBLE, One, Run, log_of
from workers.biometrics.model import UNKNOWN_CAPTURE, Capture, FingerPosition
from workers.errors import ErrorCode, RidgelineError

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
DAY = datetime.date(2020, 6, 1)


def stored(
    encounter_id: str,
    capture: Capture = UNKNOWN_CAPTURE,
    *,
    qualities: tuple[int | None, ...] = (None, None, None),
    positions: tuple[FingerPosition, ...] = FEW,
) -> StoredEncounter:
    template = encounter(0, positions=positions)
    fingers = zip(template.fingers, qualities, strict=False)
    rated = tuple(replace(finger, nfiq2=quality) for finger, quality in fingers)
    return StoredEncounter(encounter_id, NOON, replace(template, fingers=rated), capture)


# Few distinct scores, so that they meet the thresholds; a mate has a score if it has a rank.
scores = st.sampled_from([None, 0.0, 39.9, 40.0, 59.9, 60.0, 120.0])
outcomes = st.tuples(st.sampled_from([1, 1, 2, 20]), scores, scores).map(
    lambda one: (None if one[1] is None else one[0], one[1], one[2])
)
runs = st.lists(outcomes, min_size=1, max_size=30)


# Who is drawn


def test_a_sample_is_the_start_of_the_whole_draw_whatever_the_order() -> None:
    subjects = [f"s{i}" for i in range(50)]
    whole = draw_subjects(subjects, Draw(seed=3))
    assert sorted(whole) == sorted(subjects) != whole
    assert draw_subjects(subjects[::-1], Draw(7, 3)) == whole[:7]
    assert draw_subjects(subjects, Draw(7, 4)) != whole[:7]
    # Of another release the same: this order is part of the exchange.
    assert whole[:3] == ["s23", "s14", "s13"]


def test_the_newest_is_held_out_and_then_the_whole_subject() -> None:
    case = hold_out("x", [stored("a"), stored("b"), stored("c")], ())
    assert case.encounter_id == "c"
    assert (set(case.mated.encounters), case.mated.whole_subject) == ({"c"}, False)
    assert (set(case.nonmated.encounters), case.nonmated.whole_subject) == (set("abc"), True)
    assert len(case.probe.fingers) == 3
    assert case.common


def test_a_probe_keeps_the_fingers_asked_for() -> None:
    mate = stored("a", positions=(FEW[0],))
    only = hold_out("x", [mate, stored("b")], (FEW[1],))
    assert [finger.position for finger in only.probe.fingers] == [FEW[1]]
    assert (only.common, only.traits.fingers) == (False, "1")
    none = hold_out("x", [mate, stored("b")], (FingerPosition.LEFT_RING,))
    assert none.probe.fingers == ()


@pytest.mark.parametrize(
    ("probe", "mates", "group"),
    [
        ("A", ["A"], SAME),
        ("A", ["B", "A"], SAME),
        ("A", ["", "A"], SAME),
        ("A", ["B", "C"], DIFFERENT),
        ("A", ["B", ""], UNKNOWN),
        ("", ["A"], UNKNOWN),
        ("", [""], UNKNOWN),
    ],
)
def test_sensor_pairs(probe: str, mates: list[str], group: str) -> None:
    older = [stored(f"e{i}", Capture(DAY, sensor)) for i, sensor in enumerate(mates)]
    assert hold_out("x", [*older, stored("p", Capture(DAY, probe))], ()).traits.sensor == group


@pytest.mark.parametrize(
    ("days", "group"),
    [
        ([0], "up to 30 days"),
        ([30], "up to 30 days"),
        ([31], "31 days to 1 year"),
        ([-31], "31 days to 1 year"),
        ([366], "1 to 5 years"),
        ([366, 40], "31 days to 1 year"),
        ([1827], "5 to 10 years"),
        ([3653], "10 years and more"),
        ([None, 3], UNKNOWN),
    ],
)
def test_elapsed_time(days: list[int | None], group: str) -> None:
    older = [
        stored(f"e{i}", Capture(None if n is None else DAY - datetime.timedelta(days=n)))
        for i, n in enumerate(days)
    ]
    assert hold_out("x", [*older, stored("p", Capture(DAY))], ()).traits.elapsed == group
    assert hold_out("x", [*older, stored("p")], ()).traits.elapsed == UNKNOWN


@pytest.mark.parametrize(
    ("qualities", "group"),
    [
        ((24, 24, 90), "NFIQ 2 below 25"),
        ((24, 25, 90), "25 to 49"),
        ((50, 74, None), "50 to 74"),
        ((100, 100, 100), "75 and above"),
        ((None, None, None), UNKNOWN),
    ],
)
def test_quality(qualities: tuple[int | None, ...], group: str) -> None:
    case = hold_out("x", [stored("a"), stored("p", qualities=qualities)], ())
    assert case.traits.quality == group


# How it counts


@given(runs)
def test_rates_agree_with_counting(
    run: Run,
) -> None:
    found, n = rates(Scores.of(log_of(run))), len(run)
    assert found["rank1"] == sum(rank == 1 for rank, _, _ in run) / n
    for name, at in (("likely", LIKELY), ("possible", POSSIBLE)):
        lost = sum(mate is None or mate < at for _, mate, _ in run)
        false = sum(stranger is not None and stranger >= at for _, _, stranger in run)
        assert found[f"fnir_{name}"] == pytest.approx(lost / n)
        assert found[f"fpir_{name}"] == pytest.approx(false / n)
    assert found["fnir_at_fpir_0.01"] is found["fnir_at_fpir_0.001"] is None


def test_a_rate_that_can_be_resolved() -> None:
    # Of a hundred strangers one scores 70: at FPIR 1 % it is let through, and two mates are lost.
    run = [(1, 80.0, 10.0)] * 97 + [(1, 80.0, 70.0), (2, 5.0, 8.0), (None, None, None)]
    report = measure(Scores.of(log_of(run)))
    at = report["fnir_at_fpir_0.01"]
    assert (at["count"], at["of"], at["rate"]) == (2, 100, pytest.approx(0.02))
    assert report["fnir_at_fpir_0.001"] is None
    assert report["fpir_likely"]["count"] == 1
    low, high = report["fnir_likely"]["interval"]
    assert low <= 0.02 <= high < 0.06


def test_what_was_not_seen_has_a_bound() -> None:
    report = measure(Scores.of(log_of([(1, 80.0, 10.0)] * 40)))
    assert report["fnir_likely"]["count"] == 0
    assert report["fnir_likely"]["interval"] == binomial_interval(0, 40)
    assert report["rank1"]["interval"] == binomial_interval(40, 40)


def test_a_curve_counts_mates_that_were_not_found() -> None:
    counts = Scores.of(log_of([(1, 80.0, 50.0), (None, None, None)])).counts()
    at_zero = int(np.searchsorted(counts.thresholds, 0.0))
    assert (counts.fnmr[at_zero], counts.fmr[at_zero]) == (0.5, 0.5)


def test_small_groups_are_counts() -> None:
    def trait(person: int) -> Traits:
        quality = GROUPS["quality"][0 if person < SUBJECTS_MIN else 2]
        return Traits("10", quality, SAME, UNKNOWN)

    n = 2 * SUBJECTS_MIN - 1
    run = [(1, 80.0, 10.0)] * n
    groups = breakdowns(Scores.of(log_of(run)), [trait(i) for i in range(n)])
    assert [(g["group"], g["subjects"]) for g in groups["quality"]] == [
        ("NFIQ 2 below 25", SUBJECTS_MIN),
        ("50 to 74", SUBJECTS_MIN - 1),
    ]
    large, small = groups["quality"]
    assert large["rates"]["rank1"]["count"] == SUBJECTS_MIN
    assert small["rates"] is None
    assert small["rank1_count"] == SUBJECTS_MIN - 1
    assert [g["subjects"] for g in groups["fingers"]] == [n]


# What is exchanged


@given(runs)
@settings(max_examples=20)
def test_searches_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory,
    run: Run,
) -> None:
    path = tmp_path_factory.mktemp("log") / "searches.json"
    log = log_of(run)
    write_log(log, path)
    assert read_log(path) == log


def changed(change: dict[str, Any]) -> bytes:
    body = {"format": "ridgeline operational searches", "version": 1}
    log = log_of([(1, 80.0, None)])
    body |= {name: getattr(log, name) for name in SearchLog.__slots__}
    one = {name: getattr(log.searches[0], name) for name in Search.__slots__}
    body["searches"] = [one | change.pop("search", {})]
    return json.dumps(body | change).encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no file"),
        (b"[]", "another kind"),
        (b'{"format": "other"}', "another kind"),
        (changed({"version": 2}), "version 2"),
        (changed({"version": None}), "version None"),
        (changed({"likely": "high"}), "malformed"),
        (changed({"likely": math.nan}), "no file"),
        (changed({"more": 1}), "malformed"),
        (changed({"search": {"mated_outcome": "HIT"}}), "malformed"),
        (changed({"search": {"mate_rank": 1.5}}), "malformed"),
        (changed({"search": {"index": 3}}), "not in order"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "searches.json"
    path.write_bytes(data)
    with pytest.raises(RidgelineError, match=said) as caught:
        read_log(path)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_FIELD, "against")


@pytest.mark.parametrize(
    "change",
    [
        {"gallery_sequence": 8},
        {"subjects": 8},
        {"drawn": "sample 1, seed 1, fingers all"},
        {"draw_digest": "e" * 64},
        {"searches": ()},
    ],
)
def test_other_searches_are_refused(change: dict[str, Any]) -> None:
    log = log_of([(1, 80.0, None)])
    require_same_searches(log, replace(log, parameters_hash="q" * 64))
    with pytest.raises(RidgelineError, match="the other release"):
        require_same_searches(log, replace(log, **change))


# What is compared


def test_planted_differences_are_found() -> None:
    n = 200
    theirs: list[One] = [(1, 80.0, 10.0)] * n
    ours = list(theirs)
    for i in range(10):
        theirs[i] = (2, 45.0, 10.0)  # in review, not first
    ours[50] = (None, None, 10.0)
    ours[51] = (1, 80.0, 65.0)
    compared = compare(log_of(ours), log_of(theirs))
    assert compared["changed"] == 12
    assert compared["mates"]["rank1"] == {
        "both": 189,
        "only_this": 10,
        "only_other": 1,
        "neither": 0,
    }
    assert compared["mates"]["possible"]["only_other"] == 1
    assert compared["outcome_changes"]["mated"] == [
        {"other": "REVIEW", "this": "CANDIDATES", "searches": 10},
        {"other": "CANDIDATES", "this": "NO_CANDIDATE", "searches": 1},
    ]
    assert compared["outcome_changes"]["nonmated"] == [
        {"other": "NO_CANDIDATE", "this": "CANDIDATES", "searches": 1}
    ]
    likely = compared["rates"]["fnir_likely"]
    assert (likely["this"], likely["other"]) == (1 / n, 10 / n)
    assert likely["difference"] == pytest.approx(-9 / n)
    low, high = likely["interval"]
    assert low < -9 / n < high < 0.0
    assert compared["rates"]["fpir_possible"]["difference"] == pytest.approx(1 / n)


def test_pairs_are_drawn_together() -> None:
    """Rates that vary alike differ by nothing: unpaired intervals would not say so."""
    run = [(1, 80.0, 10.0)] * 60 + [(None, None, 50.0)] * 40
    compared = compare(log_of(run), log_of(run))
    assert compared["changed"] == 0
    assert compared["changed_interval"] == binomial_interval(0, 100)
    for rate in compared["rates"].values():
        assert rate is None or (rate["difference"], rate["interval"]) == (0.0, None)


@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(outcomes, outcomes), min_size=1, max_size=12))
def test_differences_change_sign_with_the_sides(pairs: list[Any]) -> None:
    here, there = (log_of([pair[side] for pair in pairs]) for side in (0, 1))
    one, other = compare(here, there)["rates"], compare(there, here)["rates"]
    for name, rate in one.items():
        if rate is None:
            assert other[name] is None
            continue
        assert rate["difference"] == pytest.approx(-other[name]["difference"])
        if rate["interval"] is not None:
            low, high = other[name]["interval"]
            assert rate["interval"] == pytest.approx((-high, -low))
