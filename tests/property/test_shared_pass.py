"""A pass over the sketches that probes share leaves each what it would get alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.recombined import FINGERS, LARGE, crowd, person
from workers.matching.backend import PackedGallery
from workers.matching.backends import load_backend
from workers.matching.columns import Columns
from workers.matching.probe import Probe, prepare_probe
from workers.matching.search import PartitionsAnswer, search_left, search_partitions
from workers.matching.shortlist import View, compare_everybody, first_level
from workers.matching.sketch import Level

BACKEND = load_backend("numpy")
SMALL = 40
PARTITIONS = (
    np.arange(0, 2 * LARGE, 2),
    np.arange(1, 2 * LARGE, 2),
    np.arange(2 * LARGE, 2 * LARGE + SMALL),
)


@cache
def packed() -> PackedGallery:
    return BACKEND.pack(Columns.of(crowd(2 * LARGE + SMALL)))


@cache
def probe(number: int, fingers: int) -> Probe:
    template = person(number, session=1)
    return prepare_probe(replace(template, fingers=template.fingers[:fingers]))


def visible_rows(hidden: float, seed: int) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random(packed().rows) >= hidden


@st.composite
def batches(draw: st.DrawFn) -> tuple[Level, list[tuple[Probe, NDArray[np.bool_]]]]:
    """Probes that begin at the same level, and what each may see: all, most, or very little."""
    level = draw(st.sampled_from(Level))
    fingers = len(FINGERS) if level is Level.COARSE else 2
    sights = st.builds(visible_rows, st.sampled_from([0.0, 0.02, 0.9]), st.integers(0, 99))
    probes = st.builds(probe, st.integers(0, 29), st.just(fingers))
    return level, draw(st.lists(st.tuples(probes, sights), min_size=1, max_size=4))


def assert_same(answer: PartitionsAnswer, expected: PartitionsAnswer) -> None:
    assert len(answer.partitions) == len(expected.partitions)
    for ours, theirs in zip(answer.partitions, expected.partitions, strict=True):
        np.testing.assert_array_equal(ours.rows, theirs.rows)
        np.testing.assert_array_equal(ours.fused, theirs.fused)
        np.testing.assert_array_equal(ours.finger_scores, theirs.finger_scores)
        assert (ours.sketched, ours.screened, ours.consolidated) == (
            theirs.sketched,
            theirs.screened,
            theirs.consolidated,
        )


@settings(max_examples=25, deadline=None)
@given(batches())
def test_a_shared_pass_leaves_each_probe_its_own(
    batch: tuple[Level, list[tuple[Probe, NDArray[np.bool_]]]],
) -> None:
    level, asked = batch
    probes = [p for p, _ in asked]
    assert {first_level(p, exhaustive=False) for p in probes} == {level}
    views = [View.of(PARTITIONS, visible) for _, visible in asked]
    left = compare_everybody(BACKEND, level, probes, views, packed(), lambda: None)
    for one, view, of_one in zip(probes, views, left, strict=True):
        answer = search_left(BACKEND, one, packed(), view, of_one, limit=4)
        seen = [view.rows(place) for place in range(len(PARTITIONS))]
        assert_same(answer, search_partitions(BACKEND, one, packed(), seen, limit=4))
