"""Decoding, encoding and resampling images."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from workers.biometrics import images
from workers.biometrics.model import (
    FingerImage,
    FingerPosition,
    Impression,
    Print,
    PrintFormat,
)
from workers.biometrics.wsq_structure import read_wsq_header
from workers.errors import ErrorCode, RidgelineError


def ridges(height: int = 96, width: int = 128, ppi: float = 500.0) -> FingerImage:
    """Concentric ridges nine pixels apart at 500 ppi."""
    rows, columns = np.mgrid[:height, :width]
    period = 9.0 * ppi / 500.0
    distance = np.hypot(rows - height / 2, columns - width / 3)
    return FingerImage(
        (127 - 100 * np.cos(2 * np.pi * distance / period)).astype(np.uint8), float(ppi)
    )


def submitted(
    format: PrintFormat,  # noqa: A002
    data: bytes,
    ppi: float | None = 500.0,
    width: int = 0,
    height: int = 0,
) -> Print:
    return Print(
        "prints[0]",
        FingerPosition.RIGHT_INDEX,
        Impression.PLAIN,
        format,
        data,
        ppi,
        width=width,
        height=height,
    )


def refused(code: ErrorCode, print_: Print) -> RidgelineError:
    with pytest.raises(RidgelineError) as caught:
        images.decode(print_)
    assert caught.value.code is code
    assert caught.value.field.startswith("prints[0]")
    return caught.value


def saved(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


WSQ = images.encode_wsq(ridges())


def test_png_is_lossless_and_keeps_its_resolution() -> None:
    for ppi in (500.0, 569.0, 1000.0):
        image = ridges(ppi=ppi)
        decoded = images.decode(submitted(PrintFormat.PNG, images.encode_png(image), None))
        assert decoded.resolution_ppi == ppi
        np.testing.assert_array_equal(decoded.pixels, image.pixels)


def test_wsq_states_its_resolution_and_stays_close() -> None:
    for ppi in (500.0, 1000.0):
        image = ridges(ppi=ppi)
        decoded = images.decode(submitted(PrintFormat.WSQ, images.encode_wsq(image), None))
        assert decoded.resolution_ppi == ppi
        assert np.sqrt(np.mean((decoded.pixels.astype(float) - image.pixels) ** 2)) < 15


def test_the_255_that_means_unknown_is_not_a_resolution() -> None:
    unknown = WSQ.replace(b"\nPPI 500\n", b"\nPPI 255\n")
    assert refused(ErrorCode.INVALID_FIELD, submitted(PrintFormat.WSQ, unknown, None)).field == (
        "prints[0].resolution_ppi"
    )
    assert images.decode(submitted(PrintFormat.WSQ, unknown, 500.0)).resolution_ppi == 500.0


def test_jpeg_2000_is_read() -> None:
    image = ridges()
    data = saved(Image.fromarray(image.pixels), "JPEG2000", irreversible=False)
    decoded = images.decode(submitted(PrintFormat.JPEG2000, data))
    np.testing.assert_array_equal(decoded.pixels, image.pixels)


def test_raw_is_read_row_by_row() -> None:
    image = ridges(20, 30)
    data = image.pixels.tobytes()
    decoded = images.decode(submitted(PrintFormat.RAW, data, width=30, height=20))
    np.testing.assert_array_equal(decoded.pixels, image.pixels)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA", "I;16", "1"])
def test_other_pixels_become_grey(mode: str) -> None:
    grey = Image.fromarray(ridges().pixels)
    if mode == "I;16":
        source = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    else:
        source = grey.convert(mode)
    decoded = images.decode(submitted(PrintFormat.PNG, saved(source, "PNG")))
    expected = np.asarray(grey.convert("1").convert("L") if mode == "1" else grey)
    limit = 2 if mode == "P" else 0
    assert np.abs(decoded.pixels.astype(int) - expected).max() <= limit


def test_transparent_is_paper() -> None:
    layered = Image.new("LA", (32, 32), (0, 0))
    decoded = images.decode(submitted(PrintFormat.PNG, saved(layered, "PNG")))
    assert decoded.pixels.min() == 255


@pytest.mark.parametrize("ppi", [None, 0.0, 72.0, 249.0, 1201.0, float("nan"), float("inf")])
def test_a_resolution_is_needed_and_must_make_sense(ppi: float | None) -> None:
    data = saved(Image.fromarray(ridges().pixels), "PNG")
    error = refused(ErrorCode.INVALID_FIELD, submitted(PrintFormat.PNG, data, ppi))
    assert error.field == "prints[0].resolution_ppi"


def test_a_stated_resolution_outweighs_the_data() -> None:
    data = images.encode_png(ridges())
    assert images.decode(submitted(PrintFormat.PNG, data, 569.0)).resolution_ppi == 569.0


@pytest.mark.parametrize(
    ("width", "height", "name"), [(0, 5, "width"), (5, 0, "height"), (-1, 5, "width")]
)
def test_raw_needs_its_size(width: int, height: int, name: str) -> None:
    print_ = submitted(PrintFormat.RAW, b"", width=width, height=height)
    assert refused(ErrorCode.INVALID_FIELD, print_).field == f"prints[0].{name}"


@pytest.mark.parametrize(
    ("format", "data", "size"),
    [
        (PrintFormat.WSQ, b"", (0, 0)),
        (PrintFormat.WSQ, b"not WSQ at all", (0, 0)),
        (PrintFormat.WSQ, images.encode_png(ridges()), (0, 0)),
        (PrintFormat.PNG, WSQ, (0, 0)),
        (PrintFormat.PNG, images.encode_png(ridges())[:200], (0, 0)),
        (PrintFormat.JPEG2000, images.encode_png(ridges()), (0, 0)),
        (PrintFormat.PNG, images.encode_png(ridges(8, 40)), (0, 0)),
        (PrintFormat.PNG, images.encode_png(ridges()), (128, 97)),
        (PrintFormat.WSQ, WSQ, (127, 96)),
        (PrintFormat.RAW, bytes(399), (20, 20)),
        (PrintFormat.RAW, bytes(401), (20, 20)),
        (PrintFormat.RAW, b"", (7999, 7999)),
        (PrintFormat.RAW, b"", (1_000_000, 16)),
    ],
)
def test_what_is_not_the_image_it_claims_to_be_is_malformed(
    format: PrintFormat,  # noqa: A002
    data: bytes,
    size: tuple[int, int],
) -> None:
    print_ = submitted(format, data, width=size[0], height=size[1])
    assert refused(ErrorCode.MALFORMED_IMAGE, print_).field == "prints[0]"


def test_a_page_is_not_a_print() -> None:
    page = submitted(PrintFormat.RAW, bytes(3000 * 3000), 500.0, 3000, 3000)
    assert "inches" in refused(ErrorCode.MALFORMED_IMAGE, page).detail
    fine = submitted(PrintFormat.RAW, bytes(3000 * 3000), 1000.0, 3000, 3000)
    assert images.decode(fine).pixels.shape == (3000, 3000)


def test_wsq_data_out_of_proportion_are_malformed() -> None:
    end = WSQ[-2:]
    long = WSQ[:-2] + b"\xff\x00" * 200_000 + end
    assert "long" in refused(ErrorCode.MALFORMED_IMAGE, submitted(PrintFormat.WSQ, long)).detail


def test_a_template_is_not_an_image() -> None:
    error = refused(ErrorCode.INVALID_FIELD, submitted(PrintFormat.ISO_19794_2_2005, b"FMR"))
    assert error.field == "prints[0].format"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_decompression_bomb_is_refused_from_its_header() -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 9_000, 9_000, 8, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10_000_000)))
    assert "limit" in refused(ErrorCode.MALFORMED_IMAGE, submitted(PrintFormat.PNG, bomb)).detail


def test_a_huge_wsq_is_refused_from_its_header() -> None:
    frame = WSQ.index(b"\xff\xa2\x00\x11")
    huge = WSQ[: frame + 6] + b"\xff\xff\xff\xff" + WSQ[frame + 10 :]
    assert "limit" in refused(ErrorCode.MALFORMED_IMAGE, submitted(PrintFormat.WSQ, huge)).detail


def test_resampling_keeps_500_ppi_as_it_is() -> None:
    image = ridges()
    assert images.resample(image) is image


@pytest.mark.parametrize("ppi", [250, 400, 512, 569, 1000, 1200])
def test_resampling_reproduces_the_same_scene_at_500_ppi(ppi: int) -> None:
    def scene(height: int, width: int, at: float) -> FingerImage:
        rows, columns = (np.mgrid[:height, :width] + 0.5) * 500.0 / at - 0.5
        waves = np.cos(2 * np.pi * (rows + 0.5 * columns) / 11.0)
        return FingerImage(np.rint(127 + 100 * waves).astype(np.uint8), at)

    source = scene(round(0.5 * ppi), round(0.4 * ppi), float(ppi))
    resampled = images.resample(source)
    height, width = resampled.pixels.shape
    assert resampled.resolution_ppi == 500.0
    assert abs(height - 250) <= 1
    assert abs(width - 200) <= 1
    expected = scene(height, width, 500.0).pixels.astype(float)
    inside = (slice(12, -12), slice(12, -12))
    difference = resampled.pixels.astype(float)[inside] - expected[inside]
    assert np.sqrt(np.mean(difference**2)) < 4.0


def test_resampling_does_not_alias() -> None:
    # A pattern finer than 500 ppi can show must fade to grey, not turn into false ridges.
    columns = np.tile(np.arange(400) % 2 * 255, (400, 1)).astype(np.uint8)
    resampled = images.resample(FingerImage(columns, 1100.0))
    assert resampled.pixels[20:-20, 20:-20].std() < 10


def test_the_wsq_header_is_read() -> None:
    header = read_wsq_header(WSQ, "x")
    assert (header.width, header.height, header.ppi) == (128, 96, 500.0)
    assert len(header.blocks) == 3


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9, 0.99])
def test_a_truncated_wsq_is_malformed(share: float) -> None:
    refused(ErrorCode.MALFORMED_IMAGE, submitted(PrintFormat.WSQ, WSQ[: int(share * len(WSQ))]))


def test_wsq_data_that_stop_short_are_malformed() -> None:
    last = WSQ.rindex(b"\xff\xa3\x00\x03")
    short = WSQ[: last + 40] + b"\xff\xa1"
    error = refused(ErrorCode.MALFORMED_IMAGE, submitted(PrintFormat.WSQ, short))
    assert "short" in error.detail


def test_wsq_data_beyond_the_image_are_malformed() -> None:
    last = WSQ.rindex(b"\xff\xa3\x00\x03")
    block = WSQ[last:-2]
    frame = WSQ.index(b"\xff\xa2\x00\x11")
    small = bytearray(WSQ[:-2] + b"\xff\xa1")
    small[frame + 6 : frame + 10] = (64).to_bytes(2, "big") + (64).to_bytes(2, "big")
    error = refused(ErrorCode.MALFORMED_IMAGE, submitted(PrintFormat.WSQ, bytes(small)))
    assert "exceed" in error.detail
    error = refused(ErrorCode.MALFORMED_IMAGE, submitted(PrintFormat.WSQ, WSQ[:-2] + block))
    assert "3 blocks" in error.detail
    assert error.offset == len(WSQ) - 2


def test_a_wsq_code_that_does_not_exist_is_malformed() -> None:
    # Sixteen ones are no code of any table; the C decoder reads past its tables on them.
    block = WSQ.index(b"\xff\xa3\x00\x03") + 5
    ones = WSQ[:block] + b"\xff\x00" * 8 + WSQ[block + 16 :]
    error = refused(ErrorCode.MALFORMED_IMAGE, submitted(PrintFormat.WSQ, ones))
    assert "code" in error.detail


DAMAGE = st.lists(
    st.tuples(st.integers(0, 10**6), st.sampled_from([0, 1, 2, 127, 128, 254, 255])), max_size=3
)


@settings(max_examples=60, deadline=None)
@given(DAMAGE, st.sampled_from(["wsq", "png", "jp2"]), st.integers(0, 400))
def test_damaged_images_raise_nothing_else(
    changes: list[tuple[int, int]], name: str, near: int
) -> None:
    format, whole = SAMPLES[name]  # noqa: A001
    data = bytearray(whole)
    for place, value in changes:
        # Half of the damage goes to the headers, where most fields are.
        data[place % (len(data) if place % 2 else min(near + 1, len(data)))] = value
    try:
        image = images.decode(submitted(format, bytes(data)))
    except RidgelineError as error:
        assert error.code in (ErrorCode.MALFORMED_IMAGE, ErrorCode.INVALID_FIELD)  # noqa: PT017
    else:
        assert image.pixels.dtype == np.uint8


@given(st.binary(max_size=100), st.sampled_from(["wsq", "png", "jp2"]))
def test_random_bytes_are_malformed(data: bytes, name: str) -> None:
    format, whole = SAMPLES[name]  # noqa: A001
    for attempt in (data, whole[:12] + data):
        assert refused(ErrorCode.MALFORMED_IMAGE, submitted(format, attempt))


SAMPLES = {
    "wsq": (PrintFormat.WSQ, WSQ),
    "png": (PrintFormat.PNG, images.encode_png(ridges())),
    "jp2": (PrintFormat.JPEG2000, saved(Image.fromarray(ridges().pixels), "JPEG2000")),
}
