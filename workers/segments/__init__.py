"""Segments: the base of each partition on disk, so that a shard need not read the store."""
