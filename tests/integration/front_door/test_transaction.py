"""A booking's transaction with real ridges in it: through the extractor and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from protos.ridgeline.v1 import identification_pb2, types_pb2
from tests.bookings import BOOKED, booking, image
from tests.integration.front_door.support import PURPOSE, running
from workers.biometrics.images import encode_png
from workers.biometrics.itl import read_transaction
from workers.biometrics.itl.records import TaggedRecord
from workers.errors import ErrorCode, RidgelineError


def test_a_booking_finds_its_person_once(tmp_path: Path) -> None:
    enrolled = [
        types_pb2.Print(
            position=int(finger),
            impression=types_pb2.IMPRESSION_PLAIN,
            format=types_pb2.PRINT_FORMAT_PNG,
            data=encode_png(image(finger, 0)),
            resolution_ppi=500.0,
        )
        for finger in BOOKED
    ]
    submitted = booking(session=1)
    with running(tmp_path) as server, server.client() as client:
        client.enroll(enrolled, subject_id="S0")
        answer = client.identify(submitted, purpose=PURPOSE)
        assert [c.subject_id for c in answer.candidates] == ["S0"]
        assert answer.outcome in (
            identification_pb2.OUTCOME_CANDIDATES,
            identification_pb2.OUTCOME_REVIEW,
        )
        assert (answer.origin.ori, answer.origin.tcn) == ("NY0303000", "BOOK-1")
        assert [f.source for f in answer.fingers] == ["Type-14 record 3", "Type-14 record 4"]
        assert all(finger.HasField("nfiq2") for finger in answer.fingers)
        assert client.identify(submitted, purpose=PURPOSE).replayed
        with pytest.raises(RidgelineError) as caught:
            client.identify(submitted, purpose=PURPOSE, origin=types_pb2.Origin(ori="TX0000000"))
        assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_FIELD, "origin.ori")
        record = server.audit("Identify")[0]
        assert (record["ori"], record["tcn"]) == ("NY0303000", "BOOK-1")
        # The booking states its day, in 14.005; the caller adds what it leaves open.
        client.enroll(submitted, subject_id="S1", sensor="Example LS 110")
        (encounter,) = client.get_subject("S1", purpose=PURPOSE).encounters
        taken = read_transaction(submitted).records[2]
        assert isinstance(taken, TaggedRecord)
        assert encounter.capture.day.replace("-", "") == taken.require(5).text
        assert encounter.capture.sensor == "Example LS 110"


def test_a_transaction_of_a_foreign_agency_is_refused(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client("searcher") as client:
        foreign = booking(session=0).replace(b"NY0303000", b"TX0303000")
        with pytest.raises(RidgelineError) as caught:
            client.identify(foreign, purpose=PURPOSE)
        assert (caught.value.code, caught.value.field) == (ErrorCode.NOT_PERMITTED, "origin.ori")
        record = server.audit()[0]
        assert (record["outcome"], record["ori"]) == ("NOT_PERMITTED", "TX0303000")
