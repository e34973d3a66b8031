"""The audit log: durable, grouped, chained; every tampering is found where it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from cluster.store import Database
from coordinator.access import Purpose
from coordinator.audit import AuditedCandidate, AuditLog, AuditRecord, StoredAnswer, record_digest
from workers.errors import ErrorCode, RidgelineError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'audit.db'}")
    yield database
    database.close()


async def _write(log: AuditLog, count: int) -> None:
    await asyncio.gather(
        *(log.write(AuditRecord("Identify", "peer", search_id=f"s{i}")) for i in range(count))
    )


def test_a_record_holds_what_it_was_given(database: Database) -> None:
    log = AuditLog(database)
    record = AuditRecord(
        "Identify",
        "ipv4:127.0.0.1:5",
        principal="switch",
        ori="NY0303000",
        purpose=Purpose("law", "case", "desk"),
        outcome="CANDIDATES",
        candidates=[AuditedCandidate("s1", "e1", 61.5)],
        sequence=9,
    )
    asyncio.run(log.write(record))
    (stored,) = AuditLog(database).records()
    body = json.loads(stored.body)
    assert body["purpose"] == {"authority": "law", "case_number": "case", "requester": "desk"}
    assert body["candidates"] == [{"subject_id": "s1", "encounter_id": "e1", "score": 61.5}]
    assert body["sequence"] == 9
    assert body["started"] <= body["decided"]
    assert body["server"]
    assert "tcn" not in body


def test_records_of_one_moment_keep_their_order_and_chain(database: Database) -> None:
    log = AuditLog(database)
    asyncio.run(_write(log, 600))
    ids = [json.loads(r.body)["search_id"] for r in log.records()]
    assert ids == [f"s{i}" for i in range(600)]
    report = log.verify_chain()
    assert (report.records, report.broken_at) == (600, None)
    asyncio.run(_write(AuditLog(database), 1))
    assert log.verify_chain().records == 601


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("update audit_records set body = replace(body, 's3', 's8') where number = 4", 4),
        ("update audit_records set digest = replace(digest, 'a', 'b') where number = 5", 5),
        ("delete from audit_records where number = 3", 3),
        ("delete from audit_records where number = 1", 1),
        ("update audit_records set number = 99 where number = 10", 10),
    ],
)
def test_tampering_is_located(database: Database, statement: str, broken_at: int) -> None:
    log = AuditLog(database)
    asyncio.run(_write(log, 10))
    with database.transaction() as connection:
        assert connection.execute(sa.text(statement)).rowcount == 1
    assert log.verify_chain().broken_at == broken_at


def test_a_recomputed_record_breaks_the_next(database: Database) -> None:
    log = AuditLog(database)
    asyncio.run(_write(log, 5))
    second = list(log.records())[1]
    third = list(log.records())[2]
    forged = third.body.replace("s2", "sX")
    with database.transaction() as connection:
        connection.execute(
            sa.text("update audit_records set body = :b, digest = :d where number = 3"),
            {"b": forged, "d": record_digest(3, second.digest, forged)},
        )
    assert log.verify_chain().broken_at == 4


def test_an_answer_is_kept_with_its_record(database: Database) -> None:
    log = AuditLog(database)
    answer = StoredAnswer("NY", "T1", "d" * 64, b"response")
    asyncio.run(log.write(AuditRecord("Identify", "peer"), answer))
    assert log.answer("NY", "T1") == answer
    assert log.answer("NY", "T2") is None
    assert log.answer("TX", "T1") is None


def test_two_logs_on_one_database_make_one_chain(database: Database) -> None:
    async def both() -> None:
        await asyncio.gather(*(_write(AuditLog(database), 20) for _ in range(2)))

    asyncio.run(both())
    report = AuditLog(database).verify_chain()
    assert (report.records, report.broken_at) == (40, None)


def test_no_audit_is_a_typed_error(database: Database) -> None:
    log = AuditLog(database)
    with database.transaction() as connection:
        connection.execute(sa.text("drop table audit_records"))
    with pytest.raises(RidgelineError) as caught:
        asyncio.run(log.write(AuditRecord("Identify", "peer")))
    assert caught.value.code is ErrorCode.STORE_UNAVAILABLE


def test_a_record_is_written_though_its_caller_left(database: Database) -> None:
    log = AuditLog(database)

    async def leave() -> None:
        task = asyncio.create_task(log.write(AuditRecord("Identify", "peer")))
        await asyncio.sleep(0)
        task.cancel()
        await log.close()

    asyncio.run(leave())
    assert log.verify_chain().records == 1
