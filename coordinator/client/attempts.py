"""Which coordinator a call goes to next, and when: a state machine without I/O or clock."""

from __future__ import annotations

import random

from coordinator.client.config import ClientConfig
from workers.errors import ErrorCode, RidgelineError

_UNREACHED = frozenset({ErrorCode.UNREACHABLE, ErrorCode.CANCELLED})
"""No coordinator answered; one that begins to stop may cancel what arrives just then."""

_TROUBLED = frozenset(
    {ErrorCode.COVERAGE_TOO_LOW, ErrorCode.SHARD_UNAVAILABLE, ErrorCode.STORE_UNAVAILABLE}
)
"""The active coordinator answered that it cannot answer now."""


class Attempts:
    """The attempts of one call.

    After a failure the next coordinator is called at once; when all of them have failed, after
    a wait that grows from round to round and is drawn at random, so that the clients of a
    coordinator that died do not come back all at the same moment.

    Args:
        place: of the coordinator to begin with, in `ClientConfig.addresses`.
        deadline: of the call, seconds on the clock that `failed` is told.
    """

    def __init__(
        self, config: ClientConfig, place: int, deadline: float, draw: random.Random
    ) -> None:
        self.place = place
        """Where to call now."""
        self.error: RidgelineError | None = None
        """The failure that says most, of those so far."""
        self._config = config
        self._count = len(config.addresses)
        self._deadline = deadline
        self._draw = draw
        self._untried = self._count
        self._mean_wait_s = config.first_retry_s
        self._unreached_since: float | None = None
        self._troubled_since: float | None = None

    def moved(self, place: int) -> None:
        """Another coordinator has become the active one; the call goes there."""
        self.place = place
        self._untried = self._count

    def failed(self, error: RidgelineError, now: float) -> float | None:
        """Seconds to wait before calling at the (new) `place`; None to give up."""
        if self.error is None or _rank(error) >= _rank(self.error):
            self.error = error
        if not self._may_go_on(error.code, now):
            return None
        self.place = (self.place + 1) % self._count
        self._untried -= 1
        if self._untried:
            return 0.0
        self._untried = self._count
        wait = self._mean_wait_s * self._draw.uniform(0.5, 1.5)
        self._mean_wait_s = min(2 * self._mean_wait_s, self._config.longest_retry_s)
        return wait if now + wait < self._deadline else None

    def _may_go_on(self, code: ErrorCode, now: float) -> bool:
        if code is ErrorCode.NOT_ACTIVE:
            # Somebody is there and about to take over, or knows of one who is active.
            self._unreached_since = None
            return self._config.patience_s > 0
        if code in _UNREACHED:
            self._unreached_since = now if self._unreached_since is None else self._unreached_since
            return now - self._unreached_since < self._config.patience_s
        if code in _TROUBLED:
            self._troubled_since = now if self._troubled_since is None else self._troubled_since
            return now - self._troubled_since < self._config.patience_s
        return False


def _rank(error: RidgelineError) -> int:
    """What the active coordinator says tells more than a standby, a standby more than silence."""
    if error.code in _UNREACHED:
        return 0
    return 1 if error.code is ErrorCode.NOT_ACTIVE else 2
