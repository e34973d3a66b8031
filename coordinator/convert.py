"""Between the contract's messages and the domain: every field checked, and named when wrong."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from protos.ridgeline.v1 import gallery_pb2, types_pb2
from workers.biometrics.itl import (
    read_transaction,
    submission_from_transaction,
    transaction_origin,
)
from workers.biometrics.model import (
    SENSOR_MAX_CHARACTERS,
    SLAP_FINGERS,
    Capture,
    FingerPosition,
    Impression,
    MissingFinger,
    MissingReason,
    Print,
    PrintFormat,
    Submission,
    UnusedPrint,
    reject_duplicates,
)
from workers.errors import ErrorCode, RidgelineError
from workers.matching.sequence import SequenceSwap
from workers.matching.template import FingerTemplate
from workers.prepare import PreparedSubmission

MAX_PRINTS = 32
"""Ten rolled, ten plain, two thumbs, three slaps, and some to spare."""

MAX_SIDE_PX = 65_535
RESOLUTION_RANGE_PPI = (100.0, 5_000.0)
"""Below, ridges cannot be told apart; above, there is no fingerprint scanner."""

MAX_IDENTIFIER_CHARACTERS = 128

_FORMATS: Mapping[int, PrintFormat] = {
    types_pb2.PRINT_FORMAT_WSQ: PrintFormat.WSQ,
    types_pb2.PRINT_FORMAT_JPEG2000: PrintFormat.JPEG2000,
    types_pb2.PRINT_FORMAT_PNG: PrintFormat.PNG,
    types_pb2.PRINT_FORMAT_RAW: PrintFormat.RAW,
    types_pb2.PRINT_FORMAT_ISO_19794_2_2005: PrintFormat.ISO_19794_2_2005,
    types_pb2.PRINT_FORMAT_INCITS_378_2004: PrintFormat.INCITS_378_2004,
}
_IMPRESSION_CODES: Mapping[Impression, types_pb2.Impression] = {
    Impression.PLAIN: types_pb2.IMPRESSION_PLAIN,
    Impression.ROLLED: types_pb2.IMPRESSION_ROLLED,
}
_REASON_CODES: Mapping[MissingReason, types_pb2.MissingReason] = {
    MissingReason.AMPUTATED: types_pb2.MISSING_REASON_AMPUTATED,
    MissingReason.UNPRINTABLE: types_pb2.MISSING_REASON_UNPRINTABLE,
}
_IMPRESSIONS = {int(code): impression for impression, code in _IMPRESSION_CODES.items()}
_REASONS = {int(code): reason for reason, code in _REASON_CODES.items()}


class StatedOrigin(NamedTuple):
    """Originating agency and control number of a submission; empty where none is stated."""

    ori: str
    tcn: str


def read_submission(
    submission: types_pb2.Submission, origin: StatedOrigin
) -> tuple[Submission, StatedOrigin]:
    """The prints of a submission and whose they are. Reads the whole transaction: not quick.

    Args:
        origin: as the request states it; must agree with that of a transaction.

    Raises:
        RidgelineError: INVALID_FIELD, MALFORMED_TRANSACTION, DUPLICATE_FINGER, or
            NO_USABLE_FINGER where there is not one print.
    """
    body = submission.WhichOneof("body")
    if body is None:
        raise invalid("submission", "prints or a transaction are required")
    if body == "transaction":
        result, origin = _read_transaction(submission.transaction, origin)
    else:
        result = _read_ten_print(submission.ten_print)
    if not result.prints:
        named = "; ".join(f"{u.source}: {u.reason}" for u in result.unused)
        raise RidgelineError(ErrorCode.NO_USABLE_FINGER, named, field=f"submission.{body}")
    return result, origin


def read_origin(origin: types_pb2.Origin) -> StatedOrigin:
    """The origin as stated in a request.

    Raises:
        RidgelineError: INVALID_FIELD for a value that cannot be an ORI or a TCN.
    """
    return StatedOrigin(identifier(origin.ori, "origin.ori"), identifier(origin.tcn, "origin.tcn"))


def read_capture(capture: gallery_pb2.Capture) -> Capture:
    """When and with what an encounter was taken, as stated in a request.

    Raises:
        RidgelineError: INVALID_FIELD for what is no day, a day to come, or no sensor's name.
    """
    sensor = capture.sensor.strip()
    if len(sensor) > SENSOR_MAX_CHARACTERS or not sensor.isprintable():
        raise invalid(
            "capture.sensor", f"expected at most {SENSOR_MAX_CHARACTERS} printable characters"
        )
    return Capture(_day(capture.day), sensor)


def capture_message(capture: Capture) -> gallery_pb2.Capture:
    """As the contract has it."""
    return gallery_pb2.Capture(
        day=capture.day.isoformat() if capture.day else "", sensor=capture.sensor
    )


def identifier(value: str, field: str, *, required: bool = False) -> str:
    """An identifier without surrounding blanks: short, printable.

    Raises:
        RidgelineError: INVALID_FIELD naming `field`.
    """
    value = value.strip()
    if required and not value:
        raise invalid(field, "required")
    if len(value) > MAX_IDENTIFIER_CHARACTERS or not value.isprintable():
        raise invalid(field, f"expected at most {MAX_IDENTIFIER_CHARACTERS} printable characters")
    return value


def invalid(field: str, detail: str) -> RidgelineError:
    """The error for a field of the request that is not valid."""
    return RidgelineError(ErrorCode.INVALID_FIELD, detail, field=field)


def finger_summaries(prepared: PreparedSubmission) -> list[types_pb2.FingerSummary]:
    """The fingers that are searched or enrolled, with the print that each came from."""
    sources = {
        (sample.position, sample.impression): sample.source for sample in prepared.ten_print.samples
    }
    return summaries(prepared.template.fingers, sources)


def summaries(
    fingers: Iterable[FingerTemplate],
    sources: Mapping[tuple[FingerPosition, Impression], str],
) -> list[types_pb2.FingerSummary]:
    """Summaries of stored or prepared fingers."""
    return [
        types_pb2.FingerSummary(
            position=int(finger.position),
            impression=impression_code(finger.impression),
            minutiae=len(finger),
            nfiq2=finger.nfiq2,
            source=sources.get((finger.position, finger.impression), ""),
        )
        for finger in fingers
    ]


def unused_prints(unused: Sequence[UnusedPrint]) -> list[types_pb2.UnusedPrint]:
    """What was set aside, and why."""
    return [types_pb2.UnusedPrint(source=u.source, reason=u.reason) for u in unused]


def missing_fingers(missing: Sequence[MissingFinger]) -> list[types_pb2.MissingFinger]:
    """Fingers known to have no print."""
    return [
        types_pb2.MissingFinger(position=int(m.position), reason=_REASON_CODES[m.reason])
        for m in missing
    ]


def sequence_warnings(swaps: Sequence[SequenceSwap]) -> list[types_pb2.SequenceWarning]:
    """Rolled prints that fit another finger's plain print."""
    return [
        types_pb2.SequenceWarning(
            rolled_position=swap.rolled_position, plain_position=swap.plain_position
        )
        for swap in swaps
    ]


def impression_code(impression: Impression) -> types_pb2.Impression:
    """The contract's value of an impression."""
    return _IMPRESSION_CODES[impression]


def _day(text: str) -> datetime.date | None:
    if not text:
        return None
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        day = None
    # Somewhere it is tomorrow already.
    latest = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1)
    if day is None or day.isoformat() != text or day > latest:
        raise invalid("capture.day", "expected a day as YYYY-MM-DD, not one to come")
    return day


def _read_transaction(data: bytes, stated: StatedOrigin) -> tuple[Submission, StatedOrigin]:
    transaction = read_transaction(data)
    found = transaction_origin(transaction)
    origin = StatedOrigin(
        identifier(found.ori, "Type-1 record, field 1.008", required=True),
        identifier(found.tcn, "Type-1 record, field 1.009", required=True),
    )
    for name in StatedOrigin._fields:
        given, own = getattr(stated, name), getattr(origin, name)
        if given and given != own:
            raise invalid(f"origin.{name}", "differs from the transaction's own")
    return submission_from_transaction(transaction), origin


def _read_ten_print(ten_print: types_pb2.TenPrint) -> Submission:
    if len(ten_print.prints) > MAX_PRINTS:
        raise invalid("prints", f"at most {MAX_PRINTS} are taken")
    prints = tuple(_read_print(p, f"prints[{i}]") for i, p in enumerate(ten_print.prints))
    missing = tuple(_read_missing(m, f"missing[{i}]") for i, m in enumerate(ten_print.missing))
    gone = [finger.position for finger in missing]
    for i, position in enumerate(gone):
        if position in gone[:i]:
            raise invalid(f"missing[{i}].position", f"finger {int(position)} is named twice")
    reject_duplicates(
        (finger, print_.impression, print_.source)
        for print_ in prints
        if print_.impression is not None
        for finger in _fingers_shown(print_.position)
        if not (print_.position.is_slap and finger in gone)
    )
    return Submission(prints, missing)


def _read_print(print_: types_pb2.Print, where: str) -> Print:
    found = _FORMATS.get(print_.format)
    if found is None:
        raise invalid(f"{where}.format", "required")
    if print_.position > max(FingerPosition):
        raise invalid(f"{where}.position", "expected a finger position code, 1 to 15")
    if not print_.data:
        raise invalid(f"{where}.data", "required")
    position = FingerPosition(print_.position)
    impression = _IMPRESSIONS.get(print_.impression)
    if not found.is_template:
        _check_image(print_, found, position, impression, where)
    return Print(
        source=where,
        position=position,
        impression=impression,
        format=found,
        data=print_.data,
        resolution_ppi=_resolution(print_.resolution_ppi, where),
        width=print_.width,
        height=print_.height,
    )


def _check_image(
    print_: types_pb2.Print,
    found: PrintFormat,
    position: FingerPosition,
    impression: Impression | None,
    where: str,
) -> None:
    if position is FingerPosition.UNKNOWN:
        raise invalid(f"{where}.position", "required for images")
    if impression is None:
        raise invalid(f"{where}.impression", "required for images")
    if position > FingerPosition.LEFT_LITTLE and impression is not Impression.PLAIN:
        raise invalid(f"{where}.impression", "positions 11 to 15 are plain")
    if found is not PrintFormat.RAW:
        return
    for name, side in (("width", print_.width), ("height", print_.height)):
        if not 1 <= side <= MAX_SIDE_PX:
            raise invalid(f"{where}.{name}", f"expected 1 to {MAX_SIDE_PX} pixels")
    expected = print_.width * print_.height
    if len(print_.data) != expected:
        raise invalid(f"{where}.data", f"expected {expected} bytes, got {len(print_.data)}")
    if print_.resolution_ppi == 0:
        raise invalid(f"{where}.resolution_ppi", "required for raw images")


def _resolution(ppi: float, where: str) -> float | None:
    if ppi == 0:
        return None
    low, high = RESOLUTION_RANGE_PPI
    if not math.isfinite(ppi) or not low <= ppi <= high:
        raise invalid(f"{where}.resolution_ppi", f"expected {low:g} to {high:g} pixels per inch")
    return ppi


def _read_missing(missing: types_pb2.MissingFinger, where: str) -> MissingFinger:
    reason = _REASONS.get(missing.reason)
    if not FingerPosition.RIGHT_THUMB <= missing.position <= FingerPosition.LEFT_LITTLE:
        raise invalid(f"{where}.position", "expected a finger, 1 to 10")
    if reason is None:
        raise invalid(f"{where}.reason", "required")
    return MissingFinger(FingerPosition(missing.position), reason)


def _fingers_shown(position: FingerPosition) -> tuple[FingerPosition, ...]:
    return SLAP_FINGERS.get(position, (position.finger,))
