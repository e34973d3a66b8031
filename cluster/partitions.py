"""Partitions: a fixed number of hash classes of the immutable encounter id."""

from __future__ import annotations

import hashlib

DEFAULT_PARTITIONS = 64
"""Chosen once, when a gallery is created."""


def partition_of(encounter_id: str, partitions: int) -> int:
    """Partition of an encounter: BLAKE2b-64 of its id modulo the number of partitions.

    The subject takes no part, so moving an encounter to another subject moves no data.
    """
    digest = hashlib.blake2b(encounter_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % partitions
