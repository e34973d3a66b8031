"""Generated impostor scores are the matcher's, and are made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.impostors import IMPRESSIONS, generated
from coordinator.paths import CACHE_VARIABLE
from workers.biometrics.model import Impression
from workers.matching.descriptor import describe_finger
from workers.matching.parameters import PARAMETERS
from workers.matching.verify import match_fingers
from workers.synthesis.templates import generate_subject


def test_generated_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    scores = generated(5, 2, 3)
    assert scores.shape == (2, 2, 2, 3, 10)
    rolled, plain = IMPRESSIONS.index(Impression.ROLLED), IMPRESSIONS.index(Impression.PLAIN)
    # The gallery's are persons 0 to 2, the probes 3 and 4.
    probe = describe_finger(generate_subject(5, 4, impression=Impression.ROLLED)[6])
    mate = describe_finger(generate_subject(5, 2, impression=Impression.PLAIN)[6])
    one = match_fingers(probe, mate.cut(PARAMETERS.descriptor.gallery_minutiae_max))
    assert scores[rolled, plain, 1, 2, 6] == one

    (kept,) = (tmp_path / "impostors").iterdir()
    np.testing.assert_array_equal(generated(5, 2, 3), scores)
    np.save(kept, scores + 1.0)
    np.testing.assert_array_equal(generated(5, 2, 3), scores + 1.0)
    assert generated(6, 2, 3)[0, 0, 0, 0, 0] != scores[0, 0, 0, 0, 0]
