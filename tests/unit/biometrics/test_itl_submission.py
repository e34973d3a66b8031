"""What a transaction means: prints, missing fingers, what is set aside, what is refused."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import numpy as np
import pytest

from tests.unit.biometrics import transactions as raw
from workers.biometrics import images
from workers.biometrics.itl import (
    BookingPrint,
    build_booking,
    describe_transaction,
    read_transaction,
    submission_from_transaction,
    transaction_origin,
    write_transaction,
)
from workers.biometrics.model import (
    UNKNOWN_CAPTURE,
    Capture,
    FingerImage,
    FingerPosition,
    Impression,
    MissingFinger,
    MissingReason,
    PrintFormat,
    Segment,
    Submission,
)
from workers.biometrics.templates import read_template
from workers.errors import ErrorCode, RidgelineError


def submission(*records: bytes, **changes: bytes) -> Submission:
    listed = []
    for record in records:
        if record[:1] == b"\0":
            listed.append((4, record[4]))
        else:
            head = record.split(b"\x1d")
            listed.append((int(head[0].split(b".")[0]), int(head[1].split(b":")[1].strip(b"\x1c"))))
    data = raw.header(listed, **changes) + b"".join(records)
    return submission_from_transaction(read_transaction(data))


def refused(code: ErrorCode, *records: bytes, **changes: bytes) -> RidgelineError:
    with pytest.raises(RidgelineError) as caught:
        submission(*records, **changes)
    assert caught.value.code is code
    return caught.value


def test_a_type_4_record_is_a_print_at_500_ppi() -> None:
    (found,) = submission(raw.type_4(positions=(3,), impression=3)).prints
    assert found.source == "Type-4 record 2"
    assert found.position is FingerPosition.RIGHT_MIDDLE
    assert found.impression is Impression.ROLLED
    assert found.format is PrintFormat.RAW
    assert found.resolution_ppi == 500.0
    assert (found.width, found.height, len(found.data)) == (20, 30, 600)


@pytest.mark.parametrize(
    ("stated", "ppi"), [(b"19.69", 500.0), (b"19.7", 500.0), (b"39.37", 1000.0), (b"22.40", 568.96)]
)
def test_a_native_type_4_resolution_comes_from_the_header(stated: bytes, ppi: float) -> None:
    (found,) = submission(raw.type_4(resolution_code=1), f11=stated).prints
    assert found.resolution_ppi == pytest.approx(ppi)


def test_a_native_type_4_resolution_must_be_there() -> None:
    error = refused(ErrorCode.MALFORMED_TRANSACTION, raw.type_4(resolution_code=1), f11=b"abc")
    assert error.field == "Type-1 record 1, field 1.011"


@pytest.mark.parametrize(
    ("units", "scale", "ppi"),
    [
        (b"1", b"500", 500.0),
        (b"1", b"1000", 1000.0),
        (b"2", b"197", 500.0),
        (b"2", b"394", 1000.0),
        (b"2", b"224", 568.96),
        (b"0", b"1", None),
    ],
)
def test_a_type_14_resolution_has_its_unit(units: bytes, scale: bytes, ppi: float | None) -> None:
    (found,) = submission(raw.type_14({8: units, 9: scale, 10: scale})).prints
    assert found.resolution_ppi == (None if ppi is None else pytest.approx(ppi))


@pytest.mark.parametrize(
    ("position", "finger"), [(11, FingerPosition.RIGHT_THUMB), (12, FingerPosition.LEFT_THUMB)]
)
def test_plain_thumbs_are_plain_whatever_the_impression_code(
    position: int, finger: FingerPosition
) -> None:
    (found,) = submission(raw.type_4(positions=(position,), impression=1)).prints
    assert found.impression is Impression.PLAIN
    assert found.position.finger is finger


@pytest.mark.parametrize(
    ("record", "word"),
    [
        (raw.type_4(positions=(0,)), "unknown"),
        (raw.type_4(positions=(2, 3)), "several"),
        (raw.type_4(positions=(21,)), "palm"),
        (raw.type_4(impression=4), "latent"),
        (raw.type_4(impression=29), "neither"),
        (raw.type_4(compression=2), "JPEGB"),
        (raw.type_14({13: b"19"}), "joint"),
        (raw.type_14({13: b"2\x1e3"}), "several"),
        (raw.type_14({11: b"JPEGL"}), "JPEGL"),
        (raw.type_14({12: b"16"}), "16 bits"),
        (raw.type_14({10: b"1000"}), "differ"),
        (raw.type_9({137: None, 136: None}), "not read"),
        (raw.type_9({134: b"14"}), "slap"),
        (raw.tagged(15, {2: b"01", 3: b"0"}), "palm"),
        (raw.tagged(13, {2: b"01", 3: b"0"}), "latent"),
        (raw.tagged(77, {2: b"01", 3: b"0"}), "Type-77"),
    ],
)
def test_what_cannot_be_used_is_set_aside_with_a_word(record: bytes, word: str) -> None:
    found = submission(record)
    assert found.prints == ()
    (unused,) = found.unused
    assert unused.source.endswith("record 2")
    assert word in unused.reason


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({3: b"x"}, 3),
        ({3: None}, 3),
        ({6: b"0"}, 6),
        ({7: b"-30"}, 7),
        ({8: b"3"}, 8),
        ({9: b""}, 9),
        ({11: None}, 11),
        ({12: b"8.0"}, 12),
        ({13: b"2\x1ex"}, 13),
        ({13: None}, 13),
        ({999: b""}, 999),
        ({999: None}, 999),
        ({18: b"2"}, 18),
        ({13: b"13", 21: b"2\x1f1\x1f9\x1f1"}, 21),
        ({13: b"13", 21: b"7\x1f1\x1f9\x1f1\x1f9"}, 21),
        ({13: b"13", 21: b"2\x1f9\x1f9\x1f1\x1f9"}, 21),
        ({13: b"13", 21: b"2\x1f1\x1f9\x1f1\x1f9\x1e2\x1f1\x1f9\x1f1\x1f9"}, 21),
        ({13: b"13", 25: b"2\x1f3\x1f1\x1f1\x1f9\x1f1"}, 25),
    ],
)
def test_a_malformed_type_14_field_is_named(changes: dict[int, bytes | None], number: int) -> None:
    error = refused(ErrorCode.MALFORMED_TRANSACTION, raw.type_2(), raw.type_14(changes))
    assert error.field == f"Type-14 record 3, field 14.{number:03d}"
    assert error.offset is not None


@pytest.mark.parametrize(
    ("record", "number", "offset"),
    [
        (raw.type_4(resolution_code=2), 5, 12),
        (raw.type_4(width=0), 6, 13),
        (raw.type_4(height=0), 7, 15),
        (raw.type_4(compression=7), 8, 17),
    ],
)
def test_a_malformed_type_4_field_is_named(record: bytes, number: int, offset: int) -> None:
    error = refused(ErrorCode.MALFORMED_TRANSACTION, record)
    assert error.field == f"Type-4 record 2, field 4.{number:03d}"
    assert error.offset == len(raw.header([(4, 1)])) + offset


def test_stated_segments_of_a_slap() -> None:
    boxes = b"3\x1f5\x1f99\x1f0\x1f9\x1e2\x1f0\x1f4\x1f1\x1f9"
    (found,) = submission(raw.type_14({13: b"13", 3: b"0", 21: boxes})).prints
    assert found.segments == (
        Segment(FingerPosition.RIGHT_INDEX, 0, 4, 1, 9),
        Segment(FingerPosition.RIGHT_MIDDLE, 5, 19, 0, 9),
    )


def test_stated_polygons_stand_in_for_boxes() -> None:
    polygon = b"7\x1f3\x1f2\x1f3\x1f9\x1f4\x1f5\x1f20"
    (found,) = submission(raw.type_14({13: b"14", 3: b"0", 25: polygon})).prints
    assert found.segments == (Segment(FingerPosition.LEFT_INDEX, 2, 9, 3, 20),)


def test_missing_fingers_of_both_fields() -> None:
    found = submission(
        raw.type_2({84: b"02\x1fUP\x1e9\x1fUP\x1e12\x1fXX"}),
        raw.type_14({13: b"14", 3: b"0", 18: b"9\x1fXX"}),
    )
    assert found.missing == (
        MissingFinger(FingerPosition.RIGHT_INDEX, MissingReason.UNPRINTABLE),
        MissingFinger(FingerPosition.LEFT_THUMB, MissingReason.AMPUTATED),
        MissingFinger(FingerPosition.LEFT_RING, MissingReason.AMPUTATED),
    )


def test_a_missing_finger_needs_no_image() -> None:
    found = submission(raw.type_14({13: b"4", 18: b"4\x1fXX", 999: None, 6: None, 7: None}))
    assert found.prints == ()
    assert found.missing == (MissingFinger(FingerPosition.RIGHT_RING, MissingReason.AMPUTATED),)
    assert "missing" in found.unused[0].reason


def test_an_unknown_missing_code_is_noted() -> None:
    found = submission(raw.type_2({84: b"3\x1fZZ"}))
    assert found.missing == ()
    assert found.unused[0].source == "Type-2 record 2, field 2.084"


@pytest.mark.parametrize(
    "records",
    [
        (raw.type_4(idc=1, positions=(2,)), raw.type_14(idc=2)),
        (raw.type_4(idc=1, positions=(13,)), raw.type_4(idc=2, positions=(2,), impression=0)),
        (raw.type_4(idc=1, positions=(15,)), raw.type_4(idc=2, positions=(12,))),
        (raw.type_4(idc=1, positions=(6,), impression=0), raw.type_4(idc=2, positions=(12,))),
    ],
)
def test_one_finger_and_impression_twice_is_refused(records: tuple[bytes, bytes]) -> None:
    assert refused(ErrorCode.DUPLICATE_FINGER, *records).field.endswith("record 3")


def test_rolled_and_plain_of_one_finger_are_welcome() -> None:
    found = submission(
        raw.type_4(idc=1, positions=(1,)),
        raw.type_4(idc=2, positions=(11,)),
        raw.type_4(idc=3, positions=(13,)),
        raw.type_4(idc=4, positions=(2,)),
    )
    assert len(found.prints) == 4


def test_a_slap_without_the_missing_finger_does_not_clash() -> None:
    missing = raw.type_2({84: b"2\x1fUP"})
    single = raw.type_4(idc=2, positions=(2,), impression=0)
    found = submission(missing, raw.type_4(idc=1, positions=(13,)), single)
    assert len(found.prints) == 2


def test_type_9_minutiae_become_a_template() -> None:
    (found,) = submission(raw.type_9()).prints
    assert (found.position, found.impression) == (FingerPosition.RIGHT_MIDDLE, Impression.PLAIN)
    (view,) = read_template(found)
    assert (view.position, view.impression) == (3, Impression.PLAIN)
    minutiae = view.minutiae
    np.testing.assert_array_equal(minutiae.x, [10, 299])
    np.testing.assert_array_equal(minutiae.y, [20, 399])
    np.testing.assert_allclose(minutiae.angle, [math.pi / 2, math.radians(358)], rtol=1e-6)
    np.testing.assert_array_equal(minutiae.kind, [1, 2])
    np.testing.assert_array_equal(minutiae.quality, [90, 0])
    assert (minutiae.width, minutiae.height) == (300, 400)


def test_type_9_minutiae_are_scaled_to_500_ppi() -> None:
    scales: dict[int, bytes | None] = {130: b"2", 131: b"394", 132: b"394"}
    (view,) = read_template(submission(raw.type_9(scales)).prints[0])
    np.testing.assert_array_equal(view.minutiae.x, [5, 149])
    assert (view.minutiae.width, view.minutiae.height) == (150, 200)


def test_an_image_beats_its_own_minutiae() -> None:
    found = submission(raw.type_9(idc=1), raw.type_14({13: b"3"}, idc=1))
    assert [p.source for p in found.prints] == ["Type-14 record 3"]
    assert "Type-14 record 3" in found.unused[0].reason


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({136: b"3"}, 137),
        ({137: b"1\x1f300\x1f2\x1f3\x1f1\x1f9", 136: b"1"}, 137),
        ({137: b"1\x1f3\x1f2\x1f180\x1f1\x1f9", 136: b"1"}, 137),
        ({137: b"1\x1f3\x1f2\x1f1\x1f1", 136: b"1"}, 137),
        ({137: None}, 136),
        ({130: b"0"}, 130),
        ({128: None}, 128),
        ({132: b"600"}, 132),
        ({131: b"5", 132: b"5"}, 131),
    ],
)
def test_a_malformed_type_9_field_is_named(changes: dict[int, bytes | None], number: int) -> None:
    error = refused(ErrorCode.MALFORMED_TRANSACTION, raw.type_9(changes))
    assert error.field == f"Type-9 record 2, field 9.{number:03d}"


def ramp(height: int, width: int, ppi: float = 500.0) -> FingerImage:
    rows, columns = np.mgrid[:height, :width]
    return FingerImage((127 + 120 * np.sin((rows + columns) / 3)).astype(np.uint8), ppi)


@pytest.mark.parametrize("record_type", [4, 14])
def test_a_built_booking_comes_back(record_type: int) -> None:
    thumb, slap = ramp(120, 100), ramp(150, 300)
    missing = (MissingFinger(FingerPosition.LEFT_RING, MissingReason.AMPUTATED),)
    transaction = build_booking(
        [
            BookingPrint(FingerPosition.RIGHT_THUMB, Impression.ROLLED, thumb),
            BookingPrint(FingerPosition.PLAIN_LEFT_FOUR, Impression.PLAIN, slap),
        ],
        originating_agency="XX0000001",
        control_number="B-77",
        controlling_agency="XX0000009",
        missing=missing,
        captured=datetime(2025, 3, 1, 12, tzinfo=UTC),
        record_type=record_type,
    )
    data = write_transaction(transaction)
    again = read_transaction(data)
    assert write_transaction(again) == data
    assert transaction_origin(again) == ("XX0000001", "B-77", "CAR", "XX0000009")
    found = submission_from_transaction(again)
    assert found.missing == missing
    assert [(int(p.position), p.impression) for p in found.prints] == [
        (1, Impression.ROLLED),
        (14, Impression.PLAIN),
    ]
    decoded = images.decode(found.prints[0])
    assert decoded.resolution_ppi == 500.0
    difference = decoded.pixels.astype(float) - thumb.pixels
    assert np.sqrt(np.mean(difference**2)) < 12


def test_a_booking_is_refused_what_its_records_cannot_hold() -> None:
    print_ = BookingPrint(FingerPosition.RIGHT_THUMB, Impression.ROLLED, ramp(100, 100, 1000.0))
    for arguments in (
        {"record_type": 4},
        {"record_type": 5},
        {"control_number": "a\x1cb"},
        {"controlling_agency": " "},
    ):
        settings: dict[str, object] = {
            "originating_agency": "O",
            "control_number": "T",
            **arguments,
        }
        with pytest.raises(RidgelineError) as caught:
            build_booking([print_], **settings)  # type: ignore[arg-type]
        assert caught.value.code is ErrorCode.INVALID_FIELD
        assert caught.value.field


def test_a_description_says_what_each_record_holds() -> None:
    palm = {2: b"02", 3: b"10", 5: b"20240301", 6: b"9", 7: b"8", 8: b"2", 9: b"197", 10: b"197"}
    data = (
        raw.header([(4, 1), (15, 2)], f14=b"20240301120000Z")
        + raw.type_4(positions=(14,), impression=2, compression=1)
        + raw.tagged(15, {**palm, 11: b"JP2", 13: b"23", 999: b"\x1c" * 70})
    )
    first, slap, other = describe_transaction(read_transaction(data)).records
    assert first.dates == ("20240229", "20240301120000Z")
    assert first.fields[2].tag == "1.003"
    assert slap.decoded
    assert slap.positions == ("plain left four fingers",)
    assert slap.impression == "non-live-scan plain"
    assert (slap.width, slap.height, slap.compression, slap.data_size) == (20, 30, "WSQ20", 600)
    assert not other.decoded
    assert other.positions == ("left full palm",)
    assert other.resolution == "197 ppcm"
    assert (other.width, other.height, other.compression, other.data_size) == (9, 8, "JP2", 70)
    assert other.dates == ("20240301",)


def test_when_and_with_what_prints_were_taken() -> None:
    device = raw.US.join((b"Example", b"LS 110", b"SN-4711"))
    first = raw.type_14({904: device}, idc=1)
    second = raw.type_14({13: b"3"}, idc=2)
    taken = submission(first, second).capture
    assert taken == Capture(date(2024, 2, 29), "Example LS 110")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({5: b"20240230"}, UNKNOWN_CAPTURE),
        ({5: b"000000000"}, UNKNOWN_CAPTURE),
        ({5: None}, UNKNOWN_CAPTURE),
        ({5: None, 904: b"0\x1fLS 110\x1f0"}, Capture(None, "LS 110")),
        ({5: None, 904: b"0\x1f0\x1f4711"}, UNKNOWN_CAPTURE),
        ({5: None, 904: b"a\x07b\x1fc\x1fd"}, UNKNOWN_CAPTURE),
        ({5: None, 904: b"x" * 129}, UNKNOWN_CAPTURE),
    ],
)
def test_what_cannot_be_read_says_nothing(
    changes: dict[int, bytes | None], expected: Capture
) -> None:
    assert submission(raw.type_14(changes)).capture == expected


def test_records_that_differ_say_nothing() -> None:
    first = raw.type_14({904: b"A\x1fB\x1fC"}, idc=1)
    second = raw.type_14({5: b"20240301", 13: b"3", 904: b"A\x1fC\x1fC"}, idc=2)
    assert submission(first, second).capture == UNKNOWN_CAPTURE
    assert submission(raw.type_4()).capture == UNKNOWN_CAPTURE
