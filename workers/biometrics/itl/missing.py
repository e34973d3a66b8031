"""Fingers stated missing: field 14.018 and, in FBI EBTS transactions, 2.084."""

from __future__ import annotations

from collections.abc import Iterator

from workers.biometrics.itl.records import Field, TaggedRecord, Transaction
from workers.biometrics.model import (
    FingerPosition,
    MissingFinger,
    MissingReason,
    UnusedPrint,
)

AMPUTATION_FIELDS = {14: 18, 2: 84}
"""Number of the amputated-or-bandaged field by record type."""


def missing_fingers(
    transaction: Transaction,
) -> tuple[tuple[MissingFinger, ...], tuple[UnusedPrint, ...]]:
    """Missing fingers by position, and notes on statements we do not understand.

    Where records disagree, amputated outweighs unprintable.

    Raises:
        RidgelineError: MALFORMED_TRANSACTION for a subfield that does not parse.
    """
    reasons: dict[FingerPosition, MissingReason] = {}
    notes: list[UnusedPrint] = []
    for record, found in _statements(transaction):
        name = record.field_name(found.number)
        for subfield in found.subfields:
            if len(subfield) != 2:
                raise record.error(found, "each subfield needs a finger and a code")
            position = record.integer(found, subfield[0], 0, 255)
            code = subfield[1].strip()
            if not 1 <= position <= 12 or code not in (b"XX", b"UP"):
                # Neither is echoed: a code we do not know may be anything.
                notes.append(UnusedPrint(name, "missing finger with a position or code unknown"))
                continue
            finger = FingerPosition(position).finger
            reason = MissingReason(code.decode())
            if reasons.get(finger) is not MissingReason.AMPUTATED:
                reasons[finger] = reason
    missing = tuple(MissingFinger(p, reasons[p]) for p in sorted(reasons))
    return missing, tuple(notes)


def _statements(transaction: Transaction) -> Iterator[tuple[TaggedRecord, Field]]:
    for record in transaction.records:
        if isinstance(record, TaggedRecord):
            number = AMPUTATION_FIELDS.get(record.type)
            found = None if number is None else record.get(number)
            if found is not None and found.value:
                yield record, found
