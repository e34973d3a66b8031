"""Messages to the domain: good ones arrive whole, bad ones name the field."""

from __future__ import annotations

import datetime
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.convert import (
    StatedOrigin,
    capture_message,
    read_capture,
    read_origin,
    read_submission,
)
from protos.ridgeline.v1 import gallery_pb2, types_pb2
from workers.biometrics.itl import BookingPrint, build_booking, write_transaction
from workers.biometrics.model import Capture, FingerImage, FingerPosition, Impression, PrintFormat
from workers.errors import ErrorCode, RidgelineError

NOWHERE = StatedOrigin("", "")


def _print(**changes: object) -> types_pb2.Print:
    values: dict[str, object] = {
        "position": 2,
        "impression": types_pb2.IMPRESSION_PLAIN,
        "format": types_pb2.PRINT_FORMAT_PNG,
        "data": b"not decoded here",
    }
    return types_pb2.Print(**values | changes)  # type: ignore[arg-type]


def _submission(*prints: types_pb2.Print, **more: object) -> types_pb2.Submission:
    ten_print = types_pb2.TenPrint(prints=prints, **more)  # type: ignore[arg-type]
    return types_pb2.Submission(ten_print=ten_print)


def _raw(**changes: object) -> types_pb2.Print:
    values: dict[str, object] = {
        "format": types_pb2.PRINT_FORMAT_RAW,
        "data": bytes(6),
        "width": 3,
        "height": 2,
        "resolution_ppi": 500.0,
    }
    return _print(**values | changes)


def _booking(ori: str = "NY0303000", tcn: str = "T-1") -> bytes:
    image = FingerImage(np.full((256, 256), 200, np.uint8), 500.0)
    print_ = BookingPrint(FingerPosition.RIGHT_INDEX, Impression.ROLLED, image)
    return write_transaction(build_booking([print_], originating_agency=ori, control_number=tcn))


def test_prints_arrive_whole() -> None:
    missing = [types_pb2.MissingFinger(position=7, reason=types_pb2.MISSING_REASON_AMPUTATED)]
    submission, origin = read_submission(
        _submission(_print(), _raw(position=14), missing=missing), StatedOrigin("NY", "T")
    )
    assert origin == ("NY", "T")
    first, second = submission.prints
    assert (first.source, first.position, first.format) == (
        "prints[0]",
        FingerPosition.RIGHT_INDEX,
        PrintFormat.PNG,
    )
    assert first.resolution_ppi is None
    assert (second.width, second.height, second.resolution_ppi) == (3, 2, 500.0)
    assert submission.missing[0].position is FingerPosition.LEFT_INDEX


def test_a_template_may_leave_position_and_impression_open() -> None:
    print_ = types_pb2.Print(format=types_pb2.PRINT_FORMAT_ISO_19794_2_2005, data=b"FMR")
    submission, _ = read_submission(_submission(print_), NOWHERE)
    assert submission.prints[0].impression is None


@pytest.mark.parametrize(
    ("print_", "field"),
    [
        (_print(format=0), "format"),
        (_print(format=99), "format"),
        (_print(position=0), "position"),
        (_print(position=16), "position"),
        (_print(impression=0), "impression"),
        (_print(position=11, impression=types_pb2.IMPRESSION_ROLLED), "impression"),
        (_print(data=b""), "data"),
        (_print(resolution_ppi=50.0), "resolution_ppi"),
        (_print(resolution_ppi=-1.0), "resolution_ppi"),
        (_print(resolution_ppi=math.nan), "resolution_ppi"),
        (_print(resolution_ppi=math.inf), "resolution_ppi"),
        (_raw(width=0), "width"),
        (_raw(height=70000), "height"),
        (_raw(data=bytes(7)), "data"),
        (_raw(resolution_ppi=0.0), "resolution_ppi"),
    ],
)
def test_a_wrong_print_is_named(print_: types_pb2.Print, field: str) -> None:
    with pytest.raises(RidgelineError) as caught:
        read_submission(_submission(_print(), _print(position=3), print_), NOWHERE)
    assert caught.value.code is ErrorCode.INVALID_FIELD
    assert caught.value.field == f"prints[2].{field}"


@pytest.mark.parametrize(
    ("submission", "code", "field"),
    [
        (types_pb2.Submission(), ErrorCode.INVALID_FIELD, "submission"),
        (_submission(), ErrorCode.NO_USABLE_FINGER, "submission.ten_print"),
        (_submission(*[_print()] * 33), ErrorCode.INVALID_FIELD, "prints"),
        (_submission(_print(), _print()), ErrorCode.DUPLICATE_FINGER, "prints[1]"),
        (
            _submission(_print(position=1), _print(position=11)),
            ErrorCode.DUPLICATE_FINGER,
            "prints[1]",
        ),
        (
            _submission(_print(position=13), _print(position=3)),
            ErrorCode.DUPLICATE_FINGER,
            "prints[1]",
        ),
        (
            _submission(_print(), missing=[types_pb2.MissingFinger(position=11)]),
            ErrorCode.INVALID_FIELD,
            "missing[0].position",
        ),
        (
            _submission(_print(), missing=[types_pb2.MissingFinger(position=1)]),
            ErrorCode.INVALID_FIELD,
            "missing[0].reason",
        ),
        (
            _submission(
                _print(),
                missing=[types_pb2.MissingFinger(position=1, reason="MISSING_REASON_AMPUTATED")]
                * 2,
            ),
            ErrorCode.INVALID_FIELD,
            "missing[1].position",
        ),
        (
            types_pb2.Submission(transaction=b"garbage"),
            ErrorCode.MALFORMED_TRANSACTION,
            None,
        ),
        (
            types_pb2.Submission(transaction=_booking()[:-20]),
            ErrorCode.MALFORMED_TRANSACTION,
            None,
        ),
    ],
)
def test_a_wrong_submission_is_typed(
    submission: types_pb2.Submission, code: ErrorCode, field: str | None
) -> None:
    with pytest.raises(RidgelineError) as caught:
        read_submission(submission, NOWHERE)
    assert caught.value.code is code
    assert field is None or caught.value.field == field


def test_rolled_and_plain_of_one_finger_are_normal() -> None:
    rolled = _print(impression=types_pb2.IMPRESSION_ROLLED)
    submission, _ = read_submission(_submission(_print(), rolled), NOWHERE)
    assert len(submission.prints) == 2


def test_a_transaction_brings_its_origin() -> None:
    message = types_pb2.Submission(transaction=_booking())
    submission, origin = read_submission(message, NOWHERE)
    assert origin == ("NY0303000", "T-1")
    assert len(submission.prints) == 1
    assert read_submission(message, StatedOrigin("NY0303000", ""))[1] == origin


@pytest.mark.parametrize(
    ("stated", "field"),
    [(("TX0000000", ""), "origin.ori"), (("", "T-2"), "origin.tcn")],
)
def test_a_stated_origin_must_agree(stated: tuple[str, str], field: str) -> None:
    with pytest.raises(RidgelineError) as caught:
        read_submission(types_pb2.Submission(transaction=_booking()), StatedOrigin(*stated))
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_FIELD, field)


@pytest.mark.parametrize("bad", ["x" * 129, "a\nb"])
def test_an_origin_is_short_and_printable(bad: str) -> None:
    with pytest.raises(RidgelineError) as caught:
        read_origin(types_pb2.Origin(tcn=bad))
    assert caught.value.field == "origin.tcn"


_PRINTS = st.builds(
    types_pb2.Print,
    position=st.integers(0, 20),
    impression=st.integers(0, 3),
    format=st.integers(0, 7),
    data=st.binary(max_size=64),
    resolution_ppi=st.floats(),
    width=st.integers(0, 80_000),
    height=st.integers(0, 80_000),
)
_MISSING = st.builds(types_pb2.MissingFinger, position=st.integers(0, 12), reason=st.integers(0, 3))
_SUBMISSIONS = st.one_of(
    st.builds(
        types_pb2.Submission,
        ten_print=st.builds(
            types_pb2.TenPrint,
            prints=st.lists(_PRINTS, max_size=4),
            missing=st.lists(_MISSING, max_size=3),
        ),
    ),
    st.builds(types_pb2.Submission, transaction=st.binary(max_size=200)),
)


@given(_SUBMISSIONS, st.text(max_size=8), st.text(max_size=8))
def test_anything_else_than_a_submission_is_a_typed_error(
    message: types_pb2.Submission, ori: str, tcn: str
) -> None:
    error: RidgelineError | None = None
    try:
        read_submission(message, read_origin(types_pb2.Origin(ori=ori, tcn=tcn)))
    except RidgelineError as caught:
        error = caught
    assert error is None or error.field
    assert error is None or error.code is not ErrorCode.INTERNAL


def test_a_capture_arrives_whole_and_goes_back() -> None:
    stated = gallery_pb2.Capture(day="2019-03-07", sensor=" Example LS 110 ")
    capture = read_capture(stated)
    assert capture == Capture(datetime.date(2019, 3, 7), "Example LS 110")
    assert read_capture(capture_message(capture)) == capture
    assert read_capture(gallery_pb2.Capture()) == Capture()


@pytest.mark.parametrize(
    ("capture", "field"),
    [
        (gallery_pb2.Capture(day="07.03.2019"), "capture.day"),
        (gallery_pb2.Capture(day="20190307"), "capture.day"),
        (gallery_pb2.Capture(day="2019-02-30"), "capture.day"),
        (gallery_pb2.Capture(day="9999-01-01"), "capture.day"),
        (gallery_pb2.Capture(sensor="x" * 129), "capture.sensor"),
        (gallery_pb2.Capture(sensor="a\nb"), "capture.sensor"),
    ],
)
def test_a_wrong_capture_is_named(capture: gallery_pb2.Capture, field: str) -> None:
    with pytest.raises(RidgelineError) as caught:
        read_capture(capture)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_FIELD, field)
