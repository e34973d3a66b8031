"""Admission of searches: so many at once, and no queue behind them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Final

from workers.errors import ErrorCode, RidgelineError

SMOOTHING: Final = 0.2
"""Weight of the newest search in the mean of how long searches take."""

RETRY_RANGE_S: Final = (0.05, 30.0)
"""Within which a refused caller is told to come again."""


class Admission:
    """Counts the searches under way.

    Args:
        limit: of searches at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running = 0
        self._mean_s = RETRY_RANGE_S[0]

    @contextlib.contextmanager
    def admitted(self) -> Iterator[None]:
        """Holds a place among the searches under way.

        Raises:
            RidgelineError: OVERLOADED where there is none; to be tried again after the time that
                a search takes, since by then those before it have mostly come to their end.
        """
        if self._running >= self._limit:
            low, high = RETRY_RANGE_S
            raise RidgelineError(
                ErrorCode.OVERLOADED,
                f"{self._limit} searches are under way",
                retry_after_s=min(max(self._mean_s, low), high),
            )
        self._running += 1
        started = time.monotonic()
        try:
            yield
        finally:
            self._running -= 1
            self._mean_s += SMOOTHING * (time.monotonic() - started - self._mean_s)
