"""``ridgeline gallery`` on generated galleries."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.config import ClusterConfig
from cluster.launch import make_executor
from cluster.store import Correction, Database, Enrolment, FileKeyProvider, Store
from cluster.store.schema import encounters
from coordinator.audit import AuditLog
from coordinator.commands import cli, run
from coordinator.gallery import Gallery
from coordinator.search.plan import SearchOptions
from coordinator.search.run import Searcher
from tests.populations import encounter
from tests.postgres import PostgresServer

PURPOSE = {"AUTHORITY": "8 CFR 287.7", "CASE_NUMBER": "M-1", "REQUESTER": "operations"}

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    for variable, value in PURPOSE.items():
        monkeypatch.setenv(f"RIDGELINE_{variable}", value)

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


def audit(url: str) -> list[dict[str, Any]]:
    database = Database(url)
    log = AuditLog(database)
    assert log.verify_chain().broken_at is None
    records = [json.loads(record.body) for record in log.records()]
    database.close()
    return records


def found(store: Store, keys: FileKeyProvider) -> list[tuple[Any, ...]]:
    """Who is found for prints of everybody, and how alike."""

    async def search() -> list[tuple[Any, ...]]:
        executor = make_executor(ClusterConfig(shards=2), store, keys)
        await executor.start()
        searcher = Searcher(executor, Gallery(store), required_coverage=1.0)
        try:
            searched = [
                await searcher.search(str(p), encounter(p, session=1), SearchOptions(5), lambda: 60)
                for p in range(7)
            ]
        finally:
            await executor.stop()
        return [(answer.sequence, answer.leads, answer.share) for answer in searched]

    return asyncio.run(search())


def test_a_gallery_goes_to_another_database_and_back(
    call: Call, folder: Path, tmp_path: Path, postgres: PostgresServer
) -> None:
    key, here = tmp_path / "archive.key", folder / "server.toml"
    url = postgres.new_database()
    there, back = settings(tmp_path / "there", url), settings(tmp_path / "back")
    for source, archive, target in ((here, "1", there), (there, "2", back)):
        both = ("--archive-key", key)
        code, _, err = call("export", tmp_path / archive, "--config", source, *both)
        assert (code, "exported 5 subjects, 6 encounters as of sequence 10" in err) == (0, True)
        assert (tmp_path / archive).stat().st_mode & 0o777 == 0o600
        assert key.stat().st_mode & 0o777 == 0o600
        code, _, err = call("import", tmp_path / archive, "--config", target, *both)
        assert (code, "imported 5 subjects, 6 encounters as of sequence 10" in err) == (0, True)
        assert call("check", "--config", target)[0] == 0
    code, _, err = call("import", tmp_path / "2", "--config", back, *both)
    assert (code, "imported before" in err) == (0, True)
    answers = []
    for place, at in ((folder, ""), (tmp_path / "there", url), (tmp_path / "back", "")):
        store = open_store(place, at)
        answers.append(found(store, FileKeyProvider(place / "master.key")))
        store.close()
    assert answers[0] == answers[1] == answers[2]
    assert [leads[0].encounter_id for _, leads, _ in answers[0][1:2]] == ["e1"]

    [record] = audit(f"sqlite:///{folder / 'gallery.db'}")
    assert (record["event"], record["outcome"]) == ("ExportGallery", "EXPORTED")
    assert (record["sequence"], record["purpose"]["case_number"]) == (10, "M-1")
    events = [(r["event"], r["outcome"]) for r in audit(url)]
    assert events == [("ImportGallery", "IMPORTED"), ("ExportGallery", "EXPORTED")]
    events = [(r["event"], r["outcome"]) for r in audit(f"sqlite:///{tmp_path}/back/gallery.db")]
    assert events == [("ImportGallery", "IMPORTED"), ("ImportGallery", "UNCHANGED")]


def test_exporting_and_importing_refuse(call: Call, folder: Path, tmp_path: Path) -> None:
    archive, key, config = tmp_path / "archive", tmp_path / "archive.key", folder / "server.toml"
    both = ("--config", config, "--archive-key", key)
    assert call("import", archive, *both)[0] == 2, "no such file"
    archive.write_bytes(b"not an archive")
    code, _, err = call("export", archive, *both)
    assert (code, "exists" in err) == (2, True)
    assert archive.read_bytes() == b"not an archive"
    code, _, err = call("import", archive, *both)
    assert (code, "key_file" in err) == (3, True)
    FileKeyProvider(key)
    code, _, err = call("import", archive, *both)
    assert (code, "MALFORMED_ARCHIVE: not an archive of a gallery" in err) == (2, True)
    archive.unlink()
    assert call("export", archive, *both)[0] == 0
    code, _, err = call("import", archive, *both)
    assert (code, "the store holds another gallery already" in err) == (2, True)
    assert audit(f"sqlite:///{folder / 'gallery.db'}")[-1]["outcome"] == "INVALID_FIELD"


def test_an_export_that_fails_leaves_no_file(call: Call, folder: Path, tmp_path: Path) -> None:
    store = open_store(folder)
    with store.database.transaction() as connection:
        connection.execute(encounters.update().values(digest="0" * 64))
    store.close()
    key = tmp_path / "archive.key"
    both = ("--config", folder / "server.toml", "--archive-key", key)
    code, _, err = call("export", tmp_path / "out" / "archive", *both)
    assert (code, "is damaged" in err) == (3, True)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_purpose_is_needed(
    call: Call, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RIDGELINE_CASE_NUMBER")
    both = ("--config", folder / "server.toml", "--archive-key", tmp_path / "archive.key")
    code, _, err = call("export", tmp_path / "archive", *both)
    assert (code, "PURPOSE_REQUIRED" in err) == (2, True)
    assert not (tmp_path / "archive").exists()
