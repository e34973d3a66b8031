"""Which shards are asked last: at once when they fail, less and less often tried again."""

from __future__ import annotations

from cluster.shard_health import DOWN, HOLD_MAX_S, HOLD_S, SLOW, WELL, ShardHealth

BOTH = ("a", "b")


def test_a_failed_shard_is_asked_last_until_it_gives_its_state() -> None:
    health = ShardHealth()
    assert health.ranks(BOTH, 0.0) == {"a": WELL, "b": WELL}
    health.failed("a", 0.0)
    assert health.ranks(BOTH, 0.1) == {"a": DOWN, "b": WELL}
    health.alive("a")
    assert health.ranks(BOTH, 0.2) == {"a": WELL, "b": WELL}


def test_slow_is_what_takes_far_longer_than_the_others() -> None:
    health = ShardHealth()
    health.answered("a", 0.9, [0.3, 0.5], 0.0)
    assert health.ranks(BOTH, 0.0)["a"] == WELL
    health.answered("a", 1.7, [0.3, 0.5], 0.0)
    assert health.ranks(BOTH, 0.0)["a"] == SLOW
    health.alive("a")
    assert health.ranks(BOTH, 0.1)["a"] == SLOW
    health.answered("a", 0.5, [0.4], 0.2)
    assert health.ranks(BOTH, 0.3)["a"] == WELL


def test_nothing_is_slow_by_itself_or_within_a_pause() -> None:
    health = ShardHealth()
    health.late("a", 30.0, [], 0.0)
    health.late("b", 0.2, [0.01], 0.0)
    assert health.ranks(BOTH, 0.0) == {"a": WELL, "b": WELL}


def test_one_search_tries_again_after_a_hold_that_doubles() -> None:
    health = ShardHealth()
    now, hold = 0.0, HOLD_S
    for _ in range(10):
        # Searches side by side all find the same.
        for _ in range(3):
            health.late("a", 10.0, [0.1], now)
        assert health.ranks(BOTH, now + 0.99 * hold)["a"] == SLOW
        now += hold
        assert health.ranks(BOTH, now)["a"] == WELL
        assert health.ranks(BOTH, now)["a"] == SLOW
        hold = min(2 * hold, HOLD_MAX_S)
    assert hold == HOLD_MAX_S
    health.answered("a", 0.1, [0.1], now)
    health.late("a", 10.0, [0.1], now)
    assert health.ranks(BOTH, now + HOLD_S)["a"] == WELL


def test_a_shard_that_is_gone_is_forgotten() -> None:
    health = ShardHealth()
    health.failed("a", 0.0)
    health.forget("a")
    assert health.ranks(BOTH, 0.0)["a"] == WELL
