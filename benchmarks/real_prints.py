"""The sets of real prints that the matcher is developed on, where RIDGELINE_DATA names them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from coordinator.evaluate.dataset import Scan, read_dataset
from coordinator.evaluate.extractions import ExtractionCache, extract_all
from coordinator.evaluate.verification import usable_template
from coordinator.paths import cache_directory
from coordinator.progress import silent
from workers.biometrics.model import Minutiae
from workers.matching.template import FingerTemplate


@dataclass(frozen=True, slots=True)
class RealSet:
    """One sensor's prints.

    Attributes:
        folder: below RIDGELINE_DATA.
        resolution_ppi: of its images.
        persons: whether its names tell persons, so that it can be searched by person.
    """

    folder: str
    resolution_ppi: float
    persons: bool = False

    @property
    def name(self) -> str:
        """As results name it."""
        return Path(self.folder).name

    @property
    def path(self) -> Path:
        """Raises SystemExit where there are no real prints."""
        root = os.environ.get("RIDGELINE_DATA")
        if not root:
            raise SystemExit("RIDGELINE_DATA names no folder of real prints")
        return Path(root) / self.folder


REAL_SETS = (
    RealSet("fvc2002/DB1_B", 500.0),
    RealSet("fvc2002/DB2_B", 569.0),
    RealSet("fvc2002/DB3_B", 500.0),
    RealSet("fvc2002/DB4_B", 500.0),
    RealSet("neurotech/CrossMatch", 500.0, persons=True),
    RealSet("neurotech/UareU", 512.0, persons=True),
)

DEVELOPMENT = (
    "FVC2002 DB1-DB4 B sets (DB4 is synthetic) and Neurotechnology CrossMatch and UareU: "
    "development sets, which choices were made on"
)


def extractions() -> ExtractionCache:
    """Where the command line keeps extractions too."""
    return ExtractionCache(cache_directory() / "extractions")


def prints(real: RealSet) -> list[tuple[Scan, Minutiae | None]]:
    """Every print of a set and what was extracted from it; None where that failed."""
    scans = read_dataset(real.path)
    found = extract_all(
        [scan.path for scan in scans],
        resolution_ppi=real.resolution_ppi,
        cache=extractions(),
        track=silent,
    )
    return list(zip(scans, found, strict=True))


def minutiae(real: RealSet) -> list[tuple[Scan, Minutiae]]:
    """What was extracted from every usable print of a set."""
    return [
        (scan, one)
        for scan, one in prints(real)
        if one is not None and usable_template(one) is not None
    ]


def templates(real: RealSet) -> list[tuple[Scan, FingerTemplate]]:
    """Every usable print of a set, described."""
    described = ((scan, usable_template(one)) for scan, one in minutiae(real))
    return [(scan, template) for scan, template in described if template is not None]
