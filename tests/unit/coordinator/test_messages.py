"""Messages as plain values."""

from __future__ import annotations

import json

import pytest
from google.protobuf.descriptor import EnumDescriptor

from coordinator.messages import enum_name, to_json, to_plain
from protos.ridgeline.v1 import gallery_pb2, identification_pb2, types_pb2


def test_numbers_stay_numbers_and_enums_lose_their_prefix() -> None:
    answer = identification_pb2.IdentifyResponse(
        outcome=identification_pb2.OUTCOME_NO_CANDIDATE,
        gallery_sequence=2**53 - 1,
        stages=[
            identification_pb2.StageReport(stage=identification_pb2.STAGE_MERGE, seconds=0.5),
            identification_pb2.StageReport(
                stage=identification_pb2.STAGE_SCREEN, measured_loss=0.0
            ),
        ],
        fingers=[types_pb2.FingerSummary(position=2, impression=types_pb2.IMPRESSION_ROLLED)],
    )
    plain = to_plain(answer)
    assert plain["outcome"] == "NO_CANDIDATE"
    assert plain["gallery_sequence"] == 2**53 - 1
    assert plain["candidates"] == []
    assert plain["coverage"] is None
    assert [s["stage"] for s in plain["stages"]] == ["MERGE", "SCREEN"]
    # Absent is not zero.
    assert [s["measured_loss"] for s in plain["stages"]] == [None, 0.0]
    assert plain["fingers"][0]["nfiq2"] is None
    assert plain["fingers"][0]["impression"] == "ROLLED"
    assert plain["examined"] == "UNSPECIFIED"
    assert json.loads(to_json(plain)) == plain


def test_times_and_bytes() -> None:
    encounter = gallery_pb2.Encounter(encounter_id="E")
    encounter.enrolled_at.FromJsonString("2026-01-02T03:04:05Z")
    assert to_plain(encounter)["enrolled_at"] == "2026-01-02T03:04:05Z"
    print_ = types_pb2.Print(data=b"\0\1", format=types_pb2.PRINT_FORMAT_ISO_19794_2_2005)
    assert to_plain(print_)["data"] == "AAE="
    assert to_plain(print_)["format"] == "ISO_19794_2_2005"


@pytest.mark.parametrize(
    "enum",
    [
        *types_pb2.DESCRIPTOR.enum_types_by_name.values(),
        *identification_pb2.DESCRIPTOR.enum_types_by_name.values(),
    ],
    ids=lambda enum: str(enum.name),
)
def test_every_value_of_the_contract_loses_its_prefix(enum: EnumDescriptor) -> None:
    names = [enum_name(enum, value.number) for value in enum.values]
    assert names[0] == "UNSPECIFIED"
    assert all(not name.startswith(enum.name.upper()) for name in names)
    assert enum_name(enum, 999) == "999"


def test_a_value_that_json_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json({"score": float("nan")})
