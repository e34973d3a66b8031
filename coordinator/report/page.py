"""The whole report: one file, nothing loaded from elsewhere, printable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from string import Template

from coordinator.messages import enum_name
from coordinator.report.pair import STRONGEST, draw_pair
from coordinator.report.svg import element
from protos.ridgeline.v1 import identification_pb2, types_pb2
from workers.biometrics.model import FingerImage, FingerPosition

LEAD = "A lead for an examiner, never a status."


@dataclass(frozen=True, slots=True)
class FingerImages:
    """The two prints of one finger."""

    probe: FingerImage
    gallery: FingerImage


def render_report(
    answer: identification_pb2.IdentifyResponse,
    explained: identification_pb2.ExplainResponse,
    images: Mapping[int, FingerImages],
    *,
    made: datetime,
) -> str:
    """The report of the best candidate of a search.

    Args:
        answer: with at least one candidate; the first is shown.
        explained: the same comparison's minutia pairs.
        images: by finger position; fingers without images are left out.
        made: when, aware of its zone.
    """
    candidate = answer.candidates[0]
    shown = [f for f in explained.fingers if f.score.position in images]
    template = resources.files("coordinator.report").joinpath("page.html").read_text("utf-8")
    return Template(template).substitute(
        lead=element("span", LEAD),
        caveat=element("span", answer.caveat),
        subject=element("span", candidate.subject_id),
        score=element("span", _score(candidate.score, extrapolated=candidate.extrapolated)),
        facts=_facts(answer, candidate, made),
        candidates=_candidates(answer),
        fingers="\n".join(_finger(finger, images[finger.score.position]) for finger in shown),
        strongest=str(STRONGEST),
        stages=_stages(answer),
        footer=element(
            "p",
            f"Search {answer.search_id} · parameters {answer.parameters_hash} · "
            f"comparison {explained.search_id}",
        ),
    )


def finger_name(position: int) -> str:
    """``Right index`` for 2."""
    return FingerPosition(position).name.replace("_", " ").capitalize()


def _facts(
    answer: identification_pb2.IdentifyResponse,
    candidate: identification_pb2.Candidate,
    made: datetime,
) -> str:
    coverage = answer.coverage
    outcome = identification_pb2.Outcome.DESCRIPTOR
    examined = identification_pb2.Examined.DESCRIPTOR
    facts = {
        "Outcome": enum_name(outcome, answer.outcome).replace("_", " ").lower(),
        "Examined by": enum_name(examined, answer.examined).lower(),
        "Submission": f"{answer.origin.ori} · {answer.origin.tcn}" if answer.origin.tcn else "—",
        "Encounter": candidate.encounter_id,
        "False candidates to expect at this score": f"{candidate.expected_false_candidates:.2g}",
        "Searched": f"{coverage.subjects_searched:,} of {coverage.subjects_total:,} subjects, "
        f"{coverage.partitions_searched} of {coverage.partitions_total} partitions",
        "Gallery sequence": f"{answer.gallery_sequence:,}",
        "Backend": answer.backend,
        "Made": made.strftime("%Y-%m-%d %H:%M %Z"),
    }
    return "".join(
        element("div", element("dt", name) + element("dd", value)) for name, value in facts.items()
    )


def _candidates(answer: identification_pb2.IdentifyResponse) -> str:
    rows = []
    for candidate in answer.candidates:
        band = identification_pb2.CandidateBand.DESCRIPTOR
        cells = (
            str(candidate.rank),
            candidate.subject_id,
            _score(candidate.score, extrapolated=candidate.extrapolated),
            enum_name(band, candidate.band).lower(),
            f"{candidate.expected_false_candidates:.2g}",
        )
        rows.append(element("tr", "".join(element("td", cell) for cell in cells)))
    return "".join(rows)


def _finger(explanation: identification_pb2.FingerExplanation, images: FingerImages) -> str:
    score = explanation.score
    name = finger_name(score.position)
    figure = draw_pair(explanation, images.probe, images.gallery, f"{name}: probe and gallery")
    pairs = len(explanation.pairs)
    numbers = (
        f"{pairs} matched of {len(explanation.probe_minutiae)} minutiae in the probe, "
        f"{len(explanation.gallery_minutiae)} in the gallery's print"
    )
    sides = (
        f"Probe, {_impression(score.probe_impression)}",
        f"Gallery, {_impression(score.gallery_impression)}",
    )
    head = (
        element("h2", f"{score.position}  {name}")
        + element("p", f"{score.score:.1f}", **{"class": "finger-score"})
        + element("p", numbers, **{"class": "numbers"})
    )
    captions = "".join(element("span", side) for side in sides)
    return element(
        "section",
        element("header", head) + figure + element("div", captions, **{"class": "captions"}),
        **{"class": "finger"},
    )


def _stages(answer: identification_pb2.IdentifyResponse) -> str:
    rows = []
    for stage in answer.stages:
        name = enum_name(identification_pb2.Stage.DESCRIPTOR, stage.stage).capitalize()
        compared = f"{stage.compared:,}" if stage.compared else "—"
        cells = (name, f"{1000 * stage.seconds:,.1f} ms", compared)
        rows.append(element("tr", "".join(element("td", cell) for cell in cells)))
    return "".join(rows)


def _impression(value: int) -> str:
    return enum_name(types_pb2.Impression.DESCRIPTOR, value).lower()


def _score(score: float, *, extrapolated: bool) -> str:
    return f"{score:.1f}{'*' if extrapolated else ''}"
