"""Caller's keys: an operation that is asked for again under the same key is not done again.

A key is any string of at most 128 characters that its caller never uses for two operations; who
serves several callers tells their keys apart. It is written in the transaction of what it names,
so there is no key without its operation, nor the other way round. The repeat gets the answer of
the first time, whatever has happened since. A key with another operation or other contents is
refused. What failed left no key.

A key is remembered for `REMEMBERED` at least: older ones are forgotten by the next transaction
that uses a key. Whoever may repeat later than that has to name encounters.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TypeVar

import sqlalchemy as sa

from cluster.store.records import Enrolled, Moved, Removed
from cluster.store.schema import Operation, caller_keys
from cluster.store.writing import Writing
from workers.errors import ErrorCode, RidgelineError

REMEMBERED = datetime.timedelta(days=30)
"""Longer than a caller that lost an answer should take to ask again."""

KEY_CHARACTERS = 128

Result = TypeVar("Result", Enrolled, Moved, Removed)


def once(
    writing: Writing,
    key: str,
    operation: Operation,
    body: Sequence[str],
    result: type[Result],
    act: Callable[[], Result],
) -> Result:
    """What `act` returns, or returned when it was called under this key.

    Args:
        key: empty for an operation that has none, which is always done.
        body: all that the operation depends on.

    Raises:
        RidgelineError: OPERATION_CONFLICT where the key names something else; INVALID_FIELD
            for a key that is too long.
    """
    if not key:
        return act()
    if len(key) > KEY_CHARACTERS:
        raise RidgelineError(
            ErrorCode.INVALID_FIELD, f"expected at most {KEY_CHARACTERS} characters", field="key"
        )
    digest = hashlib.sha256(json.dumps([operation.value, *body]).encode()).hexdigest()
    known = writing.connection.execute(
        sa.select(caller_keys.c.digest, caller_keys.c.result).where(caller_keys.c.key == key)
    ).first()
    if known is not None:
        if known.digest != digest:
            raise RidgelineError(
                ErrorCode.OPERATION_CONFLICT, "this key names another operation", field="key"
            )
        return result(**json.loads(known.result))
    done = act()
    writing.connection.execute(
        caller_keys.insert().values(
            key=key, digest=digest, result=json.dumps(asdict(done)), at=writing.now
        )
    )
    return done


def forget_old(writing: Writing) -> None:
    """Deletes keys that were written too long ago."""
    writing.connection.execute(
        caller_keys.delete().where(caller_keys.c.at < writing.now - REMEMBERED)
    )
