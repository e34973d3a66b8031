"""Bugs to plant in the kernels, and a process that shows which of them are caught.

``python -m tests.kernels.planted SOURCE NAME...`` prints a line for each bug. It is a process of
its own, because a kernel with a bug may write anywhere.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from tests.kernels.emulated import ORDERS, VARIANT, EmulatedDevice, EmulationError
from tests.kernels.prints import drawn_encounter, drawn_probe
from tests.kernels.test_screen import compare
from tests.kernels.test_sketch import check, drawn
from tests.planted.bug import Bug
from workers.biometrics.model import Impression
from workers.matching import kernels
from workers.matching.backends.cupy_backend import CupyBackend

PLANTED = "quick" if VARIANT == "plain" else VARIANT
"""How sources with bugs are built."""

UNUSED = r"^(SCREEN_KERNEL\(screen_(1|4|6|8|16)|SKETCH_PRODUCT\(sketch_product_[24])\b.*$"
"""Sizes of kernels that the cases below do not use; without them a build is quicker."""


_STORE = "best[gallery.rows[finger]] = score"

QUICK = frozenset(
    {
        "cut too high",
        "digit read shifted",
        "fold leaves the last row",
        "fold subtracts",
        "hidden row kept",
        "last row left out",
        "last tile left out",
        "no barrier",
        "no barrier after staging",
        "scan without itself",
        "sign of a score",
        "sign of the bias",
        "sign of the cut",
        "sign of the mean",
        "sign of the rest",
    }
)
"""What the default suite plants: a sign and an edge of each kernel, the barriers after staging."""

SCREEN = (
    Bug("sign of the mean", "screen.cu", "mine[s] - normal.x", "mine[s] + normal.x"),
    Bug("sign of the final mean", "screen.cu", "average - probe.plan", "average + probe.plan"),
    Bug("one row too many", "screen.cu", "minutia < probe.minutiae", "minutia <= probe.minutiae"),
    Bug("last tile left out", "screen.cu", "- first_tile;", "- first_tile - 1;"),
    Bug("one too many taken", "screen.cu", "(taken - above)", "(taken - above + 1)"),
    Bug("gate of the neighbour", "screen.cu", "<< (sectors >> 8)", "<< (sectors & 0xffu)"),
    Bug("gate upside down", "screen.cu", "open[i][0] = ~(", "open[i][0] = ("),
    Bug("gate one sector off", "screen.cu", "< GATE_BIT);", "< (GATE_BIT + 1));"),
    Bug("half of the quad", "screen.cu", "__shfl_xor_sync(ALL_LANES, value, 2)", "value"),
    Bug("rows of a fragment", "screen.cu", "a[i][0][1] = lower.x", "a[i][0][1] = upper.x"),
    Bug("halves of a product", "screen.cu", "gallery.z, gallery.w", "gallery.w, gallery.z"),
    Bug("no barrier", "screen.cu", "        __syncthreads();", "        "),
    Bug("first finger left out", "screen.cu", "finger = first + warp", "finger = first + warp + 1"),
    Bug("last finger left out", "screen.cu", "finger < last", "finger < last - 1"),
    Bug("last print wins", "screen.cu", "atomicMax(&best[gallery.rows[finger]], score)", _STORE),
    Bug("fold forgets the sum", "screen.cu", "wrapping_sum(before, score)", "score"),
    Bug("fold subtracts", "screen.cu", "wrapping_sum(before, score)", "before - score"),
    Bug("fold leaves the last row", "screen.cu", "row < rows; row", "row < rows - 1; row"),
    Bug("fold keeps the last position", "screen.cu", "best[row] = NOT_COMPARED", "(void)0"),
)

_OWN = "sums[thread] = own;"

SKETCH = (
    Bug("sign of a score", "sketch.cu", "score = sums[i][j]", "score = -sums[i][j]"),
    Bug("a probe too many", "sketch.cu", "if (probe >= batch)", "if (probe > batch)"),
    Bug("last row left out", "sketch.cu", "if (row >= rows)", "if (row >= rows - 1)"),
    Bug("last dimensions left out", "sketch.cu", "if (at < dimensions)", "if (at > dimensions)"),
    Bug("word of a pair", "sketch.cu", "2 * (step & 1)", "(step & 1)"),
    Bug("no barrier after staging", "sketch.cu", "stage);\n    __syncthreads();", "stage);"),
    Bug(
        "unseen row counted", "sketch.cu", "if (partition < 0) continue;\n            ", "if (0) ;"
    ),
    Bug("digit read shifted", "sketch.cu", "(key >> shift) & ((", "((key >> shift) + 1) & (("),
    Bug("sign of the bias", "sketch.cu", "rows + row] + bias;", "rows + row] - bias;"),
    Bug("prefix not asked", "sketch.cu", "!= prefix[cell]) continue;", "< 0) continue;"),
    Bug("tie at the cut", "sketch.cu", "above + counts[i] >= still", "above + counts[i] > still"),
    Bug("sign of the rest", "sketch.cu", "wanted[cell] = still - above", "wanted[cell] = still"),
    Bug("scan without itself", "sketch.cu", "sums[thread] - own;", "sums[thread];"),
    Bug("no barrier in the scan", "sketch.cu", "sums[thread] = own;\n    __syncthreads();", _OWN),
    Bug("scan reads too late", "sketch.cu", ": 0;\n        __syncthreads();", ": 0;"),
    Bug("sign of the cut", "sketch.cu", "score + bias < threshold", "score - bias < threshold"),
    Bug("cut too high", "sketch.cu", "score + bias < threshold", "score + bias <= threshold"),
    Bug("offset forgotten", "sketch.cu", "offsets[probe] + atomicAdd", "atomicAdd"),
    Bug("hidden row kept", "sketch.cu", "partition < 0 || keep[partition] <= 0", "partition < 0"),
)


def mutated(bug: Bug) -> EmulatedDevice:
    """A device whose source has the bug; the text must be there exactly once or more."""
    text = kernels.source(bug.source)
    assert bug.right in text, bug.name
    text = re.sub(UNUSED, "", text.replace(bug.right, bug.wrong), flags=re.MULTILINE)
    return EmulatedDevice(variant=PLANTED, texts={bug.source: text}, seed=3)


def screen_case(device: EmulatedDevice) -> None:
    both = (Impression.PLAIN, Impression.ROLLED)
    people = [
        drawn_encounter(1, {1: 30, 2: 9}),
        drawn_encounter(2, {2: 25}, impressions=both),
        drawn_encounter(3, {1: 12}, repeat=True),
    ]
    compare(CupyBackend(device), drawn_probe(1, {1: 30, 2: 41}, impressions=both), people)


def sketch_case(device: EmulatedDevice) -> None:
    check(device, *drawn(7, 90, 96, 2, 3))


def reads_past_the_end(device: EmulatedDevice) -> None:
    """A last finger that fills its tiles, so that one tile more lies outside the gallery."""
    people = [drawn_encounter(1, {1: 32})]
    compare(CupyBackend(device), drawn_probe(1, {1: 20}), people)


def caught(case: Callable[[EmulatedDevice], None], device: EmulatedDevice) -> bool:
    """Whether some order of threads shows a difference."""
    for order in ORDERS:
        device.order = order
        try:
            case(device)
        except (AssertionError, EmulationError):
            return True
    return False


PAST_THE_END = Bug("a tile too many", "screen.cu", "- first_tile;", "- first_tile + 1;")
"""Reads zeros or rubbish that seldom matter: what a comparison may miss and ASan does not."""

CASES: dict[str, tuple[tuple[Bug, ...], Callable[[EmulatedDevice], None]]] = {
    "screen.cu": (SCREEN, screen_case),
    "sketch.cu": (SKETCH, sketch_case),
    "past the end": ((PAST_THE_END,), reads_past_the_end),
}


def main(source: str, names: list[str]) -> None:
    """Prints the name of each bug, then whether it was caught."""
    bugs, case = CASES[source]
    if caught(case, EmulatedDevice(variant=PLANTED, seed=3)):
        raise SystemExit("the source as it is fails the comparison")
    print("the source as it is passes", file=sys.stderr, flush=True)
    for bug in bugs:
        if bug.name in names:
            print(bug.name, flush=True)
            print(caught(case, mutated(bug)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
