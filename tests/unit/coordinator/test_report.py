"""The HTML report."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np

from coordinator.report import FingerImages, render_report
from coordinator.report.pair import GAP_PX, STRONGEST, draw_pair
from coordinator.report.svg import element
from protos.ridgeline.v1 import identification_pb2, types_pb2
from workers.biometrics.model import FingerImage

PROBE = FingerImage(np.full((60, 50), 200, np.uint8), 500.0)
GALLERY = FingerImage(np.full((80, 70), 100, np.uint8), 500.0)


def minutia(x: float, y: float, angle: float) -> identification_pb2.Minutia:
    return identification_pb2.Minutia(x=x, y=y, angle_degrees=angle)


def explanation(pairs: int, position: int = 2) -> identification_pb2.FingerExplanation:
    probe = [minutia(10 + i, 20, 90) for i in range(pairs)]
    gallery = [minutia(12 + i, 30, 90) for i in range(pairs)]
    return identification_pb2.FingerExplanation(
        score=identification_pb2.FingerScore(
            position=position,
            score=87.25,
            probe_impression=types_pb2.IMPRESSION_PLAIN,
            gallery_impression=types_pb2.IMPRESSION_ROLLED,
        ),
        pairs=[
            identification_pb2.MinutiaPair(probe=p, gallery=g, similarity=0.5)
            for p, g in zip(probe, gallery, strict=True)
        ],
        probe_minutiae=[*probe, minutia(5, 5, 0)],
        gallery_minutiae=[*gallery, minutia(6, 6, 0), minutia(7, 7, 0)],
    )


def drawn(pairs: int) -> ET.Element:
    svg = draw_pair(explanation(pairs), PROBE, GALLERY, "Right index & <more>")
    return ET.fromstring(re.sub(r' xmlns="[^"]*"', "", svg, count=1))


def group(svg: ET.Element, name: str) -> ET.Element:
    return next(g for g in svg.iter("g") if g.get("class") == name)


def test_both_prints_and_every_pair_are_drawn() -> None:
    svg = drawn(3)
    shift = 50 + GAP_PX
    assert svg.get("viewBox") == f"0 0 {shift + 70} 80"
    assert [i.get("x") for i in svg.iter("image")] == ["0", str(shift)]
    assert all(
        (i.get("href") or "").startswith("data:image/png;base64,") for i in svg.iter("image")
    )
    lines = list(group(svg, "lines"))
    assert len(lines) == 3
    # The strongest pair is drawn last, on top; coordinates are of pixel middles.
    last = lines[-1].attrib
    assert (last["x1"], last["y1"]) == ("10.5", "20.5")
    assert (float(last["x2"]), float(last["y2"])) == (12.5 + shift, 30.5)
    assert len(list(group(svg, "matched").iter("circle"))) == 6
    assert len(list(group(svg, "unmatched").iter("circle"))) == 3
    assert next(svg.iter("title")).text == "Right index & <more>"


def test_a_tail_points_up_for_ninety_degrees() -> None:
    svg = drawn(1)
    tail = next(group(svg, "matched").iter("line"))
    assert float(tail.attrib["x1"]) == float(tail.attrib["x2"])
    assert float(tail.attrib["y2"]) < float(tail.attrib["y1"])


def test_only_the_strongest_are_numbered_and_full() -> None:
    svg = drawn(STRONGEST + 5)
    assert len(list(group(svg, "matched").iter("text"))) == 2 * STRONGEST
    weak = [line for line in group(svg, "lines") if line.get("class") == "weak"]
    assert len(weak) == 5


def test_images_of_other_resolutions_are_drawn_at_500_ppi() -> None:
    large = FingerImage(np.zeros((120, 100), np.uint8), 1000.0)
    svg = ET.fromstring(
        re.sub(r' xmlns="[^"]*"', "", draw_pair(explanation(0), large, GALLERY, ""), count=1)
    )
    assert [i.get("width") for i in svg.iter("image")] == ["50", "70"]


def test_text_is_escaped() -> None:
    assert element("td", "<b>&") == "<td>&lt;b&gt;&amp;</td>"
    assert element("g", "<b/>", id='"x"') == '<g id="&quot;x&quot;"><b/></g>'


class Outside(HTMLParser):
    """Collects what a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.headings: list[str] = []
        self.sections = 0
        self._heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sections += tag == "section"
        self._heading = tag == "h2"
        for name, value in attrs:
            if name in ("src", "href") and not (value or "").startswith("data:"):
                self.loaded.append(value or "")

    def handle_data(self, data: str) -> None:
        if self._heading:
            self.headings.append(data)
            self._heading = False


def test_the_page_is_whole_and_loads_nothing() -> None:
    answer = identification_pb2.IdentifyResponse(
        search_id="search-1",
        outcome=identification_pb2.OUTCOME_CANDIDATES,
        examined=identification_pb2.EXAMINED_NONE,
        caveat="No status & no identification.",
        candidates=[
            identification_pb2.Candidate(
                rank=1, subject_id="<S1>", encounter_id="E1", score=71.26, extrapolated=True
            )
        ],
        stages=[identification_pb2.StageReport(stage=identification_pb2.STAGE_SCREEN, compared=9)],
    )
    explained = identification_pb2.ExplainResponse(
        fingers=[explanation(3, 2), explanation(0, 7), explanation(1, 9)]
    )
    images = {2: FingerImages(PROBE, GALLERY), 7: FingerImages(PROBE, GALLERY)}
    page = render_report(answer, explained, images, made=datetime(2026, 1, 2, tzinfo=UTC))
    parsed = Outside()
    parsed.feed(page)
    assert parsed.loaded == []
    assert "url(" not in page
    assert parsed.headings == ["2  Right index", "7  Left index"]
    assert parsed.sections == 2
    assert "A lead for an examiner, never a status." in page
    assert "No status &amp; no identification." in page
    assert "&lt;S1&gt;" in page
    assert "71.3*" in page
    assert "<S1>" not in page
    assert "$" not in page
