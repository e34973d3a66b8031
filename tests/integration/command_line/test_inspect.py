"""``ridgeline inspect`` on a transaction, a template and an image of our own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coordinator.commands import cli, run
from workers.biometrics.itl import BookingPrint, build_booking, write_transaction
from workers.biometrics.model import (
    FingerImage,
    FingerPosition,
    Impression,
    MissingFinger,
    MissingReason,
)
from workers.biometrics.templates import TemplateView, incits378
from workers.synthesis.templates import generate_subject


def inspect(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> tuple[int, str, str]:
    return run(cli, ["inspect", str(path), *options]), *capsys.readouterr()


@pytest.fixture
def booking(tmp_path: Path) -> Path:
    pixels = np.tile(np.arange(96, dtype=np.uint8), (128, 1))
    prints = [BookingPrint(FingerPosition(2), Impression.PLAIN, FingerImage(pixels, 500.0))]
    transaction = build_booking(
        prints,
        originating_agency="NY0303000",
        control_number="TCN-1",
        missing=[MissingFinger(FingerPosition(9), MissingReason.AMPUTATED)],
        captured=datetime(2026, 1, 2, tzinfo=UTC),
    )
    path = tmp_path / "booking.an2"
    path.write_bytes(write_transaction(transaction))
    return path


def test_a_transaction(booking: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = inspect(capsys, booking, "--json")
    described = json.loads(out)
    assert code == 0
    assert described["kind"] == "transaction"
    assert (described["origin"]["ori"], described["origin"]["tcn"]) == ("NY0303000", "TCN-1")
    assert [record["type"] for record in described["records"]] == [1, 2, 14]
    assert (described["records"][2]["width"], described["records"][2]["height"]) == (96, 128)
    assert described["prints"][0]["position"] == 2
    assert described["missing"] == [{"position": 9, "reason": "AMPUTATED"}]
    code, out, _ = inspect(capsys, booking)
    assert code == 0
    assert "Type-14 record 3" in out
    assert "right index" in out
    assert "finger 9: amputated" in out
    assert "14.013" not in out
    assert "14.013" in inspect(capsys, booking, "--fields")[1]


def test_a_transaction_that_is_cut_short(booking: Path, capsys: pytest.CaptureFixture[str]) -> None:
    booking.write_bytes(booking.read_bytes()[:300])
    code, out, err = inspect(capsys, booking)
    assert (code, out) == (2, "")
    assert err.startswith("ridgeline: MALFORMED_TRANSACTION: ")
    assert "record 3" in err
    assert "at byte" in err


def test_a_template(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = generate_subject(3, 1, fingers=[FingerPosition(2), FingerPosition(7)])
    views = [TemplateView(int(s.position), 1, 70, s.minutiae) for s in samples]
    path = tmp_path / "a.fmr"
    path.write_bytes(incits378.write(views))
    code, out, _ = inspect(capsys, path, "--json")
    described = json.loads(out)
    assert code == 0
    assert (described["kind"], described["format"]) == ("template", "incits_378_2004")
    assert [view["position"] for view in described["views"]] == [2, 7]
    assert [len(view["minutiae"]) for view in described["views"]] == [
        len(s.minutiae) for s in samples
    ]
    assert described["views"][0]["impression"] == "rolled"
    assert "rolled" in inspect(capsys, path)[1]
    assert "ending" in inspect(capsys, path, "--fields")[1]


def test_an_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(np.zeros((90, 80), np.uint8)).save(path, dpi=(1, 1))
    code, _, err = inspect(capsys, path)
    assert code == 2
    assert "resolution_ppi" in err
    code, out, _ = inspect(capsys, path, "--dpi", "569")
    assert code == 0
    assert "80 x 90 pixels at 569 ppi" in out


def test_what_is_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no print")
    code, out, err = inspect(capsys, path)
    assert (code, out) == (2, "")
    assert err == (
        "ridgeline: MALFORMED_IMAGE: neither an image nor a minutiae template (notes.txt)\n"
    )
