"""The gallery's system of record."""

from cluster.store.database import Database
from cluster.store.keys import FileKeyProvider, KeyProvider
from cluster.store.lease import Lease, LeaseState
from cluster.store.records import (
    Counts,
    Enrolled,
    Enrolment,
    Removed,
    StoredEncounter,
    SubjectOf,
)
from cluster.store.store import Store

__all__ = [
    "Counts",
    "Database",
    "Enrolled",
    "Enrolment",
    "FileKeyProvider",
    "KeyProvider",
    "Lease",
    "LeaseState",
    "Removed",
    "Store",
    "StoredEncounter",
    "SubjectOf",
]
