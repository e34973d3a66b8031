"""Checks the marker structure of a WSQ file before its decoder sees it.

The decoder is C code that trusts its input; every table and size it would use is checked
here against the WSQ Gray-Scale Fingerprint Image Compression Specification, version 3.1
(CJIS IAFIS-IC-0110), clause 4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from workers.errors import ErrorCode, RidgelineError

SOI, EOI, SOF, SOB, DTT, DQT, DHT, DRT, COM = (
    0xFFA0,
    0xFFA1,
    0xFFA2,
    0xFFA3,
    0xFFA4,
    0xFFA5,
    0xFFA6,
    0xFFA7,
    0xFFA8,
)
"""Markers: start and end of image, start of frame and block, tables, restart, comment."""

SUBBANDS = 64
MAX_FILTER = 16
"""Longest wavelet filter accepted, coefficients; the standard's encoders use 9 and 7, or 8."""

HUFFMAN_TABLES = 8
MAX_BLOCKS = 3
"""Subbands 0-18, 19-51 and 52-63."""

MAX_COMMENTS = 64

_PPI = re.compile(rb"(?:^|\n)PPI (\d{1,5})(?:\n|$)")
_UNKNOWN_PPI = 255
"""NIST's encoder writes its "unknown" of -1 as the byte 255."""


@dataclass(frozen=True, slots=True)
class WsqBlock:
    """Entropy-coded data at data[start:end] and the Huffman table in force there.

    Attributes:
        counts: codes of each length, 1 to 16 bits.
        values: symbols in the order of their codes.
    """

    start: int
    end: int
    counts: bytes
    values: bytes


@dataclass(frozen=True, slots=True)
class WsqHeader:
    """What the markers say.

    Attributes:
        width: pixels.
        height: pixels.
        ppi: that a comment states, if one does.
        coded_share: area of the subbands that are coded at all, as a share of the image.
    """

    width: int
    height: int
    ppi: float | None
    coded_share: float
    blocks: tuple[WsqBlock, ...]


@dataclass(slots=True)
class _State:
    size: tuple[int, int] | None = None
    ppi: float | None = None
    transforms: bool = False
    coded_share: float = 0.0
    tables: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    table: int = 0
    blocks: list[WsqBlock] = field(default_factory=list)
    comments: int = 0


def read_wsq_header(data: bytes, source: str) -> WsqHeader:
    """Checks the structure up to the end-of-image marker.

    Args:
        source: names the print in errors.

    Raises:
        RidgelineError: MALFORMED_IMAGE with the byte offset.
    """
    if data[:2] != SOI.to_bytes(2, "big"):
        raise malformed_wsq(source, "not a WSQ image", 0)
    state, position = _State(), 2
    while True:
        marker = int.from_bytes(data[position : position + 2], "big")
        if marker == EOI:
            break
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        body = data[position + 4 : position + 2 + length]
        if not SOF <= marker <= COM or length < 2 or len(body) != length - 2:
            raise malformed_wsq(source, "a WSQ segment is missing or cut short", position)
        problem = _CHECKS[marker](state, body)
        if problem:
            raise malformed_wsq(source, problem, position)
        position += 2 + length
        if marker == SOB:
            start, position = position, _end_of_block(data, position, source)
            state.blocks.append(WsqBlock(start, position, *state.tables[state.table]))
    if state.size is None or not state.blocks:
        raise malformed_wsq(source, "the WSQ image has no frame or no data", position)
    return WsqHeader(*state.size, state.ppi, state.coded_share, tuple(state.blocks))


def _end_of_block(data: bytes, position: int, source: str) -> int:
    """Entropy-coded data run to the next marker; 0xFF within them is followed by 0."""
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            raise malformed_wsq(source, "the WSQ data have no end", len(data))
        if data[position + 1]:
            return position
        position += 2


def malformed_wsq(source: str, detail: str, offset: int) -> RidgelineError:
    """MALFORMED_IMAGE for the print `source`."""
    return RidgelineError(ErrorCode.MALFORMED_IMAGE, detail, field=source, offset=offset)


def _check_frame(state: _State, body: bytes) -> str:
    if state.size is not None or len(body) != 15:
        return "a WSQ image has one frame header of 17 bytes"
    if not (state.transforms and state.coded_share):
        return "the WSQ frame comes before its tables"
    height, width = int.from_bytes(body[2:4], "big"), int.from_bytes(body[4:6], "big")
    if not width or not height:
        return "the WSQ image has no pixels"
    state.size = (width, height)
    return ""


def _check_block(state: _State, body: bytes) -> str:
    if state.size is None:
        return "WSQ data come before the frame header"
    if len(body) != 1 or body[0] not in state.tables:
        return "a WSQ block names a Huffman table that is not there"
    state.table = body[0]
    return "" if len(state.blocks) < MAX_BLOCKS else f"a WSQ image has at most {MAX_BLOCKS} blocks"


def _check_transforms(state: _State, body: bytes) -> str:
    if len(body) < 2 or state.transforms or state.size is not None:
        return "a WSQ image has one transform table, before the frame"
    low, high = body[0], body[1]
    if not (0 < low <= MAX_FILTER and 0 < high <= MAX_FILTER):
        return "a WSQ filter has an impossible length"
    # Filters are symmetric: half of each, the centre included, is stored, 6 bytes a number.
    if len(body) != 2 + 6 * ((low + 1) // 2 + (high + 1) // 2):
        return "the WSQ transform table has the wrong length"
    state.transforms = True
    return ""


def _check_quantisation(state: _State, body: bytes) -> str:
    if len(body) != 3 + 6 * SUBBANDS or state.coded_share or state.size is not None:
        return "a WSQ image has one quantisation table of 64 subbands, before the frame"
    # An exponent and a 16-bit bin width, then the same of the zero bin; width 0 is not coded.
    widths = (body[4 + 6 * k : 6 + 6 * k] for k in range(SUBBANDS))
    state.coded_share = sum(_share(k) for k, width in enumerate(widths) if any(width))
    return "" if state.coded_share else "the WSQ image has no coded subband"


def _share(subband: int) -> float:
    """Area of a subband as a share of the image: 0-3, then 4-50, then 51-63, clause 2.1."""
    return 1 / 1024 if subband <= 3 else 1 / 256 if subband <= 50 else 1 / 16


def _check_huffman(state: _State, body: bytes) -> str:
    position = 0
    while position < len(body):
        table, counts = body[position], body[position + 1 : position + 17]
        if table >= HUFFMAN_TABLES or len(counts) < 16:
            return "a WSQ Huffman table is cut short or has an impossible number"
        values = sum(counts)
        # Kraft: the codes must fit, and the all-ones code stays free.
        used = sum(count << (16 - bits) for bits, count in enumerate(counts, start=1))
        if not 0 < values <= 256 or used >= 1 << 16:
            return "a WSQ Huffman table is not a prefix code"
        position += 17 + values
        if position <= len(body):
            state.tables[table] = (counts, body[position - values : position])
    return "" if position == len(body) else "a WSQ Huffman table is cut short"


def _check_restart(_state: _State, _body: bytes) -> str:
    return "WSQ restart intervals are not supported"


def _check_comment(state: _State, body: bytes) -> str:
    state.comments += 1
    found = _PPI.search(body)
    if found is not None and state.ppi is None and int(found[1]) not in (0, _UNKNOWN_PPI):
        state.ppi = float(found[1])
    return "" if state.comments <= MAX_COMMENTS else "too many WSQ comments"


_CHECKS = {
    SOF: _check_frame,
    SOB: _check_block,
    DTT: _check_transforms,
    DQT: _check_quantisation,
    DHT: _check_huffman,
    DRT: _check_restart,
    COM: _check_comment,
}
