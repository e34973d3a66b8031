"""Bugs to plant in the NumPy path: a wrong sign and an edge one off in each module, or more."""

from __future__ import annotations

from tests.planted.bug import Bug

_UNIT = "tests/unit/matching/test_"
_CONFORMANCE = "tests/conformance"

_WATCHERS = {
    "calibration.py": (_UNIT + "calibration.py",),
    "backends/packing.py": (_CONFORMANCE, _UNIT + "packing.py", "-k", "numpy or packing"),
    "cohort.py": (_UNIT + "probe.py",),
    "columns.py": (_UNIT + "columns.py",),
    "descriptor.py": (_UNIT + "descriptor.py",),
    "fuse.py": (_UNIT + "calibration.py",),
    "probe.py": (_UNIT + "probe.py",),
    "on_demand.py": (_CONFORMANCE, "-k", "disk"),
    "search.py": (_UNIT + "search.py",),
    "shortlist.py": (_UNIT + "search.py",),
    "sketch.py": (_UNIT + "sketch.py", "-k", "not ten_fingers"),
    "similarity.py": (_CONFORMANCE, _UNIT + "similarity.py", "-k", "numpy or similarity"),
    "template.py": (_UNIT + "template.py",),
}
"""Tests that hold what every backend shares against its definition; comparing backends shows
nothing about it. Every other module is watched by the conformance suite."""

ELSEWHERE = frozenset(
    {
        "backend.py",
        "backends/cupy_backend.py",
        "backends/cupy_device.py",
        "backends/cupy_probe.py",
        "backends/device.py",
        "backends/device_pack.py",
        "backends/device_probe.py",
        "backends/device_sketch.py",
        "backends/reference.py",
        "codec.py",
        "explain.py",
        "parameters.py",
        "sequence.py",
        "verify.py",
    }
)
"""Modules that a search on NumPy does not run through, and those that hold no arithmetic."""


def watchers(source: str) -> tuple[str, ...]:
    """What pytest runs to see a bug in a module."""
    return _WATCHERS.get(source, (_CONFORMANCE, "-k", "numpy"))


SIGNS = (
    Bug("index counted up", "assign.py", "_INDICES - (best & _INDICES)", "best & _INDICES"),
    Bug("slots of the next finger", "blocks.py", "counts[end - 1]", "counts[end + 1]"),
    Bug(
        "more tries score higher",
        "calibration.py",
        "one - 10.0 * math.log10(max(encounters, 1))",
        "one + 10.0 * math.log10(max(encounters, 1))",
    ),
    Bug("ends for starts", "cohort.py", "np.cumsum(counts) - counts", "np.cumsum(counts) + counts"),
    Bug("runs that end early", "columns.py", "first - starts[:-1]", "first + starts[:-1]"),
    Bug("least efficient first", "consolidate.py", "-efficiency", "efficiency"),
    Bug("worst kept", "cut.py", "scores >= least", "scores <= least"),
    Bug("turned the wrong way", "descriptor.py", "cos * dx + sin * dy", "cos * dx - sin * dy"),
    Bug(
        "y down",
        "descriptor.py",
        "minutiae.y[:, None] - minutiae.y[None, :]",
        "minutiae.y[None, :] - minutiae.y[:, None]",
    ),
    Bug(
        "chance added",
        "fuse.py",
        "evidence.at(raw) - CHANCE_EVIDENCE",
        "evidence.at(raw) + CHANCE_EVIDENCE",
    ),
    Bug(
        "layer moved on twice",
        "layered.py",
        "rows[first:last] - place.start",
        "rows[first:last] + place.start",
    ),
    Bug(
        "nobody read",
        "on_demand.py",
        "order[first : first + ROWS_AT_ONCE]",
        "order[first : first - ROWS_AT_ONCE]",
    ),
    Bug(
        "spread about zero",
        "probe.py",
        "squares * n - total * total",
        "squares * n + total * total",
    ),
    Bug(
        "slope twice",
        "probe.py",
        "average - average.mean() - slope * spread",
        "average - average.mean() + slope * spread",
    ),
    Bug(
        "bearing turned back",
        "relax.py",
        "probe_dy * cosine - probe_dx * sine",
        "probe_dy * cosine + probe_dx * sine",
    ),
    Bug("mean added", "screen.py", "best - probe.minutia_mean", "best + probe.minutia_mean"),
    Bug("impostors' mean added", "screen.py", "average - mean", "average + mean"),
    Bug("worst first", "search.py", "-fused[kept]", "fused[kept]"),
    Bug(
        "depth of fewest fingers",
        "shortlist.py",
        "max(enough, key=lambda depth: depth.fingers, default=None)",
        "min(enough, key=lambda depth: depth.fingers, default=None)",
    ),
    Bug(
        "gate on one side only",
        "similarity.py",
        "np.minimum(apart, SECTORS - apart)",
        "np.minimum(apart, SECTORS + apart)",
    ),
    Bug(
        "centre added",
        "sketch.py",
        "share.T @ unit - share.sum(axis=0)[:, None] * centres",
        "share.T @ unit + share.sum(axis=0)[:, None] * centres",
    ),
    Bug(
        "presence rewarded",
        "sketch.py",
        "-total / n / deviation / PRESENCE",
        "total / n / deviation / PRESENCE",
    ),
    Bug(
        "worst minutiae kept",
        "template.py",
        "-quality.astype(np.int16)",
        "quality.astype(np.int16)",
    ),
    Bug(
        "fingers subtracted",
        "backends/numpy_backend.py",
        "total[has] += best[has]",
        "total[has] -= best[has]",
    ),
    Bug(
        "fingers of later rows",
        "backends/packing.py",
        "np.cumsum(number) - number",
        "np.cumsum(number) + number",
    ),
)

EDGES = (
    Bug(
        "a pair too few",
        "assign.py",
        "found[: -_P.pairs_max - 1 : -1]",
        "found[: -_P.pairs_max : -1]",
    ),
    Bug(
        "a round too few",
        "assign.py",
        "range(_P.assignment_rounds - 1)",
        "range(_P.assignment_rounds - 2)",
    ),
    Bug("last finger in no block", "blocks.py", "slice(start, end)", "slice(start, end - 1)"),
    Bug(
        "curve of a finger less", "calibration.py", "len(set(positions))", "len(set(positions)) - 1"
    ),
    Bug(
        "starts one late",
        "cohort.py",
        "np.cumsum(counts) - counts",
        "np.cumsum(counts) - counts + 1",
    ),
    Bug(
        "a run one short",
        "columns.py",
        "np.flatnonzero(np.diff(owner)) + 1",
        "np.flatnonzero(np.diff(owner))",
    ),
    Bug("a pair too many", "consolidate.py", "rank < top", "rank <= top"),
    Bug("tie at the cut", "cut.py", "scores >= least", "scores > least"),
    Bug("cells off the middle", "descriptor.py", "(_P.cells - 1) / 2.0", "_P.cells / 2.0"),
    Bug(
        "sees itself",
        "descriptor.py",
        "np.fill_diagonal(near, val=False)",
        "np.fill_diagonal(near, val=True)",
    ),
    Bug(
        "last finger left out",
        "fuse.py",
        "range(finger_scores.shape[1])",
        "range(finger_scores.shape[1] - 1)",
    ),
    Bug(
        "last row of a layer left out",
        "layered.py",
        "range(first, first + layer.rows)",
        "range(first, first + layer.rows - 1)",
    ),
    Bug(
        "last row alone not read",
        "on_demand.py",
        "range(0, len(rows), ROWS_AT_ONCE)",
        "range(0, len(rows) - 1, ROWS_AT_ONCE)",
    ),
    Bug("a finger of the cohort too few", "probe.py", "n = len(values)", "n = len(values) - 1"),
    Bug(
        "end of a bin for its middle",
        "probe.py",
        "(1 << SIZE_BIN_SHIFT) / 2",
        "1 << SIZE_BIN_SHIFT",
    ),
    Bug("a round too few", "relax.py", "range(iterations)", "range(iterations - 1)"),
    Bug("supported by itself", "relax.py", "pairs.counts - 1", "pairs.counts"),
    Bug("one too few taken", "screen.py", "np.minimum(n, kept) - 1", "np.minimum(n, kept) - 2"),
    Bug("size one less", "screen.py", "counts >> SIZE_BIN_SHIFT", "(counts - 1) >> SIZE_BIN_SHIFT"),
    Bug(
        "a row too few",
        "search.py",
        "math.ceil(share * visible_rows)",
        "math.floor(share * visible_rows)",
    ),
    Bug(
        "cut of fewer fingers",
        "search.py",
        "cut[0] <= max(probe.finger_count, 1)",
        "cut[0] < max(probe.finger_count, 1)",
    ),
    Bug(
        "fewer fingers",
        "shortlist.py",
        "depth.fingers <= probe.finger_count",
        "depth.fingers < probe.finger_count",
    ),
    Bug("coarse level in vain", "shortlist.py", "depth.coarse < 1.0", "depth.coarse <= 1.0"),
    Bug(
        "quarter turn forbidden",
        "similarity.py",
        "np.minimum(apart, SECTORS - apart) > SECTOR_REACH",
        "np.minimum(apart, SECTORS - apart) >= SECTOR_REACH",
    ),
    Bug("a unit off the sector", "similarity.py", "SECTOR_WIDTH // 2", "SECTOR_WIDTH // 2 - 1"),
    Bug(
        "presence of the next finger",
        "sketch.py",
        "len(FINGERS) * level.value + position - 1",
        "len(FINGERS) * level.value + position",
    ),
    Bug("bit of the next finger", "template.py", "p - 1", "p"),
    Bug(
        "last row of a slice left out",
        "backends/numpy_backend.py",
        "int(rows[-1]) + 1",
        "int(rows[-1])",
    ),
    Bug(
        "column of the next finger",
        "backends/numpy_backend.py",
        "pack.position - 1",
        "pack.position - 2",
    ),
    Bug(
        "a minutia for padding",
        "backends/packing.py",
        "self.minutiae.minutiae - 1",
        "self.minutiae.minutiae - 2",
    ),
    Bug(
        "padding for a minutia",
        "backends/packing.py",
        "slot < counts[span]",
        "slot <= counts[span]",
    ),
)

BUGS = SIGNS + EDGES
