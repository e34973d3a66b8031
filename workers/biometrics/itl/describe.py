"""What a transaction holds, record by record, as data for a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from workers.biometrics.itl.codes import (
    BINARY_COMPRESSIONS,
    impression_name,
    position_name,
)
from workers.biometrics.itl.reader import read_fields
from workers.biometrics.itl.records import (
    BINARY_TYPES,
    DATA_FIELD,
    BinaryPrintRecord,
    Field,
    OpaqueRecord,
    Record,
    TaggedRecord,
    Transaction,
)
from workers.biometrics.itl.writer import record_bytes
from workers.errors import RidgelineError

MAX_VALUE_CHARACTERS = 60
"""Field values are cut to this in a description."""

RECORD_NAMES = {
    1: "transaction information",
    2: "user-defined descriptive text",
    3: "low resolution grey fingerprint",
    4: "high resolution grey fingerprint",
    5: "low resolution binary fingerprint",
    6: "high resolution binary fingerprint",
    7: "user-defined image",
    8: "signature",
    9: "minutiae",
    10: "photographic image",
    13: "latent print",
    14: "fingerprint",
    15: "palm print",
    16: "user-defined test image",
    17: "iris",
    18: "DNA",
    19: "plantar print",
    20: "source representation",
    21: "associated context",
    22: "non-photographic image",
    98: "information assurance",
    99: "CBEFF biometric data",
}

# Fields by meaning, the same numbers in the image records 10 and 13 to 17 and 19.
_IMAGE_RECORDS = frozenset({13, 14, 15})
_DATES = {1: (5, 14), 13: (5,), 14: (5,), 15: (5,)}
_UNITS = {"1": "ppi", "2": "ppcm", "0": "aspect ratio only"}


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """One field; `value` is cut short, and image data are given as a size only."""

    tag: str
    size: int
    value: str


@dataclass(frozen=True, slots=True)
class RecordDescription:
    """One record; what does not apply to its type is None or empty.

    Attributes:
        decoded: whether the record's type is understood, not only carried.
        resolution: as stated, with its unit.
    """

    name: str
    type: int
    type_name: str
    idc: int
    length: int
    decoded: bool
    positions: tuple[str, ...] = ()
    impression: str | None = None
    width: int | None = None
    height: int | None = None
    resolution: str | None = None
    compression: str | None = None
    data_size: int | None = None
    dates: tuple[str, ...] = ()
    fields: tuple[FieldDescription, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class TransactionDescription:
    """All records, the Type-1 record first."""

    records: tuple[RecordDescription, ...]


def describe_transaction(transaction: Transaction) -> TransactionDescription:
    """Describes every record; never fails on one whose fields make no sense.

    The values hold whatever the transaction does, biographic ones too: for the eyes of whoever
    has the file, not for logs.
    """
    return TransactionDescription(tuple(_describe(record) for record in transaction.records))


def _describe(record: Record) -> RecordDescription:
    if isinstance(record, BinaryPrintRecord):
        return _describe_binary(record)
    if isinstance(record, OpaqueRecord):
        return _describe_tagged(record, _fields_of_opaque(record), decoded=False)
    return _describe_tagged(record, record.fields, decoded=True)


def _describe_binary(record: BinaryPrintRecord) -> RecordDescription:
    known = record.compression < len(BINARY_COMPRESSIONS)
    code = f"code {record.compression}"
    return RecordDescription(
        name=record.name,
        type=record.type,
        type_name=_type_name(record.type),
        idc=record.idc,
        length=len(record_bytes(record)),
        decoded=record.type == 4,
        positions=tuple(position_name(p) for p in record.positions if p != 255),
        impression=impression_name(record.impression),
        width=record.width,
        height=record.height,
        resolution="native (1.011)" if record.resolution_code else "minimum",
        compression=BINARY_COMPRESSIONS[record.compression] if known else code,
        data_size=len(record.data),
    )


def _describe_tagged(
    record: TaggedRecord | OpaqueRecord, fields: tuple[Field, ...], *, decoded: bool
) -> RecordDescription:
    values = {f.number: f.text.strip() for f in fields if f.number != DATA_FIELD}
    data = next((f for f in fields if f.number == DATA_FIELD), None)
    image = values if record.type in _IMAGE_RECORDS else {}
    scales = [image[n] for n in (9, 10) if image.get(n)]
    return RecordDescription(
        name=record.name,
        type=record.type,
        type_name=_type_name(record.type),
        idc=record.idc,
        length=len(record_bytes(record)),
        decoded=decoded,
        positions=tuple(_named(position_name, p) for p in _first_items(fields, record.type)),
        impression=_named(impression_name, image[3]) if 3 in image else None,
        width=_integer(image.get(6)),
        height=_integer(image.get(7)),
        resolution=_resolution(scales, image.get(8, "")) if scales else None,
        compression=image.get(11),
        data_size=None if data is None else len(data.value),
        dates=tuple(values[n] for n in _DATES.get(record.type, ()) if n in values),
        fields=tuple(_describe_field(record.type, f) for f in fields),
    )


def _fields_of_opaque(record: OpaqueRecord) -> tuple[Field, ...]:
    if record.type in BINARY_TYPES:
        return ()
    try:
        return tuple(read_fields(record.data, 0, len(record.data), record.type, record.index))
    except RidgelineError:
        return ()


def _describe_field(record_type: int, found: Field) -> FieldDescription:
    tag = f"{record_type}.{found.number:03d}"
    if found.number == DATA_FIELD:
        return FieldDescription(tag, len(found.value), "")
    shown = Field(found.number, found.value[: 4 * MAX_VALUE_CHARACTERS]).text
    for separator, sign in (("\x1e", " | "), ("\x1f", ", ")):
        shown = shown.replace(separator, sign)
    shown = "".join(c if c.isprintable() else "?" for c in shown)
    if len(shown) > MAX_VALUE_CHARACTERS or len(found.value) > 4 * MAX_VALUE_CHARACTERS:
        shown = shown[:MAX_VALUE_CHARACTERS] + "..."
    return FieldDescription(tag, len(found.value), shown)


def _first_items(fields: tuple[Field, ...], record_type: int) -> list[str]:
    if record_type not in _IMAGE_RECORDS:
        return []
    found = next((f for f in fields if f.number == 13), None)
    return [] if found is None else [sub[0].decode("latin-1") for sub in found.subfields]


def _type_name(record_type: int) -> str:
    return RECORD_NAMES.get(record_type, "reserved")


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _named(name: Callable[[int], str], code: str) -> str:
    number = _integer(code.strip())
    return code if number is None else name(number)


def _resolution(scales: list[str], units: str) -> str:
    return f"{' x '.join(dict.fromkeys(scales))} {_UNITS.get(units, '')}".strip()
