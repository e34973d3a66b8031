"""Every constant of the matcher, with its unit and where it comes from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources

PROJECTION_FILE = "projection.npz"
COHORT_FILE = "cohort.npz"
CALIBRATION_FILE = "calibration.npz"
SKETCH_FILE = "sketch.npz"

MCC = "Cappelli, Ferrara, Maltoni 2010"  # IEEE TPAMI 32(12), the source of most constants


@dataclass(frozen=True, slots=True)
class DescriptorParameters:
    """Minutia Cylinder-Code and its projection; a change makes stored templates useless.

    Attributes:
        radius_px: of the cylinder, pixels at 500 ppi (MCC, table 2: R = 70).
        cells: along the cylinder's diameter (MCC, table 2: 8).
        sections: directional sections (five; the paper has 6 in its 8-cell variants).
        spatial_deviation_px: of the spatial Gaussian, pixels (MCC, table 2: 28/3).
        directional_deviation_rad: of the directional Gaussian (MCC, table 2: 2 pi / 9).
        dimensions: after the projection.
        scale: length of a descriptor before it is rounded to int8.
        minutiae_max: kept of one print, the best by quality; bounds the work of a comparison.
        gallery_minutiae_max: of those kept when a gallery is packed; bounds its memory.
    """

    radius_px: float = 70.0
    cells: int = 8
    sections: int = 5
    spatial_deviation_px: float = 28.0 / 3.0
    directional_deviation_rad: float = 0.6981317007977318
    dimensions: int = 64
    scale: float = 127.0
    minutiae_max: int = 96
    gallery_minutiae_max: int = 64


@dataclass(frozen=True, slots=True)
class SketchDepth:
    """How many of a partition's rows the sketch lets through.

    Attributes:
        fingers: of the probe, at least so many.
        coarse: share of the rows that go on from the coarse level to the fine one; at 1 the
            coarse level is left out.
        fine: share of the rows that go on to the screen.
    """

    fingers: int
    coarse: float
    fine: float


@dataclass(frozen=True, slots=True)
class SketchParameters:
    """One vector a finger: soft-assigned VLAD of its descriptors, projected.

    H. Jegou, M. Douze, C. Schmid, P. Perez, "Aggregating local descriptors into a compact image
    representation", CVPR 2010; power and intra-normalisation: R. Arandjelovic, A. Zisserman,
    "All about VLAD", CVPR 2013.

    Attributes:
        centres: of the descriptors' space.
        softness: of the assignment to centres, in units of 1 / cosine.
        minutiae_max: of a print that take part, the best by quality; the same on both sides.
        dimensions: of a finger's vector.
        coarse_dimensions: of its first, strongest part, which everybody is compared by.
        scale: length of a vector before it is rounded to int8.
        depths: by fingers of the probe; with fewer the sketch is left out. See `SKETCH_LOSS`.
        rows_min: rows that go on from the coarse level at least; smaller partitions are not
            worth a sketch.
        fine_rows_min: rows that go on to the screen at least.
    """

    centres: int = 64
    softness: float = 10.0
    minutiae_max: int = 64
    dimensions: int = 64
    coarse_dimensions: int = 8
    scale: float = 127.0
    depths: tuple[SketchDepth, ...] = (
        SketchDepth(fingers=2, coarse=1.0, fine=0.05),
        SketchDepth(fingers=4, coarse=0.20, fine=0.02),
        SketchDepth(fingers=8, coarse=0.01, fine=0.0002),
    )
    rows_min: int = 256
    fine_rows_min: int = 16


@dataclass(frozen=True, slots=True)
class ScreenParameters:
    """First stage: best similarity of each probe minutia, normalised, mean of the best.

    Attributes:
        top_min: fewest probe minutiae averaged (MCC, table 2: min n_P = 4).
        top_max: most probe minutiae averaged (MCC: max n_P = 12).
        top_centre: minutiae of the smaller print at which half the span is reached (MCC: 20).
        top_slope: of that sigmoid, per minutia (MCC: 2/5).
        deviation_floor: smallest impostor deviation of a probe minutia, similarity units.
        score_deviation_floor: the same for a finger's screen score, 1/256 deviations.
        cuts: share of a partition's visible rows that goes on to consolidation, by fingers of
            the probe, at least so many; see `SCREEN_LOSS`.
        cut_rows_min: rows that go on at least.
    """

    top_min: int = 4
    top_max: int = 12
    top_centre: float = 20.0
    top_slope: float = 0.4
    deviation_floor: int = 256
    score_deviation_floor: int = 32
    cuts: tuple[tuple[int, float], ...] = ((1, 0.10), (2, 0.002), (4, 0.0005), (8, 0.00005))
    cut_rows_min: int = 2


@dataclass(frozen=True, slots=True)
class ConsolidateParameters:
    """Second stage: local similarity assignment with relaxation (LSA-R, MCC section 4).

    Attributes:
        pairs_max: assigned pairs that take part in the relaxation, the most alike.
        assignment_rounds: of mutual best choice; the greedy assignment but for its weakest pairs.
        iterations: of the relaxation; a pair keeps nothing of its own value from one to the next
            (MCC: n_rel = 5, w_R = 1/2); chosen by `benchmarks.consolidation_choice`.
        distance_px: difference of distances at which two pairs half agree (MCC: mu_1 = 5).
        turn_rad: difference of turns at which they half agree (MCC: mu_2 = pi / 12).
        bearing_rad: difference of bearings at which they half agree (MCC: mu_3 = pi / 12).
        reach: in units of distance_px and turn_rad, from where on pairs do not agree at all;
            their agreement would be below 4 %.
    """

    pairs_max: int = 40
    assignment_rounds: int = 6
    iterations: int = 4
    distance_px: float = 5.0
    turn_rad: float = 0.2617993877991494
    bearing_rad: float = 0.2617993877991494
    reach: float = 1.5


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Decision thresholds in score units, -10 log10(FMR) of one comparison of subjects.

    Attributes:
        likely: from here a candidate is likely; one impostor comparison in a million.
        possible: from here an examiner should look; one impostor comparison in ten thousand.
        version: of this pair of numbers.
    """

    likely: float = 60.0
    possible: float = 40.0
    version: str = "2026.1"


@dataclass(frozen=True, slots=True)
class Parameters:
    """All constants of one release of the matcher."""

    descriptor: DescriptorParameters = field(default_factory=DescriptorParameters)
    sketch: SketchParameters = field(default_factory=SketchParameters)
    screen: ScreenParameters = field(default_factory=ScreenParameters)
    consolidate: ConsolidateParameters = field(default_factory=ConsolidateParameters)
    thresholds: Thresholds = field(default_factory=Thresholds)


PARAMETERS = Parameters()


@dataclass(frozen=True, slots=True)
class MeasuredLoss:
    """Mates that the screen's cut lost where it was measured.

    Attributes:
        lost: mates that were cut.
        mates: mates searched for.
        provenance: on what, and how.
    """

    lost: int
    mates: int
    provenance: str


_LOSS = (
    "FVC2002 DB1-DB4 B sets and Neurotechnology CrossMatch and UareU, each mate among 1,000 "
    "generated fingers (benchmarks/screen_loss.py)"
)

_MADE_UP = (
    "made-up persons of real fingers among 20,000 others of real and generated ones "
    "(benchmarks/sketch_loss.py, benchmarks/cut_loss.py)"
)

SCREEN_LOSS = {
    1: MeasuredLoss(5, 5264, f"one finger, cut at 10 %; {_LOSS}"),
    2: MeasuredLoss(0, 18377, f"two fingers of made-up persons, cut at 0.2 %; {_LOSS}"),
    4: MeasuredLoss(0, 200, f"four fingers, cut at 0.05 %; {_MADE_UP}"),
    8: MeasuredLoss(0, 100, f"eight fingers, cut at 0.005 %; {_MADE_UP}"),
}
"""Measured loss of the cut, by fingers as in `ScreenParameters.cuts`."""


_PLAIN = "plain prints against plain ones, a rolled one against a plain one loses more"

SKETCH_LOSS = {
    2: MeasuredLoss(2, 3000, f"two fingers, {_PLAIN}; {_MADE_UP}"),
    4: MeasuredLoss(3, 3000, f"four fingers, {_PLAIN}; {_MADE_UP}"),
    8: MeasuredLoss(0, 1000, f"eight fingers, {_PLAIN}; {_MADE_UP}"),
}
"""Measured loss of both sketch levels together, by fingers as in `SketchParameters.depths`."""


def data_file(name: str) -> bytes:
    """Bytes of a data file shipped in `workers/matching/data`."""
    return resources.files("workers.matching").joinpath("data", name).read_bytes()


@cache
def descriptor_hash() -> str:
    """Hex digest of what descriptors depend on; templates of two hashes cannot be compared."""
    described = [asdict(PARAMETERS.descriptor), asdict(PARAMETERS.sketch)]
    return _digest(described, (PROJECTION_FILE, SKETCH_FILE))


@cache
def parameters_hash() -> str:
    """Hex digest of every constant and every data file; names the matcher in an answer."""
    return _digest(
        asdict(PARAMETERS), (PROJECTION_FILE, SKETCH_FILE, COHORT_FILE, CALIBRATION_FILE)
    )


def _digest(constants: object, files: tuple[str, ...]) -> str:
    digest = hashlib.sha256(json.dumps(constants, sort_keys=True).encode())
    for name in files:
        digest.update(hashlib.sha256(data_file(name)).digest())
    return digest.hexdigest()
