"""ANSI/NIST-ITL transactions in the traditional encoding: read, understand, describe, write.

Follows ANSI/NIST-ITL 1-2011 Update 2015 (NIST SP 500-290e3), Annex B, and reads the 2000 and
2007 editions' files, whose encoding is the same.
"""

from workers.biometrics.itl.build import BookingPrint, build_booking
from workers.biometrics.itl.describe import TransactionDescription, describe_transaction
from workers.biometrics.itl.origin import TransactionOrigin, transaction_origin
from workers.biometrics.itl.reader import read_transaction
from workers.biometrics.itl.records import Transaction
from workers.biometrics.itl.submission import submission_from_transaction
from workers.biometrics.itl.writer import write_transaction

__all__ = [
    "BookingPrint",
    "Transaction",
    "TransactionDescription",
    "TransactionOrigin",
    "build_booking",
    "describe_transaction",
    "read_transaction",
    "submission_from_transaction",
    "transaction_origin",
    "write_transaction",
]
