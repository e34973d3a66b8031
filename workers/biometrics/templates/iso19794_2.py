"""ISO/IEC 19794-2:2005 finger minutiae records (clause 7, the record format)."""

from __future__ import annotations

from collections.abc import Sequence

from workers.biometrics.templates.record import (
    MAGIC,
    check_start,
    common_geometry,
    finish_record,
    read_length,
    read_view_header,
    view_header,
)
from workers.biometrics.templates.views import (
    TemplateView,
    read_extended,
    read_geometry,
    read_minutiae,
    write_extended,
    write_minutiae,
)

VERSION = b" 20\0"
ANGLE_UNITS = 256
"""One unit is 1.40625 degrees, clause 7.4.2.3."""

_HEADER_BYTES = 24


def read(data: bytes) -> list[TemplateView]:
    """Views of a record, minutiae scaled to 500 ppi.

    Raises:
        RidgelineError: MALFORMED_TEMPLATE with field and offset.
    """
    cursor = check_start(data, VERSION)
    agrees = read_length(cursor, 4)
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
    """A record of the views at 500 ppi (197 pixels per centimetre).

    Raises:
        RidgelineError: INVALID_FIELD where the format cannot hold them.
    """
    body = b"".join(
        view_header(view, name)
        + write_minutiae(view.minutiae, ANGLE_UNITS, name)
        + write_extended(view.extended, name)
        for name, view in ((f"view {i}", v) for i, v in enumerate(views, start=1))
    )
    length = (_HEADER_BYTES + len(body)).to_bytes(4, "big")
    equipment = b"\0\0"
    return MAGIC + VERSION + length + equipment + common_geometry(views) + b"\0" + body
