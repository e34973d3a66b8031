"""What a transaction is made of: tagged, binary and opaque records.

A record is called by its type and its place in the transaction, ``"Type-14 record 3"``, where
the Type-1 record is record 1; errors, sources and reports all use this name.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from workers.errors import ErrorCode, RidgelineError

FS, GS, RS, US = b"\x1c", b"\x1d", b"\x1e", b"\x1f"
"""Separators of records, fields, subfields and items, ANSI/NIST-ITL 1-2011 table 115."""

BINARY_TYPES = frozenset({3, 4, 5, 6, 7, 8})
"""Record types whose header is binary (Annex B.2): a four-byte length and a one-byte IDC."""

DECODED_TAGGED_TYPES = frozenset({1, 2, 9, 14})
"""Tagged record types that are split into fields; the others stay opaque."""

DATA_FIELD = 999
"""Number of the field that holds the image, always last, to the end of the record."""

UNUSED_FGP = 255
"""Filler of the second to sixth finger position of a binary record."""


def malformed(detail: str, *, field: str, offset: int | None) -> RidgelineError:
    """The error for anything wrong in a transaction's bytes."""
    return RidgelineError(ErrorCode.MALFORMED_TRANSACTION, detail, field=field, offset=offset)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a tagged record, as its bytes.

    Attributes:
        number: the part after the dot, 1 upwards.
        value: between the colon and the separator; subfields and items are split on demand.
        offset: of the field's tag in the transaction it was read from, else None.
        tag: as written, such as ``b"14.001"``; editions differ in leading zeros.
    """

    number: int
    value: bytes = field(repr=False)
    offset: int | None = None
    tag: bytes = b""

    @property
    def subfields(self) -> list[list[bytes]]:
        """Subfields, each a list of items."""
        return [subfield.split(US) for subfield in self.value.split(RS)]

    @property
    def text(self) -> str:
        """The value as text: UTF-8 where it is that, else Latin-1."""
        return decode_text(self.value)


def decode_text(value: bytes) -> str:
    """UTF-8 where the bytes are that, else Latin-1, which takes any byte."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


@dataclass(frozen=True, slots=True)
class TaggedRecord:
    """A record of numbered fields, in file order.

    Attributes:
        index: place in the transaction, 1 for the Type-1 record.
        offset: in the transaction it was read from, else None.
    """

    type: int
    index: int
    fields: tuple[Field, ...]
    offset: int | None = None

    @property
    def name(self) -> str:
        """Such as ``"Type-14 record 3"``."""
        return record_name(self.type, self.index)

    @property
    def idc(self) -> int:
        """Information designation character; 0 for the Type-1 record, which has none."""
        found = None if self.type == 1 else self.get(2)
        return 0 if found is None else self.integer(found, found.value, 0, 255)

    def get(self, number: int) -> Field | None:
        """The field of that number, or None."""
        return next((f for f in self.fields if f.number == number), None)

    def require(self, number: int) -> Field:
        """The field of that number; MALFORMED_TRANSACTION where it is missing or empty."""
        found = self.get(number)
        if found is None or not found.value.strip(RS + US + b" "):
            raise malformed(
                "a mandatory field is missing or empty",
                field=self.field_name(number),
                offset=self.offset if found is None else found.offset,
            )
        return found

    def field_name(self, number: int) -> str:
        """Such as ``"Type-14 record 3, field 14.006"``."""
        return f"{self.name}, field {self.type}.{number:03d}"

    def error(self, found: Field, detail: str) -> RidgelineError:
        """MALFORMED_TRANSACTION that points at the field."""
        return malformed(detail, field=self.field_name(found.number), offset=found.offset)

    def integer(self, found: Field, item: bytes, low: int, high: int) -> int:
        """An item of `found` as an integer in [low, high], else MALFORMED_TRANSACTION."""
        text = item.strip()
        if not text or len(text) > 10 or not text.isdigit():
            raise self.error(found, "expected a whole number")
        number = int(text)
        if not low <= number <= high:
            raise self.error(found, f"expected a number from {low} to {high}, got {number}")
        return number

    def number(self, number: int, low: int, high: int) -> int:
        """A mandatory field of one whole number in [low, high]."""
        found = self.require(number)
        return self.integer(found, found.value, low, high)


@dataclass(frozen=True, slots=True)
class BinaryPrintRecord:
    """A print record with an 18-byte binary header: Type-4, and the deprecated 3, 5 and 6.

    Attributes:
        positions: six finger positions; the first is the best guess, 255 is filler.
        resolution_code: ISR, 0 minimum (Type-4: 500 ppi) or 1 native (field 1.011).
        width: HLL, pixels.
        height: VLL, pixels.
        compression: GCA, 0 none, 1 WSQ, then JPEGB, JPEGL, JP2, JP2L, PNG.
    """

    type: int
    index: int
    idc: int
    impression: int
    positions: tuple[int, int, int, int, int, int]
    resolution_code: int
    width: int
    height: int
    compression: int
    data: bytes = field(repr=False)
    offset: int | None = None

    @property
    def name(self) -> str:
        """Such as ``"Type-4 record 2"``."""
        return record_name(self.type, self.index)

    def error(self, number: int, detail: str) -> RidgelineError:
        """MALFORMED_TRANSACTION that points at a header field, by its number in the standard."""
        offset = None if self.offset is None else self.offset + _HEADER_OFFSET[number]
        name = f"{self.name}, field {self.type}.{number:03d}"
        return malformed(detail, field=name, offset=offset)


_HEADER_OFFSET = {1: 0, 2: 4, 3: 5, 4: 6, 5: 12, 6: 13, 7: 15, 8: 17, 9: 18}
"""Where each field of a binary print record starts, Annex B.2.2."""


@dataclass(frozen=True, slots=True)
class OpaqueRecord:
    """A record that is carried unchanged and not looked into."""

    type: int
    index: int
    idc: int
    data: bytes = field(repr=False)
    offset: int | None = None

    @property
    def name(self) -> str:
        """Such as ``"Type-15 record 4"``."""
        return record_name(self.type, self.index)


Record = TaggedRecord | BinaryPrintRecord | OpaqueRecord


@dataclass(frozen=True, slots=True)
class Transaction:
    """Records in file order, the Type-1 record first.

    Attributes:
        padding: NUL, blank or line-end bytes after the last record, kept for re-writing.
    """

    records: tuple[Record, ...]
    padding: bytes = b""

    @property
    def header(self) -> TaggedRecord:
        """The Type-1 record."""
        first = self.records[0]
        if not isinstance(first, TaggedRecord) or first.type != 1:
            raise malformed("the first record is not Type-1", field="Type-1 record 1", offset=0)
        return first


def record_name(record_type: int, index: int) -> str:
    """How errors and reports call a record."""
    return f"Type-{record_type} record {index}"
