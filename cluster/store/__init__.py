"""The gallery's system of record."""

from cluster.store.database import Database
from cluster.store.keys import FileKeyProvider, KeyProvider
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
    "Removed",
    "Store",
    "StoredEncounter",
    "SubjectOf",
]
