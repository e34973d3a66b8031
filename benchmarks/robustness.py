"""How our matcher bears worse prints than the sets have.

    python -m benchmarks.robustness

The first print of every pair of a set is made worse, the second stays (but for the condition of a
packed gallery); every pair of
`benchmarks.accuracy` takes part, and a print that the quality gate then refuses scores lowest.
The threshold of FMR 0.1 % is the condition's own. Turned minutiae say what the matcher bears;
turned images, a sub-set because each is extracted anew, what both bear. Writes
``benchmarks/results/robustness.json``.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.accuracy.compare import rates
from benchmarks.accuracy.mindtct import as_minutiae, mindtct
from benchmarks.accuracy.pairs import Pairs, across
from benchmarks.accuracy.peers import Source
from benchmarks.accuracy.scores import own_scores
from benchmarks.accuracy.sets import Experiment, experiments, read
from benchmarks.degrade import best, part, quantise, turn, turn_image
from benchmarks.real_prints import DEVELOPMENT, REAL_SETS, RealSet, extractions
from benchmarks.record import record
from coordinator.evaluate.verification import usable_template
from coordinator.print_files import PrintFile
from workers.biometrics.extraction import extract
from workers.biometrics.images import encode_png
from workers.biometrics.model import FingerImage, Minutiae, PrintFormat
from workers.matching.parameters import PARAMETERS, parameters_hash

_P = PARAMETERS.descriptor

SEED = 7109
ANGLES = (-45, -30, -15, 15, 30, 45)
IMAGE_ANGLES = (-30, 15, 45)
SHARES = (0.60, 0.40, 0.25)
COUNTS = (24, 16, 12, 8)

Prints = Sequence[Minutiae | None]
Change = Callable[[Minutiae, np.random.Generator], Minutiae]


def main() -> None:
    """Measures and records every condition on every set."""
    result: dict[str, Any] = {
        "parameters_hash": parameters_hash(),
        "conditions": {},
        "turned_images": {},
    }
    for experiment in experiments():
        for condition, probes, gallery, kept in _conditions(experiment):
            found = _measure(probes, gallery, experiment.pairs, kept)
            result["conditions"].setdefault(condition, {})[experiment.name] = found
            _say(experiment.name, condition, found)
    for real in REAL_SETS:
        for condition, found in _turned_images(real).items():
            result["turned_images"].setdefault(condition, {})[real.name] = found
            _say(real.name, condition, found)
    record("robustness", result, data=DEVELOPMENT, seed=SEED)


def changes() -> dict[str, Change]:
    """What is done to the first print, by the name of the condition."""
    return {
        "as they are": lambda m, _: m,
        **{f"turned by {a:+d} degrees": partial(_turn, degrees=a) for a in ANGLES},
        **{f"{s:.0%} of the minutiae, in a circle": partial(_part, share=s) for s in SHARES},
        **{f"best {n} minutiae": partial(_best, most=n) for n in COUNTS},
        "whole pixels, 256 angles": lambda m, _: quantise(m),
    }


def _turn(m: Minutiae, _: np.random.Generator, degrees: float) -> Minutiae:
    return turn(m, degrees)


def _part(m: Minutiae, rng: np.random.Generator, share: float) -> Minutiae:
    return part(m, share, rng)


def _best(m: Minutiae, _: np.random.Generator, most: int) -> Minutiae:
    return best(m, most)


def _conditions(experiment: Experiment) -> Iterator[tuple[str, Prints, Prints, int]]:
    """Names, the prints of both sides and the minutiae that the second one keeps."""
    clean, gallery = experiment.minutiae()
    for name, change in changes().items():
        # By set and condition, so that a new one changes no other.
        rng = np.random.default_rng([SEED, zlib.crc32(f"{experiment.name} {name}".encode())])
        worse = [None if m is None else change(m, rng) for m in clean]
        yield name, worse, gallery, _P.minutiae_max
    most = _P.gallery_minutiae_max
    yield f"the second packed: its best {most}", clean, gallery, most
    foreign = [_mindtct(source) for source in experiment.probes]
    yield "MINDTCT against LEADER", foreign, gallery, _P.minutiae_max
    yield "MINDTCT on both sides", foreign, foreign, _P.minutiae_max


def _mindtct(source: Source) -> Minutiae | None:
    image = source.image()
    template = mindtct(image)
    return None if template is None else as_minutiae(template, image)


def _measure(
    probes: Prints, gallery: Prints, pairs: Pairs, kept: int = _P.minutiae_max
) -> dict[str, Any]:
    scores = own_scores(probes, gallery, pairs, kept)
    return {
        **rates(scores[pairs.genuine], scores[~pairs.genuine]),
        "refused": sum(usable_template(probe) is None for probe in probes),
    }


def _turned_images(real: RealSet) -> dict[str, dict[str, Any]]:
    """The first impressions of every finger, turned as images, against all other prints.

    One impression of the large sets, two of the others: with one their impostor pairs would not
    resolve FMR 0.1 %.
    """
    prints = read(real)
    most = 1 if real.persons else 2
    first = [k for k, (scan, _) in enumerate(prints) if scan.number <= most]
    fingers = [scan.finger for scan, _ in prints]
    pairs = across([fingers[k] for k in first], fingers)
    pairs = pairs.take(np.asarray(first)[pairs.first] != pairs.second)
    gallery = [source.minutiae for _, source in prints]
    found = {"not turned": _measure([gallery[k] for k in first], gallery, pairs)}
    for angle in IMAGE_ANGLES:
        turned = [_extract(turn_image(prints[k][1].image(), angle)) for k in first]
        found[f"turned by {angle:+d} degrees"] = _measure(turned, gallery, pairs)
    return found


def _extract(image: FingerImage) -> Minutiae:
    """Extracted, or as it was kept."""
    kept = extractions()
    file = PrintFile(PrintFormat.PNG, encode_png(image), image.resolution_ppi)
    known = kept.load(file)
    if known is None:
        known = extract(image)
        kept.save(file, known)
    return known


def _say(name: str, condition: str, found: dict[str, Any]) -> None:
    print(
        f"{name:10} {condition:34} {found['lost_at_eer_threshold']} / "
        f"{found['lost_at_fmr_0.001']} of {found['genuine']}, EER {found['eer']:.4f}, "
        f"{found['refused']} refused"
    )


if __name__ == "__main__":
    main()
