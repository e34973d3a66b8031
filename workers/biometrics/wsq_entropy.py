"""Checks the entropy-coded data of a WSQ file before its decoder sees them.

The C decoder looks a code up in a table of 16 lengths without a bound and writes coefficients
where runs tell it to, so a code that does not exist or a run past the image would read or
write memory that is not its own. Here every code is walked: lengths are looked up for all bit
positions at once, then followed one symbol at a time, about 10 ms for a rolled print.

Source: WSQ Gray-Scale Fingerprint Image Compression Specification, version 3.1
(CJIS IAFIS-IC-0110), clause 3.4 and annex D.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.wsq_structure import WsqBlock, WsqHeader, malformed_wsq

MAX_CODE_BITS = 16

MAX_BYTES_PER_PIXEL = 0.5
"""Five times the FBI's rate; bounds the time of the walk, about 1 s a megabyte."""

MAX_OVERHEAD_BYTES = 65_536
"""Tables and comments."""

MAX_SHORTFALL = 0.02
"""Share of the image that may be missing: subband sides round either way."""

_CHUNK_BYTES = 1 << 16
_TAIL_BYTES = 5
"""Bytes looked at beyond a chunk: a code of 16 bits and 16 more of an escape, from bit 7."""

_RUN_SYMBOLS = 100
_ESCAPE_8, _ESCAPE_16 = (101, 102, 105), (103, 104, 106)
_RUN_8, _RUN_16 = 105, 106


def check_wsq_coefficients(data: bytes, header: WsqHeader, source: str) -> None:
    """Walks every block.

    Raises:
        RidgelineError: MALFORMED_IMAGE with the block's offset where a code does not exist or
            the blocks hold more coefficients than the image has pixels.
    """
    pixels = header.width * header.height
    if len(data) > pixels * MAX_BYTES_PER_PIXEL + MAX_OVERHEAD_BYTES:
        raise malformed_wsq(source, "the WSQ data are too long for their image", len(data))
    budget = pixels
    for block in header.blocks:
        codes = _code_tables(block)
        stream = data[block.start : block.end].replace(b"\xff\x00", b"\xff")
        count = _count_coefficients(stream, codes, budget)
        if count < 0:
            raise malformed_wsq(source, "the WSQ data hold a code that is not there", block.start)
        budget -= count
        if budget < 0:
            raise malformed_wsq(source, "the WSQ data exceed their image", block.start)
    if pixels - budget < (header.coded_share - MAX_SHORTFALL) * pixels:
        # The decoder would fill the rest from memory that it never set.
        raise malformed_wsq(source, "the WSQ data stop short of their image", header.blocks[-1].end)


def _code_tables(block: WsqBlock) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(code length, symbol) for each 16 bits that a code may start; length 0 is no code."""
    lengths = np.zeros(1 << MAX_CODE_BITS, np.uint8)
    symbols = np.zeros(1 << MAX_CODE_BITS, np.uint8)
    start, value = 0, 0
    for bits, count in enumerate(block.counts, start=1):
        for symbol in block.values[value : value + count]:
            stop = start + (1 << (MAX_CODE_BITS - bits))
            lengths[start:stop], symbols[start:stop] = bits, symbol
            start = stop
        value += count
    return lengths, symbols


def _count_coefficients(
    stream: bytes, codes: tuple[NDArray[np.uint8], NDArray[np.uint8]], limit: int
) -> int:
    """Coefficients that the stream codes, -1 for a code that is not there.

    Stops early above `limit`.
    """
    end, position, total = 8 * len(stream), 0, 0
    while position < end and total <= limit:
        first = position // 8
        last = min(first + _CHUNK_BYTES, len(stream))
        steps, amounts = _look_up(stream[first : last + _TAIL_BYTES], 8 * (last - first), codes)
        position -= 8 * first
        stop, left = 8 * (last - first), end - 8 * first
        while position < stop:
            step = steps[position]
            if step == 0:
                # Fewer than 16 bits before the end are padding, not a code.
                return total if left - position < MAX_CODE_BITS else -1
            if position + step > left:
                return total
            total += amounts[position]
            position += step
        position += 8 * first
    return total


def _look_up(
    chunk: bytes, bits: int, codes: tuple[NDArray[np.uint8], NDArray[np.uint8]]
) -> tuple[list[int], list[int]]:
    """(bits to the next symbol or 0, coefficients) of a symbol at each bit of the chunk."""
    padded = np.frombuffer(chunk + b"\xff" * (bits // 8 + _TAIL_BYTES - len(chunk)), np.uint8)
    count = bits // 8
    # 40 bits from each byte hold the code and its escape from any of the byte's bits.
    windows = np.zeros(count, np.uint64)
    for i in range(_TAIL_BYTES):
        windows = windows << np.uint64(8) | padded[i : i + count]
    shifts = np.arange(24, 16, -1, dtype=np.uint64)
    from_bit = (windows[:, None] >> shifts[None, :]).reshape(-1)
    lengths = codes[0][(from_bit & 0xFFFF).astype(np.int64)].astype(np.int64)
    symbols = codes[1][(from_bit & 0xFFFF).astype(np.int64)].astype(np.int64)
    extra = 8 * np.isin(symbols, _ESCAPE_8) + 16 * np.isin(symbols, _ESCAPE_16)
    allowed = (lengths > 0) & (symbols > 0) & (symbols < 255)
    steps = np.where(allowed, lengths + extra, 0)
    # The escape follows its code: shift it to the bottom of the 40 bits.
    bit = np.tile(np.arange(8), count)
    after = np.repeat(windows, 8) >> np.maximum(40 - bit - steps, 0).astype(np.uint64)
    run = (after & 0xFFFF).astype(np.int64)
    amounts = np.where((symbols > 0) & (symbols <= _RUN_SYMBOLS), symbols, 1)
    amounts = np.where(symbols == _RUN_8, run & 0xFF, amounts)
    amounts = np.where(symbols == _RUN_16, run, amounts)
    return steps.tolist(), amounts.tolist()
