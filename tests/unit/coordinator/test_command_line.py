"""The command line's own parts: exit codes, settings, files to encounters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from PIL import Image

from coordinator.commands import cli
from coordinator.commands.connection import read_config
from coordinator.commands.encounters import ImageOptions, find_encounters, one_encounter
from coordinator.commands.failures import describe, exit_code, run
from coordinator.commands.parallel import as_done
from coordinator.commands.tables import finger_table, remarks
from coordinator.print_files import read_print_file
from protos.ridgeline.v1 import types_pb2
from workers.biometrics.model import FingerPosition, Impression, PrintFormat
from workers.biometrics.templates import TemplateView, iso19794_2
from workers.errors import ErrorCode, RidgelineError
from workers.synthesis.templates import generate_subject


def picture(path: Path, **options: Any) -> Path:
    Image.fromarray(np.arange(64 * 64, dtype=np.uint16).astype(np.uint8).reshape(64, 64)).save(
        path, **options
    )
    return path


def template(path: Path) -> Path:
    views = [TemplateView(int(s.position), 0, 80, s.minutiae) for s in generate_subject(1, 1)]
    path.write_bytes(iso19794_2.write(views))
    return path


# Failures


def test_every_error_has_an_exit_code() -> None:
    assert {exit_code(code) for code in ErrorCode} == {1, 2, 3, 4, 130}


def test_an_error_is_one_line_that_says_nothing_twice() -> None:
    error = RidgelineError(ErrorCode.INVALID_FIELD, "required", field="purpose", offset=3)
    assert describe(error) == "INVALID_FIELD: required (purpose) at byte 3"
    told = RidgelineError(
        ErrorCode.INVALID_FIELD, "wrong: required (purpose) at byte 3", field="purpose", offset=3
    )
    assert describe(told) == "INVALID_FIELD: wrong: required (purpose) at byte 3"


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (RidgelineError(ErrorCode.UNREACHABLE, "two\nlines"), 3, "UNREACHABLE: two lines"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ZeroDivisionError("oops"), 1, "unforeseen error, ZeroDivisionError: oops"),
        (click.UsageError("no such thing"), 2, "no such thing"),
    ],
)
def test_failures_end_in_a_line_and_a_code(
    raised: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def command() -> None:
        raise raised

    assert run(command, []) == code
    out, err = capsys.readouterr()
    assert not out
    # Click ends the line that the terminal's ^C stands on.
    assert err.lstrip("\n").startswith(f"ridgeline: {said}")
    assert err.strip().count("\n") == 0


def test_a_command_may_choose_its_exit_code() -> None:
    assert run(click.Command("x", callback=lambda: 3), []) == 3
    assert run(click.Command("x", callback=lambda: None), []) == 0


@pytest.mark.parametrize("name", cli.list_commands(click.Context(cli)))
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli, [name, "--help"]) == 0
    assert f"Usage: ridgeline {name}" in capsys.readouterr().out


# Settings


def test_settings_come_from_the_file_and_options_win(tmp_path: Path) -> None:
    file = tmp_path / "client.toml"
    file.write_text(
        '[connection]\naddress = "a:1"\nca_file = "ca"\ncertificate_file = "c"\nkey_file = "k"\n'
        '[purpose]\nauthority = "law"\n'
    )
    given = {"connection.address": "b:2", "connection.timeout_s": 5.0, "purpose.requester": "me"}
    config = read_config(file, {**given, "purpose.authority": None})
    assert config.connection.address == "b:2"
    assert config.connection.timeout_s == 5.0
    assert config.connection.ca_file == tmp_path / "ca"
    assert (config.purpose.authority, config.purpose.requester) == ("law", "me")


def test_options_do_without_a_file() -> None:
    given = {"address": "b:2", "ca_file": "/ca", "certificate_file": "/c", "key_file": "/k"}
    config = read_config(None, {f"connection.{k}": v for k, v in given.items()})
    assert config.connection.key_file == Path("/k")


def test_what_is_lacking_is_named() -> None:
    with pytest.raises(RidgelineError, match="--config") as caught:
        read_config(None, {"connection.address": "b:2"})
    assert caught.value.field == "connection.ca_file"


# Files


def test_images_of_one_scan_are_one_encounter(tmp_path: Path) -> None:
    for name in ("012_3_1", "012_4_1", "012_3_2", "013_12_1"):
        picture(tmp_path / f"{name}.tif", dpi=(500, 500))
    (tmp_path / "notes.txt").write_text("no print")
    found = find_encounters([tmp_path], ImageOptions())
    assert [(e.subject, e.scan, [int(p) for _, p in e.images]) for e in found] == [
        ("012", "1", [3, 4]),
        ("012", "2", [3]),
        ("013", "1", [12]),
    ]
    prints, encounter_id = found[0].read()
    assert encounter_id == "012-1"
    assert isinstance(prints, list)
    assert [p.position for p in prints] == [3, 4]
    assert {p.format for p in prints} == {types_pb2.PRINT_FORMAT_PNG}
    assert {p.impression for p in prints} == {types_pb2.IMPRESSION_PLAIN}
    assert {p.resolution_ppi for p in prints} == {500.0}


def test_templates_and_transactions_are_encounters_of_their_own(tmp_path: Path) -> None:
    template(tmp_path / "person-a.fmr")
    (tmp_path / "card.an2").write_bytes(b"1.001:42\x1d1.002:0500")
    found = find_encounters([tmp_path], ImageOptions())
    assert [(e.subject, e.images) for e in found] == [("card", ()), ("person-a", ())]
    transaction, first_id = found[0].read()
    assert transaction == (tmp_path / "card.an2").read_bytes()
    assert first_id.startswith("card-")
    records, second_id = found[1].read()
    assert isinstance(records, list)
    assert records[0].format == types_pb2.PRINT_FORMAT_ISO_19794_2_2005
    # The same bytes make the same encounter again.
    assert found[1].read()[1] == second_id


def test_one_image_needs_its_finger(tmp_path: Path) -> None:
    path = picture(tmp_path / "thumb.png", dpi=(500, 500))
    with pytest.raises(RidgelineError, match="PERSON_FINGER_SCAN") as caught:
        one_encounter([path], ImageOptions())
    assert caught.value.field == "thumb.png"
    options = ImageOptions(
        finger=FingerPosition.RIGHT_THUMB, impression=Impression.ROLLED, resolution_ppi=1000
    )
    prints, _ = one_encounter([path], options).read()
    assert isinstance(prints, list)
    (print_,) = prints
    assert (print_.position, print_.resolution_ppi) == (1, 1000)
    assert print_.impression == types_pb2.IMPRESSION_ROLLED


@pytest.mark.parametrize("name", ["012_16_1.png", "012_0_1.png"])
def test_a_position_that_is_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(RidgelineError, match="no finger position code"):
        find_encounters([picture(tmp_path / name)], ImageOptions())


def test_prints_of_two_persons_are_no_probe(tmp_path: Path) -> None:
    paths = [picture(tmp_path / name) for name in ("1_1_1.png", "2_1_1.png")]
    with pytest.raises(RidgelineError, match="one person, got 2"):
        one_encounter(paths, ImageOptions())


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(RidgelineError, match="holds no prints"):
        find_encounters([tmp_path], ImageOptions())


@pytest.mark.parametrize("mode", ["1", "L", "I;16", "RGB", "CMYK", "F"])
def test_images_of_any_mode_are_sent_as_png(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.tif"
    pixels = np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))
    image = Image.fromarray(pixels)
    if mode == "I;16":
        image = Image.fromarray(pixels.astype(np.uint16) * 257)
    elif mode != "L":
        image = image.convert(mode)
    image.save(path, dpi=(500, 500))
    file = read_print_file(path)
    assert (file.format, file.resolution_ppi) == (PrintFormat.PNG, 500.0)
    assert read_print_file(path, 569).resolution_ppi == 569


def test_a_file_that_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(b"II*\0 and no more")
    with pytest.raises(RidgelineError) as caught:
        read_print_file(path)
    assert (caught.value.code, caught.value.field) == (ErrorCode.MALFORMED_IMAGE, "x.tif")


# Output


def test_results_come_as_they_are_ready() -> None:
    assert sorted(as_done(lambda x: x * x, range(20), at_once=3)) == [x * x for x in range(20)]


def test_no_more_is_taken_than_is_worked_on() -> None:
    taken: list[int] = []

    def items() -> Any:
        for i in range(100):
            taken.append(i)
            yield i

    results = as_done(lambda x: x, items(), at_once=4)
    next(results)
    assert len(taken) <= 8
    results.close()  # type: ignore[attr-defined]
    assert len(taken) <= 8


def test_fingers_without_a_score_are_left_open() -> None:
    candidates = [
        {"rank": 1, "finger_scores": [{"position": 1, "score": 80.0}]},
        {"rank": 2, "finger_scores": [{"position": 7, "score": 9.6}]},
    ]
    made = finger_table(candidates)
    assert [column.header for column in made.columns] == ["Rank", "R thumb", "L index"]
    assert [list(column.cells) for column in made.columns][1:] == [["80", "-"], ["-", "10"]]


def test_what_was_set_aside_or_may_be_lost_is_said() -> None:
    answer = {
        "unused": [{"source": "Type-15 record 3", "reason": "palm print"}],
        "missing": [{"position": 9, "reason": "AMPUTATED"}],
        "sequence_warnings": [{"rolled_position": 2, "plain_position": 3}],
        "stages": [
            {"stage": "SKETCH", "measured_loss": 0.001, "measured_loss_source": "1 of 1,000"},
            {"stage": "MERGE", "measured_loss": None, "measured_loss_source": ""},
        ],
        "candidates": [{"extrapolated": False}, {"extrapolated": True}],
        "replayed": True,
    }
    assert remarks(answer)[:5] == [
        "not used: Type-15 record 3: palm print",
        "finger 9: amputated",
        "rolled finger 2 looks like plain finger 3",
        "sketch: 1 of 1,000",
        "* beyond the impostors that the calibration was fitted on",
    ]
