"""The kernels on a real device, beside the conformance suite (``-m gpu``). Not yet run."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.kernels.prints import drawn_encounter, drawn_probe
from tests.kernels.test_screen import compare
from tests.kernels.test_sketch import check, drawn
from workers.errors import ErrorCode, RidgelineError
from workers.matching.backends import load_backend
from workers.matching.backends.cupy_backend import CupyBackend
from workers.matching.backends.cupy_probe import why_unusable
from workers.matching.backends.device import Device
from workers.matching.backends.numpy_backend import NumpyBackend
from workers.matching.columns import Columns
from workers.matching.kernels import SCREEN_TILES

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def device() -> Device:
    """Fails, rather than skips, where the device does not work: it was asked for."""
    assert why_unusable() is None
    from workers.matching.backends.cupy_device import CupyDevice

    return CupyDevice()


def test_auto_takes_the_device(device: Device) -> None:
    assert load_backend("auto").name == device.name == "cupy"


@pytest.mark.parametrize("tiles", SCREEN_TILES)
def test_every_screen_kernel(device: Device, tiles: int) -> None:
    people = [drawn_encounter(seed, {1: 1 + 13 * seed % 255, 2: 30}) for seed in range(60)]
    for minutiae in (min(16 * tiles, 255), 16 * tiles - 15):
        compare(CupyBackend(device), drawn_probe(tiles, {1: minutiae, 2: 7}), people)


def test_a_gallery_of_many_blocks(device: Device) -> None:
    person = drawn_encounter(1, {1: 32})
    people = [
        person,
        *(drawn_encounter(2 + seed % 7, {1: 20 + seed % 7}) for seed in range(50_000)),
    ]
    compare(CupyBackend(device), drawn_probe(1, {1: 40}), people)


@pytest.mark.parametrize("batch", [1, 16, 17, 64, 65])
def test_sketch_selection(device: Device, batch: int) -> None:
    check(device, *drawn(batch, 20_000, 672, batch, 64))


def test_a_delta_is_packed_while_searches_run(device: Device) -> None:
    """Two threads on two streams: no search may see memory that the other has taken over."""
    backend, numpy = CupyBackend(device), NumpyBackend()
    people = [drawn_encounter(seed, {1: 20 + seed % 30}) for seed in range(2_000)]
    probe = drawn_probe(5, {1: 40})
    packed = backend.pack(Columns.of(people))
    expected = numpy.screen(
        probe, numpy.pack(Columns.of(people)), np.arange(len(people)), lambda: None
    )
    done = threading.Event()

    def pack_again_and_again() -> None:
        while not done.is_set():
            backend.pack(Columns.of(people[:50]))

    packer = threading.Thread(target=pack_again_and_again)
    packer.start()
    try:
        for _ in range(200):
            screened = backend.screen(probe, packed, np.arange(len(people)), lambda: None)
            np.testing.assert_array_equal(screened, expected)
    finally:
        done.set()
        packer.join()


def test_what_does_not_fit_is_refused(device: Device) -> None:
    from workers.matching.backends.device import require_room

    with pytest.raises(RidgelineError) as raised:
        require_room(device, device.free_bytes() + 1, "a gallery")
    assert raised.value.code is ErrorCode.OVERLOADED
