"""Where shards read from: the store, opened by the process that the shard runs in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC

import sqlalchemy as sa

from cluster.store import KeyProvider, Store
from cluster.store.schema import journal
from workers.shard_gallery import GalleryChange


@dataclass(frozen=True, slots=True)
class StoreSourceFactory:
    """Opens a store as a shard's source; picklable, so that it travels to actors.

    Attributes:
        url: of the store.
        keys: provider of the master key; its pickled form holds no key.
    """

    url: str
    keys: KeyProvider

    def __call__(self) -> StoreSource:
        """Opens the store in this process."""
        return StoreSource(Store.open(self.url, self.keys))


class StoreSource:
    """A `workers.shard_gallery.GallerySource` over a store.

    Args:
        newest: sequence to stop at; the store's newest where none is given.
    """

    def __init__(self, store: Store, newest: int | None = None) -> None:
        self._store = store
        self._newest = newest

    def changes(
        self, partitions: Collection[int], *, after: int, upto: int
    ) -> Iterator[GalleryChange]:
        """See `workers.shard_gallery.GallerySource.changes`."""
        return self._store.changes(partitions, after=after, upto=upto)

    def history(self, sequence: int) -> str:
        """See `workers.shard_gallery.GallerySource.history`: of the journal's last entry then."""
        newest = sa.select(journal).where(journal.c.sequence <= sequence)
        newest = newest.order_by(journal.c.sequence.desc()).limit(1)
        with self._store.database.reading() as connection:
            row = connection.execute(newest).first()
        if row is None or sequence > self._store.sequence():
            return ""
        # SQLite forgets the zone, which is always UTC.
        at = row.at.astimezone(UTC).replace(tzinfo=None) if row.at.tzinfo else row.at
        said = [row.operation, row.subject_id, row.encounter_id, row.digest, at.isoformat()]
        return hashlib.sha256(json.dumps([sequence, *said]).encode()).hexdigest()

    def sequence(self) -> int:
        """The newest committed sequence, or the one to stop at."""
        return self._store.sequence() if self._newest is None else self._newest
