"""The sketch kernels against sorting: exact scores, exact cuts, ties kept."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.kernels.emulated import ORDERS, EmulatedDevice
from workers.errors import ErrorCode, RidgelineError
from workers.matching.backend import Selected
from workers.matching.backends.device import Device
from workers.matching.backends.device_sketch import (
    DIMENSIONS_MAX,
    batch_max,
    bias,
    digits,
    select,
    upload_sketches,
)
from workers.matching.kernels import BINS


def expected(
    vectors: NDArray[np.int8],
    partitions: NDArray[np.int32],
    probe: NDArray[np.int8],
    depths: NDArray[np.int32],
) -> Selected:
    """What one probe keeps, by sorting each partition."""
    scores = vectors.astype(np.int64) @ probe.astype(np.int64)
    kept = np.zeros(len(vectors), np.bool_)
    for partition, depth in enumerate(depths):
        rows = np.flatnonzero(partitions == partition)
        if depth > 0 and len(rows):
            least = np.sort(scores[rows])[::-1][min(depth, len(rows)) - 1]
            kept[rows[scores[rows] >= least]] = True
    rows = np.flatnonzero(kept)
    return Selected(rows.astype(np.int32), scores[rows].astype(np.int32))


def check(
    device: Device,
    vectors: NDArray[np.int8],
    partitions: NDArray[np.int32],
    probes: NDArray[np.int8],
    depths: NDArray[np.int32],
) -> None:
    """Asserts that the kernels keep what sorting keeps."""
    sketches = upload_sketches(device, vectors, partitions, len(depths))
    found = select(device, sketches, probes, depths)
    assert len(found) == len(probes)
    for probe, selected in zip(probes, found, strict=True):
        wanted = expected(vectors, partitions, probe, depths)
        np.testing.assert_array_equal(selected.rows, wanted.rows)
        np.testing.assert_array_equal(selected.scores, wanted.scores)


class Case(NamedTuple):
    """Arguments of `check` but the device."""

    vectors: NDArray[np.int8]
    partitions: NDArray[np.int32]
    probes: NDArray[np.int8]
    depths: NDArray[np.int32]


def drawn(seed: int, rows: int, dimensions: int, batch: int, parts: int) -> Case:
    """A case over the whole of int8 that is hard to cut.

    A third of the rows are equal, so that they tie; a third differ from them by little, so that
    the first digit of their keys does not tell them apart; the last row is the first probe's
    best. Some rows are hidden and, where there are several partitions, one keeps nothing.
    """
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-127, 127, (rows, dimensions)).astype(np.int8)
    probes = rng.integers(-128, 128, (batch, dimensions)).astype(np.int8)
    partitions = rng.integers(-1, parts, rows).astype(np.int32)
    depths = rng.integers(1, 9, parts).astype(np.int32)
    depths[1:2] = 0
    third = rows // 3
    vectors[: 2 * third] = vectors[:1]
    vectors[third : 2 * third] += rng.integers(-1, 2, (third, dimensions)).astype(np.int8)
    if rows and batch:
        vectors[-1], partitions[-1] = probes[0], 0
    return Case(vectors, partitions, probes, depths)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("rows", "dimensions", "batch", "parts"),
    [
        (150, 96, 1, 3),
        (77, 672, 3, 4),
        (33, 32, 17, 2),
        (65, 64, 34, 2),
        (1, 160, 2, 1),
    ],
)
def test_selection_equals_sorting(
    rows: int, dimensions: int, batch: int, parts: int, order: str
) -> None:
    check(EmulatedDevice(order, seed=rows), *drawn(rows, rows, dimensions, batch, parts))


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 999),
    rows=st.integers(1, 90),
    steps=st.integers(1, 5),
    batch=st.integers(1, 3),
    parts=st.integers(1, 4),
    order=st.sampled_from(ORDERS),
)
def test_any_selection_equals_sorting(
    seed: int, rows: int, steps: int, batch: int, parts: int, order: str
) -> None:
    check(EmulatedDevice(order, seed), *drawn(seed, rows, 32 * steps, batch, parts))


def test_extreme_scores_have_a_key() -> None:
    """Every element -128: the highest score there is; against 127 the lowest."""
    vectors = np.array([[-128] * 96, [127] * 96, [0] * 96], np.int8)
    probes = np.full((1, 96), -128, np.int8)
    check(EmulatedDevice(), vectors, np.zeros(3, np.int32), probes, np.array([2], np.int32))


def test_a_batch_larger_than_one_pass() -> None:
    dimensions = DIMENSIONS_MAX // 32 * 32
    most = batch_max(dimensions)
    assert most == 16
    check(EmulatedDevice(), *drawn(5, 5, dimensions, most + 1, 1))


def test_nothing_to_search() -> None:
    device = EmulatedDevice()
    check(device, *drawn(0, 0, 32, 2, 1))
    check(device, *drawn(0, 9, 32, 0, 1))
    vectors, _, probes, depths = drawn(0, 9, 32, 2, 3)
    check(device, vectors, np.full(9, -1, np.int32), probes, depths)


@pytest.mark.parametrize("dimensions", [32, 96, 672, DIMENSIONS_MAX])
def test_digits_cover_every_key(dimensions: int) -> None:
    shape = digits(dimensions)
    assert shape[-1][0] == 0
    assert [low for low, _ in shape[:-1]] == [low + width for low, width in shape[1:]]
    assert 2 * bias(dimensions) < 1 << (shape[0][0] + shape[0][1])
    assert max(width for _, width in shape) <= 11


@pytest.mark.parametrize("dimensions", [0, 48, DIMENSIONS_MAX + 32])
def test_other_dimensions_are_refused(dimensions: int) -> None:
    with pytest.raises(RidgelineError, match="multiple of 32") as raised:
        upload_sketches(
            EmulatedDevice(), np.zeros((3, dimensions), np.int8), np.zeros(3, np.int32), 1
        )
    assert raised.value.code is ErrorCode.INVALID_FIELD


def test_fewer_probes_share_a_pass_where_memory_is_short() -> None:
    device = EmulatedDevice()
    case = drawn(2, 60, 64, 5, 2)
    check(device, *case)
    assert device.launched.count("sketch_product_1") == 1
    device.launched.clear()
    device.free = 3 * 4 * (60 + 2 * (BINS + 3)) - 1  # one byte less than three probes need
    sketches = upload_sketches(EmulatedDevice(), case.vectors, case.partitions, 2)
    found = select(device, sketches, case.probes, case.depths)
    assert device.launched.count("sketch_product_1") == 3
    for probe, selected in zip(case.probes, found, strict=True):
        wanted = expected(case.vectors, case.partitions, probe, case.depths)
        np.testing.assert_array_equal(selected.rows, wanted.rows)


def test_what_does_not_fit_is_refused() -> None:
    device = EmulatedDevice()
    vectors, partitions, probes, depths = drawn(1, 50, 64, 2, 2)
    device.free = vectors.nbytes + partitions.nbytes - 1
    with pytest.raises(RidgelineError, match="OVERLOADED"):
        upload_sketches(device, vectors, partitions, 2)
    device.free += 1
    sketches = upload_sketches(device, vectors, partitions, 2)
    with pytest.raises(RidgelineError, match="OVERLOADED"):
        select(device, sketches, probes, depths)
