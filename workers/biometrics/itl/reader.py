"""Reads the traditional encoding, ANSI/NIST-ITL 1-2011 Annex B.

One pass, in time and memory proportional to the input; every limit is a constant here. The
content list 1.003 says which records follow, and each record's length where it ends, so a
wrong one is an error at a known byte and never a search for separators in image data.
"""

from __future__ import annotations

from workers.biometrics.itl.records import (
    BINARY_TYPES,
    DATA_FIELD,
    DECODED_TAGGED_TYPES,
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
    malformed,
    record_name,
)

MAX_TRANSACTION_BYTES = 64 * 1024 * 1024
"""Larger than any ten-print with palms and face we know of (a 1000 ppi card is about 15 MB)."""

MAX_RECORDS = 1000
"""Type-1 and the 999 records that a three-digit record count can name."""

MAX_FIELDS = 512
"""Fields of one tagged record; EBTS Type-2 records use fewer than 200."""

MAX_ITEMS = 100_000
"""Subfield and item separators in one field; 255 minutiae with their ridge counts have 6,000."""

MAX_TAG_BYTES = 16
"""Longest ``type.number`` before a colon that we accept; the standard's are 5 to 8."""

BINARY_HEADER_BYTES = 18
_PRINT_TYPES = frozenset({3, 4, 5, 6})
_PADDING = b"\x00 \t\r\n\x1a"


def read_transaction(data: bytes) -> Transaction:
    """Reads a whole transaction.

    Types 1, 2, 9 and 14 are split into fields, binary print records into their header and
    data, all else is kept opaque.

    Raises:
        RidgelineError: MALFORMED_TRANSACTION, with the record, field and byte offset.
    """
    data = bytes(data)
    if len(data) > MAX_TRANSACTION_BYTES:
        raise malformed(
            f"{len(data)} bytes exceed the limit of {MAX_TRANSACTION_BYTES}",
            field="transaction",
            offset=MAX_TRANSACTION_BYTES,
        )
    header, position = _read_tagged(data, 0, 1, 1)
    records: list[Record] = [header]
    for index, (record_type, idc) in enumerate(read_contents(header), start=2):
        if position >= len(data):
            raise malformed(
                f"field 1.003 lists {record_name(record_type, index)}, but the data end here",
                field="Type-1 record 1, field 1.003",
                offset=position,
            )
        record, position = _read_record(data, position, record_type, index)
        if record.idc != idc:
            raise malformed(
                f"IDC is {record.idc}, field 1.003 says {idc}",
                field=f"{record.name}, field {record_type}.002",
                offset=record.offset,
            )
        records.append(record)
    padding = data[position:]
    if padding.strip(_PADDING):
        raise malformed(
            f"field 1.003 lists {len(records) - 1} records, but more data follow",
            field="Type-1 record 1, field 1.003",
            offset=position,
        )
    return Transaction(tuple(records), padding)


def read_contents(header: TaggedRecord) -> list[tuple[int, int]]:
    """(type, IDC) of each record after the first, from field 1.003.

    Raises:
        RidgelineError: MALFORMED_TRANSACTION where the list contradicts itself.
    """
    found = header.require(3)
    if len(found.value) > MAX_RECORDS * 16:
        raise header.error(found, f"more than {MAX_RECORDS} records")
    first, *rest = found.subfields
    if len(first) != 2 or header.integer(found, first[0], 1, 1) != 1:
        raise header.error(found, "the first subfield must be 1 and the number of records")
    count = header.integer(found, first[1], 0, MAX_RECORDS - 1)
    if count != len(rest):
        raise header.error(found, f"states {count} records, but lists {len(rest)}")
    contents = []
    for subfield in rest:
        if len(subfield) != 2:
            raise header.error(found, "each record needs a type and an IDC")
        record_type = header.integer(found, subfield[0], 2, 99)
        contents.append((record_type, header.integer(found, subfield[1], 0, 255)))
    return contents


def read_fields(data: bytes, start: int, end: int, record_type: int, index: int) -> list[Field]:
    """Splits data[start:end], which ends with the file separator, into fields.

    Raises:
        RidgelineError: MALFORMED_TRANSACTION at the field that is wrong.
    """
    fields: list[Field] = []
    numbers: set[int] = set()
    position, last = start, end - 1
    while position < last:
        number, after = _read_tag(data, position, last, record_type, index)
        stop = last if number == DATA_FIELD else data.find(GS, after, last)
        stop = last if stop < 0 else stop
        name = f"{record_name(record_type, index)}, field {record_type}.{number:03d}"
        if number in numbers:
            raise malformed("the field occurs twice", field=name, offset=position)
        if len(fields) == MAX_FIELDS:
            raise malformed(f"more than {MAX_FIELDS} fields", field=name, offset=position)
        if number != DATA_FIELD and data.find(FS, after, stop) >= 0:
            raise malformed(
                "the record ends before its stated length",
                field=name,
                offset=data.find(FS, after, stop),
            )
        value = data[after:stop]
        if number != DATA_FIELD and value.count(RS) + value.count(US) > MAX_ITEMS:
            raise malformed(f"more than {MAX_ITEMS} items", field=name, offset=position)
        numbers.add(number)
        fields.append(Field(number, value, position, data[position : after - 1]))
        position = stop + 1
    return fields


def _read_record(data: bytes, start: int, record_type: int, index: int) -> tuple[Record, int]:
    if record_type in BINARY_TYPES:
        return _read_binary(data, start, record_type, index)
    if record_type in DECODED_TAGGED_TYPES:
        return _read_tagged(data, start, record_type, index)
    return _read_opaque(data, start, record_type, index)


def _read_tagged(data: bytes, start: int, record_type: int, index: int) -> tuple[TaggedRecord, int]:
    end = _tagged_end(data, start, record_type, index)
    fields = read_fields(data, start, end, record_type, index)
    record = TaggedRecord(record_type, index, tuple(fields), start)
    if record_type != 1:
        record.require(2)
    return record, end


def _read_opaque(data: bytes, start: int, record_type: int, index: int) -> tuple[OpaqueRecord, int]:
    end = _tagged_end(data, start, record_type, index)
    second = data.find(GS, start, end) + 1
    name = f"{record_name(record_type, index)}, field {record_type}.002"
    number, after = _read_tag(data, second, end, record_type, index) if second else (0, 0)
    if number != 2:
        raise malformed("the IDC does not follow the length", field=name, offset=second or start)
    stop = min(s for s in (data.find(GS, after, end), data.find(FS, after, end)) if s >= 0)
    item = data[after:stop].split(US)[0].strip()
    if not item.isdigit() or len(item) > 3 or int(item) > 255:
        raise malformed("expected an IDC from 0 to 255", field=name, offset=after)
    return OpaqueRecord(record_type, index, int(item), data[start:end], start), end


def _read_tag(data: bytes, start: int, end: int, record_type: int, index: int) -> tuple[int, int]:
    """(field number, offset of the value) of the tag at `start`."""
    colon = data.find(b":", start, min(end, start + MAX_TAG_BYTES + 1))
    before, dot, after = data[start : max(colon, start)].partition(b".")
    digits = before.isdigit() and after.isdigit()
    if colon < 0 or not dot or not digits or int(after) == 0:
        raise malformed(
            "expected a field tag",
            field=record_name(record_type, index),
            offset=start,
        )
    if int(before) != record_type:
        raise malformed(
            f"expected a field of Type-{record_type}, found one of Type-{int(before)}",
            field=record_name(record_type, index),
            offset=start,
        )
    return int(after), colon + 1


def _tagged_end(data: bytes, start: int, record_type: int, index: int) -> int:
    """Where the tagged record at `start` ends, by its length field."""
    number, after = _read_tag(data, start, len(data), record_type, index)
    name = f"{record_name(record_type, index)}, field {record_type}.001"
    stop = data.find(GS, after, after + 16)
    digits = data[after : max(stop, after)]
    if number != 1 or not digits.isdigit():
        raise malformed("a record must start with its length", field=name, offset=start)
    end = start + int(digits)
    if end > len(data):
        raise malformed(
            f"the record's length is {int(digits)}, but {len(data) - start} bytes are left",
            field=name,
            offset=start,
        )
    if end <= stop or data[end - 1 : end] != FS:
        raise malformed(
            f"no file separator at the record's stated end, length {int(digits)}",
            field=name,
            offset=start,
        )
    return end


def _read_binary(data: bytes, start: int, record_type: int, index: int) -> tuple[Record, int]:
    name = f"{record_name(record_type, index)}, field {record_type}.001"
    length = int.from_bytes(data[start : start + 4], "big")
    minimum = BINARY_HEADER_BYTES if record_type == 4 else 5
    if len(data) - start < minimum or not minimum <= length <= len(data) - start:
        raise malformed(
            f"the record's length is {length}, but {len(data) - start} bytes are left and "
            f"{minimum} the least",
            field=name,
            offset=start,
        )
    end, body = start + length, data[start : start + length]
    if record_type not in _PRINT_TYPES or length < BINARY_HEADER_BYTES:
        return OpaqueRecord(record_type, index, body[4], body, start), end
    return BinaryPrintRecord(
        type=record_type,
        index=index,
        idc=body[4],
        impression=body[5],
        positions=(body[6], body[7], body[8], body[9], body[10], body[11]),
        resolution_code=body[12],
        width=int.from_bytes(body[13:15], "big"),
        height=int.from_bytes(body[15:17], "big"),
        compression=body[17],
        data=body[BINARY_HEADER_BYTES:],
        offset=start,
    ), end
