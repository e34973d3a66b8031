"""One finger of a comparison as SVG: two prints, their minutiae, lines between the matched."""

from __future__ import annotations

import base64
import colorsys
import math
from collections.abc import Sequence

from coordinator.report.svg import element
from protos.ridgeline.v1 import identification_pb2
from workers.biometrics.images import encode_png, resample
from workers.biometrics.model import FingerImage

GAP_PX = 56
"""Between the prints, pixels at 500 ppi."""

STRONGEST = 12
"""Pairs whose line is drawn full and which carry a number; more would hide the ridges."""

_RADIUS, _TAIL = 4.2, 11.0
_GOLDEN_ANGLE = 0.381966
"""Share of the colour circle between successive pairs: neighbours in rank differ most."""


def draw_pair(
    explanation: identification_pb2.FingerExplanation,
    probe: FingerImage,
    gallery: FingerImage,
    title: str,
) -> str:
    """The SVG element.

    Args:
        explanation: of this finger; minutiae in pixels at 500 ppi.
        probe: the submitted print; drawn left.
        gallery: the enrolled print; drawn right.
        title: for readers who cannot see it.
    """
    left, right = resample(probe), resample(gallery)
    height = max(left.pixels.shape[0], right.pixels.shape[0])
    shift = left.pixels.shape[1] + GAP_PX
    width = shift + right.pixels.shape[1]
    pairs = explanation.pairs
    parts = [
        element("title", title),
        _picture(left, 0.0, "Probe"),
        _picture(right, float(shift), "Gallery"),
        element(
            "g",
            _others(explanation.probe_minutiae, [p.probe for p in pairs], 0.0)
            + _others(explanation.gallery_minutiae, [p.gallery for p in pairs], shift),
            **{"class": "unmatched"},
        ),
        _lines(pairs, shift),
        element("g", _marks(pairs, shift), **{"class": "matched"}),
    ]
    return element(
        "svg",
        "".join(parts),
        **{
            "class": "pair",
            "viewBox": f"0 0 {width} {height}",
            "role": "img",
            "xmlns": "http://www.w3.org/2000/svg",
        },
    )


def _picture(image: FingerImage, x: float, name: str) -> str:
    height, width = image.pixels.shape
    data = base64.b64encode(encode_png(image)).decode()
    frame = element("rect", x=x, y=0, width=width, height=height, **{"class": "frame"})
    picture = element(
        "image",
        x=x,
        y=0,
        width=width,
        height=height,
        href=f"data:image/png;base64,{data}",
        aria_label=name,
    )
    return picture + frame


def _lines(pairs: Sequence[identification_pb2.MinutiaPair], shift: float) -> str:
    """Lines of all pairs, the weakest first, so that the strongest lie on top."""
    drawn = []
    for rank in reversed(range(len(pairs))):
        pair = pairs[rank]
        drawn.append(
            element(
                "line",
                x1=_middle(pair.probe.x),
                y1=_middle(pair.probe.y),
                x2=_middle(pair.gallery.x) + shift,
                y2=_middle(pair.gallery.y),
                stroke=_colour(rank),
                **{"class": "strong" if rank < STRONGEST else "weak"},
            )
        )
    return element("g", "".join(drawn), **{"class": "lines"})


def _marks(pairs: Sequence[identification_pb2.MinutiaPair], shift: float) -> str:
    drawn = []
    for rank in reversed(range(len(pairs))):
        pair, colour = pairs[rank], _colour(rank)
        for minutia, x in ((pair.probe, 0.0), (pair.gallery, shift)):
            drawn.append(_mark(minutia, x, colour))
            if rank < STRONGEST:
                drawn.append(_number(minutia, x, colour, rank + 1))
    return "".join(drawn)


def _others(
    minutiae: Sequence[identification_pb2.Minutia],
    matched: Sequence[identification_pb2.Minutia],
    shift: float,
) -> str:
    """Minutiae that no pair has."""
    taken = {(m.x, m.y, m.angle_degrees) for m in matched}
    return "".join(
        _mark(m, shift, None) for m in minutiae if (m.x, m.y, m.angle_degrees) not in taken
    )


def _mark(minutia: identification_pb2.Minutia, shift: float, colour: str | None) -> str:
    """A ring on the minutia and a tail in its direction."""
    x, y = _middle(minutia.x) + shift, _middle(minutia.y)
    turn = math.radians(minutia.angle_degrees)
    # Angles turn counter-clockwise on the image, y points down.
    dx, dy = math.cos(turn), -math.sin(turn)
    look = {"stroke": colour} if colour else {}
    ring = element("circle", cx=x, cy=y, r=_RADIUS, **look)
    tail = element(
        "line",
        x1=x + dx * _RADIUS,
        y1=y + dy * _RADIUS,
        x2=x + dx * _TAIL,
        y2=y + dy * _TAIL,
        **look,
    )
    return ring + tail


def _number(minutia: identification_pb2.Minutia, shift: float, colour: str, rank: int) -> str:
    turn = math.radians(minutia.angle_degrees)
    # Behind the minutia, where its tail does not go.
    x = _middle(minutia.x) + shift - 11.0 * math.cos(turn)
    y = _middle(minutia.y) + 11.0 * math.sin(turn) + 3.6
    return element("text", str(rank), x=x, y=y, fill=colour)


def _middle(pixel: float) -> float:
    """SVG counts from the corner of the first pixel, minutiae from its middle."""
    return pixel + 0.5


def _colour(rank: int) -> str:
    red, green, blue = colorsys.hls_to_rgb(rank * _GOLDEN_ANGLE % 1.0, 0.36, 0.85)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
