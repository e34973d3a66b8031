"""Formats by their first bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.unit.biometrics import transactions as raw
from workers.biometrics.images import encode_png, encode_wsq
from workers.biometrics.model import FingerImage, Minutiae, PrintFormat
from workers.biometrics.recognise import is_transaction, recognise
from workers.biometrics.templates import TemplateView, incits378, iso19794_2

GREY = FingerImage(np.zeros((80, 80), np.uint8), 500.0)


def views(count: int) -> list[TemplateView]:
    many = np.zeros(255, np.float32)
    kinds = np.ones(255, np.uint8)
    return [TemplateView(1, 0, 0, Minutiae(many, many, many, kinds, kinds, 9, 9))] * count


def jpeg_2000(**options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(GREY.pixels).save(buffer, "JPEG2000", **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encode_wsq(GREY), PrintFormat.WSQ),
        (encode_png(GREY), PrintFormat.PNG),
        (jpeg_2000(), PrintFormat.JPEG2000),
        (jpeg_2000(no_jp2=True), PrintFormat.JPEG2000),
        (iso19794_2.write(views(1)), PrintFormat.ISO_19794_2_2005),
        (iso19794_2.write(views(60)), PrintFormat.ISO_19794_2_2005),
        (incits378.write(views(1)), PrintFormat.INCITS_378_2004),
        (incits378.write(views(60)), PrintFormat.INCITS_378_2004),
        (b"FMR\x00030\x00", PrintFormat.INCITS_378_2004),
        (b"FMR\0 99\0", None),
        (b"GIF89a", None),
        (b"", None),
    ],
)
def test_formats(data: bytes, expected: PrintFormat | None) -> None:
    assert recognise(data) is expected


def test_transactions() -> None:
    assert is_transaction(raw.header([(2, 0)]) + raw.type_2())
    assert is_transaction(b"1.01:62\x1d")
    assert not is_transaction(encode_png(GREY))
