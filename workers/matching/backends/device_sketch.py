"""The sketch on a device: scores of a batch of probes, and the best rows of each partition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from workers.errors import ErrorCode, RidgelineError
from workers.matching.backend import Selected
from workers.matching.backends.device import Device, DeviceArray, require_room
from workers.matching.kernels import BINS, ROWS_PER_WARP, SKETCH_TILES, THREADS
from workers.matching.sketch import Level

STEP = 32
"""Dimensions are a multiple of this: the depth of one tensor-core product."""

_TILE = 16
_SHARED_BYTES_MAX = 48 * 1024
"""Of dynamic shared memory that any device gives without being asked specially."""

DIMENSIONS_MAX = _SHARED_BYTES_MAX // _TILE
"""Past this one tile of probes does not fit in shared memory."""

_DIGIT_BITS = BINS.bit_length() - 1
_WARPS = THREADS // 32
_BLOCKS_PER_PROCESSOR = 8


@dataclass(frozen=True, slots=True)
class DeviceSketches:
    """Sketches of one gallery on a device.

    Attributes:
        vectors: int8 (rows, dimensions).
        partitions: int32 (rows,), negative where a row must not be seen.
        partition_count: partitions are numbered 0 to this less one.
    """

    vectors: DeviceArray
    partitions: DeviceArray
    rows: int
    dimensions: int
    partition_count: int


def upload_sketches(
    device: Device, vectors: NDArray[np.int8], partitions: NDArray[np.int32], partition_count: int
) -> DeviceSketches:
    """Copies sketches to the device.

    Raises:
        RidgelineError: INVALID_FIELD for a number of dimensions that the kernels cannot take;
            OVERLOADED when they do not fit.
    """
    rows, dimensions = vectors.shape
    if dimensions % STEP or not 0 < dimensions <= DIMENSIONS_MAX:
        raise RidgelineError(
            ErrorCode.INVALID_FIELD,
            f"sketches of {dimensions} dimensions; a multiple of {STEP} up to {DIMENSIONS_MAX} "
            "is needed",
            field="backend",
        )
    require_room(device, vectors.nbytes + partitions.nbytes, f"{rows:,} sketches")
    return DeviceSketches(
        device.upload(np.ascontiguousarray(vectors)),
        device.upload(np.asarray(partitions, np.int32)),
        rows,
        dimensions,
        partition_count,
    )


def sketch_bytes_per_row() -> int:
    """Device memory of an encounter's sketches, bytes: vectors and partition of each level."""
    return sum(level.width + 4 for level in Level)


def seen_as(
    device: Device, sketches: DeviceSketches, partitions: Sequence[NDArray[np.intp]]
) -> DeviceSketches:
    """The same sketches with the rows of some partitions in sight and no others."""
    numbers = np.full(sketches.rows, -1, np.int32)
    for number, rows in enumerate(partitions):
        numbers[rows] = number
    return replace(sketches, partitions=device.upload(numbers), partition_count=len(partitions))


def batch_max(dimensions: int) -> int:
    """Probes that one pass over the gallery can serve."""
    return _TILE * max(t for t in SKETCH_TILES if t * _TILE * dimensions <= _SHARED_BYTES_MAX)


def select(
    device: Device, sketches: DeviceSketches, probes: NDArray[np.int8], depths: NDArray[np.int32]
) -> list[Selected]:
    """For each probe every visible row that is among the best of its partition.

    Args:
        probes: int8 (n, dimensions).
        depths: rows to keep of each partition, int32 (partition_count,); all that tie with the
            last one are kept too.

    Raises:
        RidgelineError: OVERLOADED when the scores of one probe do not fit on the device.
    """
    # A large gallery's scores may not fit for as many probes as one pass could serve.
    fits = device.free_bytes() // max(_bytes_per_probe(sketches), 1)
    most = min(batch_max(sketches.dimensions), max(fits, 1))
    found: list[Selected] = []
    for first in range(0, len(probes), most):
        found += _select_batch(device, sketches, probes[first : first + most], depths)
    return found


def digits(dimensions: int) -> list[tuple[int, int]]:
    """(shift, width) of each digit of a key from the top; keys are score plus `bias`."""
    bits = (2 * bias(dimensions)).bit_length()
    edges = [*range(bits, 0, -_DIGIT_BITS), 0]
    return [(low, high - low) for high, low in pairwise(edges)]


def bias(dimensions: int) -> int:
    """What makes every score of int8 vectors non-negative."""
    return dimensions * 128 * 128


def _bytes_per_probe(sketches: DeviceSketches) -> int:
    """Device memory of one probe's scores, histograms and what is settled of its cuts."""
    return 4 * sketches.rows + 4 * sketches.partition_count * (BINS + 3)


def _select_batch(
    device: Device, sketches: DeviceSketches, probes: NDArray[np.int8], depths: NDArray[np.int32]
) -> list[Selected]:
    batch, rows, parts = len(probes), sketches.rows, sketches.partition_count
    if rows == 0 or batch == 0:
        return [Selected(np.zeros(0, np.intp), np.zeros(0, np.int32))] * batch
    cells = batch * parts
    require_room(device, batch * _bytes_per_probe(sketches), "a batch of sketch scores")
    scores = device.full(batch * rows, 0)
    histogram = device.full(cells * BINS, 0)
    prefix, kept = device.full(cells, 0), device.full(cells, 0)
    wanted = device.upload(np.tile(np.asarray(depths, np.int32), batch))
    seen, offset = sketches.partitions, bias(sketches.dimensions)
    shape = digits(sketches.dimensions)
    tiles = next(t for t in SKETCH_TILES if t * _TILE >= batch)
    device.launch(
        "sketch.cu",
        f"sketch_product_{tiles}",
        (_blocks(device, -(-rows // ROWS_PER_WARP)), 1),
        (
            *(sketches.vectors, seen, device.upload(np.ascontiguousarray(probes)), rows),
            *(sketches.dimensions, batch, parts, offset, shape[0][0], scores, histogram),
        ),
        shared_bytes=tiles * _TILE * sketches.dimensions,
    )
    grid = (_blocks(device, -(-rows // 32)), batch)
    for place, (shift, width) in enumerate(shape):
        if place:
            device.launch(
                "sketch.cu",
                "sketch_histogram",
                grid,
                (scores, seen, rows, parts, offset, shift, width, prefix, histogram),
            )
        last = int(place == len(shape) - 1)
        device.launch(
            "sketch.cu", "sketch_pick", (cells, 1), (histogram, width, last, prefix, wanted, kept)
        )
    counts = device.download(kept).reshape(batch, parts).sum(axis=1)
    ends = np.cumsum(counts)
    require_room(device, 8 * int(ends[-1]), "the rows that a batch keeps")
    kept_rows = device.full(max(int(ends[-1]), 1), 0)
    kept_scores = device.full(max(int(ends[-1]), 1), 0)
    device.launch(
        "sketch.cu",
        "sketch_compact",
        grid,
        (
            *(scores, seen, device.upload(np.asarray(depths, np.int32)), rows, parts, offset),
            *(prefix, device.upload((ends - counts).astype(np.int32)), device.full(batch, 0)),
            *(kept_rows, kept_scores),
        ),
    )
    all_rows, all_scores = device.download(kept_rows), device.download(kept_scores)
    found = []
    for end, count in zip(ends, counts, strict=True):
        some = slice(end - count, end)
        order = np.argsort(all_rows[some], kind="stable")
        found.append(Selected(all_rows[some][order].astype(np.intp), all_scores[some][order]))
    return found


def _blocks(device: Device, warps: int) -> int:
    return min(-(-warps // _WARPS), device.processors * _BLOCKS_PER_PROCESSOR)
