"""`CupyDevice` and the check before use, over a stand-in for CuPy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.kernels import stand_in_cupy
from tests.kernels.prints import drawn_encounter, drawn_probe
from tests.kernels.test_screen import compare
from tests.kernels.test_sketch import check, drawn
from workers.matching.backends import cupy_probe
from workers.matching.backends.cupy_backend import CupyBackend
from workers.matching.backends.device import Device


@pytest.fixture
def device() -> Iterator[Device]:
    with stand_in_cupy.installed():
        from workers.matching.backends.cupy_device import CupyDevice

        yield CupyDevice()


def test_the_backend_screens_through_cupy(device: Device) -> None:
    people = [drawn_encounter(person, {1: 10 + person, 2: 9}) for person in range(4)]
    compare(CupyBackend(device), drawn_probe(1, {1: 20, 2: 12}), people)


def test_the_sketch_selects_through_cupy(device: Device) -> None:
    check(device, *drawn(3, 60, 96, 2, 3))


def test_a_copy_larger_than_the_staging_memory(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workers.matching.backends import cupy_device

    monkeypatch.setattr(cupy_device, "_STAGING_BYTES", 100)
    host = np.arange(990, dtype=np.int32).reshape(99, 10)
    np.testing.assert_array_equal(device.download(device.upload(host)), host)
    empty = np.zeros((0, 64), np.int8)
    assert device.download(device.upload(empty)).shape == (0, 64)


def test_the_budget_counts_free_and_pooled_memory_less_a_reserve(device: Device) -> None:
    reserve = int(stand_in_cupy.MEMORY * 0.05)
    expected = stand_in_cupy.MEMORY // 2 + stand_in_cupy.POOLED - reserve
    assert abs(device.free_bytes() - expected) <= 1
    assert (device.name, device.processors) == ("cupy", 2)


def test_memory_is_held_until_the_launches_are_done(device: Device) -> None:
    """And the stand-in would notice if it were not."""
    numbers = device.full(3, 7)
    device.launch("screen.cu", "screen_fold", (1, 1), (device.full(3, 5), numbers, 3))
    assert device.download(numbers).tolist() == [12, 12, 12]
    vars(device)["_held"].clear()
    device.launch("screen.cu", "screen_fold", (1, 1), (device.full(3, 5), numbers, 3))
    vars(device)["_held"].clear()
    vars(device)["_work"].queue.pop(0)  # the filling, which holds its array itself
    with pytest.raises(AssertionError, match="freed before the launch"):
        device.download(numbers)


def test_the_check_before_use_passes_on_a_device_that_works(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with stand_in_cupy.installed():
        cupy_probe.check()
    assert cupy_probe.verdict(0, capsys.readouterr().out, "") is None


def test_the_check_before_use_fails_on_one_that_computes_wrongly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(CupyBackend, "screen", lambda *_: np.zeros(3, np.int32))
    with stand_in_cupy.installed(), pytest.raises(RuntimeError, match="computes wrongly"):
        cupy_probe.check()
