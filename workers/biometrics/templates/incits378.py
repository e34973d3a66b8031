"""INCITS 378-2004 finger minutiae records; those of the 2007/2009 edition are read too."""

from __future__ import annotations

from collections.abc import Sequence

from workers.biometrics.templates.record import (
    MAGIC,
    MAX_POSITION,
    ViewHeader,
    check_start,
    common_geometry,
    finish_record,
    read_length,
    read_view_header,
    view_header,
)
from workers.biometrics.templates.views import (
    Cursor,
    TemplateView,
    read_extended,
    read_geometry,
    read_minutiae,
    write_extended,
    write_minutiae,
)

VERSION = b" 20\0"
VERSION_2007 = b"030\0"
ANGLE_UNITS = 180
"""One unit is 2 degrees, clause 6.5.2.3."""

_HEADER_BYTES = 26
_LONG_HEADER_BYTES = 30


def read(data: bytes) -> list[TemplateView]:
    """Views of a record, minutiae scaled to 500 ppi.

    Raises:
        RidgelineError: MALFORMED_TEMPLATE with field and offset.
    """
    if data[4:8] == VERSION_2007:
        return _read_2007(data)
    cursor = check_start(data, VERSION)
    agrees = _read_length(cursor)
    cursor.take(4, "product identifier")
    cursor.take(2, "capture equipment")
    geometry = read_geometry(cursor)
    count = cursor.number(1, "number of views")
    cursor.take(1, "reserved byte")
    views = []
    for index in range(count):
        name = f"view {index + 1}"
        header = read_view_header(cursor, name)
        minutiae = read_minutiae(cursor, header.count, geometry, ANGLE_UNITS, name)
        final = agrees and index == count - 1
        views.append(header.view(minutiae, read_extended(cursor, name, final=final)))
    finish_record(cursor)
    return views


def write(views: Sequence[TemplateView]) -> bytes:
    """A 2004 record of the views at 500 ppi (197 pixels per centimetre).

    Raises:
        RidgelineError: INVALID_FIELD where the format cannot hold them.
    """
    body = b"".join(
        view_header(view, name)
        + write_minutiae(view.minutiae, ANGLE_UNITS, name)
        + write_extended(view.extended, name)
        for name, view in ((f"view {i}", v) for i, v in enumerate(views, start=1))
    )
    length = _HEADER_BYTES + len(body)
    if length <= 0xFFFF:
        spelt = length.to_bytes(2, "big")
    else:
        spelt = b"\0\0" + (_LONG_HEADER_BYTES + len(body)).to_bytes(4, "big")
    product, equipment = b"\0\0\0\0", b"\0\0"
    return MAGIC + VERSION + spelt + product + equipment + common_geometry(views) + b"\0" + body


def _read_length(cursor: Cursor) -> bool:
    """Two bytes, or two of zero and then four, clause 6.4.3."""
    if cursor.data[cursor.position : cursor.position + 2] == b"\0\0":
        cursor.take(2, "record length")
        return read_length(cursor, 4)
    return read_length(cursor, 2)


def _read_2007(data: bytes) -> list[TemplateView]:
    """Every view has a size and resolution of its own in this edition."""
    cursor = check_start(data, VERSION_2007)
    agrees = read_length(cursor, 4)
    cursor.take(4, "product identifier")
    cursor.take(2, "capture equipment")
    count = cursor.number(1, "number of views")
    cursor.take(1, "reserved byte")
    views = []
    for index in range(count):
        name = f"view {index + 1}"
        position = cursor.ranged(1, f"{name}, finger position", 0, MAX_POSITION)
        number = cursor.number(1, f"{name}, view number")
        impression = cursor.number(1, f"{name}, impression type")
        quality = cursor.number(1, f"{name}, finger quality")
        cursor.take(4, f"{name}, quality algorithm")
        geometry = read_geometry(cursor, f"{name}, ")
        minutiae_count = cursor.number(1, f"{name}, number of minutiae")
        header = ViewHeader(
            position, number, impression, quality if quality <= 100 else 0, minutiae_count
        )
        minutiae = read_minutiae(cursor, minutiae_count, geometry, ANGLE_UNITS, name)
        final = agrees and index == count - 1
        views.append(header.view(minutiae, read_extended(cursor, name, final=final)))
    finish_record(cursor)
    return views
