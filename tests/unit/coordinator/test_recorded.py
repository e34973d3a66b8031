"""Commands that open the store themselves are on record, however they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cluster.store import Database
from coordinator.access import Purpose
from coordinator.audit import AuditLog
from coordinator.commands.recorded import recorded
from workers.errors import ErrorCode, RidgelineError

WHY = Purpose("law", "case", "desk")


def records(url: str) -> list[dict[str, Any]]:
    database = Database(url)
    log = AuditLog(database)
    assert log.verify_chain().broken_at is None
    found = [json.loads(record.body) for record in log.records()]
    database.close()
    return found


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'gallery.db'}"


def test_what_was_done_is_written_when_it_is_done(url: str) -> None:
    with recorded(url, "Evaluate", WHY) as record:
        assert records(url) == []
        record.outcome, record.searches = "EVALUATED", 12
    [written] = records(url)
    assert (written["event"], written["outcome"], written["searches"]) == (
        "Evaluate",
        "EVALUATED",
        12,
    )
    assert written["purpose"] == {"authority": "law", "case_number": "case", "requester": "desk"}
    assert written["source"] == "local"
    assert written["principal"]


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        (RidgelineError(ErrorCode.STORE_UNAVAILABLE, "", field="store"), "STORE_UNAVAILABLE"),
        (KeyboardInterrupt(), "CANCELLED"),
        (ZeroDivisionError(), "INTERNAL"),
    ],
)
def test_failures_are_on_record_too(url: str, raised: BaseException, outcome: str) -> None:
    with pytest.raises(type(raised)), recorded(url, "Evaluate", WHY):
        raise raised
    assert [record["outcome"] for record in records(url)] == [outcome]


def test_without_a_record_there_is_no_answer(url: str) -> None:
    def forget() -> None:
        database = Database(url)
        with database.transaction() as connection:
            connection.exec_driver_sql("DROP TABLE audit_records")
        database.close()

    with pytest.raises(RidgelineError) as caught, recorded(url, "Evaluate", WHY):
        forget()
    assert caught.value.code is ErrorCode.STORE_UNAVAILABLE
