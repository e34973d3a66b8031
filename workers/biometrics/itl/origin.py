"""Who sent a transaction, and which one it is."""

from __future__ import annotations

from typing import NamedTuple

from workers.biometrics.itl.records import TaggedRecord, Transaction


class TransactionOrigin(NamedTuple):
    """What identifies a submission, as text without surrounding blanks.

    Attributes:
        ori: originating agency, field 1.008.
        tcn: transaction control number, field 1.009.
        tot: type of transaction, field 1.004.
        controlling_agency: field 2.073 of the first Type-2 record that has one; else None.
    """

    ori: str
    tcn: str
    tot: str
    controlling_agency: str | None


def transaction_origin(transaction: Transaction) -> TransactionOrigin:
    """Reads the origin.

    Raises:
        RidgelineError: MALFORMED_TRANSACTION where 1.004, 1.008 or 1.009 is missing or empty.
    """
    header = transaction.header
    return TransactionOrigin(
        ori=header.require(8).text.strip(),
        tcn=header.require(9).text.strip(),
        tot=header.require(4).text.strip(),
        controlling_agency=_controlling_agency(transaction),
    )


def _controlling_agency(transaction: Transaction) -> str | None:
    for record in transaction.records:
        if isinstance(record, TaggedRecord) and record.type == 2:
            found = record.get(73)
            if found is not None and found.subfields[0][0].strip():
                return found.subfields[0][0].decode("latin-1").strip()
    return None
