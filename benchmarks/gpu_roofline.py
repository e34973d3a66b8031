"""What the GPU kernels could reach: bounds from data sheets and from `kernel_evidence`.

`benchmarks.figures` renders the tables of `docs/gpu.md` from them. Predictions; nothing here was
measured on hardware.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.record import recorded
from workers.matching.backends.device_probe import TILE as PROBE_TILE
from workers.matching.backends.device_sketch import digits
from workers.matching.kernels import SCREEN_TILES


@dataclass(frozen=True, slots=True)
class Card:
    """A device by its data sheet.

    Attributes:
        bandwidth: bytes a second.
        products: int8 operations a second, dense, two a multiply-add.
        share: of `products` that mma.sync is taken to reach; on Hopper the whole needs wgmma.
            An assumption.
        issue: instructions of a warp a second: processors x 4 schedulers x boost clock.
    """

    name: str
    architecture: str
    bandwidth: float
    products: float
    share: float
    issue: float


CARDS = (
    Card("A100 SXM 80 GB", "sm_80", 2.039e12, 624e12, 1.0, 108 * 4 * 1.41e9),
    Card("H100 SXM 80 GB", "sm_90", 3.35e12, 1979e12, 0.6, 132 * 4 * 1.83e9),
)

SIZES = ((40, 32), (64, 48), (96, 64))
"""Minutiae of probe and gallery finger; the reference workload first."""

OPERATIONS = 2 * 16 * 8 * 32
"""Of one tensor-core product."""

SKETCH = 672
"""Dimensions of a ten-finger sketch in these tables."""

USABLE = 0.95 * 80e9
"""Bytes of a device that a gallery may take."""

MINUTIAE = 32
"""Of a gallery finger, in the table of capacities."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Most per second that each resource allows."""

    memory: float
    tensor: float
    issue: float

    @property
    def least(self) -> tuple[float, str]:
        """The bound that holds, and by what."""
        return min(
            (self.memory, "memory"), (self.tensor, "tensor cores"), (self.issue, "instructions")
        )


def finger_bytes(minutiae: int) -> int:
    """Read for one gallery finger: descriptors and sectors of whole tiles, three numbers."""
    return -(-minutiae // 8) * 8 * 65 + 9


def screen_bounds(card: Card, probe: int, gallery: int) -> Bounds:
    """Finger comparisons a second of one probe print."""
    room = next(t for t in SCREEN_TILES if t * PROBE_TILE >= probe)
    tiles = -(-gallery // 8)
    kernel = recorded("kernel_evidence")["kernels"][card.architecture][f"screen_{room}"]
    # The hot loop handles four tiles a turn; a last turn with fewer skips the rest.
    loop = sum(kernel["hot_loop"].values()) * tiles / 4
    return Bounds(
        memory=card.bandwidth / finger_bytes(gallery),
        tensor=card.products * card.share / (room * tiles * 2 * OPERATIONS),
        issue=card.issue / (loop + kernel["instructions_around"]),
    )


def sketch_bytes(batch: int) -> int:
    """Moved for one row: vector, partition, and scores written once and read at every digit."""
    passes = len(digits(SKETCH))  # one counts in the product itself; the cut reads once more
    return SKETCH + 4 + batch * (4 + passes * 8)


def sketch_bounds(card: Card, batch: int) -> Bounds:
    """Subject-probe pairs a second of a batch."""
    room = next(t for t in (1, 2, 4) if t * 16 >= batch)
    kernel = recorded("kernel_evidence")["kernels"][card.architecture][f"sketch_product_{room}"]
    products = room * SKETCH / 32 / 8
    loop = kernel["hot_loop"]
    return Bounds(
        memory=batch * card.bandwidth / sketch_bytes(batch),
        tensor=batch * card.products * card.share / (products * OPERATIONS),
        issue=batch * card.issue / (products * sum(loop.values()) / loop["IMMA"]),
    )


def screen_rows() -> Iterator[tuple[str, ...]]:
    """Rows of the screen's table."""
    for probe, gallery in SIZES:
        for card in CARDS:
            bounds = screen_bounds(card, probe, gallery)
            most, by = bounds.least
            yield (
                f"{probe} x {gallery}",
                card.name,
                f"{finger_bytes(gallery):,}",
                *(f"{x / 1e9:.2f}" for x in (bounds.memory, bounds.tensor, bounds.issue)),
                f"{most / 1e9:.2f}, {by}",
            )


def sketch_rows() -> Iterator[tuple[str, ...]]:
    """Rows of the sketch's table."""
    for batch in (1, 16, 64):
        for card in CARDS:
            bounds = sketch_bounds(card, batch)
            most, by = bounds.least
            yield (
                str(batch),
                card.name,
                f"{sketch_bytes(batch) / batch:,.0f}",
                *(f"{x / 1e9:.1f}" for x in (bounds.memory, bounds.tensor, bounds.issue)),
                f"{most / 1e9:.1f}, {by}",
            )


def capacity_rows() -> Iterator[tuple[str, ...]]:
    """Rows of the table of capacities."""
    encounter = 10 * finger_bytes(MINUTIAE)
    for millions in (10, 30, 100, 300):
        subjects = millions * 1e6
        sketches = subjects * (SKETCH + 4)
        devices = -(-int(sketches) // int(USABLE))
        seconds = [subjects / devices * sketch_bytes(1) / card.bandwidth for card in CARDS]
        yield (
            f"{millions} M",
            f"{sketches / 1e9:,.0f} GB, {devices}",
            *(f"{1e3 * s:.0f} ms" for s in seconds),
            f"{subjects * encounter / 1e9:,.0f} GB, {-(-int(subjects * encounter) // int(USABLE))}",
        )


def kernel_rows(architecture: str = "sm_80") -> Iterator[tuple[str, ...]]:
    """Rows of the evidence's table: one architecture with registers and warps of all."""
    kernels = recorded("kernel_evidence")["kernels"]
    for name, facts in kernels[architecture].items():
        each = [kernels[a][name] for a in kernels]
        loop = facts.get("hot_loop", {})
        yield (
            f"`{name}`",
            " / ".join(str(k["registers"]) for k in each),
            f"{facts['shared_bytes']:,}",
            str(max(k["stack_bytes"] + k["spill_bytes"] for k in each)),
            " / ".join(str(k["warps_of_64"]) for k in each),
            f"{loop['IMMA']} of {sum(loop.values())}" if loop else "none",
            str(facts.get("hot_loop_wide_loads", "")) or "none",
        )
