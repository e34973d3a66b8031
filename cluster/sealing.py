"""Segments' blocks sealed under a key of each segment, which the key provider wraps."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.store.keys import KeyProvider, new_key, seal, unseal
from workers.segments.codec import BlockCipher


@dataclass(frozen=True, slots=True)
class SealedBlocks:
    """A `workers.segments.codec.BlockCodec`: AES-256-GCM; its pickled form holds no key."""

    keys: KeyProvider
    name: str = "sealed"

    def new(self, context: str) -> tuple[bytes, BlockCipher]:
        """See `BlockCodec.new`: a fresh key, wrapped."""
        key = new_key()
        return self.keys.wrap(key, context), _Sealed(key)

    def open(self, kept: bytes, context: str) -> BlockCipher:
        """See `BlockCodec.open`."""
        return _Sealed(self.keys.unwrap(kept, context))


@dataclass(frozen=True, slots=True)
class _Sealed:
    key: bytes

    def encode(self, block: bytes, context: str) -> bytes:
        return seal(self.key, block, context)

    def decode(self, stored: bytes, context: str) -> bytes:
        return unseal(self.key, stored, context)
