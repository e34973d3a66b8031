"""Keys: who holds the master key, and how payloads are sealed under a key of each subject.

Envelope encryption: every subject has a key of its own, wrapped by a master key that only the
provider knows. Destroying the wrapped key makes everything sealed under it unreadable, in every
copy of it that lies elsewhere; a backup of the whole store holds the wrapped key too.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workers.errors import ErrorCode, RidgelineError

KEY_BYTES = 32
"""AES-256."""

NONCE_BYTES = 12
"""NIST SP 800-38D, section 8.2: 96-bit nonces, random here."""


class KeyProvider(Protocol):
    """Wraps and unwraps the keys of subjects. Picklable: shards open the store themselves."""

    def wrap(self, key: bytes, context: str) -> bytes:
        """The key sealed by the master key, bound to `context`."""
        ...

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """The key again; raises RidgelineError STORE_UNAVAILABLE if it cannot be unwrapped."""
        ...


class FileKeyProvider:
    """A master key in a file that only its owner may read.

    Args:
        create: make the file where it is missing.
    """

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        self._path = Path(path)
        if create:
            _create_if_missing(self._path)
        self._key = _read(self._path)

    def __reduce__(self) -> tuple[object, ...]:
        # Only the path travels to other processes; they read the key where they run.
        return (FileKeyProvider, (str(self._path),))

    def wrap(self, key: bytes, context: str) -> bytes:
        """See `KeyProvider.wrap`."""
        return seal(self._key, key, context)

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """See `KeyProvider.unwrap`."""
        return unseal(self._key, wrapped, context)


def new_key() -> bytes:
    """A fresh key of a subject."""
    return secrets.token_bytes(KEY_BYTES)


def seal(key: bytes, plain: bytes, context: str) -> bytes:
    """AES-256-GCM under a random nonce, which comes first; `context` is authenticated."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context.encode())


def unseal(key: bytes, sealed: bytes, context: str) -> bytes:
    """What was sealed.

    Raises:
        RidgelineError: STORE_UNAVAILABLE when key, context or data are not the ones sealed.
    """
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
    except InvalidTag:
        raise RidgelineError(
            ErrorCode.STORE_UNAVAILABLE, "a sealed record cannot be opened with this key"
        ) from None


def _create_if_missing(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())


def _read(path: Path) -> bytes:
    try:
        key = path.read_bytes()
    except OSError as error:
        raise RidgelineError(
            ErrorCode.STORE_UNAVAILABLE,
            f"the key file cannot be read ({error.strerror})",
            field="key_file",
        ) from error
    if len(key) != KEY_BYTES:
        raise RidgelineError(
            ErrorCode.STORE_UNAVAILABLE,
            f"the key file holds {len(key)} bytes, not {KEY_BYTES}",
            field="key_file",
        )
    return key
