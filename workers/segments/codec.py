"""How the blocks of a segment lie on disk: plain, or sealed by whoever keeps the keys."""

from __future__ import annotations

from typing import Protocol


class BlockCipher(Protocol):
    """Encodes the blocks of one segment; safe to be used by several threads."""

    def encode(self, block: bytes, context: str) -> bytes:
        """A block as it lies on disk, bound to `context`."""
        ...

    def decode(self, stored: bytes, context: str) -> bytes:
        """The block again; raises RidgelineError for bytes that `encode` did not make."""
        ...


class BlockCodec(Protocol):
    """Makes the cipher of each segment. Picklable: it travels to the actors that write."""

    @property
    def name(self) -> str:
        """As segments name it; one of another codec is not read."""
        ...

    def new(self, context: str) -> tuple[bytes, BlockCipher]:
        """Of a new segment, with what its header keeps to open it again."""
        ...

    def open(self, kept: bytes, context: str) -> BlockCipher:
        """Of a segment that is there; raises RidgelineError where its key is not ours."""
        ...


class PlainBlocks:
    """Blocks as they are: whoever reads the disk has the templates."""

    name = "plain"

    def new(self, context: str) -> tuple[bytes, BlockCipher]:  # noqa: ARG002 - nothing to bind
        """See `BlockCodec.new`."""
        return b"", _AsIs()

    def open(self, kept: bytes, context: str) -> BlockCipher:  # noqa: ARG002 - nothing to open
        """See `BlockCodec.open`."""
        return _AsIs()


class _AsIs:
    def encode(self, block: bytes, context: str) -> bytes:  # noqa: ARG002 - nothing to bind
        return block

    def decode(self, stored: bytes, context: str) -> bytes:  # noqa: ARG002 - nothing to check
        return stored
