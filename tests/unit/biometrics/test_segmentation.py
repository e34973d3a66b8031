"""Slaps drawn from fingers of known sizes, cut into them again."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.unit.biometrics.drawn import FOUR, PAPER, finger, phalanx, sheet, slap
from workers.biometrics.model import FingerImage, FingerPosition, Segment
from workers.biometrics.segmentation import SlapFinger, segment
from workers.errors import ErrorCode, RidgelineError

RIGHT, LEFT, THUMBS = (FingerPosition(code) for code in (13, 14, 15))


def positions(fingers: list[SlapFinger]) -> list[int]:
    return [int(f.position) for f in fingers]


def which(cut: FingerImage) -> int:
    """Which drawn finger of a slap this is: 0 the leftmost, by correlation."""
    scores = []
    for n in range(4):
        drawn = finger(320 + 10 * n, 240, n).astype(np.float64)
        size = (240, drawn.shape[0])
        inked = np.argwhere(cut.pixels < 200)
        (top, left), (bottom, right) = inked.min(axis=0), inked.max(axis=0) + 1
        box = Image.fromarray(cut.pixels[top:bottom, left:right]).resize(size)
        scores.append(np.corrcoef(np.asarray(box).ravel(), drawn.ravel())[0, 1])
    return int(np.argmax(scores))


def test_fingers_go_left_to_right_by_hand() -> None:
    right, left = segment(slap(), RIGHT), segment(slap(), LEFT)
    assert positions(right) == [2, 3, 4, 5]
    assert [which(f.image) for f in right] == [0, 1, 2, 3]
    assert positions(left) == [7, 8, 9, 10]
    assert [which(f.image) for f in left] == [3, 2, 1, 0]


@pytest.mark.parametrize("lean", [-25.0, -10.0, 12.0, 25.0])
def test_a_leaning_slap_is_set_upright(lean: float) -> None:
    # The round ends pull the axes a little; a few degrees are left.
    fingers = segment(slap(lean), RIGHT)
    assert positions(fingers) == [2, 3, 4, 5]
    for n, cut in enumerate(fingers):
        height, width = cut.image.pixels.shape
        assert abs(height - (320 + 10 * n)) < 60
        assert abs(width - 240) < 60


def test_an_amputated_finger_is_not_looked_for() -> None:
    fingers = segment(slap(shown=(0, 1, 3)), RIGHT, {FingerPosition.RIGHT_RING})
    assert positions(fingers) == [2, 3, 5]
    assert fingers[2].image.pixels.shape[0] > 300


@pytest.mark.parametrize("shown", [(0, 1, 2), (0,)])
def test_too_few_fingers_are_refused(shown: tuple[int, ...]) -> None:
    with pytest.raises(RidgelineError, match="expected 4 fingers") as caught:
        segment(slap(shown=shown), RIGHT)
    assert caught.value.code is ErrorCode.MALFORMED_IMAGE


def test_a_finger_too_many_is_refused() -> None:
    with pytest.raises(RidgelineError, match="found more"):
        segment(slap(), RIGHT, {FingerPosition.RIGHT_RING})


def test_a_blank_slap_is_refused() -> None:
    with pytest.raises(RidgelineError, match="no ridges"):
        segment(sheet([]), RIGHT)


def test_lower_phalanges_are_left_out() -> None:
    pieces = [(finger(320, 240, n), *FOUR[n]) for n in range(4)]
    pieces += [(phalanx(200, 230, n), FOUR[n][0] + 350, FOUR[n][1]) for n in range(4)]
    for cut in segment(sheet(pieces), RIGHT):
        assert cut.image.pixels.shape[0] < 380


def test_a_neighbour_beside_a_finger_is_painted_over() -> None:
    pieces = [(finger(320, 240, n), *FOUR[n]) for n in range(4)]
    beside = phalanx(300, 100, 9)
    fingers = segment(sheet([*pieces, (beside, 300, 0)]), RIGHT)
    assert which(fingers[0].image) == 0
    assert (fingers[0].image.pixels[:, :4] == PAPER).mean() > 0.9


def test_writing_and_lines_are_no_fingers() -> None:
    picture = Image.fromarray(slap().pixels)
    pen = ImageDraw.Draw(picture)
    for step in range(12):
        pen.line([(40 + 30 * step, 30), (70 + 30 * step, 110)], fill=60, width=7)
    pen.line([(0, 20), (1499, 20)], fill=0, width=5)
    pen.line([(390, 0), (390, 899)], fill=0, width=5)
    pen.text((900, 60), "RIGHT FOUR FINGERS", fill=0, font_size=40)
    fingers = segment(FingerImage(np.asarray(picture), 500.0), RIGHT)
    assert [which(f.image) for f in fingers] == [0, 1, 2, 3]


def test_touching_fingers_are_parted() -> None:
    pieces = [(finger(360, 260, n), 200 + 20 * (n % 2), 150 + 252 * n) for n in range(4)]
    fingers = segment(sheet(pieces), RIGHT)
    assert positions(fingers) == [2, 3, 4, 5]
    for cut in fingers:
        assert 200 < cut.image.pixels.shape[1] < 330


def test_the_left_thumb_is_on_the_left() -> None:
    pieces = [(finger(320 + 10 * n, 240, n), 100, 60 + 400 * n) for n in range(2)]
    fingers = segment(sheet(pieces, width=800, height=600), THUMBS)
    assert positions(fingers) == [1, 6]
    assert [which(f.image) for f in fingers] == [1, 0]


def test_stated_segments_are_believed() -> None:
    image = slap()
    stated = [Segment(FingerPosition.RIGHT_RING, 100, 360, 200, 560)]
    (cut,) = segment(image, RIGHT, stated=stated)
    assert cut.position is FingerPosition.RIGHT_RING
    np.testing.assert_array_equal(cut.image.pixels, image.pixels[200:561, 100:361])
    missing = {FingerPosition.RIGHT_RING}
    assert segment(image, RIGHT, missing, stated) == []


def test_a_stated_segment_outside_the_image_is_refused() -> None:
    stated = [Segment(FingerPosition.RIGHT_RING, 5000, 5100, 0, 500)]
    with pytest.raises(RidgelineError, match="too small"):
        segment(slap(), RIGHT, stated=stated)


def test_slaps_at_1000_ppi_are_cut_at_500() -> None:
    small = slap()
    size = (small.pixels.shape[1] * 2, small.pixels.shape[0] * 2)
    double = np.asarray(Image.fromarray(small.pixels).resize(size))
    fingers = segment(FingerImage(double, 1000.0), RIGHT)
    assert all(f.image.resolution_ppi == 500.0 for f in fingers)
    assert [which(f.image) for f in fingers] == [0, 1, 2, 3]
