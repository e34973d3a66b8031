"""Generated encounters for the matcher's tests: small, so that the reference keeps up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import FingerPosition, FingerSample, Impression, Minutiae
from workers.matching.columns import Columns
from workers.matching.descriptor import describe_encounter
from workers.matching.sketch import Level
from workers.matching.template import EncounterTemplate
from workers.synthesis.templates import generate_subject

SEED = 41


def sample(
    person: int,
    finger: int = 1,
    session: int = 0,
    impression: Impression = Impression.PLAIN,
    minutiae: int | None = None,
) -> FingerSample:
    """One print of a generated person; the first `minutiae` from its middle outwards."""
    (whole,) = generate_subject(
        SEED, person, session, fingers=(FingerPosition(finger),), impression=impression
    )
    return whole if minutiae is None else with_minutiae(whole, middle(whole.minutiae, minutiae))


def encounter(
    person: int,
    fingers: Sequence[int] = (1, 2, 7),
    session: int = 0,
    impression: Impression = Impression.PLAIN,
    minutiae: int | None = 24,
) -> EncounterTemplate:
    """Some fingers of a generated person, cut down to `minutiae` each."""
    return describe_encounter(
        [sample(person, finger, session, impression, minutiae) for finger in fingers]
    )


def gallery_row(template: EncounterTemplate, level: Level) -> NDArray[np.int8]:
    """An encounter's sketch as galleries hold it, int8 (level.width,)."""
    row: NDArray[np.int8] = Columns.of([template]).sketches[level][0]
    return row


def middle(minutiae: Minutiae, count: int) -> Minutiae:
    """The `count` minutiae nearest to the middle of a print."""
    distance = np.hypot(minutiae.x - minutiae.x.mean(), minutiae.y - minutiae.y.mean())
    return minutiae.take(np.sort(np.argsort(distance, kind="stable")[:count]))


def with_minutiae(print_: FingerSample, minutiae: Minutiae) -> FingerSample:
    """The same print with other minutiae."""
    return FingerSample(print_.position, print_.impression, minutiae, print_.nfiq2, print_.source)


def moved(minutiae: Minutiae, angle: float, dx: float, dy: float) -> Minutiae:
    """A print turned counter-clockwise about its middle and shifted; nothing is rounded."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = minutiae.x - minutiae.x.mean(), minutiae.y - minutiae.y.mean()
    return Minutiae(
        x=(cos * x + sin * y + 300.0 + dx).astype(np.float32),
        y=(cos * y - sin * x + 300.0 + dy).astype(np.float32),
        angle=((minutiae.angle + angle) % (2.0 * np.pi)).astype(np.float32),
        kind=minutiae.kind,
        quality=minutiae.quality,
        width=600,
        height=600,
    )
