"""Where a call goes after a failure, and when it gives up."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.client import ClientConfig
from coordinator.client.attempts import Attempts
from workers.errors import ErrorCode, RidgelineError

NONE = Path()


def config(address: str = "a:1,b:2", **changes: float) -> ClientConfig:
    files = {"ca_file": NONE, "certificate_file": NONE, "key_file": NONE}
    return ClientConfig(address=address, **files, **changes)  # type: ignore[arg-type]


def attempts(deadline: float = 60.0, address: str = "a:1,b:2", **changes: float) -> Attempts:
    return Attempts(config(address, **changes), 0, deadline, random.Random(1))


def error(code: ErrorCode) -> RidgelineError:
    return RidgelineError(code, "")


def test_addresses_are_a_list_with_commas() -> None:
    assert config(" a:1, b:2,").addresses == ("a:1", "b:2")
    with pytest.raises(ValueError, match="address"):
        config(" , ")


def test_the_other_is_called_at_once_and_then_there_is_a_growing_wait() -> None:
    made = attempts(first_retry_s=1.0, longest_retry_s=4.0, patience_s=1000.0)
    waits: list[float | None] = []
    for _ in range(10):
        assert made.place == len(waits) % 2
        waits.append(made.failed(error(ErrorCode.UNREACHABLE), 0.0))
    assert waits[::2] == [0.0] * 5
    means = [1.0, 2.0, 4.0, 4.0, 4.0]
    for wait, mean in zip(waits[1::2], means, strict=True):
        assert wait is not None
        assert 0.5 * mean <= wait <= 1.5 * mean
    assert len(set(waits[1::2])) == 5  # drawn, not the same for everyone


def test_while_one_stands_by_only_the_deadline_ends_it() -> None:
    made = attempts(deadline=100.0, patience_s=5.0)
    now = 0.0
    codes = (ErrorCode.UNREACHABLE, ErrorCode.NOT_ACTIVE)
    for turn in range(1000):
        wait = made.failed(error(codes[turn % 2]), now)
        if wait is None:
            break
        now += wait
    assert 95.0 < now < 100.0
    assert made.error is not None
    assert made.error.code is ErrorCode.NOT_ACTIVE


@pytest.mark.parametrize("code", [ErrorCode.UNREACHABLE, ErrorCode.STORE_UNAVAILABLE])
def test_patience_ends_when_nobody_can_answer(code: ErrorCode) -> None:
    made = attempts(patience_s=5.0)
    assert made.failed(error(code), 10.0) is not None
    assert made.failed(error(code), 14.9) is not None
    assert made.failed(error(code), 15.1) is None


def test_trouble_of_the_active_one_is_told_although_another_stands_by() -> None:
    made = attempts(patience_s=5.0)
    now, turns = 0.0, 0
    while now < 30.0:
        code = (ErrorCode.COVERAGE_TOO_LOW, ErrorCode.NOT_ACTIVE)[turns % 2]
        wait = made.failed(error(code), now)
        if wait is None:
            break
        now, turns = now + wait, turns + 1
    assert now < 10.0
    assert made.error is not None
    assert made.error.code is ErrorCode.COVERAGE_TOO_LOW


@given(
    st.lists(st.tuples(st.sampled_from(ErrorCode), st.floats(0, 5)), max_size=60),
    st.integers(1, 3),
    st.floats(1, 60),
)
def test_no_attempt_is_made_after_the_deadline_or_a_refusal(
    failures: list[tuple[ErrorCode, float]], count: int, deadline: float
) -> None:
    made = attempts(deadline, ",".join(f"h{i}:1" for i in range(count)))
    now = 0.0
    for code, took in failures:
        now = min(now + took, deadline)
        wait = made.failed(error(code), now)
        if wait is None:
            assert made.error is not None
            return
        assert code not in (ErrorCode.ENCOUNTER_CONFLICT, ErrorCode.INVALID_FIELD)
        assert 0 <= made.place < count
        now += wait
        assert wait == 0.0 or now < deadline


def test_nothing_is_repeated_without_patience() -> None:
    for code in ErrorCode:
        assert attempts(patience_s=0.0).failed(error(code), 0.0) is None
