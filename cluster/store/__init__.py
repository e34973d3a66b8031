"""The gallery's system of record."""

from cluster.store.database import Database
from cluster.store.keys import FileKeyProvider, KeyProvider
from cluster.store.lease import Lease, LeaseState
from cluster.store.records import (
    Correction,
    Counts,
    Enrolled,
    Enrolment,
    Moved,
    Removed,
    StoredEncounter,
    SubjectOf,
)
from cluster.store.store import Store

__all__ = [
    "Correction",
    "Counts",
    "Database",
    "Enrolled",
    "Enrolment",
    "FileKeyProvider",
    "KeyProvider",
    "Lease",
    "LeaseState",
    "Moved",
    "Removed",
    "Store",
    "StoredEncounter",
    "SubjectOf",
]
