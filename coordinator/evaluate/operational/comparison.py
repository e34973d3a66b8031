"""Two releases on the same searches: who found whom, and by how much their rates differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordinator.evaluate.bootstrap import resampled_subjects
from coordinator.evaluate.metrics import binomial_interval, interval
from coordinator.evaluate.operational.exchange import SearchLog, require_same_searches
from coordinator.evaluate.operational.rates import Scores, rates

INTERVALS = (
    "paired bootstrap over subjects: each replicate draws the same subjects for both releases; "
    "none where no replicate differs"
)


def compare(ours: SearchLog, theirs: SearchLog) -> dict[str, Any]:
    """Paired differences, ours less theirs.

    Raises:
        RidgelineError: INVALID_FIELD where they did not search with the same probes in the
            same gallery.
    """
    require_same_searches(ours, theirs)
    pairs = list(zip(theirs.searches, ours.searches, strict=True))
    changed = sum(before != after for before, after in pairs)
    here, there = Scores.of(ours), Scores.of(theirs)
    return {
        "this": _release(ours),
        "other": _release(theirs),
        "searches": len(pairs),
        "changed": changed,
        "changed_interval": binomial_interval(changed, len(pairs)),
        "mates": {
            "rank1": _found(here.first, there.first),
            "likely": _found(here.mates >= here.likely, there.mates >= there.likely),
            "possible": _found(here.mates >= here.possible, there.mates >= there.possible),
        },
        "outcome_changes": {
            "mated": _changes((str(b.mated_outcome), str(a.mated_outcome)) for b, a in pairs),
            "nonmated": _changes(
                (str(b.nonmated_outcome), str(a.nonmated_outcome)) for b, a in pairs
            ),
        },
        "rates": _differences(here, there),
        "intervals": INTERVALS,
    }


def _release(log: SearchLog) -> dict[str, Any]:
    return {
        "release": log.release,
        "parameters_hash": log.parameters_hash,
        "redescribed": log.redescribed,
        "thresholds": {"likely": log.likely, "possible": log.possible},
    }


def _found(here: NDArray[np.bool_], there: NDArray[np.bool_]) -> dict[str, int]:
    """Mates found by both releases, by one of them, by none."""
    return {
        "both": int((here & there).sum()),
        "only_this": int((here & ~there).sum()),
        "only_other": int((~here & there).sum()),
        "neither": int((~here & ~there).sum()),
    }


def _changes(outcomes: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """Outcomes that differ, other release first, most frequent first."""
    counted = Counter(pair for pair in outcomes if pair[0] != pair[1])
    return [
        {"other": other, "this": this, "searches": count}
        for (other, this), count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    ]


def _differences(here: Scores, there: Scores) -> dict[str, Any]:
    now, before = rates(here), rates(there)
    drawn = [
        _less(rates(here.take(index)), rates(there.take(index)))
        for index in resampled_subjects(len(here))
    ]
    report: dict[str, Any] = {}
    for name, difference in _less(now, before).items():
        if difference is None:
            report[name] = None
            continue
        values = [value for one in drawn if (value := one[name]) is not None]
        report[name] = {
            "this": now[name],
            "other": before[name],
            "difference": difference,
            "interval": interval(values) if any(values) else None,
        }
    return report


def _less(
    here: Mapping[str, float | None], there: Mapping[str, float | None]
) -> dict[str, float | None]:
    return {
        name: None if rate is None or (other := there[name]) is None else rate - other
        for name, rate in here.items()
    }
