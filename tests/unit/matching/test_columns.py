"""Columns: what is packed comes back, however it was joined and taken from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.emulated import emulated_backend
from tests.kernels.prints import drawn_encounter
from workers.biometrics.model import Impression
from workers.matching.backend import Backend
from workers.matching.backends import load_backend
from workers.matching.columns import Columns
from workers.matching.parameters import PARAMETERS
from workers.matching.sketch import Level
from workers.matching.template import EncounterTemplate, finger_mask

IMPRESSIONS = ((Impression.PLAIN,), (Impression.PLAIN, Impression.ROLLED))


def assert_same(ours: Columns, theirs: Columns) -> None:
    np.testing.assert_array_equal(ours.presence, theirs.presence)
    for level in Level:
        np.testing.assert_array_equal(ours.sketches[level], theirs.sketches[level])
    np.testing.assert_array_equal(ours.fingers, theirs.fingers)
    np.testing.assert_array_equal(ours.positions, theirs.positions)
    np.testing.assert_array_equal(ours.counts, theirs.counts)
    rows = np.arange(ours.rows)
    one, other = ours.minutiae.read(rows), theirs.minutiae.read(rows)
    for name in one._fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype


@st.composite
def people(draw: st.DrawFn) -> list[EncounterTemplate]:
    """Some with no finger, some with fingers without a minutia, some with two impressions."""
    fingers = st.dictionaries(st.sampled_from([1, 2, 10]), st.integers(0, 70), max_size=3)
    return [
        drawn_encounter(seed, draw(fingers), impressions=draw(st.sampled_from(IMPRESSIONS)))
        for seed in range(draw(st.integers(0, 5)))
    ]


@pytest.mark.parametrize("name", ["numpy", "reference", "cupy (emulated)"])
@settings(max_examples=20, deadline=None)
@given(some=people())
def test_what_is_packed_comes_back(name: str, some: list[EncounterTemplate]) -> None:
    backend: Backend = emulated_backend() if "emulated" in name else load_backend(name)
    columns = Columns.of(some)
    assert_same(backend.pack(columns).columns, columns)
    assert_same(backend.pack(backend.pack(columns).columns).columns, columns)


@settings(max_examples=30, deadline=None)
@given(some=people(), more=people(), data=st.data())
def test_joining_and_taking_are_as_of_the_templates(
    some: list[EncounterTemplate], more: list[EncounterTemplate], data: st.DataObject
) -> None:
    packed = load_backend("numpy").pack(Columns.of(more)).columns
    both = Columns.join([Columns.of(some), packed])
    everybody = [*some, *more]
    assert_same(both, Columns.of(everybody))
    wanted = data.draw(st.permutations(range(len(everybody))))
    wanted = wanted[: data.draw(st.integers(0, len(everybody)))]
    taken = both.take(np.array(wanted, np.intp))
    assert_same(taken, Columns.of([everybody[row] for row in wanted]))
    parts = [minutiae.x for _, minutiae in taken.parts(rows=2)]
    whole = taken.minutiae.read(np.arange(taken.rows)).x
    np.testing.assert_array_equal(np.concatenate([np.zeros(0, np.int16), *parts]), whole)


def test_columns_hold_the_best_minutiae_of_each_print() -> None:
    template = drawn_encounter(3, {2: 90, 7: 5, 9: 0})
    columns = Columns.of([template, drawn_encounter(4, {})])
    most = PARAMETERS.descriptor.gallery_minutiae_max
    assert columns.presence.tolist() == [finger_mask(template), 0]
    assert columns.fingers.tolist() == [0, 3, 3]
    assert columns.positions.tolist() == [2, 7, 9]
    assert columns.counts.tolist() == [most, 5, 0]
    minutiae = columns.minutiae.read(np.array([0]))
    kept = template.fingers[0].cut(most)
    np.testing.assert_array_equal(minutiae.descriptors[:most], kept.descriptors)
    np.testing.assert_array_equal(minutiae.angle[most:], template.fingers[1].angle)


def test_rows_without_prints_keep_their_sketches() -> None:
    columns = Columns.of([drawn_encounter(3, {2: 9}), drawn_encounter(4, {1: 9, 2: 3})])
    light = load_backend("numpy").pack(columns.without_prints())
    np.testing.assert_array_equal(light.presence, columns.presence)
    assert light.rows == 2
    assert light.nbytes < load_backend("numpy").pack(columns).nbytes
