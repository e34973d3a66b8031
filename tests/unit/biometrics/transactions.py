"""Builds transactions byte by byte, beside and not through the writer under test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

FS, GS, RS, US = b"\x1c", b"\x1d", b"\x1e", b"\x1f"


def tagged(record_type: int, fields: Mapping[int, bytes]) -> bytes:
    """A tagged record with its length."""
    body = b"".join(GS + b"%d.%03d:" % (record_type, n) + v for n, v in fields.items()) + FS
    tag = b"%d.001:" % record_type
    for digits in range(1, 9):
        length = len(tag) + digits + len(body)
        if len(str(length)) == digits:
            return tag + str(length).encode() + body
    raise AssertionError("too long")


def contents(records: Sequence[tuple[int, int]]) -> bytes:
    """The value of field 1.003."""
    entries = [US.join((b"%d" % t, b"%02d" % idc)) for t, idc in records]
    return RS.join([b"1" + US + b"%d" % len(records), *entries])


def header(records: Sequence[tuple[int, int]], **changes: bytes) -> bytes:
    """A Type-1 record; `changes` such as ``f3=b"..."`` replace fields."""
    fields = {
        2: b"0500",
        3: contents(records),
        4: b"CAR",
        5: b"20240229",
        7: b"DEST",
        8: b"ORIGIN",
        9: b"TCN-1",
        11: b"19.69",
        12: b"19.69",
    }
    fields |= {int(name[1:]): value for name, value in changes.items()}
    return tagged(1, fields)


def type_2(fields: Mapping[int, bytes] | None = None) -> bytes:
    """A Type-2 record with IDC 0."""
    return tagged(2, {2: b"00", **(fields or {})})


def type_4(
    *,
    idc: int = 1,
    impression: int = 1,
    positions: Sequence[int] = (1,),
    resolution_code: int = 0,
    width: int = 20,
    height: int = 30,
    compression: int = 0,
    data: bytes | None = None,
    record_type: int = 4,
) -> bytes:
    """A binary print record, raw unless said otherwise."""
    image = bytes(width * height) if data is None else data
    fingers = bytes([*positions, *[255] * (6 - len(positions))])
    body = bytes([idc, impression]) + fingers + bytes([resolution_code])
    body += width.to_bytes(2, "big") + height.to_bytes(2, "big") + bytes([compression]) + image
    return (len(body) + 4).to_bytes(4, "big") + body


def type_14(changes: Mapping[int, bytes | None] | None = None, *, idc: int = 1) -> bytes:
    """A raw Type-14 record of 20 x 30 pixels; None removes a field."""
    fields: dict[int, bytes | None] = {
        2: b"%02d" % idc,
        3: b"1",
        4: b"ORIGIN",
        5: b"20240229",
        6: b"20",
        7: b"30",
        8: b"1",
        9: b"500",
        10: b"500",
        11: b"NONE",
        12: b"8",
        13: b"2",
        999: bytes(600),
    }
    fields |= changes or {}
    kept = {n: v for n, v in sorted(fields.items()) if v is not None}
    return tagged(14, kept)


def type_9(changes: Mapping[int, bytes | None] | None = None, *, idc: int = 1) -> bytes:
    """A Type-9 record with an INCITS 378 block of two minutiae."""
    fields: dict[int, bytes | None] = {
        2: b"%02d" % idc,
        3: b"0",
        4: b"S",
        126: US.join((b"3.01", b"27", b"1")),
        128: b"300",
        129: b"400",
        130: b"1",
        131: b"500",
        132: b"500",
        133: b"0",
        134: b"3",
        136: b"2",
        137: RS.join(
            US.join(items)
            for items in (
                (b"1", b"10", b"20", b"45", b"1", b"90"),
                (b"2", b"299", b"399", b"179", b"2", b"255"),
            )
        ),
    }
    fields |= changes or {}
    return tagged(9, {n: v for n, v in sorted(fields.items()) if v is not None})
