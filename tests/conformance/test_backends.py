"""Every backend against the reference: the same numbers from the same descriptors.

``cupy`` needs a device and runs with ``-m gpu``; ``cupy (emulated)`` is the same backend with its
kernels compiled for the host; ``numpy in layers`` is a gallery as a shard holds it, a base and what
came since. ``on disk`` is a backend whose galleries stay in a sealed segment but for their
sketches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cluster.sealing import SealedBlocks
from cluster.store import FileKeyProvider
from tests.kernels.emulated import emulated_backend
from tests.kernels.prints import drawn_again, drawn_encounter
from tests.unit.matching.samples import encounter, gallery_row, sample
from workers.biometrics.model import Impression
from workers.errors import ErrorCode, RidgelineError
from workers.matching.assign import assign
from workers.matching.backend import Backend, PackedGallery
from workers.matching.backends import load_backend, numpy_backend
from workers.matching.columns import Columns
from workers.matching.descriptor import describe_encounter
from workers.matching.layered import LayeredBackend, LayeredGallery
from workers.matching.on_demand import OnDemandBackend
from workers.matching.parameters import PARAMETERS, descriptor_hash
from workers.matching.probe import Probe, prepare_probe
from workers.matching.screen import NOT_COMPARED
from workers.matching.search import search_partitions
from workers.matching.sketch import Level
from workers.matching.template import EncounterTemplate
from workers.segments.encounters import Encounters
from workers.segments.layout import Header
from workers.segments.segment import Segment, write_segment

EMULATED = "cupy (emulated)"
LAYERS = "numpy in layers"
ON_DISK = ", on disk"
BACKENDS = (
    *("numpy", LAYERS, "reference", EMULATED),
    *("numpy" + ON_DISK, "reference" + ON_DISK, EMULATED + ON_DISK),
    pytest.param("cupy", marks=pytest.mark.gpu),
)
QUICK = [name for name in BACKENDS if "reference" not in str(name)]


def no_checkpoint() -> None:
    """Work goes on."""


class OnDisk(OnDemandBackend):
    """Packs into a segment, whose minutiae are read as they are needed."""

    def __init__(self, inner: Backend, folder: Path) -> None:
        super().__init__(inner)
        self._folder = folder

    def pack(self, columns: Columns) -> PackedGallery:
        codec = SealedBlocks(FileKeyProvider(self._folder / "master.key"))
        header = Header("1", "this gallery", 0, 1, 1, descriptor_hash(), "", "")
        people = Encounters([""] * columns.rows, np.ones(columns.rows, np.int64), columns)
        write_segment(self._folder / "a.segment", header, codec, people.runs(4))
        opened = Segment.open(self._folder / "a.segment", codec)
        return self.leave_on_disk(opened.encounters.columns)


def pack(backend: Backend, people: Sequence[EncounterTemplate]) -> PackedGallery:
    """Templates packed."""
    return backend.pack(Columns.of(people))


def screen_all(backend: Backend, probe: Probe, gallery: PackedGallery) -> NDArray[np.int32]:
    """Screen scores of every row."""
    return backend.screen(probe, gallery, np.arange(gallery.rows), no_checkpoint)


class InLayers(LayeredBackend):
    """Packs into layers of different sizes, one of them empty."""

    def pack(self, columns: Columns) -> PackedGallery:
        n = columns.rows
        ends = [0, n // 5, n // 5, n // 2, n]
        parts = [columns.take(np.arange(first, end)) for first, end in pairwise(ends)]
        return LayeredGallery(tuple(load_backend("numpy").pack(part) for part in parts))


@pytest.fixture(params=BACKENDS, scope="module")
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    if request.param == LAYERS:
        return InLayers(load_backend("numpy"))
    name = request.param.removesuffix(ON_DISK)
    inner: Backend = emulated_backend() if name == EMULATED else load_backend(name)
    return inner if name == request.param else OnDisk(inner, tmp_path_factory.mktemp("disk"))


def gallery_of_persons() -> list[EncounterTemplate]:
    """Persons with fingers in common with the probes, without, and with several impressions."""
    both = describe_encounter(
        [
            sample(5, 1, impression=impression, minutiae=20)
            for impression in (Impression.ROLLED, Impression.PLAIN)
        ]
    )
    return [
        encounter(0),
        encounter(1, minutiae=30),
        encounter(2, fingers=(1,), minutiae=9),
        encounter(3, fingers=(9, 10)),
        encounter(4, fingers=()),
        both,
        encounter(6, fingers=(1, 2), minutiae=1),
        encounter(7, fingers=(2, 7), minutiae=0),
        encounter(0),  # a tie with row 0
        encounter(8, fingers=(2,), impression=Impression.ROLLED, minutiae=45),
    ]


PROBES: dict[str, Callable[[], EncounterTemplate]] = {
    "mate of row 0": lambda: encounter(0, session=1),
    "large": lambda: encounter(8, fingers=(2,), session=1, minutiae=60),
    "small": lambda: encounter(2, fingers=(1, 2), session=1, minutiae=7),
    "one minutia": lambda: encounter(6, fingers=(1,), minutiae=1),
    "no minutia": lambda: encounter(6, fingers=(1,), minutiae=0),
    "two impressions": lambda: describe_encounter(
        [
            sample(5, 1, session=1, impression=impression, minutiae=18)
            for impression in (Impression.ROLLED, Impression.PLAIN)
        ]
    ),
}


@pytest.fixture(params=PROBES, scope="module")
def probe(request: pytest.FixtureRequest) -> Probe:
    return prepare_probe(PROBES[request.param]())


@pytest.fixture(scope="module")
def persons() -> list[EncounterTemplate]:
    return gallery_of_persons()


def test_screen_equals_reference(
    probe: Probe, persons: list[EncounterTemplate], backend: Backend
) -> None:
    reference = load_backend("reference")
    expected = screen_all(reference, probe, pack(reference, persons))
    screened = screen_all(backend, probe, pack(backend, persons))
    assert screened.dtype == np.int32
    np.testing.assert_array_equal(screened, expected)


def test_consolidation_equals_reference_to_the_bit(
    probe: Probe, persons: list[EncounterTemplate], backend: Backend
) -> None:
    rows = np.arange(len(persons))
    reference = load_backend("reference")
    expected = reference.consolidate(probe, pack(reference, persons), rows, no_checkpoint)
    scores = backend.consolidate(probe, pack(backend, persons), rows, no_checkpoint)
    assert scores.dtype == np.float64
    np.testing.assert_array_equal(scores, expected)


def test_consolidation_answers_rows_in_the_order_asked(
    persons: list[EncounterTemplate], backend: Backend
) -> None:
    probe = prepare_probe(encounter(0, session=1))
    packed = pack(backend, persons)
    rows = np.array([8, 3, 0, 5])
    whole = backend.consolidate(probe, packed, np.arange(len(persons)), no_checkpoint)
    some = backend.consolidate(probe, packed, rows, no_checkpoint)
    np.testing.assert_array_equal(some, whole[rows])
    none = backend.consolidate(probe, packed, np.zeros(0, np.intp), no_checkpoint)
    assert none.shape == (0, 10)


def test_scores_of_one_row_do_not_depend_on_the_others(
    persons: list[EncounterTemplate], backend: Backend
) -> None:
    probe = prepare_probe(encounter(0, session=1))
    packed = pack(backend, persons)
    together = backend.consolidate(probe, packed, np.arange(len(persons)), no_checkpoint)
    screened = screen_all(backend, probe, packed)
    for row, person in enumerate(persons):
        alone = pack(backend, [person])
        one = backend.consolidate(probe, alone, np.array([0]), no_checkpoint)
        np.testing.assert_array_equal(one[0], together[row])
        assert screen_all(backend, probe, alone)[0] == screened[row]


def test_screen_answers_rows_in_the_order_asked(
    persons: list[EncounterTemplate], backend: Backend
) -> None:
    probe = prepare_probe(encounter(0, session=1))
    packed = pack(backend, persons)
    rows = np.array([8, 3, 0])  # so few that they are not compared in whole blocks
    some = backend.screen(probe, packed, rows, no_checkpoint)
    np.testing.assert_array_equal(some, screen_all(backend, probe, packed)[rows])
    assert len(backend.screen(probe, packed, np.zeros(0, np.intp), no_checkpoint)) == 0


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("depth", [0, 1, 3, 99])
def test_selection_equals_reference(
    persons: list[EncounterTemplate], backend: Backend, level: Level, depth: int
) -> None:
    probes = [prepare_probe(make()) for make in PROBES.values()]
    partitions = [np.arange(6), np.zeros(0, np.intp), np.array([6, 8, 9])]
    depths = np.full((len(probes), len(partitions)), depth)
    reference = load_backend("reference")
    expected = reference.select(
        level, probes, pack(reference, persons), partitions, depths, no_checkpoint
    )
    found = backend.select(level, probes, pack(backend, persons), partitions, depths, no_checkpoint)
    for ours, theirs in zip(found, expected, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one.rows, other.rows)
            np.testing.assert_array_equal(one.scores, other.scores)
            assert one.scores.dtype == np.int32


def test_selection_keeps_ties(persons: list[EncounterTemplate], backend: Backend) -> None:
    probe = prepare_probe(encounter(0, session=1))
    rows = np.arange(len(persons))  # rows 0 and 8 are the same person's
    [[found]] = backend.select(
        Level.FINE,
        [probe],
        pack(backend, persons),
        [rows],
        np.array([[1]]),
        no_checkpoint,
    )
    assert found.rows.tolist() == [0, 8]


@cache
def crowd() -> list[EncounterTemplate]:
    """More persons than are searched without a sketch."""
    count = PARAMETERS.sketch.rows_min + 20
    return [encounter(person, fingers=(1, 2), minutiae=9) for person in range(count)]


def test_a_sketched_search_ranks_as_reference(backend: Backend) -> None:
    """A partition so large that the sketch decides who is screened."""
    persons = crowd()
    count = len(persons)
    probe = prepare_probe(encounter(7, fingers=(1, 2), session=1, minutiae=9))
    visible = [np.arange(count)]
    reference = load_backend("reference")
    [expected] = search_partitions(
        reference, probe, pack(reference, persons), visible, limit=5
    ).partitions
    [answer] = search_partitions(
        backend, probe, pack(backend, persons), visible, limit=5
    ).partitions
    assert answer.sketched == count
    assert answer.screened < count
    np.testing.assert_array_equal(answer.rows, expected.rows)
    np.testing.assert_array_equal(answer.fused, expected.fused)
    assert (answer.screened, answer.consolidated) == (expected.screened, expected.consolidated)


def test_search_ranks_as_reference(
    probe: Probe, persons: list[EncounterTemplate], backend: Backend
) -> None:
    visible = np.arange(len(persons))
    reference = load_backend("reference")
    [expected] = search_partitions(
        reference, probe, pack(reference, persons), [visible], limit=5
    ).partitions
    [answer] = search_partitions(
        backend, probe, pack(backend, persons), [visible], limit=5
    ).partitions
    np.testing.assert_array_equal(answer.rows, expected.rows)
    np.testing.assert_array_equal(answer.fused, expected.fused)
    assert (answer.screened, answer.consolidated) == (expected.screened, expected.consolidated)


BOTH = (Impression.PLAIN, Impression.ROLLED)
SIZES = st.dictionaries(st.sampled_from([1, 2, 10]), st.integers(0, 14), max_size=3)
DRAWN = st.builds(
    drawn_encounter,
    st.integers(0, 99),
    SIZES,
    impressions=st.sampled_from([BOTH[:1], BOTH[1:], BOTH]),
)


@settings(max_examples=20, deadline=None)
@given(data=st.data(), asked=DRAWN)
def test_any_prints_compare_as_reference(
    data: st.DataObject, asked: EncounterTemplate, backend: Backend
) -> None:
    """Any angles, places and numbers of minutiae, mates or not, and any rows in any order."""
    mates = st.builds(
        drawn_again, st.just(asked), st.integers(0, 99), st.sampled_from([0.0, 0.3, 1.0])
    )
    people = data.draw(st.lists(mates | DRAWN, min_size=1, max_size=6))
    rows = np.array(data.draw(st.lists(st.sampled_from(range(len(people))), unique=True)), np.intp)
    depths = np.array([[data.draw(st.integers(0, 4))]])
    probe = prepare_probe(asked)
    reference = load_backend("reference")
    plain, packed = pack(reference, people), pack(backend, people)
    for stage in ("screen", "consolidate"):
        expected = getattr(reference, stage)(probe, plain, rows, no_checkpoint)
        found = getattr(backend, stage)(probe, packed, rows, no_checkpoint)
        np.testing.assert_array_equal(found, expected)
    partitions = [np.sort(rows)]
    for level in Level:
        [[kept]] = reference.select(level, [probe], plain, partitions, depths, no_checkpoint)
        [[ours]] = backend.select(level, [probe], packed, partitions, depths, no_checkpoint)
        np.testing.assert_array_equal(ours.rows, kept.rows)
        np.testing.assert_array_equal(ours.scores, kept.scores)


class Thousands(NamedTuple):
    """More fingers, and more rows, than are worked on at a time, and what they score.

    Attributes:
        some: a third of the rows, in no order.
        screened: of every row.
        consolidated: of `some`.
    """

    people: list[EncounterTemplate]
    probe: Probe
    some: NDArray[np.intp]
    screened: NDArray[np.int32]
    consolidated: NDArray[np.float64]


@cache
def thousands() -> Thousands:
    people = [drawn_encounter(person, {1: person % 14}) for person in range(5000)]
    people[::100] = [drawn_encounter(person, {1: 20 + person}) for person in range(50)]
    mate = drawn_encounter(1, {1: 2})
    people[7::60] = [drawn_again(mate, seed, 0.3) for seed in range(len(people[7::60]))]
    probe, some = prepare_probe(mate), np.random.default_rng(2).permutation(len(people))[::3]
    reference = load_backend("reference")
    packed = pack(reference, people)
    screened = screen_all(reference, probe, packed)
    consolidated = reference.consolidate(probe, packed, some, no_checkpoint)
    return Thousands(people, probe, some, screened, consolidated)


def test_thousands_are_more_than_numpy_works_on_at_a_time() -> None:
    people = thousands().people
    packed = numpy_backend.NumpyBackend().pack(Columns.of(people))
    assert len(people) > numpy_backend._SKETCH_BLOCK
    assert len(packed.positions[1].blocks) > numpy_backend._BLOCKS_SCORED


@pytest.mark.parametrize("backend", [b for b in QUICK if EMULATED not in str(b)], indirect=True)
def test_thousands_of_fingers(backend: Backend) -> None:
    """Not the emulation, which would take minutes; its grids are proven on small sizes."""
    people, probe, some, screened, consolidated = thousands()
    packed = pack(backend, people)
    np.testing.assert_array_equal(screen_all(backend, probe, packed), screened)
    found = backend.screen(probe, packed, some, no_checkpoint)
    np.testing.assert_array_equal(found, screened[some])
    scores = backend.consolidate(probe, packed, some, no_checkpoint)
    np.testing.assert_array_equal(scores, consolidated)
    weights = probe.sketch[Level.COARSE].astype(np.int64)
    for rows in (np.arange(len(people)), np.sort(some)):
        [[kept]] = backend.select(
            Level.COARSE, [probe], packed, [rows], np.array([[len(rows)]]), no_checkpoint
        )
        np.testing.assert_array_equal(kept.rows, rows)
        expected = [int(weights @ gallery_row(people[row], Level.COARSE)) for row in rows]
        np.testing.assert_array_equal(kept.scores, expected)


def test_assignment_ends_after_so_many_rounds(backend: Backend) -> None:
    """Minutiae of which only two at a time are each other's best: one pair a round."""
    rounds = PARAMETERS.consolidate.assignment_rounds
    n = rounds + 3
    (finger,) = drawn_encounter(5, {1: n}).fingers
    chain = np.zeros((2 * n, 64), np.int8)
    link = np.arange(2 * n)
    # Each is like the next of the chain, probe and gallery by turns, a little less from one to
    # the next, and like nobody else.
    chain[link, link] = 80
    chain[link, link + 1] = 100 - link
    ours, theirs = (replace(finger, descriptors=chain[side::2]) for side in (0, 1))
    probe = prepare_probe(EncounterTemplate((ours,), descriptor_hash()))
    people = [EncounterTemplate((theirs,), descriptor_hash())]
    reference, row = load_backend("reference"), np.array([0])
    expected = reference.consolidate(probe, pack(reference, people), row, no_checkpoint)
    scores = backend.consolidate(probe, pack(backend, people), row, no_checkpoint)
    np.testing.assert_array_equal(scores, expected)
    similarity = ours.descriptors.astype(np.int32) @ theirs.descriptors.T.astype(np.int32)
    assert assign(similarity.T[:, :, None]).counts == rounds


def test_rows_without_a_common_finger_are_not_compared(
    persons: list[EncounterTemplate], backend: Backend
) -> None:
    probe = prepare_probe(encounter(0, session=1))
    packed = pack(backend, persons)
    screened = screen_all(backend, probe, packed)
    assert np.flatnonzero(screened == NOT_COMPARED).tolist() == [3, 4]
    scores = backend.consolidate(probe, packed, np.array([2, 3, 7]), no_checkpoint)
    common = ~np.isnan(scores)
    assert [np.flatnonzero(row + 0).tolist() for row in common] == [[0], [], [1, 6]]


def test_empty_gallery(backend: Backend) -> None:
    probe = prepare_probe(encounter(0))
    packed = pack(backend, [])
    assert packed.rows == 0
    [answer] = search_partitions(backend, probe, packed, [np.zeros(0, np.intp)], limit=5).partitions
    assert (answer.screened, answer.consolidated, len(answer.rows)) == (0, 0, 0)


def test_checkpoint_stops_the_work(persons: list[EncounterTemplate], backend: Backend) -> None:
    probe = prepare_probe(encounter(0, session=1))
    packed = pack(backend, persons)

    def stop() -> None:
        raise RidgelineError(ErrorCode.CANCELLED, "stopped")

    with pytest.raises(RidgelineError, match="CANCELLED"):
        backend.screen(probe, packed, np.array([0]), stop)
    with pytest.raises(RidgelineError, match="CANCELLED"):
        backend.select(Level.COARSE, [probe], packed, [np.array([0])], np.array([[1]]), stop)
    with pytest.raises(RidgelineError, match="CANCELLED"):
        backend.consolidate(probe, packed, np.array([0]), stop)


def test_templates_of_other_parameters_are_refused() -> None:
    foreign = EncounterTemplate(encounter(0).fingers, "0" * 64)
    with pytest.raises(RidgelineError) as raised:
        Columns.of([foreign])
    assert raised.value.code is ErrorCode.PARAMETERS_MISMATCH


@pytest.mark.parametrize("backend", QUICK, indirect=True)
def test_many_minutiae(backend: Backend) -> None:
    """The largest fingers allowed, where indices and padding are at their limits.

    Not the reference, whose plain loops would take minutes; it is proven on small sizes.
    """
    person = encounter(0, fingers=(1,), impression=Impression.ROLLED, minutiae=None)
    most = PARAMETERS.descriptor.minutiae_max
    packed = pack(backend, [_tiled(person, most), person])
    probe = prepare_probe(_tiled(person, most))
    scores = backend.consolidate(probe, packed, np.array([0, 1]), no_checkpoint)
    # A print against itself, with every minutia twice; the score is at most 1 / size ** (1 / 4).
    assert (scores > 0.9 * most**-0.25)[:, 0].all()
    screened = screen_all(backend, probe, packed)
    assert screened[0] > 0
    assert screened[1] > 0


def _tiled(template: EncounterTemplate, count: int) -> EncounterTemplate:
    (finger,) = template.fingers
    index: NDArray[np.intp] = np.arange(count) % len(finger)
    again = replace(
        finger,
        x=finger.x[index],
        y=finger.y[index],
        angle=finger.angle[index],
        kind=finger.kind[index],
        quality=finger.quality[index],
        descriptors=finger.descriptors[index],
    )
    return EncounterTemplate((again,), template.parameters_hash)
