"""Tells from its first bytes which format a file has."""

from __future__ import annotations

import re

from workers.biometrics.model import PrintFormat

_TRANSACTION = re.compile(rb"1\.0{0,8}1:\d")

_IMAGES = (
    (b"\xff\xa0", PrintFormat.WSQ),
    (b"\x89PNG\r\n\x1a\n", PrintFormat.PNG),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", PrintFormat.JPEG2000),
    (b"\xff\x4f\xff\x51", PrintFormat.JPEG2000),
)


def recognise(data: bytes) -> PrintFormat | None:
    """The format of an image or a minutiae template; None for anything else, raw included.

    Both standards begin their templates alike. They differ in the record length: four bytes in
    ISO/IEC 19794-2:2005; two in INCITS 378-2004, or two of zero and four above 65,535.
    """
    for start, found in _IMAGES:
        if data.startswith(start):
            return found
    if data.startswith(b"FMR\x00030\x00"):
        return PrintFormat.INCITS_378_2004
    if not data.startswith(b"FMR\0 20\0"):
        return None
    if len(data) <= 0xFFFF:
        iso = data[8:10] == b"\0\0"
    else:
        iso = data[8:12] == len(data).to_bytes(4, "big")
    return PrintFormat.ISO_19794_2_2005 if iso else PrintFormat.INCITS_378_2004


def is_transaction(data: bytes) -> bool:
    """Whether the bytes begin as an ANSI/NIST-ITL transaction in traditional encoding does."""
    return _TRANSACTION.match(data) is not None
