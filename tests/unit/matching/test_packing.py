"""What a packed gallery holds, and what it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_info

from tests.kernels.prints import drawn_encounter
from workers.biometrics.model import Impression
from workers.matching.backends import packing
from workers.matching.backends.numpy_backend import NumpyBackend
from workers.matching.backends.packing import pack_positions
from workers.matching.columns import Columns
from workers.matching.layered import LayeredBackend, LayeredGallery


def arrays(held: object) -> Iterator[NDArray[np.generic]]:
    """The arrays whose memory something holds, views of them left out."""
    if isinstance(held, np.ndarray):
        yield arrays_base(held)
    elif isinstance(held, Mapping):
        for value in held.values():
            yield from arrays(value)
    elif isinstance(held, tuple):
        for value in held:
            yield from arrays(value)
    elif is_dataclass(held):
        for field in fields(held):
            yield from arrays(getattr(held, field.name))


def arrays_base(array: NDArray[np.generic]) -> NDArray[np.generic]:
    return array if array.base is None else arrays_base(array.base)


def test_a_gallery_says_what_it_takes() -> None:
    people = [drawn_encounter(person, {1: 9, 2: person}) for person in range(40)]
    backend = NumpyBackend()
    seven = Columns.of(people[:7])
    packed, more = backend.pack(Columns.of(people)), backend.pack(seven)
    taken = {id(array): array.nbytes for array in arrays(packed)}
    # But for a single number here and there.
    assert packed.nbytes == pytest.approx(sum(taken.values()), abs=64)
    both = LayeredGallery((packed, more))
    assert both.nbytes == packed.nbytes + more.nbytes
    assert both.rows == packed.rows + more.rows == 47
    layered = LayeredBackend(backend)
    assert layered.name == backend.name
    assert layered.pack(seven).nbytes == more.nbytes


def test_fingers_of_more_rows_than_are_looked_up_at_a_time() -> None:
    both = (Impression.PLAIN, Impression.ROLLED)
    sizes: list[dict[int, int]] = [{1: 5}, {2: 3}, {1: 1, 2: 2}, {1: 9}]
    people = [
        drawn_encounter(row, size, impressions=both if row == 3 else both[:1])
        for row, size in enumerate(sizes)
    ]
    pack = pack_positions(Columns.of(people))[1]
    prints = np.array([1, 0, 1, 2])  # of position 1
    rows = np.random.default_rng(1).integers(0, 4, 2 * packing._ROWS_AT_ONCE + 3)
    found = pack.find(rows, lambda: None)
    np.testing.assert_array_equal(np.bincount(found.wanted, minlength=len(rows)), prints[rows])
    row = np.empty(len(pack.counts), np.intp)
    row[pack.by_row] = pack.rows_sorted
    np.testing.assert_array_equal(row[found.fingers], rows[found.wanted])
    assert (np.diff(found.wanted) >= 0).all()
    # The two prints of a row, and not one of them twice.
    of_one = found.fingers[found.wanted == np.flatnonzero(rows == 3)[-1]]
    assert len(set(of_one.tolist())) == 2


def test_one_thread_for_each_shard() -> None:
    NumpyBackend()
    assert {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"} == {1}
