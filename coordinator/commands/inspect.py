"""``ridgeline inspect``."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from coordinator.commands.output import json_flag, out, print_json
from coordinator.commands.tables import table
from coordinator.print_files import PrintFile, read_file, read_print_file
from workers.biometrics.images import decode
from workers.biometrics.itl import (
    describe_transaction,
    read_transaction,
    submission_from_transaction,
    transaction_origin,
)
from workers.biometrics.model import FingerPosition, Impression, MinutiaKind, Print
from workers.biometrics.recognise import is_transaction
from workers.biometrics.templates import TemplateView, read_template
from workers.errors import RidgelineError


@click.command("inspect")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fields", is_flag=True, help="Show every field of a transaction's records.")
@click.option("--dpi", type=float, help="Resolution of an image; overrides what it states.")
@json_flag
def command(file: Path, fields: bool, dpi: float | None, as_json: bool) -> None:
    """Show what FILE holds, record by record.

    A transaction's fields may hold biographic values: what is shown is for whoever has the file.
    """
    data = read_file(file)
    if is_transaction(data):
        described = _transaction(data)
    else:
        print_ = read_print_file(file, dpi)
        describe = _template if print_.format.is_template else _image
        described = describe(print_, file.name)
    if as_json:
        print_json(described)
        return
    show = {"transaction": _show_transaction, "template": _show_template, "image": _show_image}
    show[described["kind"]](out(), described, fields)


def _transaction(data: bytes) -> dict[str, Any]:
    transaction = read_transaction(data)
    described: dict[str, Any] = {
        "kind": "transaction",
        "records": [asdict(r) for r in describe_transaction(transaction).records],
    }
    try:
        described["origin"] = transaction_origin(transaction)._asdict()
        submission = submission_from_transaction(transaction)
    except RidgelineError as error:
        # A transaction that cannot be submitted can still be looked at.
        return described | {"problem": str(error)}
    described["prints"] = [
        {
            "source": p.source,
            "position": int(p.position),
            "impression": p.impression,
            "format": p.format,
            "resolution_ppi": p.resolution_ppi,
        }
        for p in submission.prints
    ]
    described["missing"] = [
        {"position": int(m.position), "reason": m.reason.name} for m in submission.missing
    ]
    described["unused"] = [asdict(u) for u in submission.unused]
    return described


def _template(print_: PrintFile, name: str) -> dict[str, Any]:
    return {
        "kind": "template",
        "format": print_.format,
        "views": [_view(view) for view in read_template(_as_print(print_, name))],
    }


def _view(view: TemplateView) -> dict[str, Any]:
    minutiae = view.minutiae
    return {
        "position": view.position,
        "view": view.number,
        "impression_code": view.impression_code,
        "impression": view.impression,
        "quality": view.quality,
        "width_px": minutiae.width,
        "height_px": minutiae.height,
        "extended_bytes": len(view.extended),
        "minutiae": [
            {
                "x": float(x),
                "y": float(y),
                "angle_degrees": math.degrees(float(angle)),
                "kind": MinutiaKind(int(kind)).name,
                "quality": int(quality),
            }
            for x, y, angle, kind, quality in zip(
                minutiae.x,
                minutiae.y,
                minutiae.angle,
                minutiae.kind,
                minutiae.quality,
                strict=True,
            )
        ],
    }


def _image(print_: PrintFile, name: str) -> dict[str, Any]:
    image = decode(_as_print(print_, name))
    height, width = image.pixels.shape
    return {
        "kind": "image",
        "format": print_.format,
        "width": width,
        "height": height,
        "resolution_ppi": image.resolution_ppi,
        "data_size": len(print_.data),
    }


def _as_print(print_: PrintFile, name: str) -> Print:
    return Print(
        source=name,
        position=FingerPosition.UNKNOWN,
        impression=Impression.PLAIN,
        format=print_.format,
        data=print_.data,
        resolution_ppi=print_.resolution_ppi,
    )


def _show_transaction(console: Console, described: dict[str, Any], fields: bool) -> None:
    origin = described.get("origin")
    if origin:
        console.print("  ".join(f"{k} {v}" for k, v in origin.items() if v), markup=False)
    rows = []
    for record in described["records"]:
        size = f"{record['width']} x {record['height']}" if record["width"] else None
        rows.append(
            (
                record["name"],
                record["type_name"] + ("" if record["decoded"] else " (carried, not read)"),
                ", ".join(record["positions"]),
                record["impression"],
                size,
                record["resolution"],
                record["compression"],
                f"{record['length']:,}",
            )
        )
    columns = ("Record", "Holds", "Position", "Impression", "Pixels", "Resolution", "Coding")
    console.print(table("", (*columns, "Bytes "), rows))
    for missing in described.get("missing", ()):
        console.print(f"finger {missing['position']}: {missing['reason'].lower()}")
    for unused in described.get("unused", ()):
        console.print(f"not used: {unused['source']}: {unused['reason']}", markup=False)
    if "problem" in described:
        console.print(f"cannot be submitted: {described['problem']}", markup=False)
    if fields:
        for record in described["records"]:
            values = [(f["tag"], f"{f['size']:,}", f["value"]) for f in record["fields"]]
            if values:
                console.print(table(record["name"], ("Field", "Bytes ", "Value"), values))


def _show_template(console: Console, described: dict[str, Any], fields: bool) -> None:
    rows = [
        (
            v["position"],
            v["view"],
            v["impression"] or f"code {v['impression_code']}",
            v["quality"],
            f"{v['width_px']} x {v['height_px']}",
            len(v["minutiae"]),
        )
        for v in described["views"]
    ]
    columns = ("Finger ", "View ", "Impression", "Quality ", "Pixels at 500 ppi", "Minutiae ")
    console.print(table(described["format"], columns, rows))
    if fields:
        for view in described["views"]:
            marks = [
                (f"{m['x']:.0f}", f"{m['y']:.0f}", f"{m['angle_degrees']:.0f}", m["kind"].lower())
                for m in view["minutiae"]
            ]
            title = f"Finger {view['position']}"
            console.print(table(title, ("x ", "y ", "Degrees ", "Kind"), marks))


def _show_image(console: Console, described: dict[str, Any], _fields: bool) -> None:
    console.print(
        f"{described['format']} image, {described['width']} x {described['height']} pixels at "
        f"{described['resolution_ppi']:g} ppi, {described['data_size']:,} bytes"
    )
