"""From a submission to templates: decode, segment, extract, judge, describe.

The extractor actor's whole job, as one pure function; enrolment and search both start here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workers.biometrics.extraction import extract
from workers.biometrics.images import decode
from workers.biometrics.model import (
    FingerImage,
    FingerPosition,
    FingerSample,
    Impression,
    Print,
    Submission,
    TenPrint,
    UnusedPrint,
    reject_duplicates,
)
from workers.biometrics.quality import QualityGate, nfiq2
from workers.biometrics.segmentation import segment
from workers.biometrics.templates import read_template
from workers.errors import ErrorCode, RidgelineError
from workers.matching.descriptor import describe_encounter
from workers.matching.sequence import SequenceSwap, check_sequence
from workers.matching.template import EncounterTemplate


@dataclass(frozen=True, slots=True)
class PreparedSubmission:
    """What a submission came to.

    Attributes:
        ten_print: every finger extracted, with what was set aside and why.
        template: the fingers that passed the quality gate, described; fingers in it are what
            is searched or enrolled. It has no finger when the prints are too poor.
        swaps: of the rolled against plain sequence check.
    """

    ten_print: TenPrint
    template: EncounterTemplate
    swaps: tuple[SequenceSwap, ...]


def prepare(submission: Submission, gate: QualityGate | None = None) -> PreparedSubmission:
    """Prepares one submission.

    Raises:
        RidgelineError: NO_USABLE_FINGER when nothing submitted is a print of a finger;
            DUPLICATE_FINGER for two prints of one finger and impression; MALFORMED_IMAGE or
            MALFORMED_TEMPLATE, the field naming the print.
    """
    gate = gate or QualityGate()
    unused = list(submission.unused)
    own = [p for p in submission.prints if not p.position.is_slap]
    reject_duplicates(
        (p.position.finger, Impression.PLAIN if p.position.is_slap else p.impression, p.source)
        for p in submission.prints
        if p.impression is not None and p.position is not FingerPosition.UNKNOWN
    )
    samples: list[FingerSample] = []
    for print_ in own:
        samples.extend(_fingers(print_, unused))
    for print_ in submission.prints:
        if print_.position.is_slap:
            samples.extend(_slap_fingers(print_, submission, samples, unused))
    if not samples and not any(p.position.is_slap for p in submission.prints):
        raise RidgelineError(
            ErrorCode.NO_USABLE_FINGER, "nothing submitted is a print of a known finger"
        )
    ten_print = TenPrint(tuple(samples), submission.missing, tuple(unused))
    passed = [sample for sample in samples if gate.passes(sample)]
    failed = [
        UnusedPrint(s.source, f"finger {int(s.position)} is too poor to be compared")
        for s in samples
        if not gate.passes(s)
    ]
    template = describe_encounter(passed, submission.missing)
    return PreparedSubmission(
        ten_print=TenPrint(ten_print.samples, ten_print.missing, ten_print.unused + tuple(failed)),
        template=template,
        swaps=check_sequence(template),
    )


def _fingers(print_: Print, unused: list[UnusedPrint]) -> Iterator[FingerSample]:
    """The fingers of a print that is no slap; what cannot be used is added to `unused`."""
    if print_.format.is_template:
        yield from _views(print_, unused)
        return
    if print_.position is FingerPosition.UNKNOWN or print_.impression is None:
        unused.append(UnusedPrint(print_.source, "its finger position is not known"))
        return
    yield _sample(decode(print_), print_.position.finger, print_.impression, print_.source)


def _views(print_: Print, unused: list[UnusedPrint]) -> Iterator[FingerSample]:
    """The views of a minutiae record; the submitted position wins over one it leaves open."""
    for number, view in enumerate(read_template(print_)):
        source = f"{print_.source} view {number}" if number else print_.source
        position = FingerPosition(view.position) or print_.position
        impression = print_.impression or view.impression
        if position is FingerPosition.UNKNOWN or position.is_slap or impression is None:
            unused.append(UnusedPrint(source, "its finger position or impression is not known"))
            continue
        yield FingerSample(position.finger, impression, view.minutiae, None, source)


def _slap_fingers(
    print_: Print,
    submission: Submission,
    samples: list[FingerSample],
    unused: list[UnusedPrint],
) -> Iterator[FingerSample]:
    """The fingers of a slap that no print of its own shows; a slap that cannot be cut is unused."""
    if print_.format.is_template:
        unused.append(UnusedPrint(print_.source, "a minutiae record of a slap"))
        return
    image = decode(print_)
    missing = {m.position for m in submission.missing}
    try:
        fingers = segment(image, print_.position, missing, print_.segments)
    except RidgelineError as error:
        unused.append(UnusedPrint(print_.source, error.detail))
        return
    for finger in fingers:
        source = f"{print_.source}, finger {int(finger.position)}"
        if any(s.position is finger.position and s.impression is Impression.PLAIN for s in samples):
            unused.append(UnusedPrint(source, "a plain print of its own shows this finger"))
            continue
        yield _sample(finger.image, finger.position, Impression.PLAIN, source)


def _sample(
    image: FingerImage, position: FingerPosition, impression: Impression, source: str
) -> FingerSample:
    return FingerSample(position, impression, extract(image), nfiq2(image), source)
