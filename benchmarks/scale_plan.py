"""Plans of large galleries: machines, memory and latency from recorded speeds of the stages.

`benchmarks.scale_tables` renders them for `docs/scale.md`. A plan is arithmetic over
measurements of one or two cores; nothing of this size was run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from benchmarks import gpu_roofline
from benchmarks.record import recorded
from workers.biometrics.model import FINGERS
from workers.matching.parameters import PARAMETERS
from workers.matching.sketch import Level

SUBJECTS = (10_000_000, 100_000_000, 300_000_000)

REPLICAS = 2

IDENT_SUBJECTS = 268e6
IDENT_PEAK_PER_S = 15.0
"""What arrived at IDENT at its peak, and the gallery it arrived at (DESIGN, section 6)."""

UTILISATION = 0.5
"""Share of cores and disks that the peak may keep busy, so that queues stay short."""


ROWS_LEAST = 10_000
"""Of a partition in a plan: in smaller ones the least depths take more than their share."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a plan counts; an assumption. Its cores are taken to be the recorded machine's.

    Attributes:
        memory: bytes.
        held: share of it that a gallery may take.
        read_per_s: bytes a second from its disks, in reads of an encounter each.
    """

    cores: int = 32
    memory: float = 256e9
    held: float = 0.7
    read_per_s: float = 3e9


MACHINE = Machine()


@dataclass(frozen=True, slots=True)
class Work:
    """A complete search of ten fingers, over all partitions together.

    Attributes:
        fine: encounters that the fine sketch compares.
        screened: encounters that the screen compares.
        consolidated: encounters that consolidation compares.
    """

    subjects: int
    partitions: int
    fine: int
    screened: int
    consolidated: int

    @staticmethod
    def of(subjects: int, partitions: int) -> Work:
        """By the depths that ship, for equal partitions of one encounter a subject."""
        rows = subjects / partitions
        sketch, screen = PARAMETERS.sketch, PARAMETERS.screen
        depth = max(sketch.depths, key=lambda depth: depth.fingers)
        share = max(screen.cuts)[1]
        kept = partitions * max(screen.cut_rows_min, math.ceil(share * rows))
        if rows <= sketch.rows_min:
            return Work(subjects, partitions, 0, subjects, min(kept, subjects))
        fine = partitions * max(sketch.rows_min, math.ceil(depth.coarse * rows))
        screened = partitions * max(sketch.fine_rows_min, math.ceil(depth.fine * rows))
        return Work(subjects, partitions, fine, screened, min(kept, screened))

    def core_seconds(self, batch: int = 1) -> dict[str, float]:
        """By stage, from recorded rates of one core.

        The fine sketch's rate was not recorded: its rows are taken to cost what their bytes do.

        Args:
            batch: searches that share a pass over the coarse sketches, as recorded.
        """
        speed = recorded("throughput")
        coarse = speed["sketch_pairs_per_s"]
        fingers = len(FINGERS)
        screen = speed["screen_comparisons_per_s_by_minutiae"]["40x32"]
        consolidation = speed["consolidation_comparisons_per_s_by_minutiae"]["40x32"]
        wider = Level.FINE.width / Level.COARSE.width
        return {
            "coarse": (self.subjects if self.fine else 0) / coarse[f"threads=1,batch={batch}"],
            "fine": self.fine * wider / coarse["threads=1,batch=1"],
            "screen": self.screened * fingers / screen,
            "consolidate": self.consolidated * fingers / consolidation,
        }

    @property
    def bytes_read(self) -> float:
        """Of descriptors, where they lie on disk and none is cached."""
        return self.screened * encounter_bytes()


def encounter_bytes() -> float:
    """Descriptors of a ten-finger encounter, packed, as recorded."""
    return float(recorded("throughput")["bytes_per_finger"]) * len(FINGERS)


def sketch_bytes() -> int:
    """Both sketches of an encounter."""
    return sum(level.width for level in Level)


def slack() -> float:
    """How much longer a search took on one node than the stages add up to; at least 1."""
    return max(measured_seconds() / modelled_seconds(), 1.0)


def measured_seconds() -> float:
    """Core-seconds of a search on one node of one core, from the recorded scale-out."""
    return 1.0 / float(recorded("scale_out")["scale"]["runs"][0]["closed"]["per_s"])


def modelled_seconds() -> float:
    """The same from the stages."""
    scale = recorded("scale_out")["scale"]
    return sum(Work.of(scale["subjects"], scale["partitions"]).core_seconds().values())


def scale_out_efficiency() -> float:
    """Of the largest cluster that was measured."""
    return float(recorded("scale_out")["scale"]["runs"][-1]["efficiency"])


@dataclass(frozen=True, slots=True)
class Plan:
    """Machines for a gallery on disk and sketches in memory, CPUs only.

    Attributes:
        peak_per_s: searches a second at the peak.
        needed: machines by what asks for them; the largest counts.
        extraction_cores: beside those, at the peak.
    """

    work: Work
    peak_per_s: float
    needed: dict[str, int]
    extraction_cores: int

    @property
    def machines(self) -> int:
        """That hold the gallery and search it; one of them may be down."""
        return max(self.needed.values()) + 1

    @property
    def shards(self) -> int:
        """One a core."""
        return self.machines * MACHINE.cores

    @property
    def balance(self) -> float:
        """Mean share of a shard over the largest: the fullest shard sets the pace."""
        each = self.work.partitions / self.shards
        return each / math.ceil(each)

    @property
    def alone_s(self) -> float:
        """Latency of a search that is alone: every core and disk works on it."""
        share = self.shards * self.balance * min(scale_out_efficiency(), 1.0)
        reading = self.work.bytes_read / (self.machines * MACHINE.read_per_s)
        return sum(self.work.core_seconds().values()) * slack() / share + reading

    @property
    def peak_s(self) -> float:
        """Mean latency where arrivals at random keep it busy for `UTILISATION` of the time.

        A queue with one server and constant service (M/D/1), which a search of all shards is.
        """
        return self.alone_s * (1.0 + UTILISATION / (2.0 * (1.0 - UTILISATION)))


def plan(subjects: int) -> Plan:
    """Machines and partitions for a gallery: four a shard, where that leaves them large enough."""
    peak = IDENT_PEAK_PER_S * subjects / IDENT_SUBJECTS
    extraction = recorded("extraction_speed")["seconds_median"]["rebuilt"] * len(FINGERS)
    made = Plan(Work.of(subjects, 64), peak, {}, math.ceil(peak * extraction / UTILISATION))
    while True:
        made = replace(made, needed=_needed(made.work, peak))
        most = 2 ** math.floor(math.log2(subjects / ROWS_LEAST))
        enough = min(2 ** math.ceil(math.log2(4 * made.shards)), most)
        if made.work.partitions >= enough:
            return made
        made = replace(made, work=Work.of(subjects, enough))


def _needed(work: Work, peak_per_s: float) -> dict[str, int]:
    held = REPLICAS * work.subjects * sketch_bytes()
    cores = peak_per_s * sum(work.core_seconds(batch=8).values()) * slack() / UTILISATION
    efficiency = min(scale_out_efficiency(), 1.0)
    return {
        "memory": math.ceil(held / (MACHINE.memory * MACHINE.held)),
        "cores": math.ceil(cores / efficiency / MACHINE.cores),
        "disks": math.ceil(peak_per_s * work.bytes_read / UTILISATION / MACHINE.read_per_s),
        # Replicas lie on different machines.
        "replicas": REPLICAS,
    }


def gpu_sketch_devices(subjects: int) -> int:
    """Devices that hold the sketches of all replicas."""
    rows = REPLICAS * subjects * (gpu_roofline.SKETCH + 4)
    return math.ceil(rows / gpu_roofline.USABLE)
