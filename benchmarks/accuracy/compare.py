"""Peers on an experiment, and whether the difference to ours can be told from chance."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.accuracy.paired import paired_intervals
from benchmarks.accuracy.pairs import Index, cap_impostors
from benchmarks.accuracy.peers import PEERS, Peer
from benchmarks.accuracy.scores import Scores, own_scores, peer_scores
from benchmarks.accuracy.sets import Experiment
from coordinator.evaluate.metrics import count_errors, equal_error_rate, fnmr_at_fmr
from workers.matching.parameters import parameters_hash

SEED = 7108
"""Of the impostor pairs that a slow peer sees."""

OURS = "Ridgeline"

Curves = dict[str, tuple[Scores, Scores]]
"""Genuine and impostor scores of each matcher, for plots."""


def compare_peers(experiment: Experiment) -> tuple[dict[str, Any], Curves]:
    """Rates of ours and of every peer, and paired intervals of the differences."""
    pairs = experiment.pairs
    ours = own_scores(*experiment.minutiae(), pairs)
    mated = pairs.genuine
    curves: Curves = {OURS: (ours[mated], ours[~mated])}
    report: dict[str, Any] = {
        "ours": rates(*curves[OURS]),
        "matchers": {},
        "parameters_hash": parameters_hash(),
    }
    for peer in PEERS:
        if experiment.large and peer.most_impostors == 0:
            continue
        seen = _seen(peer, experiment)
        part = pairs.take(seen)
        theirs, failed = peer_scores(peer, experiment.probes, experiment.gallery, part)
        curves[peer.name] = (theirs[part.genuine], theirs[~part.genuine])
        clusters = {"fingers": part.fingers}
        if experiment.persons is not None:
            clusters["persons"] = experiment.persons[seen]
        report["matchers"][peer.name] = {
            **rates(*curves[peer.name]),
            "all_impostors": len(part) == len(pairs),
            "failures_to_extract": failed,
            "note": peer.note,
            "peer_minus_ours": paired_intervals(ours[seen], theirs, part.genuine, clusters),
        }
    return report, curves


def rates(genuine: Scores, impostor: Scores) -> dict[str, Any]:
    """Counts and rates of one matcher."""
    counts = count_errors(genuine, impostor)
    equal = equal_error_rate(counts)
    fnmr = fnmr_at_fmr(counts, 0.001)
    return {
        "genuine": len(genuine),
        "impostor": len(impostor),
        "eer": equal.rate,
        "lost_at_eer_threshold": round(equal.lost),
        "fnmr_at_fmr_0.001": fnmr,
        "lost_at_fmr_0.001": None if fnmr is None else round(fnmr * len(genuine)),
    }


def _seen(peer: Peer, experiment: Experiment) -> Index:
    if peer.most_impostors is None or not experiment.large:
        return np.arange(len(experiment.pairs), dtype=np.intp)
    return cap_impostors(experiment.pairs, peer.most_impostors, SEED)
