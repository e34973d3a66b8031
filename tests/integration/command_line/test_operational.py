"""``ridgeline evaluate operational`` on a generated gallery, alone and against another release."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cluster.store import Database, Enrolment, FileKeyProvider, Store
from cluster.store.schema import meta
from coordinator.audit import AuditLog
from coordinator.commands import cli, run
from coordinator.evaluate.operational.draw import Draw, draw_subjects
from coordinator.search.compare import compare_encounters
from tests.integration.command_line.operational_gallery import (
    ENCOUNTERS,
    ONCE,
    OTHER_FINGER,
    POOR,
    REPEATED,
    THRICE,
    Place,
    make_gallery,
    name,
    other_release,
)
from tests.populations import encounter
from workers.matching.backends import load_backend
from workers.matching.calibration import SCORE_MAX, calibrate
from workers.matching.parameters import PARAMETERS
from workers.matching.probe import prepare_probe

Evaluate = Callable[..., tuple[int, str, str]]

PURPOSE = {"AUTHORITY": "8 CFR 287.7", "CASE_NUMBER": "Q-1", "REQUESTER": "quality office"}
LOST = len(POOR) + 1
"""Poor prints, and the finger that nobody has."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_gallery(tmp_path_factory.mktemp("operational"))


@dataclass(frozen=True, slots=True)
class Whole:
    """A run over everybody, seed 4."""

    report: dict[str, Any]
    searches: Path
    plot: Path


@pytest.fixture(scope="module")
def whole(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Made once: most tests look at the same run."""
    out = tmp_path_factory.mktemp("whole")
    files = {option: out / f"{option}.svg" for option in ("json", "searches", "plot")}
    arguments = ["--config", str(place.config), "--seed", "4"]
    for option, file in files.items():
        arguments += [f"--{option}", str(file)]
    for variable, value in PURPOSE.items():
        arguments += [f"--{variable.lower().replace('_', '-')}", value]
    assert run(cli, ["evaluate", "operational", *arguments]) == 0
    return Whole(json.loads(files["json"].read_text()), files["searches"], files["plot"])


@pytest.fixture
def evaluate(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Evaluate:
    for variable, value in PURPOSE.items():
        monkeypatch.setenv(f"RIDGELINE_{variable}", value)
    monkeypatch.setenv("RIDGELINE_SERVER_CONFIG", str(place.config))

    def call(*options: object) -> tuple[int, str, str]:
        code = run(cli, ["evaluate", "operational", *map(str, options)])
        return code, *capsys.readouterr()

    return call


def report_of(evaluate: Evaluate, *options: object) -> dict[str, Any]:
    code, out, err = evaluate("--json", "-", *options)
    assert code == 0, err
    report: dict[str, Any] = json.loads(out)
    return report


def contents(place: Place) -> dict[str, list[Any]]:
    """Every row of every table, as another program sees them."""
    engine = sa.create_engine(place.url)
    with engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        rows = {t: connection.execute(sa.text(f"SELECT * FROM {t}")).all() for t in tables}
    engine.dispose()
    return {table: sorted(map(tuple, of_table), key=repr) for table, of_table in rows.items()}


def audit(place: Place) -> list[dict[str, Any]]:
    database = Database(place.url)
    log = AuditLog(database)
    assert log.verify_chain().broken_at is None
    records = [json.loads(record.body) for record in log.records()]
    database.close()
    return records


def count(report: dict[str, Any], rate: str) -> int:
    found: int = report["rates"][rate]["count"]
    return found


def test_a_site_learns_its_own_rates(whole: Whole) -> None:
    report = whole.report
    assert report["subjects"] == REPEATED + ONCE + 1
    assert report["encounters"] == ENCOUNTERS
    assert report["eligible_subjects"] == REPEATED
    assert report["searches"] == {"mated": REPEATED, "nonmated": REPEATED}
    assert (report["left_out"], report["no_common_finger"]) == ({}, 1)
    assert count(report, "rank1") == REPEATED - LOST
    assert count(report, "fnir_possible") == count(report, "fnir_likely") == LOST
    # The person who is there under another name is found when the subject is left out.
    assert count(report, "fpir_likely") == count(report, "fpir_possible") == 1
    assert report["outcomes"]["nonmated"] == {"CANDIDATES": 1, "NO_CANDIDATE": REPEATED - 1}
    # 34 searches resolve neither 1 % nor 0.1 %.
    assert report["rates"]["fnir_at_fpir_0.01"] is report["rates"]["fnir_at_fpir_0.001"] is None
    low, high = report["rates"]["fnir_likely"]["interval"]
    assert 0.0 <= low < LOST / REPEATED < high < 0.5
    assert not report["redescribed"]
    assert whole.plot.read_text().startswith("<?xml")


def test_groups_are_whole_and_small_ones_are_counts(whole: Whole) -> None:
    report = whole.report
    groups = {
        trait: {g["group"]: (g["subjects"], g["rank1_count"]) for g in of_trait}
        for trait, of_trait in report["by"].items()
    }
    for of_trait in groups.values():
        assert sum(n for n, _ in of_trait.values()) == REPEATED
        assert sum(first for _, first in of_trait.values()) == REPEATED - LOST
    assert groups["fingers"] == {"1": (1, 0), "3": (REPEATED - 1, REPEATED - LOST)}
    poor = len(POOR)
    assert groups["quality"] == {
        "NFIQ 2 below 25": (poor, 0),
        "75 and above": (REPEATED - poor, REPEATED - LOST),
    }
    half = REPEATED // 2
    odd = sum(person % 2 for person in POOR)
    assert groups["sensor"] == {
        "same": (half, half - (LOST - odd)),
        "different": (half, half - odd),
    }
    near = len(THRICE)
    assert groups["elapsed"]["31 days to 1 year"] == (near, near)
    assert groups["elapsed"]["1 to 5 years"] == (half - near, half - (LOST - odd) - near)
    assert groups["elapsed"]["5 to 10 years"] == groups["sensor"]["different"]
    rated = {g["group"]: g["rates"] for g in report["by"]["fingers"]}
    assert rated["1"] is None
    assert rated["3"]["fnir_likely"]["count"] == poor


def test_scores_are_those_of_a_plain_comparison(
    evaluate: Evaluate, place: Place, tmp_path: Path
) -> None:
    """Mates compared one by one, without shards, cuts or merging.

    With one finger: with three, scores lie at the highest that is given.
    """
    searches = tmp_path / "searches.json"
    assert evaluate("--searches", searches, "--seed", 4, "--fingers", 2)[0] == 0
    found = iter(json.loads(searches.read_text())["searches"])
    store, backend = place.open(), load_backend("numpy")
    at = store.sequence()
    below = 0
    for subject in draw_subjects(store.repeated_subjects(at), Draw(seed=4)):
        if subject == name(OTHER_FINGER):
            continue
        *mates, newest = store.subject(subject, at)
        fingers = tuple(f for f in newest.template.fingers if f.position == 2)
        probe = prepare_probe(replace(newest.template, fingers=fingers))
        best = max(compare_encounters(backend, probe, mates), key=lambda hit: hit.fused_score)
        expected = calibrate(best.fused_score, list(best.finger_scores), encounters=len(mates))
        search = next(found)
        if search["mate_rank"]:
            assert search["mate_score"] == expected.score
            below += expected.score < SCORE_MAX
        else:
            assert expected.score < PARAMETERS.thresholds.possible
    assert below >= REPEATED / 2
    assert next(found, None) is None
    store.close()


def test_the_gallery_is_left_as_it_was_and_the_run_is_on_record(
    evaluate: Evaluate, place: Place
) -> None:
    before = contents(place)
    assert evaluate("--sample", 5, "--seed", 9, "--fingers", "1-2,6")[0] == 0
    after = contents(place)
    known = len(before.pop("audit_records", []))
    records = after.pop("audit_records")
    assert after.pop("submission_answers") == before.pop("submission_answers", [])
    assert after == before
    assert len(records) == known + 1
    record = audit(place)[-1]
    assert (record["event"], record["source"]) == ("EvaluateOperational", "local")
    assert record["principal"]
    assert record["purpose"]["authority"] == PURPOSE["AUTHORITY"]
    assert (record["outcome"], record["searches"]) == ("EVALUATED", 10)
    assert record["scope"] == "sample 5, seed 9, fingers 1,2,6"
    assert record["sequence"] == ENCOUNTERS


def test_no_ids_come_out(evaluate: Evaluate, whole: Whole) -> None:
    code, out, err = evaluate()
    assert code == 0
    for text in (out, err, whole.searches.read_text(), json.dumps(whole.report)):
        assert "s-0" not in text
        assert "alias" not in text
        assert "A 1" not in text
    assert "FNIR at FPIR 1 %" in out
    assert "not resolvable" in out
    assert f"{REPEATED - LOST} of {REPEATED}" in out


def test_samples_can_be_repeated(evaluate: Evaluate, tmp_path: Path) -> None:
    logs = []
    for number, seed in enumerate((1, 1, 2)):
        path = tmp_path / f"{number}.json"
        assert evaluate("--searches", path, "--sample", 8, "--seed", seed)[0] == 0
        logs.append(json.loads(path.read_text()))
    assert logs[0] == logs[1]
    assert logs[0]["draw_digest"] != logs[2]["draw_digest"]
    assert [len(log["searches"]) for log in logs] == [8, 8, 8]


def test_fewer_fingers(evaluate: Evaluate) -> None:
    report = report_of(evaluate, "--fingers", "2", "--sample", REPEATED)
    assert report["left_out"] == {"without these fingers": 1}
    assert report["searches"]["mated"] == REPEATED - 1
    assert [g["group"] for g in report["by"]["fingers"]] == ["1"]


def test_beside_a_writer(evaluate: Evaluate, whole: Whole, place: Place) -> None:
    """The gallery is held at the sequence it had; who comes meanwhile is not there."""
    alone = dict(whole.report)
    store, stop = place.open(), threading.Event()
    store.enroll([Enrolment(encounter(499), "new-499")])

    def write() -> None:
        person = 500
        while not stop.is_set():
            store.enroll([Enrolment(encounter(person), f"new-{person}")])
            person += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        beside = report_of(evaluate, "--sequence", alone["gallery_sequence"], "--seed", 4)
    finally:
        stop.set()
        writer.join()
        newest = store.sequence()
        store.close()
    assert newest > alone["gallery_sequence"]
    assert alone.pop("search_seconds") != beside.pop("search_seconds")
    assert beside == alone


def test_what_is_erased_meanwhile_is_not_searched_for(tmp_path: Path, evaluate: Evaluate) -> None:
    place = make_gallery(tmp_path)
    store = place.open()
    before = store.sequence()
    store.expunge_subject(name(0))
    store.close()
    code, _, err = evaluate("--config", place.config, "--sequence", before)
    assert code == 3
    assert "SEQUENCE_UNAVAILABLE" in err
    assert audit(place)[-1]["outcome"] == "SEQUENCE_UNAVAILABLE"
    report = report_of(evaluate, "--config", place.config, "--sample", 3)
    assert report["eligible_subjects"] == REPEATED - 1


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--fingers", "0"], 2, "positions from 1 to 10"),
        (["--fingers", "7-2"], 2, "positions from 1 to 10"),
        (["--fingers", "thumb"], 2, "positions from 1 to 10"),
        (["--fingers", "9"], 2, "none of them can be searched for"),
        (["--sequence", "999999"], 3, "SEQUENCE_UNAVAILABLE"),
        (["--authority", " "], 2, "PURPOSE_REQUIRED"),
        (["--plot", "det.docx"], 2, "expected a file ending in"),
        (["--against", "."], 2, "bin/ridgeline"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    evaluate: Evaluate, options: list[str], code: int, said: str
) -> None:
    found, out, err = evaluate(*options)
    assert (found, out) == (code, "")
    assert said in err.splitlines()[-1]


def test_another_key_opens_nothing(evaluate: Evaluate, place: Place, tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    text = place.config.read_text()
    config.write_text(text.replace('"policy.toml"', f'"{place.folder}/policy.toml"'))
    code, _, err = evaluate("--config", config)
    assert code == 3
    assert "key_file" in err.splitlines()[-1]
    assert not (tmp_path / "master.key").exists()
    FileKeyProvider(tmp_path / "master.key")
    code, _, err = evaluate("--config", config)
    assert code == 3
    assert "cannot be opened with this key" in err.splitlines()[-1]


def test_a_gallery_of_other_parameters_is_described_again(
    tmp_path: Path, evaluate: Evaluate, capsys: pytest.CaptureFixture[str]
) -> None:
    place = make_gallery(tmp_path)
    capsys.readouterr()
    engine = sa.create_engine(place.url)
    with engine.begin() as connection:
        row = meta.c.name == "descriptor_hash"
        connection.execute(meta.update().where(row).values(value="0" * 64))
    engine.dispose()
    report = report_of(evaluate, "--config", place.config)
    assert report["redescribed"]
    assert count(report, "rank1") == REPEATED - LOST
    assert "described again" in evaluate("--config", place.config, "--sample", 3)[1]


# Against another release


@pytest.fixture
def against(evaluate: Evaluate) -> Callable[..., dict[str, Any]]:
    def compare(release: Path, *options: object) -> dict[str, Any]:
        compared: dict[str, Any] = report_of(evaluate, "--against", release, *options)["against"]
        return compared

    return compare


def test_the_same_release_differs_in_nothing(
    evaluate: Evaluate, place: Place, against: Callable[..., dict[str, Any]]
) -> None:
    compared = against(Path(sys.prefix), "--sample", 12)
    assert (compared["searches"], compared["changed"]) == (12, 0)
    assert compared["changed_interval"][0] == 0.0
    assert compared["this"] == compared["other"]
    assert compared["outcome_changes"] == {"mated": [], "nonmated": []}
    for found in compared["mates"].values():
        assert (found["only_this"], found["only_other"]) == (0, 0)
        assert found["both"] + found["neither"] == 12
    for rate in compared["rates"].values():
        assert rate is None or (rate["difference"], rate["interval"]) == (0.0, None)
    # Both runs are on record.
    assert [r["searches"] for r in audit(place)[-2:]] == [24, 24]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_release_that_is_too_old(evaluate: Evaluate, tmp_path: Path) -> None:
    def before(text: str) -> str:
        return text.replace("command.add_command(operational)", "")

    release = other_release(tmp_path / "old", {"coordinator/commands/evaluate.py": before})
    code, out, err = evaluate("--against", release)
    assert (code, out) == (2, "")
    assert "INVALID_FIELD: the other release is too old" in err


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_release_with_other_thresholds(
    tmp_path: Path, against: Callable[..., dict[str, Any]]
) -> None:
    """So high that no mate is likely there: every outcome changes, every rank stays."""

    def raised(text: str) -> str:
        return text.replace("likely: float = 60.0", "likely: float = 121.0")

    release = other_release(tmp_path / "other", {"workers/matching/parameters.py": raised})
    compared = against(release)
    found = REPEATED - LOST
    assert compared["other"]["thresholds"]["likely"] == 121.0
    assert compared["other"]["parameters_hash"] != compared["this"]["parameters_hash"]
    assert compared["mates"]["rank1"] == {
        "both": found,
        "only_this": 0,
        "only_other": 0,
        "neither": LOST,
    }
    assert compared["mates"]["likely"]["only_this"] == found
    [change] = compared["outcome_changes"]["mated"]
    assert change == {"other": "REVIEW", "this": "CANDIDATES", "searches": found}
    likely = compared["rates"]["fnir_likely"]
    assert (likely["this"], likely["other"]) == (LOST / REPEATED, 1.0)
    assert likely["difference"] == pytest.approx(-found / REPEATED)
    low, high = likely["interval"]
    assert -1.0 <= low < likely["difference"] < high < 0.0
    assert compared["rates"]["rank1"]["interval"] is None


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_release_with_other_descriptors(
    tmp_path: Path, against: Callable[..., dict[str, Any]]
) -> None:
    """It describes the gallery again, for itself; ranks agree, scores do not."""

    def narrower(text: str) -> str:
        return text.replace("28.0 / 3.0", "27.0 / 3.0")

    release = other_release(tmp_path / "other", {"workers/matching/parameters.py": narrower})
    compared = against(release)
    assert (compared["this"]["redescribed"], compared["other"]["redescribed"]) == (False, True)
    assert compared["mates"]["rank1"]["both"] >= REPEATED - LOST - 1
    assert compared["changed"] > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("draw.py", "return ordered[: draw.sample]", "return ordered[::-1][: draw.sample]", "its"),
        ("exchange.py", "VERSION = 1", "VERSION = 2", "writes version 2"),
        ("run.py", "repeated = store", "raise ZeroDivisionError; repeated = store", "exit code 1"),
    ],
)
def test_a_release_that_cannot_be_compared(
    evaluate: Evaluate, tmp_path: Path, file: str, old: str, new: str, said: str
) -> None:
    changed = {f"coordinator/evaluate/operational/{file}": lambda text: text.replace(old, new)}
    release = other_release(tmp_path / "other", changed)
    code, out, err = evaluate("--against", release, "--sample", 6)
    assert (code, out) == (2, "")
    line = err.splitlines()[-1]
    assert line.startswith("ridgeline: INVALID_FIELD: ")
    assert said in line
    assert line.endswith("(against)")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_release_of_an_older_schema_says_so(evaluate: Evaluate, tmp_path: Path) -> None:
    def older(text: str) -> str:
        return text.replace("SCHEMA_VERSION = 3", "SCHEMA_VERSION = 1")

    release = other_release(tmp_path / "other", {"cluster/store/schema.py": older})
    code, _, err = evaluate("--against", release, "--sample", 6)
    assert code == 3
    assert "STORE_UNAVAILABLE: the other release says: the store has schema 3" in err


def test_the_gallery_stays_closed_to_readers_that_write(place: Place) -> None:
    keys = FileKeyProvider(place.folder / "master.key", create=False)
    reader = Store.open_read_only(place.url, keys)
    with pytest.raises(RuntimeError):
        reader.remove_subject(name(0))
    reader.close()
