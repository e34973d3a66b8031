"""How a command ends: exit codes, and errors as one clear line."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

import click

from workers.errors import ErrorCode, RidgelineError

FAILED, WRONG_INPUT, NOT_NOW, NOT_PERMITTED, INTERRUPTED = 1, 2, 3, 4, 130

DEBUG_VARIABLE = "RIDGELINE_DEBUG"
"""Set to see where an unforeseen error came from."""

_EXIT_CODES = {
    **dict.fromkeys(
        (
            ErrorCode.INVALID_FIELD,
            ErrorCode.MALFORMED_TRANSACTION,
            ErrorCode.MALFORMED_TEMPLATE,
            ErrorCode.MALFORMED_IMAGE,
            ErrorCode.MALFORMED_ARCHIVE,
            ErrorCode.DUPLICATE_FINGER,
            ErrorCode.NO_USABLE_FINGER,
            ErrorCode.PURPOSE_REQUIRED,
            ErrorCode.SUBJECT_NOT_FOUND,
            ErrorCode.ENCOUNTER_NOT_FOUND,
            ErrorCode.ENCOUNTER_CONFLICT,
            ErrorCode.SUBMISSION_CONFLICT,
            ErrorCode.OPERATION_CONFLICT,
        ),
        WRONG_INPUT,
    ),
    **dict.fromkeys(
        (
            ErrorCode.COVERAGE_TOO_LOW,
            ErrorCode.SEQUENCE_UNAVAILABLE,
            ErrorCode.DEADLINE_EXCEEDED,
            ErrorCode.OVERLOADED,
            ErrorCode.SHARD_UNAVAILABLE,
            ErrorCode.STORE_UNAVAILABLE,
            ErrorCode.NOT_ACTIVE,
            ErrorCode.UNREACHABLE,
        ),
        NOT_NOW,
    ),
    ErrorCode.UNAUTHENTICATED: NOT_PERMITTED,
    ErrorCode.NOT_PERMITTED: NOT_PERMITTED,
    ErrorCode.CANCELLED: INTERRUPTED,
    ErrorCode.PARAMETERS_MISMATCH: FAILED,
    ErrorCode.INTERNAL: FAILED,
}


def run(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Runs a command; every failure is one line on the error stream and an exit code."""
    try:
        result = command.main(arguments, prog_name="ridgeline", standalone_mode=False)
    except Exception as error:  # noqa: BLE001 - the last line of defence of a command
        message, code = _failure(error)
    except KeyboardInterrupt:
        message, code = "interrupted", INTERRUPTED
    else:
        return result if isinstance(result, int) else 0
    if message:
        click.echo(f"ridgeline: {' '.join(message.split())}", err=True)
    return code


def _failure(error: Exception) -> tuple[str, int]:
    """What to say of an error, nothing if it has been said, and the exit code."""
    if isinstance(error, RidgelineError):
        return describe(error), exit_code(error.code)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return "", WRONG_INPUT
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{error.format_message()} ({error.ctx.command_path} --help)", error.exit_code
    if isinstance(error, click.ClickException):
        return error.format_message(), error.exit_code
    if isinstance(error, click.Abort):
        return "interrupted", INTERRUPTED
    return _unforeseen(error), FAILED


def _unforeseen(error: Exception) -> str:
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has gone; Python would complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ""
    if os.environ.get(DEBUG_VARIABLE):
        logging.getLogger(__name__).error("unforeseen error", exc_info=error)
    said = f"{type(error).__name__}: {error}"
    return f"unforeseen error, {said} (set {DEBUG_VARIABLE}=1 for details)"


def exit_code(code: ErrorCode) -> int:
    """Exit code of an error."""
    return _EXIT_CODES[code]


def describe(error: RidgelineError) -> str:
    """An error in one line; what the server's message says already is not said again."""
    where = f" ({error.field})" if error.field and error.field not in error.detail else ""
    at = f" at byte {error.offset}" if error.offset is not None else ""
    at = "" if at in error.detail else at
    return f"{error.code}: {error.detail}{where}{at}"
