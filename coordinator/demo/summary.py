"""What the demonstration says: the JSON contract, and tables for people."""

from __future__ import annotations

from typing import Any

from coordinator.demo.run import DemoResult
from coordinator.messages import to_plain
from protos.ridgeline.v1 import identification_pb2


def demo_json(result: DemoResult) -> dict[str, Any]:
    """The result for machines; the absent person's under ``absent`` with the same keys."""
    return {
        **_answer(result.found, str(result.report) if result.report else None),
        "expected_subject_id": result.expected,
        "absent": _answer(result.absent, None),
    }


def _answer(answer: identification_pb2.IdentifyResponse, report: str | None) -> dict[str, Any]:
    plain = to_plain(answer)
    return {
        "outcome": plain["outcome"],
        "candidates": plain["candidates"],
        "coverage": plain["coverage"],
        "gallery_sequence": plain["gallery_sequence"],
        "backend": plain["backend"],
        "stage_seconds": {stage["stage"].lower(): stage["seconds"] for stage in plain["stages"]},
        "report": report,
        "parameters_hash": plain["parameters_hash"],
        "caveat": plain["caveat"],
    }
