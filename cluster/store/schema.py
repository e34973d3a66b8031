"""Tables of the store.

Every row that a search can depend on carries the sequence from which it holds and the one from
which it no longer does, so that any question can be asked as of a sequence. The journal says
what happened in which order, with ids, operations and digests only, never biometrics.
"""

from __future__ import annotations

from enum import StrEnum, unique

import sqlalchemy as sa

SCHEMA_VERSION = 3
"""Raised with every change to these tables; `cluster.store.opening` upgrades older ones."""

CAPTURE_SCHEMA = 2
"""The first in which encounters have `captured_on` and `sensor`."""


@unique
class Operation(StrEnum):
    """What the journal records; see `cluster.store.store.Store` for what each does."""

    ENROLL = "enroll"
    CORRECT = "correct"
    MOVE_ENCOUNTER = "move_encounter"
    MERGE_SUBJECTS = "merge_subjects"
    REMOVE_ENCOUNTER = "remove_encounter"
    REMOVE_SUBJECT = "remove_subject"
    EXPUNGE_ENCOUNTER = "expunge_encounter"
    EXPUNGE_SUBJECT = "expunge_subject"


metadata = sa.MetaData()

meta = sa.Table(
    "gallery_meta",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

# One row. Locking it first thing in every writing transaction serialises writers on
# PostgreSQL, so sequences commit in their own order.
counter = sa.Table(
    "gallery_sequence",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

subjects = sa.Table(
    "subjects",
    metadata,
    sa.Column("subject_id", sa.String(128), primary_key=True),
    sa.Column("added", sa.BigInteger, nullable=False),
    sa.Column("removed", sa.BigInteger),
    # Null once the subject is expunged or merged into another: nothing is sealed under it.
    sa.Column("wrapped_key", sa.LargeBinary),
    sa.Column("merged_into", sa.String(128)),
    sa.Column("expunged", sa.BigInteger),
)

encounters = sa.Table(
    "encounters",
    metadata,
    sa.Column("encounter_id", sa.String(128), primary_key=True),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("added", sa.BigInteger, nullable=False),
    sa.Column("removed", sa.BigInteger),
    sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    # Whose key opens the payload: the subject that the prints are believed to be of.
    sa.Column("sealed_for", sa.String(128), nullable=False),
    # These are null once the encounter is expunged; the last two also where they are not known.
    sa.Column("payload", sa.LargeBinary),
    sa.Column("captured_on", sa.Date),
    sa.Column("sensor", sa.String(128)),
    # The encounter that this one corrects, if it does.
    sa.Column("supersedes", sa.String(128)),
    sa.Column("expunged", sa.BigInteger),
    sa.Index("encounters_by_added", "partition", "added"),
    sa.Index("encounters_by_removed", "partition", "removed"),
    sa.Index("encounters_by_sealed_for", "sealed_for"),
)

# Which subject an encounter belongs to, from one sequence until another.
memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column("encounter_id", sa.String(128), primary_key=True),
    sa.Column("since", sa.BigInteger, primary_key=True),
    sa.Column("until", sa.BigInteger),
    sa.Column("subject_id", sa.String(128), nullable=False),
    sa.Index("memberships_by_subject", "subject_id"),
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("operation", sa.String(32), nullable=False),
    sa.Column("subject_id", sa.String(128), nullable=False),
    sa.Column("encounter_id", sa.String(128), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    # Where a move or merge went: a subject. What a correction corrected: an encounter.
    sa.Column("other_id", sa.String(128), nullable=False, server_default=""),
)

# What callers named so that a repeat does not do it again: see `cluster.store.caller_keys`.
caller_keys = sa.Table(
    "caller_keys",
    metadata,
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Index("caller_keys_by_age", "at"),
)

# One row; see `cluster.store.lease`.
lease = sa.Table(
    "lease",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("holder", sa.String(255), nullable=False),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("expires_ms", sa.BigInteger, nullable=False),
)
