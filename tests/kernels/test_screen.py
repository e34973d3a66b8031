"""The screen kernels against the NumPy backend, to the bit, in every order of threads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.emulated import ORDERS, EmulatedDevice, emulated_backend
from tests.kernels.prints import drawn_encounter, drawn_probe
from workers.biometrics.model import Impression
from workers.errors import ErrorCode, RidgelineError
from workers.matching.backends.cupy_backend import CupyBackend
from workers.matching.backends.device_pack import gallery_bytes, tiled
from workers.matching.backends.device_probe import forbidden_sectors
from workers.matching.backends.device_sketch import sketch_bytes_per_row
from workers.matching.backends.numpy_backend import NumpyBackend
from workers.matching.backends.packing import pack_positions
from workers.matching.columns import Columns
from workers.matching.kernels import SCREEN_TILES
from workers.matching.probe import Probe
from workers.matching.template import EncounterTemplate


def compare(backend: CupyBackend, probe: Probe, people: Sequence[EncounterTemplate]) -> None:
    """Asserts that a backend screens as NumPy does."""
    numpy = NumpyBackend()
    expected = numpy.screen(
        probe, numpy.pack(Columns.of(people)), np.arange(len(people)), lambda: None
    )
    screened = backend.screen(
        probe, backend.pack(Columns.of(people)), np.arange(len(people)), lambda: None
    )
    assert screened.dtype == np.int32
    np.testing.assert_array_equal(screened, expected)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("tiles", SCREEN_TILES)
def test_every_kernel_at_the_edges_of_its_room(tiles: int, order: str) -> None:
    """One minutia less and one more than a tile, on both sides, and the most there can be."""
    largest = min(16 * tiles, 255)
    people = [drawn_encounter(1, {1: n, 2: 9}) for n in (1, 7, 8, 9, 32, 33, 255)]
    for minutiae in (largest, largest - 15):
        device = EmulatedDevice(order, seed=tiles)
        compare(CupyBackend(device), drawn_probe(tiles, {1: minutiae}), people)
        assert device.launched == [f"screen_{tiles}", "screen_fold"]


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_prints_screen_as_numpy(data: st.DataObject) -> None:
    counts = st.integers(0, 40)
    people = [
        drawn_encounter(
            data.draw(st.integers(0, 99)),
            data.draw(st.dictionaries(st.sampled_from([1, 2, 10]), counts, max_size=2)),
            impressions=data.draw(st.sampled_from(IMPRESSIONS)),
        )
        for _ in range(data.draw(st.integers(1, 5)))
    ]
    probe = drawn_probe(
        data.draw(st.integers(0, 99)),
        data.draw(st.dictionaries(st.sampled_from([1, 2]), st.integers(0, 70), min_size=1)),
        impressions=data.draw(st.sampled_from(IMPRESSIONS)),
    )
    order = data.draw(st.sampled_from(ORDERS))
    compare(emulated_backend(order, data.draw(st.integers(0, 9))), probe, people)


IMPRESSIONS = ((Impression.PLAIN,), (Impression.ROLLED,), (Impression.PLAIN, Impression.ROLLED))


def test_similarities_that_tie_at_the_last_place_taken() -> None:
    """Equal minutiae, so that more values than are taken share the smallest one taken."""
    people = [drawn_encounter(3, {1: 20}, repeat=True), drawn_encounter(4, {1: 20})]
    for minutiae in (5, 16, 40):
        compare(emulated_backend(), drawn_probe(3, {1: minutiae}, repeat=True), people)


def test_more_fingers_than_one_pass_of_the_warps() -> None:
    """A grid smaller than the gallery: each warp takes a finger after another."""
    people = [drawn_encounter(person, {1: 3 + person % 9}) for person in range(70)]
    compare(emulated_backend("random"), drawn_probe(1, {1: 12}), people)


def test_the_tiles_hold_what_was_packed() -> None:
    people = [drawn_encounter(person, {1: n}) for person, n in enumerate((0, 1, 8, 9, 64, 30))]
    (pack,) = pack_positions(Columns.of(people)).values()
    position = tiled(pack)
    for finger, row in enumerate(position.rows):
        (print_,) = people[row].fingers
        first, end = position.first_tile[finger : finger + 2] * 8
        n = len(print_)
        assert position.counts[finger] == n
        assert end - first == -(-n // 8) * 8
        np.testing.assert_array_equal(position.descriptors[first : first + n], print_.descriptors)
        assert not position.descriptors[first + n : end].any()
        turned = (print_.angle.astype(int) + 2048) // 4096 % 16
        np.testing.assert_array_equal(position.sectors[first : first + n], turned)


def test_the_gate_forbids_more_than_a_quarter_turn() -> None:
    masks = forbidden_sectors()
    assert [sector for sector in range(16) if not masks[0] >> sector & 1] == [
        *(0, 1, 2, 3, 4, 12, 13, 14, 15)
    ]
    assert [sector for sector in range(16) if not masks[9] >> sector & 1] == list(range(5, 14))


def test_a_gallery_that_does_not_fit_is_refused_before_anything_is_allocated() -> None:
    people = [drawn_encounter(person, {1: 30}) for person in range(5)]
    device = EmulatedDevice()
    packed = CupyBackend(device).pack(Columns.of(people))
    fingers = gallery_bytes(packed.host.positions.values())
    assert packed.device_nbytes == fingers + 5 * sketch_bytes_per_row()
    device.free = packed.device_nbytes + 5 * 8 - 1
    with pytest.raises(RidgelineError, match="on the device") as raised:
        CupyBackend(device).pack(Columns.of(people))
    assert (raised.value.code, raised.value.field) == (ErrorCode.OVERLOADED, "backend")
    device.free += 1
    CupyBackend(device).pack(Columns.of(people))


def test_a_search_that_does_not_fit_is_refused() -> None:
    device = EmulatedDevice()
    backend = CupyBackend(device)
    packed = backend.pack(Columns.of([drawn_encounter(0, {1: 30})]))
    device.free = 7
    with pytest.raises(RidgelineError, match="OVERLOADED"):
        backend.screen(drawn_probe(0, {1: 5}), packed, np.array([0]), lambda: None)
