"""NIST's reference transactions, the standards' own templates, decoder pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workers.biometrics import images
from workers.biometrics.itl import (
    describe_transaction,
    read_transaction,
    submission_from_transaction,
    transaction_origin,
    write_transaction,
)
from workers.biometrics.model import (
    FingerImage,
    FingerPosition,
    Impression,
    MissingFinger,
    MissingReason,
    Print,
    PrintFormat,
)
from workers.biometrics.templates import incits378, iso19794_2, read_template

pytestmark = pytest.mark.real_data


TRANSACTIONS = {
    "type-13-14-latent-match.an2": ([8], [], 1),
    "type-14-amp-nqm-utf8.an2": ([15, 13, 14], [9], 0),
    "type-14-tip-eji-wsq.an2": ([], [], 5),
    "type-15-palms.an2": ([], [], 2),
    "type-3.an2": ([], [], 1),
    "type-4-14-slaps.an2": ([14, 13, 15], [], 0),
    "type-4-slaps.an2": ([14, 12, 11, 13], [], 0),
    "type-4-tpcard.an2": ([*range(1, 11), 14, 12, 11, 13], [], 0),
    "type-9-14-std.an2": ([8], [], 1),
    "type-9-4-iafis.an2": ([8], [], 1),
    "type9-efs.an2k": ([], [], 8),
    "type9.an2k": ([], [], 1),
}
"""Positions of the prints, positions missing, number of records set aside."""


@pytest.mark.parametrize("name", TRANSACTIONS)
def test_reference_transactions(data: Path, name: str) -> None:
    content = (data / "transactions" / name).read_bytes()
    transaction = read_transaction(content)
    assert write_transaction(transaction) == content
    assert len(describe_transaction(transaction).records) == len(transaction.records)
    assert transaction_origin(transaction).ori
    found = submission_from_transaction(transaction)
    positions, missing, unused = TRANSACTIONS[name]
    assert [int(p.position) for p in found.prints] == positions
    assert [int(m.position) for m in found.missing] == missing
    assert len(found.unused) == unused
    for print_ in found.prints:
        image = images.decode(print_)
        assert image.resolution_ppi == 500.0
        assert image.pixels.shape == (print_.height, print_.width)
        # Paper is light, ridges dark, neither fills the image.
        assert 120 < image.pixels.mean() < 240
        assert image.pixels.std() > 20


def test_the_card_is_ten_rolled_and_four_plain_prints(data: Path) -> None:
    content = (data / "transactions" / "type-4-tpcard.an2").read_bytes()
    found = submission_from_transaction(read_transaction(content))
    impressions = [p.impression for p in found.prints]
    assert impressions == [Impression.ROLLED] * 10 + [Impression.PLAIN] * 4


def test_the_amputation_is_read(data: Path) -> None:
    content = (data / "transactions" / "type-14-amp-nqm-utf8.an2").read_bytes()
    found = submission_from_transaction(read_transaction(content))
    assert found.missing == (MissingFinger(FingerPosition.LEFT_RING, MissingReason.AMPUTATED),)


TEMPLATES = {
    "Appendix-B2_Example.raw": (incits378, [(7, 27, 0), (2, 22, 11)]),
    "Appendix-C2_Example.raw": (iso19794_2, [(7, 27, 0), (2, 22, 11)]),
    "fmr.ansi2004": (incits378, [(7, 27, 0), (2, 22, 11), (3, 28, 0)]),
    "fmr.ansi2007": (incits378, [(7, 27, 0), (2, 22, 11)]),
    "fmr.iso2005": (iso19794_2, [(7, 27, 0), (2, 22, 0)]),
}
"""(position, minutiae, bytes of extended data) of each view; 0 too where the file's own length
of them is wrong."""


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_standards_own_templates(data: Path, name: str) -> None:
    module, expected = TEMPLATES[name]
    views = module.read((data / "templates" / name).read_bytes())
    assert [(v.position, len(v.minutiae), len(v.extended)) for v in views] == expected
    for view in views:
        assert view.impression is not None
        assert 60 <= view.quality <= 100
    again = module.read(module.write(views))
    for before, after in zip(views, again, strict=True):
        np.testing.assert_array_equal(before.minutiae.x, after.minutiae.x)
        np.testing.assert_array_equal(before.minutiae.y, after.minutiae.y)
        np.testing.assert_array_equal(before.minutiae.angle, after.minutiae.angle)


def test_both_standards_examples_show_the_same_minutiae(data: Path) -> None:
    folder = data / "templates"
    ansi = incits378.read((folder / "Appendix-B2_Example.raw").read_bytes())
    iso = iso19794_2.read((folder / "Appendix-C2_Example.raw").read_bytes())
    for one, other in zip(ansi, iso, strict=True):
        np.testing.assert_array_equal(one.minutiae.x, other.minutiae.x)
        turn = np.angle(np.exp(1j * (one.minutiae.angle.astype(float) - other.minutiae.angle)))
        # Rounded to 2 and to 1.4 degrees, and a few typed differently in the two annexes.
        assert np.median(np.abs(turn)) < np.radians(1.8)


@pytest.mark.parametrize("name", ["Appendix-B2_Example.raw", "fmr.ansi2004", "fmr.ansi2007"])
def test_submitted_templates(data: Path, name: str) -> None:
    content = (data / "templates" / name).read_bytes()
    print_ = Print("prints[0]", FingerPosition(0), None, PrintFormat.INCITS_378_2004, content)
    assert read_template(print_)[0].position == 7


def decode(path: Path, format_: PrintFormat, ppi: float | None) -> FingerImage:
    return images.decode(
        Print("p", FingerPosition(1), Impression.PLAIN, format_, path.read_bytes(), ppi)
    )


def test_wsq_decodes_bit_identically_to_its_reference(data: Path) -> None:
    decoded = decode(data / "wsq" / "sample.wsq", PrintFormat.WSQ, None)
    reference = decode(data / "wsq" / "sample.png", PrintFormat.PNG, 500.0)
    assert decoded.resolution_ppi == 500.0
    np.testing.assert_array_equal(decoded.pixels, reference.pixels)


def test_wsq_and_jpeg_2000_samples(data: Path) -> None:
    small = decode(data / "wsq" / "img.wsq", PrintFormat.WSQ, None)
    assert small.pixels.shape == (256, 256)
    large = decode(data / "wsq" / "img.jp2", PrintFormat.JPEG2000, None)
    assert large.resolution_ppi == 1000.0
    assert images.resample(large).pixels.shape == (503, 454)
