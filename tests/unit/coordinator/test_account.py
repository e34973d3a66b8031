"""What an answer says of its stages."""

from __future__ import annotations

from coordinator.search.account import account
from tests.unit.matching.samples import encounter
from workers.matching.parameters import SCREEN_LOSS, SKETCH_LOSS
from workers.matching.probe import prepare_probe
from workers.shard import PartitionAnswer


def partition(number: int, sketched: int, screened: int, consolidated: int) -> PartitionAnswer:
    return PartitionAnswer(number, sketched, screened, consolidated, ())


def test_stages_are_counted_over_partitions_and_their_losses_named() -> None:
    probe = prepare_probe(encounter(0, fingers=(1, 2, 7, 8)))
    parts = [partition(0, 1000, 40, 4), partition(1, 0, 9, 4)]
    compared, losses = account(probe, parts)
    assert compared == {"sketch": 1000, "screen": 49, "consolidate": 8}
    assert losses == {"sketch": SKETCH_LOSS[4], "screen": SCREEN_LOSS[4]}


def test_what_dropped_nobody_lost_nobody() -> None:
    probe = prepare_probe(encounter(0, fingers=(1,)))
    compared, losses = account(probe, [partition(0, 0, 5, 5)])
    assert compared == {"screen": 5, "consolidate": 5}
    assert losses == {}
    assert account(probe, []) == ({}, {})


def test_the_loss_is_that_of_so_many_fingers() -> None:
    for fingers, known in (((1,), 1), ((1, 2, 3), 2), (tuple(range(1, 11)), 8)):
        probe = prepare_probe(encounter(0, fingers=fingers, minutiae=9))
        _, losses = account(probe, [partition(0, 0, 9, 2)])
        assert losses["screen"] == SCREEN_LOSS[known]
