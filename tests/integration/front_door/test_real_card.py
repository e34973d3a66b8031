"""A real ten-print card finds its person, by thumbs alone, by slaps alone, and by both.

The card's rolled prints are enrolled among 1,000 generated subjects and the persons of the
Neurotechnology development sets; its plain prints are the probes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.store import Enrolment, Store
from coordinator.client import RidgelineClient
from coordinator.config import LimitsConfig
from coordinator.evaluate.background import generate_background
from coordinator.evaluate.dataset import read_dataset
from coordinator.evaluate.extractions import ExtractionCache, extract_all
from coordinator.evaluate.identification import make_people
from coordinator.progress import silent
from protos.ridgeline.v1 import identification_pb2, types_pb2
from tests.integration.front_door.support import PURPOSE, running
from workers.biometrics.itl import read_transaction, submission_from_transaction
from workers.biometrics.model import FINGERS, FingerPosition, Impression, Print

pytestmark = [pytest.mark.real_data, pytest.mark.timeout(900)]

BACKGROUND = 1000
SETS = [("CrossMatch", 500.0), ("UareU", 512.0)]
THUMBS = {FingerPosition.PLAIN_RIGHT_THUMB, FingerPosition.PLAIN_LEFT_THUMB}
SLAPS = {FingerPosition.PLAIN_RIGHT_FOUR, FingerPosition.PLAIN_LEFT_FOUR}


@pytest.fixture(scope="module")
def card(data: Path) -> tuple[Print, ...]:
    content = (data / "transactions" / "type-4-tpcard.an2").read_bytes()
    return submission_from_transaction(read_transaction(content)).prints


@pytest.fixture(scope="module")
def client(
    data: Path, card: tuple[Print, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RidgelineClient]:
    folder = tmp_path_factory.mktemp("card")
    limits = LimitsConfig(max_deadline_s=300.0)
    with running(folder, limits=limits) as server:
        filler = generate_background(BACKGROUND, FINGERS, silent)
        server.store.enroll([Enrolment(t, f"background-{i}") for i, t in enumerate(filler)])
        for name, ppi in SETS:
            enrol_persons(server.store, data / "neurotech" / name, ppi, folder)
        with server.client(timeout_s=300.0) as caller:
            rolled = [p for p in card if p.impression is Impression.ROLLED]
            enrolled = caller.enroll(messages(rolled), subject_id="card", encounter_id="card-1")
            assert len(enrolled.fingers) == 10
            yield caller


def enrol_persons(store: Store, directory: Path, ppi: float, folder: Path) -> None:
    """Scan 1 of every person of a set."""
    scans = [scan for scan in read_dataset(directory) if scan.number in {1, 2}]
    found = extract_all(
        [scan.path for scan in scans],
        resolution_ppi=ppi,
        cache=ExtractionCache(folder / "extractions"),
        track=silent,
    )
    people = make_people(scans, found)
    store.enroll(
        [Enrolment(t, f"{directory.name}-{person}") for person, t in people.enrolled.items()]
    )


def messages(prints: list[Print]) -> list[types_pb2.Print]:
    kinds = {
        Impression.PLAIN: types_pb2.IMPRESSION_PLAIN,
        Impression.ROLLED: types_pb2.IMPRESSION_ROLLED,
    }
    return [
        types_pb2.Print(
            position=int(p.position),
            impression=kinds[p.impression or Impression.PLAIN],
            format=types_pb2.PRINT_FORMAT_WSQ,
            data=p.data,
            resolution_ppi=p.resolution_ppi or 0.0,
        )
        for p in prints
    ]


@pytest.mark.parametrize(
    ("positions", "fingers"),
    [(THUMBS, 2), (SLAPS, 8), (THUMBS | SLAPS, 10)],
    ids=["thumbs", "slaps", "both"],
)
def test_the_card_finds_its_person(
    client: RidgelineClient,
    card: tuple[Print, ...],
    positions: set[FingerPosition],
    fingers: int,
) -> None:
    probe = [p for p in card if p.position in positions]
    answer = client.identify(messages(probe), purpose=PURPOSE)
    assert len(answer.fingers) == fingers
    assert answer.outcome == identification_pb2.OUTCOME_CANDIDATES
    assert answer.candidates[0].subject_id == "card"
    assert answer.coverage.subjects_searched == answer.coverage.subjects_total
    assert answer.coverage.subjects_total == BACKGROUND + 8


def test_an_amputation_is_carried_and_never_a_mismatch(client: RidgelineClient, data: Path) -> None:
    """The same slaps with the left ring finger amputated: the person is found all the same."""
    content = (data / "transactions" / "type-14-amp-nqm-utf8.an2").read_bytes()
    answer = client.identify(content, purpose=PURPOSE)
    [missing] = answer.missing
    assert (missing.position, missing.reason) == (
        int(FingerPosition.LEFT_RING),
        types_pb2.MISSING_REASON_AMPUTATED,
    )
    assert int(FingerPosition.LEFT_RING) not in {f.position for f in answer.fingers}
    assert answer.candidates[0].subject_id == "card"
