"""Makes booking transactions: a subject's prints as a booking system would send them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from workers.biometrics.images import encode_wsq
from workers.biometrics.itl.codes import LIVE_PLAIN, LIVE_ROLLED
from workers.biometrics.itl.records import (
    RS,
    UNUSED_FGP,
    US,
    BinaryPrintRecord,
    Field,
    Record,
    TaggedRecord,
    Transaction,
)
from workers.biometrics.model import (
    RESOLUTION_PPI,
    FingerImage,
    FingerPosition,
    Impression,
    MissingFinger,
)
from workers.errors import ErrorCode, RidgelineError

VERSION = b"0500"
"""ANSI/NIST-ITL 1-2011, table 2."""

MINIMUM_RESOLUTION_PX_MM = b"19.69"
MAX_TEXT = 126
"""Longest text field we write, characters."""

_CODES = {Impression.PLAIN: LIVE_PLAIN, Impression.ROLLED: LIVE_ROLLED}


@dataclass(frozen=True, slots=True)
class BookingPrint:
    """One image of a booking; positions 11-15 are plain."""

    position: FingerPosition
    impression: Impression
    image: FingerImage


def build_booking(
    prints: Sequence[BookingPrint],
    *,
    originating_agency: str,
    control_number: str,
    destination_agency: str = "RIDGELINE",
    transaction_type: str = "CAR",
    controlling_agency: str | None = None,
    missing: Sequence[MissingFinger] = (),
    captured: datetime | None = None,
    record_type: int = 14,
) -> Transaction:
    """A Type-1, a Type-2 and one WSQ record for each print.

    Args:
        originating_agency: ORI, field 1.008.
        control_number: TCN, field 1.009.
        transaction_type: TOT, field 1.004; CAR is the FBI's criminal ten-print submission.
        controlling_agency: field 2.073, where the sender acts for another agency.
        missing: fingers without prints, written to field 2.084.
        captured: when, aware of its zone; now by default.
        record_type: 14, or 4, which is for 500 ppi only.

    Raises:
        RidgelineError: INVALID_FIELD for a text with control characters or too long, a print
            that the record type cannot hold, or an unknown record type.
    """
    if record_type not in (4, 14):
        raise _invalid("record_type", f"expected 4 or 14, got {record_type}")
    moment = (captured or datetime.now(UTC)).astimezone(UTC)
    date = moment.strftime("%Y%m%d").encode()
    fixed = MINIMUM_RESOLUTION_PX_MM if record_type == 4 else b"00.00"
    agency = _text("originating_agency", originating_agency)
    header = _tagged(
        1,
        1,
        {
            2: VERSION,
            4: _text("transaction_type", transaction_type),
            5: date,
            6: b"4",
            7: _text("destination_agency", destination_agency),
            8: agency,
            9: _text("control_number", control_number),
            11: fixed,
            12: fixed,
            13: b"NORAM" + US,
            14: moment.strftime("%Y%m%d%H%M%SZ").encode(),
        },
    )
    records: list[Record] = [header, _type_2(controlling_agency, missing)]
    for index, print_ in enumerate(prints, start=3):
        make = _type_4 if record_type == 4 else _type_14
        records.append(make(print_, index, agency, date))
    return Transaction(tuple(records))


def _type_2(controlling_agency: str | None, missing: Sequence[MissingFinger]) -> TaggedRecord:
    values = {2: b"00"}
    if controlling_agency is not None:
        values[73] = _text("controlling_agency", controlling_agency)
    if missing:
        values[84] = RS.join(
            b"%02d" % finger.position + US + finger.reason.encode() for finger in missing
        )
    return _tagged(2, 2, values)


def _type_4(print_: BookingPrint, index: int, _agency: bytes, _date: bytes) -> BinaryPrintRecord:
    height, width = print_.image.pixels.shape
    if print_.image.resolution_ppi != RESOLUTION_PPI:
        raise _invalid(f"prints[{index - 3}]", "Type-4 records hold 500 ppi; use 14")
    filler = UNUSED_FGP
    return BinaryPrintRecord(
        type=4,
        index=index,
        idc=index - 2,
        impression=_CODES[print_.impression],
        positions=(int(print_.position), filler, filler, filler, filler, filler),
        resolution_code=0,
        width=width,
        height=height,
        compression=1,
        data=encode_wsq(print_.image),
    )


def _type_14(print_: BookingPrint, index: int, agency: bytes, date: bytes) -> TaggedRecord:
    height, width = print_.image.pixels.shape
    ppi = round(print_.image.resolution_ppi)
    if ppi != print_.image.resolution_ppi:
        raise _invalid(f"prints[{index - 3}]", "Type-14 records hold whole ppi")
    values: dict[int, bytes] = {
        2: b"%02d" % (index - 2),
        3: b"%d" % _CODES[print_.impression],
        4: agency,
        5: date,
        6: b"%d" % width,
        7: b"%d" % height,
        8: b"1",
        9: b"%d" % ppi,
        10: b"%d" % ppi,
        11: b"WSQ20",
        12: b"8",
        13: b"%d" % print_.position,
        999: encode_wsq(print_.image),
    }
    return _tagged(14, index, values)


def _tagged(record_type: int, index: int, values: dict[int, bytes]) -> TaggedRecord:
    """The writer adds length and contents."""
    fields = [Field(1, b"")] + [Field(number, value) for number, value in values.items()]
    return TaggedRecord(record_type, index, tuple(fields))


def _text(name: str, value: str) -> bytes:
    known = value.isascii() and value.isprintable()
    if not known or not value.strip() or len(value) > MAX_TEXT:
        raise _invalid(name, f"expected 1 to {MAX_TEXT} printable ASCII characters")
    return value.encode("ascii")


def _invalid(name: str, detail: str) -> RidgelineError:
    return RidgelineError(ErrorCode.INVALID_FIELD, detail, field=name)
