from __future__ import annotations

import asyncio

import pytest

from coordinator.bench.load import closed_loop, open_loop
from workers.errors import ErrorCode, RidgelineError


def test_a_closed_loop_keeps_its_number_of_searches_under_way() -> None:
    under_way, most, seen = 0, 0, []

    async def search(number: int) -> None:
        nonlocal under_way, most
        seen.append(number)
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1

    served = asyncio.run(closed_loop(search, callers=3, go_on=lambda _: len(seen) < 30))
    assert most == 3
    assert sorted(seen) == list(range(len(seen)))
    assert len(served.latency_s) == len(seen) >= 30
    assert max(served.ended_s) <= served.seconds


def test_typed_errors_are_counted_and_others_end_the_load() -> None:
    async def search(number: int) -> None:
        if number % 2:
            raise RidgelineError(ErrorCode.DEADLINE_EXCEEDED, "late")
        if number == 6:
            raise ZeroDivisionError
        await asyncio.sleep(0)

    left = iter([True] * 6 + [False])
    served = asyncio.run(closed_loop(search, callers=1, go_on=lambda _: next(left)))
    assert served.failed == {"DEADLINE_EXCEEDED": 3}
    assert len(served.latency_s) == 3
    with pytest.raises(ZeroDivisionError):
        asyncio.run(closed_loop(search, callers=2, go_on=lambda _: True))


def test_an_open_loop_waits_for_nobody_and_counts_from_when_a_search_was_due() -> None:
    begun: list[int] = []
    freed = asyncio.Event()

    async def search(number: int) -> None:
        begun.append(number)
        if number == 0:
            await freed.wait()
        elif len(begun) > 20:
            freed.set()

    served = asyncio.run(open_loop(search, rate_per_s=200.0, seconds=0.25, seed=5))
    assert begun == sorted(begun)
    assert len(served.latency_s) == len(begun) > 20
    # The first one waited for twenty later ones, which did not wait for it.
    assert max(served.latency_s) > 10 / 200.0


def test_arrivals_are_seeded_and_come_at_their_rate() -> None:
    async def search(number: int) -> None:
        pass

    counts = {
        len(asyncio.run(open_loop(search, rate_per_s=2000.0, seconds=0.2, seed=1)).ended_s)
        for _ in range(2)
    }
    assert len(counts) == 1
    assert counts.pop() == pytest.approx(400, abs=80)
