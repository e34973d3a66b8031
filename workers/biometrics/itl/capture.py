"""When and with what a transaction's prints were taken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TypeVar

from workers.biometrics.itl.records import Field, TaggedRecord, Transaction
from workers.biometrics.model import SENSOR_MAX_CHARACTERS, Capture

Value = TypeVar("Value")


def transaction_capture(transaction: Transaction) -> Capture:
    """What the Type-14 records that say so agree on.

    The day is field 14.005; the sensor is make and model of 14.904 (ANSI/NIST-ITL 1-2011 Update
    2015, clause 7.7.1.2), without the serial number, which names one device. Neither decides
    anything, so what cannot be read says nothing and is no error.
    """
    return Capture(_agreed(transaction, 5, _day), _agreed(transaction, 904, _make_and_model) or "")


def _agreed(
    transaction: Transaction, number: int, read: Callable[[Field], Value | None]
) -> Value | None:
    """What every record that has a readable field of that number says; None if they differ."""
    stated = {
        value
        for record in transaction.records
        if isinstance(record, TaggedRecord)
        and record.type == 14
        and (found := record.get(number)) is not None
        and (value := read(found)) is not None
    }
    return stated.pop() if len(stated) == 1 else None


def _day(found: Field) -> date | None:
    text = found.text.strip()
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        return None
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        return None


def _make_and_model(found: Field) -> str | None:
    """Make and model in a line; "0" stands for what is not known."""
    items = [Field(904, item).text.strip() for item in found.subfields[0][:2]]
    text = " ".join(item for item in items if item not in ("", "0"))
    known = text and text.isprintable() and len(text) <= SENSOR_MAX_CHARACTERS
    return text if known else None
