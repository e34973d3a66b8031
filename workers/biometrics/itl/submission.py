"""From a transaction to the prints that can be searched, and what was set aside and why."""

from __future__ import annotations

from dataclasses import dataclass, field

from workers.biometrics.itl.capture import transaction_capture
from workers.biometrics.itl.codes import (
    BINARY_COMPRESSIONS,
    FORMATS,
    impression_name,
    impression_of,
    position_name,
)
from workers.biometrics.itl.image_fields import (
    native_resolution,
    stated_segments,
    type_14_geometry,
)
from workers.biometrics.itl.minutiae import has_incits_block, read_incits_block
from workers.biometrics.itl.missing import missing_fingers
from workers.biometrics.itl.records import (
    UNUSED_FGP,
    BinaryPrintRecord,
    OpaqueRecord,
    Record,
    TaggedRecord,
    Transaction,
)
from workers.biometrics.model import (
    SLAP_FINGERS,
    FingerPosition,
    Impression,
    Print,
    PrintFormat,
    Submission,
    UnusedPrint,
    reject_duplicates,
)

MINIMUM_RESOLUTION_PPI = 500.0
"""Type-4 minimum scanning resolution (19.69 px/mm), ANSI/NIST-ITL 1-2011 clause 7.7.6.2."""

_OPAQUE_REASONS = {
    3: "low resolution fingerprint image",
    5: "low resolution binary fingerprint image",
    6: "high resolution binary fingerprint image",
    7: "user-defined image",
    8: "signature",
    10: "photographic image, not a fingerprint",
    13: "latent print, searched by examiners only",
    15: "palm print",
    16: "user-defined test image",
    17: "iris image",
    19: "plantar print",
}


@dataclass(slots=True)
class _Sorted:
    """Prints by the record they come from, and what was set aside."""

    transaction: Transaction
    images: list[tuple[Print, int]] = field(default_factory=list)
    minutiae: list[tuple[Print, int]] = field(default_factory=list)
    unused: list[UnusedPrint] = field(default_factory=list)

    def set_aside(self, record: Record, reason: str) -> None:
        self.unused.append(UnusedPrint(record.name, reason))


def submission_from_transaction(transaction: Transaction) -> Submission:
    """The prints of a transaction with their position, impression, format and resolution.

    Type-4, Type-14 and the INCITS 378 block of Type-9 records become prints. A Type-9 record
    whose image (same IDC and finger) is there too is set aside: the image says more. All other
    records are named in `unused`, never an error.

    Raises:
        RidgelineError: MALFORMED_TRANSACTION for a malformed field, DUPLICATE_FINGER where a
            finger has two prints of one impression type, slaps counted as plain prints of
            their fingers.
    """
    found = _Sorted(transaction)
    for record in transaction.records[1:]:
        if isinstance(record, OpaqueRecord):
            reason = _OPAQUE_REASONS.get(record.type, f"Type-{record.type} records are not prints")
            found.set_aside(record, reason)
        elif isinstance(record, BinaryPrintRecord):
            _sort_binary(found, record)
        elif record.type == 14:
            _sort_type_14(found, record)
        elif record.type == 9:
            _sort_type_9(found, record)
    missing, notes = missing_fingers(transaction)
    prints = _choose(found)
    gone = {finger.position for finger in missing}
    reject_duplicates(
        (finger, p.impression, p.source)
        for p in prints
        if p.impression is not None
        for finger in _fingers_shown(p)
        if finger not in gone or not p.position.is_slap
    )
    unused = tuple(found.unused) + notes
    return Submission(tuple(prints), missing, unused, transaction_capture(transaction))


def _choose(found: _Sorted) -> list[Print]:
    shown = {(idc, p.position.finger): p.source for p, idc in found.images}
    prints = [p for p, _ in found.images]
    for print_, idc in found.minutiae:
        image = shown.get((idc, print_.position.finger))
        if image is None:
            prints.append(print_)
        else:
            reason = f"minutiae of {image}, whose image is used"
            found.unused.append(UnusedPrint(print_.source, reason))
    return prints


def _fingers_shown(print_: Print) -> tuple[FingerPosition, ...]:
    if print_.segments:
        return tuple(dict.fromkeys(segment.finger for segment in print_.segments))
    return SLAP_FINGERS.get(print_.position, (print_.position.finger,))


def _position_and_impression(
    found: _Sorted, record: Record, positions: list[int], code: int
) -> tuple[FingerPosition, Impression] | None:
    """None, with the reason noted, where the record does not show one known finger or slap."""
    position = positions[0] if len(positions) == 1 else 0
    if len(positions) != 1:
        found.set_aside(record, "several finger positions are possible")
    elif position == 0:
        found.set_aside(record, "finger position unknown")
    elif position > max(FingerPosition):
        found.set_aside(record, f"{position_name(position)}: not a finger 1-10 or a slap")
    else:
        known = FingerPosition(position)
        impression = impression_of(code)
        if impression is not None:
            # Positions 11-15 are plain by definition, whatever the impression code says.
            return known, impression if position <= 10 else Impression.PLAIN
        found.set_aside(
            record, f"impression type {impression_name(code)}: neither plain nor rolled"
        )
    return None


def _format(found: _Sorted, record: Record, compression: str) -> PrintFormat | None:
    known = FORMATS.get(compression)
    if known is None:
        # Only a code that we know is echoed: the field is free text.
        name = compression if compression in BINARY_COMPRESSIONS else "of an unknown name"
        found.set_aside(record, f"compression {name} is not supported")
    return known


def _sort_binary(found: _Sorted, record: BinaryPrintRecord) -> None:
    if record.type != 4:
        found.set_aside(record, _OPAQUE_REASONS[record.type])
        return
    if record.resolution_code > 1:
        raise record.error(5, "image scanning resolution must be 0 or 1")
    if not record.width or not record.height:
        raise record.error(6 if record.height else 7, "an image has at least one pixel")
    if record.compression >= len(BINARY_COMPRESSIONS):
        raise record.error(8, f"compression code {record.compression} is not defined")
    positions = [p for i, p in enumerate(record.positions) if i == 0 or p != UNUSED_FGP]
    what = _position_and_impression(found, record, positions, record.impression)
    known = _format(found, record, BINARY_COMPRESSIONS[record.compression]) if what else None
    if what is None or known is None:
        return
    resolution = (
        native_resolution(found.transaction.header)
        if record.resolution_code
        else MINIMUM_RESOLUTION_PPI
    )
    print_ = Print(
        source=record.name,
        position=what[0],
        impression=what[1],
        format=known,
        data=record.data,
        resolution_ppi=resolution,
        width=record.width,
        height=record.height,
    )
    found.images.append((print_, record.idc))


def _sort_type_14(found: _Sorted, record: TaggedRecord) -> None:
    fgp = record.require(13)
    positions = [record.integer(fgp, sub[0], 0, 255) for sub in fgp.subfields]
    code = record.number(3, 0, 255)
    if record.get(999) is None and record.get(18) is not None:
        found.set_aside(record, "no image: the finger is stated missing")
        return
    what = _position_and_impression(found, record, positions, code)
    if what is None:
        return
    geometry = type_14_geometry(record)
    known = _format(found, record, geometry.compression)
    if known is None:
        return
    if not geometry.square:
        found.set_aside(record, "horizontal and vertical resolution differ")
        return
    if known is PrintFormat.RAW and geometry.bits_per_pixel != 8:
        found.set_aside(record, f"raw image of {geometry.bits_per_pixel} bits a pixel")
        return
    print_ = Print(
        source=record.name,
        position=what[0],
        impression=what[1],
        format=known,
        data=geometry.data,
        resolution_ppi=geometry.resolution_ppi,
        width=geometry.width,
        height=geometry.height,
        segments=stated_segments(record, geometry.width, geometry.height)
        if what[0].is_slap
        else (),
    )
    found.images.append((print_, record.idc))


def _sort_type_9(found: _Sorted, record: TaggedRecord) -> None:
    if not has_incits_block(record):
        found.set_aside(record, f"minutiae in the {_block_name(record)} block, which is not read")
        return
    block = read_incits_block(record)
    what = _position_and_impression(found, record, [block.position], block.impression)
    if what is None:
        return
    if what[0].is_slap:
        found.set_aside(record, "minutiae of a slap")
        return
    print_ = Print(
        source=record.name,
        position=what[0],
        impression=what[1],
        format=PrintFormat.INCITS_378_2004,
        data=block.template,
    )
    found.minutiae.append((print_, record.idc))


def _block_name(record: TaggedRecord) -> str:
    """Of a Type-9 record without the INCITS block, ANSI/NIST-ITL 1-2011 clause 8.9.7."""
    numbers = [f.number for f in record.fields]
    if any(300 <= n < 400 for n in numbers):
        return "extended feature set"
    return "IAFIS" if any(13 <= n <= 30 for n in numbers) else "legacy"
