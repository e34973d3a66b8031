"""Several blocking calls at once, results as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def as_done(
    work: Callable[[Item], Result], items: Iterable[Item], *, at_once: int
) -> Iterator[Result]:
    """Results of `work` in the order in which they are ready.

    No more items are taken than are worked on. When left early, what is under way finishes and
    nothing more begins.
    """
    left = iter(items)
    pool = ThreadPoolExecutor(at_once)
    try:
        pending: set[Future[Result]] = {pool.submit(work, i) for i in islice(left, at_once)}
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            pending |= {pool.submit(work, item) for item in islice(left, len(done))}
            for future in done:
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
