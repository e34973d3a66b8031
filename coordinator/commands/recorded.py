"""The audit record of a command that opens the store itself, without the server."""

from __future__ import annotations

import contextlib
import getpass
import os
from collections.abc import Iterator

from cluster.store import Database
from coordinator.access import Purpose
from coordinator.audit import AuditLog, AuditRecord, record_body
from workers.errors import ErrorCode, RidgelineError


@contextlib.contextmanager
def recorded(url: str, event: str, purpose: Purpose) -> Iterator[AuditRecord]:
    """A record to be filled in; it is durable when the block is left, however it is left.

    The log is the one that servers of the gallery write; they may run meanwhile. Show nothing
    of what was read before the block is left: without a record there is no answer.

    Args:
        url: of the gallery's store.

    Raises:
        RidgelineError: STORE_UNAVAILABLE where the record cannot be written.
    """
    record = AuditRecord(event, "local", principal=_user(), purpose=purpose)
    database = Database(url)
    try:
        log = AuditLog(database)
        try:
            yield record
        except KeyboardInterrupt:
            record.outcome = ErrorCode.CANCELLED
            raise
        except RidgelineError as error:
            record.outcome, record.error_field = error.code, error.field
            raise
        except Exception:
            record.outcome = ErrorCode.INTERNAL
            raise
        finally:
            log.append([(record_body(record), None)])
    finally:
        database.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
