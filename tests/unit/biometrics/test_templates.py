"""Templates of both standards, round trips and hostile bytes."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.biometrics.model import (
    FingerPosition,
    Impression,
    Minutiae,
    Print,
    PrintFormat,
)
from workers.biometrics.templates import TemplateView, incits378, iso19794_2, read_template
from workers.errors import ErrorCode, RidgelineError

FORMATS = [(iso19794_2, 256), (incits378, 180)]
BOTH = pytest.mark.parametrize("module", [iso19794_2, incits378], ids=["iso", "incits"])


def minutiae(rows: list[tuple[float, float, float, int, int]], size: tuple[int, int]) -> Minutiae:
    x, y, angle, kind, quality = zip(*rows, strict=True) if rows else ((),) * 5
    return Minutiae(
        np.array(x, np.float32),
        np.array(y, np.float32),
        np.array(angle, np.float32),
        np.array(kind, np.uint8),
        np.array(quality, np.uint8),
        *size,
    )


THREE = minutiae(
    [(0, 0, 0.0, 1, 0), (511.4, 299.6, math.pi / 2, 2, 100), (7, 5, 6.27, 0, 44)], (512, 301)
)
VIEW = TemplateView(position=7, impression_code=1, quality=80, minutiae=THREE)


def refused(module: ModuleType, data: bytes) -> RidgelineError:
    with pytest.raises(RidgelineError) as caught:
        module.read(data)
    assert caught.value.code is ErrorCode.MALFORMED_TEMPLATE
    assert caught.value.field
    assert caught.value.offset is not None
    return caught.value


def test_an_iso_record_is_laid_out_as_the_standard_has_it() -> None:
    data = iso19794_2.write([VIEW])
    assert data == (
        b"FMR\0 20\0"
        + (24 + 4 + 18 + 2).to_bytes(4, "big")
        + b"\0\0"
        + b"\x02\x00\x01\x2d\x00\xc5\x00\xc5\x01\0"
        + b"\x07\x01\x50\x03"
        + b"\x40\x00\x00\x00\x00\x00"
        + b"\x81\xff\x01\x2c\x40\x64"
        + b"\x00\x07\x00\x05\xff\x2c"
        + b"\0\0"
    )


def test_an_incits_record_is_laid_out_as_the_standard_has_it() -> None:
    data = incits378.write([VIEW])
    assert data[:8] == b"FMR\0 20\0"
    assert data[8:10] == (26 + 4 + 18 + 2).to_bytes(2, "big") == len(data).to_bytes(2, "big")
    assert data[16:26] == b"\x02\x00\x01\x2d\x00\xc5\x00\xc5\x01\0"
    assert data[30:48] == (
        b"\x40\x00\x00\x00\x00\x00" + b"\x81\xff\x01\x2c\x2d\x64" + b"\x00\x07\x00\x05\x00\x2c"
    )


@BOTH
def test_a_record_above_64_kib(module: ModuleType) -> None:
    many = minutiae([(i, i, 0.0, 1, 50) for i in range(255)], (300, 300))
    views = [TemplateView(1, 0, 50, many, number % 16) for number in range(50)]
    data = module.write(views)
    assert len(data) > 0xFFFF
    assert module.write(module.read(data)) == data


@st.composite
def views(draw: st.DrawFn) -> list[TemplateView]:
    width, height = draw(st.integers(1, 16384)), draw(st.integers(1, 16384))
    row = st.tuples(
        st.floats(0, width - 1, width=32),
        st.floats(0, height - 1, width=32),
        st.floats(0, 6.25, width=32),
        st.integers(0, 2),
        st.integers(0, 100),
    )
    block = st.tuples(st.integers(0, 65535), st.binary(max_size=9)).map(
        lambda b: b[0].to_bytes(2, "big") + (len(b[1]) + 4).to_bytes(2, "big") + b[1]
    )
    return draw(
        st.lists(
            st.builds(
                TemplateView,
                position=st.integers(0, 10),
                impression_code=st.integers(0, 15),
                quality=st.integers(0, 100),
                minutiae=st.lists(row, max_size=8).map(lambda r: minutiae(r, (width, height))),
                number=st.integers(0, 15),
                extended=st.lists(block, max_size=3).map(b"".join),
            ),
            min_size=1,
            max_size=4,
        )
    )


@given(views(), st.sampled_from(FORMATS))
def test_views_come_back_within_the_formats_resolution(
    written: list[TemplateView], form: tuple[ModuleType, int]
) -> None:
    module, units = form
    data = module.write(written)
    read = module.read(data)
    assert module.write(read) == data
    assert len(read) == len(written)
    for before, after in zip(written, read, strict=True):
        for name in ("position", "impression_code", "quality", "number", "extended"):
            assert getattr(before, name) == getattr(after, name)
        a, b = before.minutiae, after.minutiae
        assert (a.width, a.height) == (b.width, b.height)
        assert np.abs(a.x - b.x).max(initial=0) <= 0.5
        assert np.abs(a.y - b.y).max(initial=0) <= 0.5
        turn = np.abs(np.angle(np.exp(1j * (a.angle.astype(float) - b.angle))))
        assert turn.max(initial=0) <= math.pi / units + 1e-6
        np.testing.assert_array_equal(a.kind, b.kind)
        np.testing.assert_array_equal(a.quality, b.quality)


@BOTH
@pytest.mark.parametrize(("ppcm", "ppi"), [(394, 1000.0), (98, 250.0), (224, 568.96)])
def test_other_resolutions_are_scaled_to_500_ppi(module: ModuleType, ppcm: int, ppi: float) -> None:
    data = bytearray(module.write([VIEW]))
    at = data.index(b"\x00\xc5\x00\xc5")
    data[at : at + 4] = ppcm.to_bytes(2, "big") * 2
    (view,) = module.read(bytes(data))
    scale = 500.0 / ppi
    np.testing.assert_allclose(view.minutiae.x, (np.array([0, 511, 7]) + 0.5) * scale - 0.5)
    np.testing.assert_allclose(view.minutiae.y, (np.array([0, 300, 5]) + 0.5) * scale - 0.5)
    assert (view.minutiae.width, view.minutiae.height) == (
        math.ceil(512 * scale),
        math.ceil(301 * scale),
    )


@BOTH
def test_a_size_of_zero_is_taken_from_the_minutiae(module: ModuleType) -> None:
    data = module.write([VIEW]).replace(b"\x02\x00\x01\x2d\x00\xc5", b"\0\0\0\0\x00\xc5")
    (view,) = module.read(data)
    assert (view.minutiae.width, view.minutiae.height) == (512, 301)


@BOTH
@pytest.mark.parametrize(
    ("code", "impression"),
    [
        (0, Impression.PLAIN),
        (1, Impression.ROLLED),
        (2, Impression.PLAIN),
        (3, Impression.ROLLED),
        (8, Impression.PLAIN),
        (7, None),
    ],
)
def test_impression_codes(module: ModuleType, code: int, impression: Impression | None) -> None:
    (view,) = module.read(module.write([TemplateView(1, code, 0, THREE)]))
    assert view.impression is impression


@BOTH
def test_extended_data_of_a_wrong_length_are_dropped_where_the_record_length_vouches(
    module: ModuleType,
) -> None:
    block = b"\0\x02\0\x08core"
    data = module.write([VIEW, TemplateView(7, 0, 80, THREE, 1, block)])
    wrong = data[: -len(block) - 2] + b"\0\x09" + block
    assert [len(view.extended) for view in module.read(data)] == [0, 8]
    assert [len(view.extended) for view in module.read(wrong)] == [0, 0]


@BOTH
def test_every_truncation_is_refused(module: ModuleType) -> None:
    data = module.write([VIEW, VIEW])
    for end in range(len(data)):
        refused(module, data[:end])


@BOTH
def test_trailing_bytes_are_refused(module: ModuleType) -> None:
    assert refused(module, module.write([VIEW]) + b"\0").field == "number of views"


@pytest.mark.parametrize(
    ("position", "value", "field"),
    [
        (0, b"X", "format identifier"),
        (5, b"3", "version"),
        (11, b"\xff", "record length"),
        (18, b"\0\0", "x resolution"),
        (20, b"\xff\xff", "y resolution"),
        (22, b"\2", "view 2, finger position"),
        (24, b"\x0b", "view 1, finger position"),
        (27, b"\xff", "view 1, minutiae"),
        (28, b"\xc0", "view 1, minutia 1"),
        (34, b"\x82", "view 1, minutia 2"),
        (42, b"\x3f", "view 1, minutia 3"),
        (46, b"\0\x01", "view 1, extended data"),
    ],
)
def test_what_is_wrong_in_an_iso_record_is_named(position: int, value: bytes, field: str) -> None:
    data = bytearray(iso19794_2.write([VIEW]))
    data[position : position + len(value)] = value
    if field == "view 1, extended data":
        data += b"\0\0\0"
        data[8:12] = (len(data) - 1).to_bytes(4, "big")
    assert refused(iso19794_2, bytes(data)).field == field


def test_an_incits_angle_beyond_a_turn_is_refused() -> None:
    data = bytearray(incits378.write([VIEW]))
    data[34] = 180
    error = refused(incits378, bytes(data))
    assert (error.field, error.offset) == ("view 1, minutia 1", 30)


def test_an_extended_block_that_overruns_its_area_is_refused() -> None:
    data = iso19794_2.write([TemplateView(1, 0, 0, THREE, 0, b"\0\x01\0\x06ab")])
    error = refused(iso19794_2, data.replace(b"\0\x01\0\x06ab", b"\0\x01\0\x07ab"))
    assert error.field == "view 1, extended data"


def test_incits_2007_views_have_their_own_size() -> None:
    view = b"\x02\x00\x01\x46\0\0\0\0" + b"\x00\x64\x00\x64\x01\x8a\x01\x8a" + b"\x01"
    view += b"\x40\x62\x00\x02\x2d\x63" + b"\0\0"
    body = b"\0\0\0\0\0\0" + b"\x01\0" + view
    data = b"FMR\x00030\x00" + (12 + len(body)).to_bytes(4, "big") + body
    (found,) = incits378.read(data)
    assert (found.position, found.impression, found.quality) == (2, Impression.ROLLED, 70)
    assert (found.minutiae.width, found.minutiae.height) == (50, 50)
    np.testing.assert_allclose(found.minutiae.x, [98.5 / 2 - 0.5])
    np.testing.assert_allclose(found.minutiae.angle, [math.pi / 2], rtol=1e-6)
    for end in range(len(data)):
        refused(incits378, data[:end])


@BOTH
@pytest.mark.parametrize(
    "unwritable",
    [
        [],
        [TemplateView(11, 0, 0, THREE)],
        [TemplateView(1, 16, 0, THREE)],
        [TemplateView(1, 0, 101, THREE)],
        [TemplateView(1, 0, 0, THREE, 16)],
        [TemplateView(1, 0, 0, THREE, 0, bytes(65536))],
        [TemplateView(1, 0, 0, minutiae([(1, 1, 0.0, 1, 1)] * 256, (9, 9)))],
        [TemplateView(1, 0, 0, minutiae([(9, 1, 0.0, 1, 1)], (9, 9)))],
        [TemplateView(1, 0, 0, minutiae([(1, -1, 0.0, 1, 1)], (9, 9)))],
        [TemplateView(1, 0, 0, minutiae([], (70000, 9)))],
        [VIEW] * 256,
    ],
)
def test_what_a_record_cannot_hold_is_refused(
    module: ModuleType, unwritable: list[TemplateView]
) -> None:
    with pytest.raises(RidgelineError) as caught:
        module.write(unwritable)
    assert caught.value.code is ErrorCode.INVALID_FIELD
    assert caught.value.field


def submitted(format: PrintFormat, data: bytes) -> Print:  # noqa: A002
    return Print("prints[3]", FingerPosition.UNKNOWN, None, format, data)


def test_the_print_says_which_format() -> None:
    for format_, module in (
        (PrintFormat.ISO_19794_2_2005, iso19794_2),
        (PrintFormat.INCITS_378_2004, incits378),
    ):
        (view,) = read_template(submitted(format_, module.write([VIEW])))
        assert (view.position, view.impression) == (7, Impression.ROLLED)
    with pytest.raises(RidgelineError) as caught:
        read_template(submitted(PrintFormat.ISO_19794_2_2005, incits378.write([VIEW])))
    assert caught.value.code is ErrorCode.MALFORMED_TEMPLATE
    assert caught.value.field.startswith("prints[3]: ")
    with pytest.raises(RidgelineError) as caught:
        read_template(submitted(PrintFormat.PNG, b""))
    assert caught.value.code is ErrorCode.INVALID_FIELD


@given(
    st.sampled_from(FORMATS),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4),
    st.integers(0, 200),
    st.binary(max_size=8),
)
def test_damaged_records_raise_nothing_else(
    form: tuple[ModuleType, int], changes: list[tuple[int, int]], cut: int, inserted: bytes
) -> None:
    data = bytearray(form[0].write([VIEW, TemplateView(7, 0, 80, THREE, 1, b"\0\1\0\6ab")]))
    for position, value in changes:
        data[position % len(data)] = value
    for attempt in (bytes(data), bytes(data[:cut]) + inserted + bytes(data[cut:]), inserted):
        try:
            found = form[0].read(attempt)
        except RidgelineError as error:
            assert error.code is ErrorCode.MALFORMED_TEMPLATE  # noqa: PT017
        else:
            for view in found:
                assert (view.minutiae.x <= view.minutiae.width).all()
