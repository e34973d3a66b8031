"""Every backend against the reference: the same numbers from the same descriptors.

``cupy`` needs a device and runs with ``-m gpu``; ``cupy (emulated)`` is the same backend with its
kernels compiled for the host.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.kernels.emulated import emulated_backend
from tests.unit.matching.samples import encounter, sample
from workers.biometrics.model import Impression
from workers.errors import ErrorCode, RidgelineError
from workers.matching.backend import Backend, PackedGallery
from workers.matching.backends import load_backend
from workers.matching.descriptor import describe_encounter
from workers.matching.parameters import PARAMETERS
from workers.matching.probe import Probe, prepare_probe
from workers.matching.screen import NOT_COMPARED
from workers.matching.search import search_partitions
from workers.matching.sketch import Level
from workers.matching.template import EncounterTemplate

EMULATED = "cupy (emulated)"
BACKENDS = ("numpy", "reference", EMULATED, pytest.param("cupy", marks=pytest.mark.gpu))


def no_checkpoint() -> None:
    """Work goes on."""


def screen_all(backend: Backend, probe: Probe, gallery: PackedGallery) -> NDArray[np.int32]:
    """Screen scores of every row."""
    return backend.screen(probe, gallery, np.arange(gallery.rows), no_checkpoint)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    return emulated_backend() if request.param == EMULATED else load_backend(request.param)


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
    expected = screen_all(reference, probe, reference.pack(persons))
    screened = screen_all(backend, probe, backend.pack(persons))
    assert screened.dtype == np.int32
    np.testing.assert_array_equal(screened, expected)


def test_consolidation_equals_reference_to_the_bit(
    probe: Probe, persons: list[EncounterTemplate], backend: Backend
) -> None:
    rows = np.arange(len(persons))
    reference = load_backend("reference")
    expected = reference.consolidate(probe, reference.pack(persons), rows, no_checkpoint)
    scores = backend.consolidate(probe, backend.pack(persons), rows, no_checkpoint)
    assert scores.dtype == np.float64
    np.testing.assert_array_equal(scores, expected)


def test_consolidation_answers_rows_in_the_order_asked(
    persons: list[EncounterTemplate], backend: Backend
) -> None:
    probe = prepare_probe(encounter(0, session=1))
    packed = backend.pack(persons)
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
    packed = backend.pack(persons)
    together = backend.consolidate(probe, packed, np.arange(len(persons)), no_checkpoint)
    screened = screen_all(backend, probe, packed)
    for row, person in enumerate(persons):
        alone = backend.pack([person])
        one = backend.consolidate(probe, alone, np.array([0]), no_checkpoint)
        np.testing.assert_array_equal(one[0], together[row])
        assert screen_all(backend, probe, alone)[0] == screened[row]


def test_screen_answers_rows_in_the_order_asked(
    persons: list[EncounterTemplate], backend: Backend
) -> None:
    probe = prepare_probe(encounter(0, session=1))
    packed = backend.pack(persons)
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
        level, probes, reference.pack(persons), partitions, depths, no_checkpoint
    )
    found = backend.select(level, probes, backend.pack(persons), partitions, depths, no_checkpoint)
    for ours, theirs in zip(found, expected, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one.rows, other.rows)
            np.testing.assert_array_equal(one.scores, other.scores)
            assert one.scores.dtype == np.int32


def test_selection_keeps_ties(persons: list[EncounterTemplate], backend: Backend) -> None:
    probe = prepare_probe(encounter(0, session=1))
    rows = np.arange(len(persons))  # rows 0 and 8 are the same person's
    [[found]] = backend.select(
        Level.FINE, [probe], backend.pack(persons), [rows], np.array([[1]]), no_checkpoint
    )
    assert found.rows.tolist() == [0, 8]


def test_a_sketched_search_ranks_as_reference(backend: Backend) -> None:
    """A partition so large that the sketch decides who is screened."""
    count = PARAMETERS.sketch.rows_min + 20
    persons = [encounter(person, fingers=(1, 2), minutiae=9) for person in range(count)]
    probe = prepare_probe(encounter(7, fingers=(1, 2), session=1, minutiae=9))
    visible = [np.arange(count)]
    reference = load_backend("reference")
    [expected] = search_partitions(
        reference, probe, reference.pack(persons), visible, limit=5
    ).partitions
    [answer] = search_partitions(backend, probe, backend.pack(persons), visible, limit=5).partitions
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
        reference, probe, reference.pack(persons), [visible], limit=5
    ).partitions
    [answer] = search_partitions(
        backend, probe, backend.pack(persons), [visible], limit=5
    ).partitions
    np.testing.assert_array_equal(answer.rows, expected.rows)
    np.testing.assert_array_equal(answer.fused, expected.fused)
    assert (answer.screened, answer.consolidated) == (expected.screened, expected.consolidated)


def test_rows_without_a_common_finger_are_not_compared(
    persons: list[EncounterTemplate], backend: Backend
) -> None:
    probe = prepare_probe(encounter(0, session=1))
    packed = backend.pack(persons)
    screened = screen_all(backend, probe, packed)
    assert np.flatnonzero(screened == NOT_COMPARED).tolist() == [3, 4]
    scores = backend.consolidate(probe, packed, np.array([2, 3, 7]), no_checkpoint)
    common = ~np.isnan(scores)
    assert [np.flatnonzero(row + 0).tolist() for row in common] == [[0], [], [1, 6]]


def test_empty_gallery(backend: Backend) -> None:
    probe = prepare_probe(encounter(0))
    packed = backend.pack([])
    assert packed.rows == 0
    [answer] = search_partitions(backend, probe, packed, [np.zeros(0, np.intp)], limit=5).partitions
    assert (answer.screened, answer.consolidated, len(answer.rows)) == (0, 0, 0)


def test_checkpoint_stops_the_work(persons: list[EncounterTemplate], backend: Backend) -> None:
    probe = prepare_probe(encounter(0, session=1))
    packed = backend.pack(persons)

    def stop() -> None:
        raise RidgelineError(ErrorCode.CANCELLED, "stopped")

    with pytest.raises(RidgelineError, match="CANCELLED"):
        backend.screen(probe, packed, np.array([0]), stop)
    with pytest.raises(RidgelineError, match="CANCELLED"):
        backend.select(Level.COARSE, [probe], packed, [np.array([0])], np.array([[1]]), stop)
    with pytest.raises(RidgelineError, match="CANCELLED"):
        backend.consolidate(probe, packed, np.array([0]), stop)


def test_templates_of_other_parameters_are_refused(backend: Backend) -> None:
    foreign = EncounterTemplate(encounter(0).fingers, "0" * 64)
    with pytest.raises(RidgelineError) as raised:
        backend.pack([foreign])
    assert raised.value.code is ErrorCode.PARAMETERS_MISMATCH


@pytest.mark.parametrize("backend", [b for b in BACKENDS if b != "reference"], indirect=True)
def test_many_minutiae(backend: Backend) -> None:
    """The largest fingers allowed, where indices and padding are at their limits.

    Not the reference, whose plain loops would take minutes; it is proven on small sizes.
    """
    person = encounter(0, fingers=(1,), impression=Impression.ROLLED, minutiae=None)
    most = PARAMETERS.descriptor.minutiae_max
    packed = backend.pack([_tiled(person, most), person])
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
