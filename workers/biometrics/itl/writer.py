"""Writes the traditional encoding, ANSI/NIST-ITL 1-2011 Annex B.

Lengths and the content list are computed, never taken on trust, yet written as they were read
where they already say the right thing. So whatever `read_transaction` accepts is written back
byte for byte.
"""

from __future__ import annotations

from dataclasses import replace

from workers.biometrics.itl.reader import read_contents
from workers.biometrics.itl.records import (
    FS,
    GS,
    RS,
    US,
    BinaryPrintRecord,
    Field,
    OpaqueRecord,
    Record,
    TaggedRecord,
    Transaction,
)
from workers.errors import RidgelineError


def write_transaction(transaction: Transaction) -> bytes:
    """The transaction's bytes, with lengths and field 1.003 made true."""
    header, rest = transaction.header, transaction.records[1:]
    parts = [_tagged_bytes(_with_contents(header, rest))]
    parts += [record_bytes(record) for record in rest]
    return b"".join(parts) + transaction.padding


def _with_contents(header: TaggedRecord, rest: tuple[Record, ...]) -> TaggedRecord:
    contents = [(record.type, record.idc) for record in rest]
    try:
        if read_contents(header) == contents:
            return header
    except RidgelineError:
        pass
    entries = [US.join((b"1", str(len(contents)).encode()))]
    entries += [US.join((str(t).encode(), f"{idc:02d}".encode())) for t, idc in contents]
    fields = [f for f in header.fields if f.number != 3]
    at = next((i for i, f in enumerate(fields) if f.number > 3), len(fields))
    fields.insert(at, Field(3, RS.join(entries)))
    return replace(header, fields=tuple(fields))


def record_bytes(record: Record) -> bytes:
    """One record's bytes; the length is computed, the contents of a Type-1 record are not."""
    if isinstance(record, TaggedRecord):
        return _tagged_bytes(record)
    if isinstance(record, BinaryPrintRecord):
        return _binary_bytes(record)
    assert isinstance(record, OpaqueRecord)  # noqa: S101 - narrows the union
    return record.data


def _tagged_bytes(record: TaggedRecord) -> bytes:
    length = next((f for f in record.fields if f.number == 1), Field(1, b""))
    rest = [_field_bytes(record.type, f) for f in record.fields if f.number != 1]
    tag = length.tag or _tag(record.type, 1)
    body = b"".join(GS + part for part in rest) + FS
    return tag + b":" + _length_value(len(tag) + 1 + len(body), length.value) + body


def _length_value(others: int, before: bytes) -> bytes:
    """Decimal length of a record whose other parts take `others` bytes, itself included.

    Starts from the spelling `before`, since two lengths can fit (97 + "99", 97 + "100").
    """
    width = len(before) if before.startswith(b"0") else 0
    digits = len(before)
    while True:
        value = str(others + digits).rjust(width, "0")
        if len(value) == digits:
            return value.encode()
        digits = len(value)


def _field_bytes(record_type: int, found: Field) -> bytes:
    return (found.tag or _tag(record_type, found.number)) + b":" + found.value


def _tag(record_type: int, number: int) -> bytes:
    return f"{record_type}.{number:03d}".encode()


def _binary_bytes(record: BinaryPrintRecord) -> bytes:
    header = bytes((record.idc, record.impression, *record.positions, record.resolution_code))
    size = record.width.to_bytes(2, "big") + record.height.to_bytes(2, "big")
    body = header + size + bytes((record.compression,)) + record.data
    return (len(body) + 4).to_bytes(4, "big") + body
