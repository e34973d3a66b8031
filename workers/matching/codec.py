"""Bytes of an `EncounterTemplate`: versioned, checksummed, strictly validated.

Little-endian. Header: magic "RLT", version, fingers, missing fingers, length of the parameters
hash, the hash in ASCII. Each missing finger: position, two letters of reason. Each finger:
position, impression, NFIQ 2 (255 for none), descriptor length, sketch length, minutiae (u16),
then x, y, angle, kind, quality, descriptors, sketch as whole arrays. Last: CRC-32 of everything
before it.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import FingerPosition, Impression, MissingFinger, MissingReason
from workers.errors import ErrorCode, RidgelineError
from workers.matching.template import EncounterTemplate, FingerTemplate

VERSION = 2

_MAGIC = b"RLT"
_HEADER = struct.Struct("<3sBBBB")
_MISSING = struct.Struct("<B2s")
_FINGER = struct.Struct("<BBBBBH")
_CHECKSUM = struct.Struct("<I")
_NO_NFIQ2 = 255
_IMPRESSIONS = (Impression.PLAIN, Impression.ROLLED)
_ARRAYS = (
    ("x", np.dtype("<i2")),
    ("y", np.dtype("<i2")),
    ("angle", np.dtype("<u2")),
    ("kind", np.dtype("u1")),
    ("quality", np.dtype("u1")),
)


def encode(template: EncounterTemplate) -> bytes:
    """The bytes of a template; `decode` gives an equal one back."""
    digest = template.parameters_hash.encode("ascii")
    parts = [
        _HEADER.pack(_MAGIC, VERSION, len(template.fingers), len(template.missing), len(digest)),
        digest,
    ]
    parts += [_MISSING.pack(m.position, m.reason.encode("ascii")) for m in template.missing]
    for finger in template.fingers:
        nfiq2 = _NO_NFIQ2 if finger.nfiq2 is None else finger.nfiq2
        impression = _IMPRESSIONS.index(finger.impression)
        length = finger.descriptors.shape[1]
        parts.append(
            _FINGER.pack(
                finger.position, impression, nfiq2, length, len(finger.sketch), len(finger)
            )
        )
        parts += [getattr(finger, name).astype(kind).tobytes() for name, kind in _ARRAYS]
        parts.append(finger.descriptors.astype(np.int8).tobytes())
        parts.append(finger.sketch.astype(np.int8).tobytes())
    body = b"".join(parts)
    return body + _CHECKSUM.pack(zlib.crc32(body))


def decode(data: bytes) -> EncounterTemplate:
    """The template of some bytes.

    Raises:
        RidgelineError: MALFORMED_TEMPLATE for bytes that `encode` did not make, with the
            offset of the fault.
    """
    body, checksum = data[: -_CHECKSUM.size], data[-_CHECKSUM.size :]
    reader = _Reader(body)
    magic, version, fingers, missing, digest = reader.unpack(_HEADER)
    if magic != _MAGIC:
        raise _malformed("not a Ridgeline template", 0)
    if version != VERSION:
        raise _malformed(f"template version {version}, this release reads {VERSION}", 3)
    if checksum != _CHECKSUM.pack(zlib.crc32(body)):
        raise _malformed("checksum does not match", len(body))
    try:
        parameters_hash = reader.take(digest).decode("ascii")
        gaps = tuple(_missing_finger(reader) for _ in range(missing))
        template = EncounterTemplate(
            tuple(_finger(reader) for _ in range(fingers)), parameters_hash, gaps
        )
    except ValueError as error:
        raise _malformed(str(error), reader.offset) from error
    if reader.offset != len(body):
        raise _malformed(f"{len(body) - reader.offset} bytes left over", reader.offset)
    return template


class _Reader:
    """Reads forward and says where it stopped."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.offset = 0

    def take(self, size: int) -> bytes:
        if self.offset + size > len(self._data):
            raise _malformed(f"ends early: {size} bytes expected", self.offset)
        part = self._data[self.offset : self.offset + size]
        self.offset += size
        return part

    def unpack(self, layout: struct.Struct) -> tuple[Any, ...]:
        return layout.unpack(self.take(layout.size))

    def array(self, count: int, kind: np.dtype[np.generic]) -> NDArray[np.generic]:
        values = np.frombuffer(self.take(count * kind.itemsize), kind)
        # Native byte order, and read-only as the template that holds it.
        return values.astype(kind.newbyteorder("="), copy=False)


def _missing_finger(reader: _Reader) -> MissingFinger:
    position, reason = _MISSING.unpack(reader.take(_MISSING.size))
    return MissingFinger(_position(position), MissingReason(reason.decode("ascii")))


def _finger(reader: _Reader) -> FingerTemplate:
    position, impression, nfiq2, length, sketch, count = reader.unpack(_FINGER)
    if impression >= len(_IMPRESSIONS):
        raise ValueError(f"impression code {impression}")
    if nfiq2 > 100 and nfiq2 != _NO_NFIQ2:
        raise ValueError(f"NFIQ 2 quality {nfiq2}")
    arrays = {name: reader.array(count, kind) for name, kind in _ARRAYS}
    descriptors = reader.array(count * length, np.dtype("i1")).reshape(count, length)
    return FingerTemplate(
        position=_position(position),
        impression=_IMPRESSIONS[impression],
        descriptors=descriptors,  # type: ignore[arg-type]
        sketch=reader.array(sketch, np.dtype("i1")),  # type: ignore[arg-type]
        nfiq2=None if nfiq2 == _NO_NFIQ2 else nfiq2,
        **arrays,  # type: ignore[arg-type]
    )


def _position(code: int) -> FingerPosition:
    if not 1 <= code <= 10:
        raise ValueError(f"finger position {code} is not 1-10")
    return FingerPosition(code)


def _malformed(detail: str, offset: int) -> RidgelineError:
    return RidgelineError(ErrorCode.MALFORMED_TEMPLATE, detail, field="template", offset=offset)
