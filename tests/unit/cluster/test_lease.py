"""The lease: one holder at a time, and nothing of a deposed one is written."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from cluster.store import Database, Enrolment, Lease, Store
from cluster.store.schema import lease as table
from coordinator.audit import AuditLog, AuditRecord, record_body
from tests.populations import encounter
from workers.errors import ErrorCode, RidgelineError

LONG_S = 60.0
SHORT_S = 2.0
"""Long enough for a busy machine to look at it meanwhile."""


Contender = Callable[..., Lease]


@pytest.fixture
def contender(url: str, store: Store) -> Iterator[Contender]:
    """Makes the lease of another process, on connections of its own; by name."""
    databases: list[Database] = []

    def contend(name: str, lasts_s: float = LONG_S) -> Lease:
        databases.append(Database(url))
        made = Lease(databases[-1], lasts_s=lasts_s, holder=name)
        made.prepare()
        return made

    yield contend
    for database in databases:
        database.close()


def set_clock_of(lease: Lease, **values: int) -> None:
    """Changes the row as no holder would: a clock that jumps looks like that to the others."""
    with lease._database.engine.begin() as connection:
        connection.execute(table.update().values(values))


def refused(act: object) -> ErrorCode:
    assert callable(act)
    with pytest.raises(RidgelineError) as caught:
        act()
    return caught.value.code


def test_one_holds_it_until_it_ends(contender: Contender) -> None:
    first, second = contender("first"), contender("second", SHORT_S)
    assert (first.state().holder, first.state().token) == ("", 0)
    assert first.try_acquire()
    assert first.token == 1
    assert not second.try_acquire()
    state = second.state()
    assert (state.holder, state.token) == ("first", 1)
    assert LONG_S - 5 < state.left_s <= LONG_S
    first.release()
    assert second.try_acquire()
    assert (second.token, first.state().holder) == (2, "second")
    assert not contender("third").try_acquire()
    time.sleep(1.1 * SHORT_S)
    assert second.state().left_s <= 0
    assert not second.is_fresh()
    second.renew()
    assert second.is_fresh()
    time.sleep(1.1 * SHORT_S)
    assert contender("third").try_acquire()


def test_a_deposed_holder_writes_nothing(url: str, store: Store, contender: Contender) -> None:
    first, second = Lease(store.database, lasts_s=0.2), contender("second")
    lost = threading.Event()
    first.on_lost = lost.set
    first.prepare()
    assert first.try_acquire()
    audit = AuditLog(store.database)
    body = record_body(AuditRecord("Enroll", "test"))
    audit.append([(body, None)])
    store.enroll([Enrolment(encounter(0), "s0", "e0")])
    time.sleep(0.3)
    store.enroll([Enrolment(encounter(1), "s1", "e1")])  # ended, but nobody has taken it
    assert second.try_acquire()
    before = dump(url)
    assert not lost.is_set()
    writes = (
        lambda: store.enroll([Enrolment(encounter(2), "s2", "e2")]),
        lambda: store.remove_encounter("e0"),
        lambda: store.remove_subject("s1"),
        lambda: audit.append([(body, None)]),
        first.renew,
        first.release,
    )
    assert {refused(write) for write in writes} == {ErrorCode.NOT_ACTIVE}
    assert lost.is_set()
    assert dump(url) == before
    assert store.counts(store.sequence()).encounters == 2  # it may still read


def dump(url: str) -> list[tuple[object, ...]]:
    database = Database(url)
    with database.reading() as connection:
        names = sorted(sa.inspect(connection).get_table_names())
        rows = [
            tuple(row)
            for name in names
            for row in connection.execute(sa.text(f"SELECT * FROM {name}"))
        ]
    database.close()
    return rows


def test_after_its_release_nothing_is_written(store: Store) -> None:
    own = Lease(store.database, lasts_s=LONG_S)
    own.prepare()
    assert own.try_acquire()
    own.release()
    enrolment = Enrolment(encounter(0), "s0", "e0")
    assert refused(lambda: store.enroll([enrolment])) is ErrorCode.NOT_ACTIVE


def test_a_take_over_waits_for_the_write_that_is_being_committed(
    url: str, store: Store, contender: Contender
) -> None:
    first, second = Lease(store.database, lasts_s=0.05), contender("second")
    first.prepare()
    assert first.try_acquire()
    time.sleep(0.1)
    with ThreadPoolExecutor(1) as threads:
        with store.database.transaction() as connection:
            taking = threads.submit(second.try_acquire)
            time.sleep(0.3)
            assert not taking.done()
            row = sa.text("INSERT INTO gallery_meta (name, value) VALUES ('late', 'x')")
            connection.execute(row)
        assert taking.result(10)
    assert ("late", "x") in dump(url)
    assert refused(first.renew) is ErrorCode.NOT_ACTIVE


def test_a_renewal_does_not_wait_for_a_write(store: Store) -> None:
    if store.database.is_sqlite:
        return  # where each write waits for the one before
    own = Lease(store.database, lasts_s=LONG_S)
    own.prepare()
    assert own.try_acquire()
    with store.database.transaction(), ThreadPoolExecutor(1) as threads:
        threads.submit(own.renew).result(5)


def test_many_that_try_at_once_get_different_tokens(contender: Contender) -> None:
    contenders = [contender(f"c{i}") for i in range(6)]
    with ThreadPoolExecutor(6) as threads:
        taken = list(threads.map(Lease.try_acquire, contenders))
    assert taken.count(True) == 1
    assert contenders[0].state().token == 1


def test_a_clock_set_back_does_not_keep_a_dead_holder(contender: Contender) -> None:
    first, second = contender("first", SHORT_S), contender("second", SHORT_S)
    assert first.try_acquire()
    day = 86_400_000
    set_clock_of(first, expires_ms=first.state().expires_ms + day)  # the clock went back a day
    assert not second.try_acquire()
    time.sleep(SHORT_S / 4)
    assert not second.try_acquire()
    time.sleep(SHORT_S)
    assert second.try_acquire()
    assert refused(first.renew) is ErrorCode.NOT_ACTIVE


def test_a_clock_set_forward_takes_it_early_and_the_holder_is_fenced(contender: Contender) -> None:
    first, second = contender("first"), contender("second")
    assert first.try_acquire()
    set_clock_of(first, expires_ms=1)
    assert second.try_acquire()
    assert refused(first.renew) is ErrorCode.NOT_ACTIVE
    second.renew()


def test_a_renewal_between_look_and_grasp_is_not_overridden(
    contender: Contender, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = contender("first", 0.2), contender("second")
    assert first.try_acquire()
    time.sleep(0.3)
    look = second.state

    def look_then_renewed() -> object:
        seen = look()
        first.renew()
        return seen

    monkeypatch.setattr(second, "state", look_then_renewed)
    assert not second.try_acquire()
    first.renew()


@pytest.mark.slow
def test_postgresql_takes_the_locks_from_a_writer_that_is_frozen(
    store: Store, contender: Contender
) -> None:
    if store.database.is_sqlite:
        return  # whose lock is the process's own, for as long as it lives
    first, second = Lease(store.database, lasts_s=0.05), contender("second")
    first.prepare()
    assert first.try_acquire()
    time.sleep(0.1)

    def freeze_while_writing() -> None:
        with store.database.transaction() as connection:
            row = sa.text("INSERT INTO gallery_meta (name, value) VALUES ('late', 'x')")
            connection.execute(row)
            assert second.try_acquire()  # waits until the server has ended our session

    assert refused(freeze_while_writing) is ErrorCode.STORE_UNAVAILABLE
    assert ("late", "x") not in dump(store.database.url)
    assert refused(first.renew) is ErrorCode.NOT_ACTIVE
