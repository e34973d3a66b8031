"""``ridgeline enroll``."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import click

from coordinator.client import RidgelineClient
from coordinator.commands.connection import CommandConfig, connected
from coordinator.commands.encounters import Encounter, ImageOptions, find_encounters
from coordinator.commands.failures import FAILED, describe
from coordinator.commands.output import bars, json_flag, out, print_json
from coordinator.commands.parallel import as_done
from coordinator.commands.tables import table
from coordinator.messages import to_plain
from workers.biometrics.model import Impression
from workers.errors import ErrorCode, RidgelineError

_HOPELESS = frozenset(
    {
        ErrorCode.NOT_ACTIVE,
        ErrorCode.UNREACHABLE,
        ErrorCode.UNAUTHENTICATED,
        ErrorCode.NOT_PERMITTED,
    }
)
"""What fails for one file for these reasons fails for all."""


@click.command("enroll")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--subject", default="", help="Subject id, for the prints of one person.")
@click.option("--dpi", type=float, help="Resolution of images; overrides what they state.")
@click.option(
    "--impression",
    type=click.Choice([i.value for i in Impression]),
    default=Impression.PLAIN.value,
    show_default=True,
    help="How images were taken.",
)
@click.option(
    "--captured",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day on which all of them were taken; transactions state their own.",
)
@click.option(
    "--sensor",
    default="",
    help="Make and model that all were taken with; transactions state their own.",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Encounters under way at a time.",
)
@json_flag
@connected
def command(
    paths: tuple[Path, ...],
    subject: str,
    dpi: float | None,
    impression: str,
    captured: datetime.datetime | None,
    sensor: str,
    at_once: int,
    as_json: bool,
    config: CommandConfig,
) -> int:
    """Add the prints in PATHS to the gallery.

    A file is an ANSI/NIST-ITL transaction, a minutiae template (ISO/IEC 19794-2:2005, INCITS
    378-2004) or an image named PERSON_FINGER_SCAN; a folder holds such files. Images that agree
    in PERSON and SCAN are one encounter of subject PERSON; another file's subject is its name.
    The same prints enrolled again change nothing.
    """
    options = ImageOptions(resolution_ppi=dpi, impression=Impression(impression))
    encounters = find_encounters(paths, options)
    if subject and len({e.subject for e in encounters}) > 1:
        raise click.UsageError("--subject is for the prints of one person")
    day = captured.date() if captured else None
    enrolled: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    with RidgelineClient(config.connection) as client:

        def enroll(encounter: Encounter) -> tuple[Encounter, dict[str, Any] | RidgelineError]:
            return encounter, _enroll(client, encounter, subject, day, sensor)

        results = as_done(enroll, encounters, at_once=at_once)
        for encounter, result in bars()(results, description="Enrolling", total=len(encounters)):
            if isinstance(result, RidgelineError):
                failures.append(
                    {"name": encounter.name, "code": result.code, "message": describe(result)}
                )
            else:
                enrolled.append({"name": encounter.name, **result})
    for results_ in (enrolled, failures):
        results_.sort(key=lambda one: str(one["name"]))
    _show(enrolled, failures, as_json=as_json)
    return FAILED if failures else 0


def _enroll(
    client: RidgelineClient,
    encounter: Encounter,
    subject: str,
    captured: datetime.date | None,
    sensor: str,
) -> dict[str, Any] | RidgelineError:
    try:
        prints, encounter_id = encounter.read()
        answer = client.enroll(
            prints,
            subject_id=subject or encounter.subject,
            encounter_id=encounter_id,
            captured=captured,
            sensor=sensor,
        )
    except RidgelineError as error:
        if error.code in _HOPELESS:
            raise
        return error
    plain: dict[str, Any] = to_plain(answer)
    return plain


def _show(enrolled: list[dict[str, Any]], failures: list[dict[str, Any]], *, as_json: bool) -> None:
    created = sum(bool(one["created"]) for one in enrolled)
    if as_json:
        print_json(
            {
                "created": created,
                "unchanged": len(enrolled) - created,
                "failed": len(failures),
                "gallery_sequence": max((e["gallery_sequence"] for e in enrolled), default=0),
                "encounters": enrolled,
                "failures": failures,
            }
        )
        return
    console = out()
    rows = [(one["name"], one["message"]) for one in failures]
    if rows:
        console.print(table("Not enrolled", ("Prints", "Why"), rows))
    console.print(
        f"{created} enrolled, {len(enrolled) - created} there before, {len(failures)} failed"
    )
