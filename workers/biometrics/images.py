"""Decodes submitted images to grey pixels at a known resolution, and encodes them.

Sizes are checked from the header before anything is decoded. Resampling to 500 ppi is where
all extraction starts.
"""

from __future__ import annotations

import io
import warnings
from typing import Final

import numpy as np
import wsq  # noqa: F401 - registers WSQ with Pillow
from numpy.typing import NDArray
from PIL import Image, ImageFile

from workers.biometrics.model import RESOLUTION_PPI, FingerImage, Print, PrintFormat
from workers.biometrics.resolution import is_square
from workers.biometrics.wsq_entropy import check_wsq_coefficients
from workers.biometrics.wsq_structure import read_wsq_header
from workers.errors import ErrorCode, RidgelineError

MAX_PIXELS: Final = 16_000_000
"""Largest image decoded, pixels: a four-finger slap at 1200 ppi, 3.2 x 3 inches, has 13.8."""

MAX_SIDE: Final = 8_000
"""Longest side decoded, pixels."""

MAX_SQUARE_INCHES: Final = 16.0
"""Largest print taken: the biggest slap scanners see 3.2 x 3 inches, and time goes by area."""

MIN_SIDE: Final = 16
"""Shortest side decoded, pixels; less cannot hold two ridge periods either way."""

MIN_WSQ_SIDE: Final = 64
"""Shortest side of a WSQ image, pixels: the codec's C code splits the image five times over
and reads outside its buffers below that."""

MIN_PPI: Final = 250.0
"""Below it ridges alias (ANSI/NIST-ITL's low resolution is 250 ppi)."""

MAX_PPI: Final = 1_200.0
"""Above it the size is more likely a mistake than a scanner."""

WHOLE_PPI_TOLERANCE: Final = 0.02
"""A stated resolution this close to whole ppi means the whole number (19,685 px/m is 500)."""

_PILLOW_FORMATS = {
    PrintFormat.WSQ: "WSQ",
    PrintFormat.JPEG2000: "JPEG2000",
    PrintFormat.PNG: "PNG",
}


def decode(print: Print) -> FingerImage:  # noqa: A002 - the model's own word
    """Decodes a submitted image.

    The resolution is the print's own, else what the data state: PNG pHYs, JPEG 2000 capture
    or display resolution box, the PPI line of a WSQ comment. Colour becomes grey (ITU-R
    601-2 luma), 16 bits become 8.

    Raises:
        RidgelineError: MALFORMED_IMAGE, its field the print's source, for data that are not
            what they are said to be or are too large or small; INVALID_FIELD naming
            `resolution_ppi` where none is known or it is outside MIN_PPI to MAX_PPI, `format`
            where the print is a template, `width` or `height` where a raw image lacks them.
    """
    if print.format is PrintFormat.RAW:
        pixels, stated = _decode_raw(print), None
    elif print.format in _PILLOW_FORMATS:
        pixels, stated = _decode_with_pillow(print)
    else:
        raise _invalid(print, "format", "a template is not an image")
    ppi = print.resolution_ppi if print.resolution_ppi is not None else stated
    if ppi is None:
        raise _invalid(print, "resolution_ppi", "the resolution is neither given nor in the data")
    if not MIN_PPI <= ppi <= MAX_PPI:
        raise _invalid(
            print,
            "resolution_ppi",
            f"{ppi:g} ppi is outside {MIN_PPI:g} to {MAX_PPI:g}",
        )
    if pixels.size > MAX_SQUARE_INCHES * ppi * ppi:
        raise _malformed(print, f"{pixels.size / ppi**2:.0f} square inches are more than a print")
    return FingerImage(pixels, float(ppi))


def resample(image: FingerImage) -> FingerImage:
    """The image at 500 ppi, by a Lanczos filter widened to the new pixel when it shrinks.

    Pixel centres map as in `workers.biometrics.model`: u at one resolution lies at
    (u + 0.5) * 500 / ppi - 0.5 at the other. Sides are rounded down to whole pixels.
    """
    if image.resolution_ppi == RESOLUTION_PPI:
        return image
    scale = RESOLUTION_PPI / image.resolution_ppi
    height, width = image.pixels.shape
    size = (max(1, int(width * scale + 1e-6)), max(1, int(height * scale + 1e-6)))
    # The box leaves out the last part of a pixel, so that the scale is exact.
    box = (0.0, 0.0, min(width, size[0] / scale), min(height, size[1] / scale))
    resized = Image.fromarray(image.pixels).resize(size, Image.Resampling.LANCZOS, box=box)
    return FingerImage(np.asarray(resized), RESOLUTION_PPI)


def encode_wsq(image: FingerImage) -> bytes:
    """WSQ at the 0.75 bits a pixel that the FBI's specification calls for, about 15:1 in practice.

    Raises:
        RidgelineError: INVALID_FIELD for an image outside the sizes that are decoded.
    """
    height, width = image.pixels.shape
    if min(height, width) < MIN_WSQ_SIDE or max(height, width) > MAX_SIDE:
        raise RidgelineError(
            ErrorCode.INVALID_FIELD,
            f"{width} x {height} pixels cannot be written as WSQ",
            field="image",
        )
    try:
        encoded = _encode(image, "WSQ")
    except Exception as error:
        # The codec's C code reports by a bare Exception.
        raise RidgelineError(
            ErrorCode.INVALID_FIELD, "the image cannot be written as WSQ", field="image"
        ) from error
    return _state_resolution(encoded, image.resolution_ppi)


def _state_resolution(encoded: bytes, ppi: float) -> bytes:
    """Puts the resolution into the leading comment, where the encoder always writes 500."""
    length = int.from_bytes(encoded[4:6], "big")
    comment = encoded[6 : 4 + length].replace(b"\nPPI 500\n", b"\nPPI %d\n" % round(ppi))
    return encoded[:4] + (len(comment) + 2).to_bytes(2, "big") + comment + encoded[4 + length :]


def encode_png(image: FingerImage) -> bytes:
    """Lossless PNG with the resolution in its pHYs chunk."""
    return _encode(image, "PNG", dpi=(image.resolution_ppi, image.resolution_ppi))


def _encode(image: FingerImage, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image.pixels)).save(buffer, name, **options)
    return buffer.getvalue()


def _decode_raw(print_: Print) -> NDArray[np.uint8]:
    for name, value in (("width", print_.width), ("height", print_.height)):
        if value < 1:
            raise _invalid(print_, name, f"a raw image needs its {name}, got {value}")
    _check_size(print_, print_.width, print_.height)
    if len(print_.data) != print_.width * print_.height:
        raise _malformed(
            print_,
            f"{len(print_.data)} bytes are not {print_.width} x {print_.height} pixels",
        )
    pixels = np.frombuffer(print_.data, np.uint8).reshape(print_.height, print_.width)
    return pixels.copy()


def _decode_with_pillow(print_: Print) -> tuple[NDArray[np.uint8], float | None]:
    name = _PILLOW_FORMATS[print_.format]
    stated = None
    if print_.format is PrintFormat.WSQ:
        header = read_wsq_header(print_.data, print_.source)
        _check_size(print_, header.width, header.height, smallest=MIN_WSQ_SIDE)
        check_wsq_coefficients(print_.data, header, print_.source)
        stated = header.ppi
    try:
        with warnings.catch_warnings():
            # Pillow's own size warning is superfluous beside our check.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(print_.data), formats=(name,)) as image:
                _check_size(print_, *image.size)
                stated = stated or _stated_resolution(image)
                pixels = _grey(image)
    except RidgelineError:
        raise
    except Exception as error:
        # Pillow and its codecs raise whatever the data provoke: OSError, SyntaxError,
        # ValueError, struct.error, and more between versions.
        raise _malformed(print_, f"not a readable {name} image") from error
    stated_size = (print_.height, print_.width)
    if all(stated_size) and pixels.shape != stated_size:
        raise _malformed(
            print_,
            f"the image is {pixels.shape[1]} x {pixels.shape[0]}, "
            f"its record says {print_.width} x {print_.height}",
        )
    return pixels, stated


def _grey(image: ImageFile.ImageFile) -> NDArray[np.uint8]:
    if image.mode.startswith("I;16") or image.mode == "I":
        wide = np.asarray(image)
        eight: NDArray[np.uint8] = (np.clip(wide, 0, 0xFFFF).astype(np.uint32) >> 8).astype(
            np.uint8
        )
        return eight
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        # What is transparent is paper: white.
        layered = image.convert("RGBA")
        paper = Image.new("RGBA", layered.size, "white")
        return np.array(Image.alpha_composite(paper, layered).convert("L"))
    return np.array(image.convert("L"))


def _stated_resolution(image: ImageFile.ImageFile) -> float | None:
    """From PNG pHYs or the JPEG 2000 resolution box, both of which Pillow reads as `dpi`."""
    dpi = image.info.get("dpi")
    if not dpi or not all(np.isfinite(dpi)) or min(dpi) <= 0:
        return None
    if not is_square(*dpi):
        return None
    # Both count in pixels a metre or so, which cannot spell 500 ppi exactly.
    nearest = float(round(dpi[0]))
    return nearest if abs(nearest - dpi[0]) < WHOLE_PPI_TOLERANCE else float(dpi[0])


def _check_size(print_: Print, width: int, height: int, *, smallest: int = MIN_SIDE) -> None:
    if min(width, height) < smallest:
        raise _malformed(print_, f"{width} x {height} pixels is too small for a print")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise _malformed(
            print_,
            f"{width} x {height} pixels exceed the limit of {MAX_PIXELS} or {MAX_SIDE} a side",
        )


def _malformed(print_: Print, detail: str) -> RidgelineError:
    return RidgelineError(ErrorCode.MALFORMED_IMAGE, detail, field=print_.source)


def _invalid(print_: Print, name: str, detail: str) -> RidgelineError:
    return RidgelineError(ErrorCode.INVALID_FIELD, detail, field=f"{print_.source}.{name}")
