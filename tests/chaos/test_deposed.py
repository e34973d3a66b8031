"""A coordinator that is frozen past its lease, deposed, and goes on."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from coordinator.client import RidgelineClient
from tests.chaos.enrolling import THREADS, Enrolling, check, prints
from tests.chaos.processes import CoordinatorProcess, Nursery, Site, eventually, free_address
from tests.chaos.proxy import Proxy
from workers.errors import ErrorCode, RidgelineError

pytestmark = pytest.mark.chaos

SUBJECTS = 600
LEASE_S = 1.0


class Two:
    """An active coordinator and one that stands by."""

    def __init__(self, nursery: Nursery, folder: Path) -> None:
        self.site = Site.make(folder, lease_s=LEASE_S)
        self.addresses = [free_address(), free_address()]
        self.first = CoordinatorProcess(nursery, self.site, self.addresses[0])
        self.first.wait_for("serving on")
        self.second = CoordinatorProcess(nursery, self.site, self.addresses[1])
        self.second.wait_for("standing by on")

    def close(self) -> None:
        """Kills both."""
        self.first.kill()
        self.second.kill()


@pytest.fixture
def two(nursery: Nursery, tmp_path: Path) -> Iterator[Two]:
    pair = Two(nursery, tmp_path)
    yield pair
    pair.close()


def freeze_between_writes(two: Two) -> None:
    """Stops the first one outside a transaction: inside, SQLite would let nobody else write."""
    while True:
        two.first.freeze()
        if may_write(two.site.database):
            return
        two.first.signal(signal.SIGCONT)
        time.sleep(0.001)


def may_write(database: Path) -> bool:
    """Whether nobody is writing now."""
    with contextlib.closing(sqlite3.connect(database, timeout=0.0)) as probe:
        try:
            probe.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        probe.rollback()
        return True


def wait_for(enrolling: Enrolling, acknowledged: int) -> None:
    eventually(lambda: len(enrolling.acknowledged) >= acknowledged or bool(enrolling.failures), 60)


def test_what_a_deposed_coordinator_still_does_is_refused(two: Two) -> None:
    with (
        RidgelineClient(two.site.client_config(*two.addresses)) as both,
        RidgelineClient(two.site.client_config(two.addresses[0], patience_s=0.0)) as old,
    ):
        enrolling, stubborn = Enrolling(both), Enrolling(old)
        runs = [
            threading.Thread(target=one.run, args=(persons,), kwargs={"by_id": by_id})
            for one, persons, by_id in (
                (enrolling, range(SUBJECTS), False),
                (stubborn, range(SUBJECTS, 2 * SUBJECTS), True),
            )
        ]
        for run in runs:
            run.start()
        try:
            wait_for(enrolling, SUBJECTS // 6)
            freeze_between_writes(two)
            frozen = time.monotonic()
            before = len(enrolling.acknowledged)
            two.second.wait_for("serving on", 30)
            took_over = time.monotonic() - frozen
            wait_for(enrolling, before + 2 * THREADS)  # more than had been under way
            answered = time.monotonic() - frozen
            assert not stubborn.failures  # they wait in the frozen one
        finally:
            two.first.signal(signal.SIGCONT)
            for run in runs:
                run.join()
        print(f"took over after {took_over:.1f} s, clients went on after {answered:.1f} s")
        assert two.first.ended() == 3
        assert "NOT_ACTIVE: another has taken over" in two.first.log
        assert "Traceback" not in two.first.log
        assert not enrolling.failures, enrolling.failures[0]
        assert len(enrolling.acknowledged) == SUBJECTS
        # Those under way in it were refused when they came to write; the rest found it gone.
        codes = {failure.code for failure in stubborn.failures}
        assert ErrorCode.NOT_ACTIVE in codes
        assert codes <= {ErrorCode.NOT_ACTIVE, ErrorCode.UNREACHABLE, ErrorCode.CANCELLED}
        told = enrolling.acknowledged | stubborn.acknowledged
        check(two.site.url, two.site.key_file, told)
        # Tried again where they can be answered, each is there once.
        again = Enrolling(both)
        again.acknowledged.update(stubborn.acknowledged)
        again.run(range(SUBJECTS, 2 * SUBJECTS), by_id=True)
        assert not again.failures
        told |= again.acknowledged
        assert len(told) == 2 * SUBJECTS
        assert check(two.site.url, two.site.key_file, told) == 2 * SUBJECTS


def test_frozen_within_a_transaction_it_is_waited_for_and_nothing_is_half_written(
    two: Two,
) -> None:
    """SQLite's lock is the process's: nobody takes over until it goes on or is killed."""
    holder = sqlite3.connect(two.site.database, timeout=30.0, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")  # as if the first had been frozen within its own
    two.first.freeze()
    time.sleep(3 * LEASE_S)
    assert "serving on" not in two.second.log
    holder.rollback()
    holder.close()
    two.second.wait_for("serving on", 30)
    two.first.signal(signal.SIGCONT)
    assert two.first.ended() == 3
    assert check(two.site.url, two.site.key_file, {}) == 0


def test_takeover_after_a_kill(two: Two) -> None:
    with RidgelineClient(two.site.client_config(*two.addresses)) as client:
        client.enroll(prints(0), encounter_id="E0")
        two.first.kill()
        killed = time.monotonic()
        client.enroll(prints(1), encounter_id="E1")
        took = time.monotonic() - killed
    print(f"the next answer came {took:.1f} s after the kill, with a lease of {LEASE_S:g} s")
    assert took < 20
    assert check(two.site.url, two.site.key_file, {}) == 2


def test_a_call_into_a_black_hole_moves_to_whoever_took_over(two: Two) -> None:
    with Proxy(two.addresses[0]) as link:
        config = two.site.client_config(link.address, two.addresses[1])
        with RidgelineClient(config) as client, ThreadPoolExecutor(1) as threads:
            client.enroll(prints(0), encounter_id="E0")
            link.black_hole()
            two.first.freeze()
            waiting = threads.submit(client.enroll, prints(1), encounter_id="E1")
            assert waiting.result(30).created
            assert client.enroll(prints(1), encounter_id="E1").created is False


def test_with_the_link_cut_a_call_fails_typed_and_in_time(two: Two) -> None:
    with Proxy(two.addresses[0]) as link:
        config = two.site.client_config(link.address, patience_s=1.0, timeout_s=10.0)
        with RidgelineClient(config) as client:
            client.enroll(prints(0), encounter_id="E0")
            link.cut()
            started = time.monotonic()
            with pytest.raises(RidgelineError) as caught:
                client.enroll(prints(1), encounter_id="E1")
            assert caught.value.code is ErrorCode.UNREACHABLE
            assert time.monotonic() - started < 8
            link.heal()
            assert client.enroll(prints(1), encounter_id="E1").encounter_id == "E1"
