"""A gallery's own facts: written when it is made, upgraded and checked when it is opened."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from cluster.store.database import Database
from cluster.store.schema import SCHEMA_VERSION, counter, meta, metadata
from workers.errors import ErrorCode, RidgelineError
from workers.matching.parameters import descriptor_hash

_UPGRADES = {
    1: (
        "ALTER TABLE encounters ADD COLUMN captured_on DATE",
        "ALTER TABLE encounters ADD COLUMN sensor VARCHAR(128)",
    ),
    # The lease comes with the other new tables. A release that knows none would write beside the
    # coordinator that holds it, so it must not open the gallery.
    2: (
        "ALTER TABLE subjects ADD COLUMN merged_into VARCHAR(128)",
        "ALTER TABLE subjects ADD COLUMN expunged BIGINT",
        "ALTER TABLE encounters ADD COLUMN supersedes VARCHAR(128)",
        "ALTER TABLE encounters ADD COLUMN expunged BIGINT",
        "CREATE INDEX encounters_by_sealed_for ON encounters (sealed_for)",
        "ALTER TABLE journal ADD COLUMN other_id VARCHAR(128) NOT NULL DEFAULT ''",
        # What was called a removal erased the templates, which is to expunge now.
        "UPDATE subjects SET expunged = removed",
        "UPDATE encounters SET expunged = removed",
        "UPDATE journal SET operation = 'expunge_encounter' WHERE operation = 'remove_encounter'",
        "UPDATE journal SET operation = 'expunge_subject' WHERE operation = 'remove_subject'",
        "INSERT INTO gallery_meta (name, value) "
        "SELECT 'gaps_until', CAST(value AS VARCHAR(20)) FROM gallery_sequence",
    ),
}
"""Statements that take each older schema to the one after it."""


IMPORTING = "importing"
"""Fact of a store into which an archive is being imported: which, and how many blocks are."""


@dataclass(frozen=True, slots=True)
class GalleryFacts:
    """What was decided when the gallery was made, and its schema now.

    Attributes:
        gaps_until: sequence up to which the journal may lack entries: before schema 3 an
            enrolment that was refused could use a sequence up.
    """

    schema_version: int
    partitions: int
    descriptor_hash: str
    gaps_until: int


def prepare(database: Database, partitions: int) -> None:
    """Makes a gallery where there is none, and brings an older one to this release's schema."""
    with database.transaction() as connection:
        metadata.create_all(connection, checkfirst=True)
        if connection.execute(sa.select(counter.c.value)).first() is not None:
            _upgrade(connection)
            return
        connection.execute(counter.insert().values(id=1, value=0))
        facts = new_facts(partitions, descriptor_hash())
        connection.execute(meta.insert(), [{"name": k, "value": v} for k, v in facts.items()])


def new_facts(partitions: int, described_with: str, gaps_until: int = 0) -> dict[str, str]:
    """Facts of a gallery of this release, as they are stored."""
    return {
        "schema_version": str(SCHEMA_VERSION),
        "partitions": str(partitions),
        "descriptor_hash": described_with,
        "gaps_until": str(gaps_until),
    }


def read_values(connection: sa.Connection) -> dict[str, str]:
    """Facts as they are stored; none where there is no gallery yet."""
    return dict(map(tuple, connection.execute(sa.select(meta.c.name, meta.c.value)).all()))


def read_facts(database: Database) -> GalleryFacts:
    """The facts of a gallery that this release can use.

    Raises:
        RidgelineError: STORE_UNAVAILABLE where there is no gallery, or half of one, or one of
            another schema than this release writes (reads, if it is only to be read);
            PARAMETERS_MISMATCH where it was described with other parameters and may be written.
    """
    with database.reading() as connection:
        if not sa.inspect(connection).has_table(meta.name):
            raise RidgelineError(ErrorCode.STORE_UNAVAILABLE, "there is no gallery in this store")
        values = read_values(connection)
    if IMPORTING in values:
        raise RidgelineError(
            ErrorCode.STORE_UNAVAILABLE, "an import into this store has not been finished"
        )
    facts = GalleryFacts(
        int(values["schema_version"]),
        int(values["partitions"]),
        values["descriptor_hash"],
        int(values.get("gaps_until", 0)),
    )
    current = facts.schema_version == SCHEMA_VERSION
    if not current and not (database.read_only and facts.schema_version in _UPGRADES):
        raise RidgelineError(
            ErrorCode.STORE_UNAVAILABLE,
            f"the store has schema {facts.schema_version}, this release {SCHEMA_VERSION}",
        )
    if facts.descriptor_hash != descriptor_hash() and not database.read_only:
        raise RidgelineError(
            ErrorCode.PARAMETERS_MISMATCH,
            "the gallery's descriptors were built with other parameters; re-enrol it",
        )
    return facts


def require_current(facts: GalleryFacts) -> None:
    """For what needs more than an older gallery that is only read has.

    Raises:
        RidgelineError: STORE_UNAVAILABLE.
    """
    if facts.schema_version != SCHEMA_VERSION:
        raise RidgelineError(
            ErrorCode.STORE_UNAVAILABLE,
            f"the store has schema {facts.schema_version}; a server of this release upgrades it "
            f"to {SCHEMA_VERSION} when it starts",
        )


def _upgrade(connection: sa.Connection) -> None:
    """Also when several processes open the gallery at once: the second finds it upgraded."""
    row = meta.c.name == "schema_version"
    # The lock is PostgreSQL's; SQLite lets one writer in at a time.
    stored = connection.execute(sa.select(meta.c.value).where(row).with_for_update())
    version = int(stored.scalar_one())
    if version not in _UPGRADES:
        return
    while version in _UPGRADES:
        for statement in _UPGRADES[version]:
            connection.execute(sa.text(statement))
        version += 1
    connection.execute(meta.update().where(row).values(value=str(version)))
