"""Files of prints as the contract takes them: images of any kind Pillow reads, templates."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from workers.biometrics.images import MAX_PIXELS, WHOLE_PPI_TOLERANCE
from workers.biometrics.model import PrintFormat
from workers.biometrics.recognise import recognise
from workers.errors import ErrorCode, RidgelineError

_AS_THEY_ARE = frozenset({"1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA"})
"""Pillow modes that PNG holds."""


@dataclass(frozen=True, slots=True)
class PrintFile:
    """The bytes of a print in a format of the contract.

    Attributes:
        resolution_ppi: as asked for, else as a file of another format states it; None leaves
            it to the data.
    """

    format: PrintFormat
    data: bytes
    resolution_ppi: float | None


def read_print_file(path: Path, resolution_ppi: float | None = None) -> PrintFile:
    """Reads an image or a template; an image of a format we do not send becomes PNG.

    Args:
        resolution_ppi: overrides what the file states.

    Raises:
        RidgelineError: MALFORMED_IMAGE where the file holds neither; its field is the file's
            name.
    """
    data = read_file(path)
    known = recognise(data)
    if known is not None:
        return PrintFile(known, data, None if known.is_template else resolution_ppi)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise _unreadable(path, f"{image.width} x {image.height} pixels are too many")
                stated = _stated_ppi(image.info.get("dpi"))
                plain = image if image.mode in _AS_THEY_ARE else image.convert("RGB")
                png = io.BytesIO()
                plain.save(png, "PNG", compress_level=1)
    except RidgelineError:
        raise
    except Exception as error:
        # Pillow's codecs raise whatever the data provoke.
        raise _unreadable(path, "neither an image nor a minutiae template") from error
    ppi = resolution_ppi if resolution_ppi is not None else stated
    return PrintFile(PrintFormat.PNG, png.getvalue(), ppi)


def read_file(path: Path) -> bytes:
    """A file's bytes; raises INVALID_FIELD naming the file where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RidgelineError(
            ErrorCode.INVALID_FIELD, f"cannot be read ({error.strerror})", field=path.name
        ) from error


def _stated_ppi(dpi: object) -> float | None:
    if not isinstance(dpi, tuple) or not dpi:
        return None
    ppi = float(dpi[0])
    return float(round(ppi)) if abs(ppi - round(ppi)) < WHOLE_PPI_TOLERANCE else ppi


def _unreadable(path: Path, detail: str) -> RidgelineError:
    return RidgelineError(ErrorCode.MALFORMED_IMAGE, detail, field=path.name)
