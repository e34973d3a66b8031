"""``ridgeline gallery`` on generated galleries."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.store import Correction, Enrolment, FileKeyProvider, Store
from cluster.store.schema import encounters
from coordinator.commands import cli, run
from tests.populations import encounter

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def call_gallery(*words: object) -> tuple[int, str, str]:
        code = run(cli, ["gallery", *map(str, words)])
        return code, *capsys.readouterr()

    return call_gallery


def settings(folder: Path, url: str = "") -> Path:
    """A server's settings, with its certificates and keys, in a folder of its own."""
    assert run(cli, ["certificates", str(folder)]) == 0
    config = folder / "server.toml"
    if url:
        text = config.read_text()
        [line] = [line for line in text.splitlines() if line.startswith("url =")]
        config.write_text(text.replace(line, f'url = "{url}"'))
    return config


def open_store(folder: Path, url: str = "") -> Store:
    url = url or f"sqlite:///{folder / 'gallery.db'}"
    return Store.open(url, FileKeyProvider(folder / "master.key"))


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Of a server whose gallery has a bit of everything."""
    settings(tmp_path / "site")
    store = open_store(tmp_path / "site")
    store.enroll(
        [Enrolment(encounter(p), f"s{p}", f"e{p}") for p in range(5)],
    )
    store.correct(Correction("e0", encounter(6), "e6"))
    store.move_encounter("e1", "s2")
    store.merge_subjects("s3", "s2")
    store.remove_encounter("e2")
    store.expunge_subject("s4")
    store.close()
    capsys.readouterr()
    return tmp_path / "site"


def test_a_check_says_what_it_checked(call: Call, folder: Path) -> None:
    code, out, _ = call("check", "--config", folder / "server.toml")
    assert code == 0
    assert "checked at sequence 10: 10 journal, 5 subjects, 6 encounters" in out
    assert "no damage" in out


def test_a_check_names_damage_and_fails(call: Call, folder: Path) -> None:
    store = open_store(folder)
    with store.database.transaction() as connection:
        row = encounters.c.encounter_id == "e6"
        connection.execute(encounters.update().where(row).values(payload=b"x" * 100))
    store.close()
    code, out, _ = call("check", "--config", folder / "server.toml")
    assert code == 1
    assert "e6" in out
    assert "its template cannot be opened" in out
    code, out, _ = call("check", "--config", folder / "server.toml", "--json", "-")
    report: dict[str, Any] = json.loads(out)
    assert (code, report["damaged"]) == (1, 1)
    assert report["findings"] == [
        {"table": "encounters", "id": "e6", "problem": "its template cannot be opened"}
    ]


def test_a_check_needs_a_gallery_and_its_key(call: Call, folder: Path, tmp_path: Path) -> None:
    nothing = settings(tmp_path / "nothing")
    code, _, err = call("check", "--config", nothing)
    assert code == 3
    assert "STORE_UNAVAILABLE" in err
    assert not (tmp_path / "nothing" / "gallery.db").exists()
    (folder / "master.key").unlink()
    code, _, err = call("check", "--config", folder / "server.toml")
    assert code == 3
    assert "key_file" in err
