"""What the stored form says of itself."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tests.unit.matching.samples import encounter
from workers.matching.template import FingerTemplate, best_by_quality, finger_mask


@given(
    hnp.arrays(np.uint8, st.integers(0, 20), elements=st.sampled_from([0, 1, 50, 200, 255])),
    st.integers(0, 25),
)
def test_the_best_by_quality_are_kept_and_the_earlier_of_equals(
    quality: NDArray[np.uint8], count: int
) -> None:
    ranked = sorted(range(len(quality)), key=lambda i: (-int(quality[i]), i))
    assert best_by_quality(quality, count).tolist() == sorted(ranked[:count])


def test_a_cut_finger_keeps_whole_minutiae() -> None:
    (finger,) = encounter(0, fingers=(1,)).fingers
    assert finger.cut(len(finger)) is finger
    best = best_by_quality(finger.quality, len(finger) - 1)
    less = finger.cut(len(finger) - 1)
    for name in ("x", "y", "angle", "kind", "quality", "descriptors"):
        np.testing.assert_array_equal(getattr(less, name), getattr(finger, name)[best])
    same = set(FingerTemplate.__slots__) - {"x", "y", "angle", "kind", "quality", "descriptors"}
    assert all(getattr(less, name) is getattr(finger, name) for name in same)


def test_the_mask_has_a_bit_for_each_finger() -> None:
    assert finger_mask(encounter(0, fingers=(), minutiae=1)) == 0
    assert finger_mask(encounter(0, fingers=(1, 2, 10), minutiae=1)) == 0b10_0000_0011
