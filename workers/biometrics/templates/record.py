"""Parts of the record and view headers that both standards share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workers.biometrics.model import Minutiae
from workers.biometrics.templates.views import (
    MAX_TEMPLATE_BYTES,
    NOMINAL_PPCM,
    Cursor,
    TemplateView,
    malformed,
    unwritable,
)

MAGIC = b"FMR\0"
MAX_POSITION = 10


@dataclass(frozen=True, slots=True)
class ViewHeader:
    """A view before its minutiae."""

    position: int
    number: int
    impression_code: int
    quality: int
    count: int

    def view(self, minutiae: Minutiae, extended: bytes) -> TemplateView:
        """The view with its minutiae."""
        return TemplateView(
            position=self.position,
            impression_code=self.impression_code,
            quality=self.quality,
            minutiae=minutiae,
            number=self.number,
            extended=extended,
        )


def check_start(data: bytes, version: bytes) -> Cursor:
    """A cursor after the format identifier and version, which must be those given."""
    if len(data) > MAX_TEMPLATE_BYTES:
        raise malformed(
            f"{len(data)} bytes exceed the limit of {MAX_TEMPLATE_BYTES}",
            field="record length",
            offset=MAX_TEMPLATE_BYTES,
        )
    cursor = Cursor(bytes(data))
    if cursor.take(4, "format identifier") != MAGIC:
        raise malformed("not a finger minutiae record", field="format identifier", offset=0)
    if cursor.take(4, "version") != version:
        raise malformed("not the stated format's version", field="version", offset=len(MAGIC))
    return cursor


def read_length(cursor: Cursor, count: int) -> bool:
    """Whether a record length of `count` bytes agrees with the data; it must not exceed them.

    It may fall short: the views end the record without doubt (`finish_record`), and the
    example of ISO/IEC 19794-2:2005 annex C.2 states one byte less than it holds.
    """
    return cursor.ranged(count, "record length", 1, len(cursor.data)) == len(cursor.data)


def read_view_header(cursor: Cursor, name: str) -> ViewHeader:
    """The four bytes before a view's minutiae."""
    position = cursor.ranged(1, f"{name}, finger position", 0, MAX_POSITION)
    packed = cursor.number(1, f"{name}, view number and impression type")
    quality = cursor.ranged(1, f"{name}, finger quality", 0, 255)
    count = cursor.number(1, f"{name}, number of minutiae")
    # Above 100 is reserved; 254 and 255 say that quality was not, or could not be, computed.
    return ViewHeader(position, packed >> 4, packed & 15, quality if quality <= 100 else 0, count)


def view_header(view: TemplateView, name: str) -> bytes:
    """The four bytes before a view's minutiae."""
    limits = (
        ("finger position", view.position, MAX_POSITION),
        ("view number", view.number, 15),
        ("impression type", view.impression_code, 15),
        ("finger quality", view.quality, 100),
        ("number of minutiae", len(view.minutiae), 255),
    )
    for what, value, most in limits:
        if not 0 <= value <= most:
            raise unwritable(f"{what} is {value}, at most {most} fits", field=name)
    packed = view.number << 4 | view.impression_code
    return bytes((view.position, packed, view.quality, len(view.minutiae)))


def common_geometry(views: Sequence[TemplateView]) -> bytes:
    """Size, resolution and number of the views; the record's size is the largest view's."""
    if not views or len(views) > 255:
        raise unwritable(f"a record holds 1 to 255 views, not {len(views)}", field="views")
    width = max(view.minutiae.width for view in views)
    height = max(view.minutiae.height for view in views)
    if not (0 < width <= 0xFFFF and 0 < height <= 0xFFFF):
        raise unwritable("the image size must fit 16 bits", field="views")
    numbers = (width, height, NOMINAL_PPCM, NOMINAL_PPCM)
    return b"".join(n.to_bytes(2, "big") for n in numbers) + bytes((len(views),))


def finish_record(cursor: Cursor) -> None:
    """MALFORMED_TEMPLATE where data follow the last view."""
    if cursor.position != len(cursor.data):
        raise malformed(
            "data follow the last view", field="number of views", offset=cursor.position
        )
