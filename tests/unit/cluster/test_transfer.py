"""Archives: a gallery arrives as it left, on the same kind of database and on the other."""

from __future__ import annotations

import datetime
import io
import itertools
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cluster.store import Correction, Database, Enrolled, Enrolment, FileKeyProvider, Store
from cluster.store import archive as archive_module
from cluster.store.archive import ArchiveReader
from cluster.store.check import check
from cluster.store.exporting import SEALED, TABLES, export_gallery
from cluster.store.importing import import_gallery
from cluster.store.schema import encounters, meta
from tests import populations
from tests.postgres import PostgresServer
from workers.biometrics.model import Capture
from workers.errors import ErrorCode, RidgelineError
from workers.matching.codec import encode
from workers.matching.template import EncounterTemplate

TAKEN = Capture(datetime.date(2019, 3, 7), "Example LS-110")


def encounter(person: int) -> EncounterTemplate:
    """Small, so that the tests are fast."""
    return populations.encounter(person).cut(16)


@pytest.fixture
def archive_keys(tmp_path: Path) -> FileKeyProvider:
    return FileKeyProvider(tmp_path / "archive.key")


@pytest.fixture
def target_keys(tmp_path: Path) -> FileKeyProvider:
    return FileKeyProvider(tmp_path / "target.key")


@pytest.fixture(params=["sqlite", "postgresql"])
def target_url(request: pytest.FixtureRequest, new_sqlite: Callable[[], str]) -> str:
    if request.param == "sqlite":
        return new_sqlite()
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def gallery(store: Store) -> Store:
    """One of everything."""
    store.enroll(
        [
            Enrolment(encounter(p), f"s{p}", f"e{p}", TAKEN if p % 2 else Capture(), key=f"k{p}")
            for p in range(8)
        ]
    )
    store.correct(Correction("e0", encounter(9), "e9"))
    store.move_encounter("e1", "s2")
    store.merge_subjects("s3", "s2")
    store.remove_encounter("e2")
    store.expunge_subject("s4")
    store.expunge_encounter("e5")
    store.remove_subject("s6", key="removal")
    return store


def exported(store: Store, archive_keys: FileKeyProvider) -> bytes:
    file = io.BytesIO()
    export_gallery(store, file, archive_keys)
    return file.getvalue()


def imported(
    archive: bytes, url: str, keys: FileKeyProvider, archive_keys: FileKeyProvider
) -> bool:
    database = Database(url)
    try:
        return import_gallery(database, keys, ArchiveReader(io.BytesIO(archive), archive_keys))
    finally:
        database.close()


def refused(act: Callable[[], object]) -> RidgelineError:
    with pytest.raises(RidgelineError) as caught:
        act()
    return caught.value


def rows(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every row that travels, with times as the same moment on every database."""

    def plain(value: Any) -> Any:
        if isinstance(value, datetime.datetime):
            return value.replace(tzinfo=value.tzinfo or datetime.UTC).timestamp()
        return value

    found: dict[str, list[tuple[Any, ...]]] = {}
    with store.database.reading() as connection:
        for table in TABLES:
            columns = [c for c in table.columns if c.name not in SEALED]
            of_table = connection.execute(sa.select(*columns)).all()
            found[table.name] = sorted((tuple(map(plain, row)) for row in of_table), key=repr)
    return found


def answers(store: Store) -> list[Any]:
    """What a shard and a coordinator are told at every sequence."""
    every, told = range(store.partitions), []
    everybody = [f"e{p}" for p in range(10)]
    for at in range(1, store.sequence() + 1):
        told += [store.counts(at), store.subjects_of(everybody, at), store.repeated_subjects(at)]
        for subject in range(8):
            try:
                told.append([asdict_encoded(e) for e in store.subject(f"s{subject}", at)])
            except RidgelineError as error:
                told.append(error.code)
        try:
            for change in store.changes(every, after=0, upto=at):
                template = change.template and encode(change.template)
                told.append((change.sequence, change.partition, change.encounter_id, template))
        except RidgelineError as error:
            told.append(error.code)
    return told


def asdict_encoded(stored: Any) -> tuple[Any, ...]:
    return stored.encounter_id, stored.enrolled_at, encode(stored.template), stored.capture


def test_a_gallery_arrives_as_it_left(
    gallery: Store,
    target_url: str,
    target_keys: FileKeyProvider,
    archive_keys: FileKeyProvider,
    keys: FileKeyProvider,
) -> None:
    archive = exported(gallery, archive_keys)
    assert imported(archive, target_url, target_keys, archive_keys)
    target = Store.open(target_url, target_keys)
    assert (target.partitions, target.sequence()) == (8, gallery.sequence())
    assert target.facts == gallery.facts
    assert rows(target) == rows(gallery)
    assert answers(target) == answers(gallery)
    assert check(target).damaged == 0
    # It goes on as the other would: sequences, ids that are used, callers' keys.
    used = [Enrolment(encounter(20), "s6"), Enrolment(encounter(20), "", "e2")]
    assert all(isinstance(result, RidgelineError) for result in target.enroll(used))
    [again] = target.enroll([Enrolment(encounter(7), "s7", "e7", TAKEN, key="k7")])
    assert isinstance(again, Enrolled)
    assert again.sequence == 8
    [new] = target.enroll([Enrolment(encounter(20), "s20", "e20")])
    assert isinstance(new, Enrolled)
    assert new.sequence == gallery.sequence() + 1
    assert target.expunge_subject("s6").encounters == 1
    target.close()
    with pytest.raises(RidgelineError, match="STORE_UNAVAILABLE"):
        check_keys(Store.open(target_url, keys))


def check_keys(store: Store) -> None:
    try:
        store.subject("s7", store.sequence())
    finally:
        store.close()


def test_an_archive_shows_no_template_and_no_id(
    gallery: Store, archive_keys: FileKeyProvider
) -> None:
    archive = exported(gallery, archive_keys)
    for person in (1, 2, 7, 9):
        assert encode(encounter(person))[100:160] not in archive
    assert b'"s7"' not in archive
    assert gallery.database.url.encode() not in archive


def test_what_is_imported_twice_is_imported_once(
    gallery: Store,
    url: str,
    target_url: str,
    target_keys: FileKeyProvider,
    archive_keys: FileKeyProvider,
) -> None:
    archive = exported(gallery, archive_keys)
    assert imported(archive, target_url, target_keys, archive_keys)
    target = Store.open(target_url, target_keys)
    target.remove_encounter("e7")
    before = rows(target)
    assert not imported(archive, target_url, target_keys, archive_keys)
    assert rows(target) == before
    # Another archive of the same gallery is another one.
    other = exported(gallery, archive_keys)
    error = refused(lambda: imported(other, target_url, target_keys, archive_keys))
    assert (error.code, error.field) == (ErrorCode.INVALID_FIELD, "store.url")
    assert rows(target) == before
    target.close()


def test_a_gallery_is_not_imported_into(
    gallery: Store, url: str, keys: FileKeyProvider, archive_keys: FileKeyProvider
) -> None:
    archive, before = exported(gallery, archive_keys), rows(gallery)
    error = refused(lambda: imported(archive, url, keys, archive_keys))
    assert (error.code, error.field) == (ErrorCode.INVALID_FIELD, "store.url")
    assert rows(gallery) == before


@pytest.mark.parametrize("blocks", [0, 3])
def test_an_interrupted_import_goes_on(
    gallery: Store,
    target_url: str,
    target_keys: FileKeyProvider,
    archive_keys: FileKeyProvider,
    monkeypatch: pytest.MonkeyPatch,
    blocks: int,
) -> None:
    monkeypatch.setattr("cluster.store.exporting.BLOCK_ROWS", 4)
    archive = exported(gallery, archive_keys)
    cut = archive[: ends_of_blocks(archive)[blocks] + 9]
    error = refused(lambda: imported(cut, target_url, target_keys, archive_keys))
    assert error.code is ErrorCode.MALFORMED_ARCHIVE
    assert "ends early" in error.detail
    half = refused(lambda: Store.open(target_url, target_keys))
    assert half.code is ErrorCode.STORE_UNAVAILABLE
    assert "import" in half.detail
    with pytest.raises(RidgelineError, match="import"):
        Store.open_read_only(target_url, target_keys)
    other = exported(gallery, archive_keys)
    assert refused(lambda: imported(other, target_url, target_keys, archive_keys)).field == (
        "store.url"
    )
    assert imported(archive, target_url, target_keys, archive_keys)
    target = Store.open(target_url, target_keys)
    assert rows(target) == rows(gallery)
    assert answers(target) == answers(gallery)
    target.close()


def ends_of_blocks(archive: bytes) -> list[int]:
    """Offsets: where the header ends, where each block does."""
    end = 10 + int.from_bytes(archive[6:10], "little") + 4
    ends = [end]
    while end < len(archive):
        end += 4 + int.from_bytes(archive[end : end + 4], "little")
        ends.append(end)
    assert end == len(archive)
    return ends


def test_damage_anywhere_is_found(
    gallery: Store,
    target_url: str,
    target_keys: FileKeyProvider,
    archive_keys: FileKeyProvider,
) -> None:
    archive = exported(gallery, archive_keys)
    ends = ends_of_blocks(archive)
    places = [0, 4, 6, 30, ends[0] - 5, ends[0] - 1]
    for begin, end in itertools.pairwise(ends):
        places += [begin, begin + 3, begin + 4, begin + 20, (begin + end) // 2, end - 1]
    for place in places:
        damaged = bytearray(archive)
        damaged[place] ^= 0x10
        error = refused(partial(read, bytes(damaged), archive_keys))
        assert error.code is ErrorCode.MALFORMED_ARCHIVE, place
    for length in [*range(0, ends[0], 37), *ends[:-1], len(archive) - 1]:
        error = refused(partial(read, archive[:length], archive_keys))
        assert error.code is ErrorCode.MALFORMED_ARCHIVE, length
    assert refused(lambda: read(archive + b"\0", archive_keys)).offset == len(archive)
    # Blocks exchanged, left out, given twice, or another archive's.
    parts = [archive[a:b] for a, b in itertools.pairwise(ends)]
    head = archive[: ends[0]]
    other = exported(gallery, archive_keys)
    stranger = other[ends_of_blocks(other)[0] :]
    for body in (
        [parts[1], parts[0], *parts[2:]],
        parts[1:],
        [parts[0], *parts],
        [*parts[:1], parts[-1]],
        [stranger],
    ):
        error = refused(partial(read, head + b"".join(body), archive_keys))
        assert error.code is ErrorCode.MALFORMED_ARCHIVE
    assert read(archive, archive_keys) > 8
    # Nothing of that is written before the whole of a block is known to be right.
    damaged = bytearray(archive)
    damaged[ends[0] + 30] ^= 1
    refused(lambda: imported(bytes(damaged), target_url, target_keys, archive_keys))
    database = Database(target_url)
    with database.reading() as connection:
        assert connection.execute(sa.select(encounters)).all() == []
    database.close()


def read(archive: bytes, archive_keys: FileKeyProvider) -> int:
    """Reads all; how many rows there are."""
    blocks = ArchiveReader(io.BytesIO(archive), archive_keys).blocks()
    return sum(len(block.rows) for block in blocks)


def test_an_archive_opens_with_its_key_only(
    gallery: Store, archive_keys: FileKeyProvider, keys: FileKeyProvider
) -> None:
    error = refused(lambda: read(exported(gallery, archive_keys), keys))
    assert (error.code, error.field) == (ErrorCode.INVALID_FIELD, "archive_key")


def test_an_archive_of_another_version_is_refused(
    gallery: Store, archive_keys: FileKeyProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = exported(gallery, archive_keys)
    monkeypatch.setattr(archive_module, "VERSION", 2)
    error = refused(lambda: read(archive, archive_keys))
    assert (error.code, error.offset) == (ErrorCode.MALFORMED_ARCHIVE, 4)
    assert "version 1, this release reads 2" in error.detail


def test_templates_of_other_parameters_are_refused(
    gallery: Store,
    url: str,
    keys: FileKeyProvider,
    new_url: Callable[[], str],
    archive_keys: FileKeyProvider,
) -> None:
    row = meta.c.name == "descriptor_hash"
    with gallery.database.transaction() as connection:
        connection.execute(meta.update().where(row).values(value="0" * 64))
    reader = Store.open_read_only(url, keys)
    archive = exported(reader, archive_keys)
    reader.close()
    target = new_url()
    error = refused(lambda: imported(archive, target, keys, archive_keys))
    assert error.code is ErrorCode.PARAMETERS_MISMATCH
    engine = sa.create_engine(target)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


def test_a_damaged_gallery_is_not_exported(gallery: Store, archive_keys: FileKeyProvider) -> None:
    with gallery.database.transaction() as connection:
        row = encounters.c.encounter_id == "e7"
        connection.execute(encounters.update().where(row).values(payload=None))
    error = refused(lambda: exported(gallery, archive_keys))
    assert error.code is ErrorCode.STORE_UNAVAILABLE
    assert "encounter e7" in error.detail


def test_memory_does_not_grow_with_the_gallery(
    store: Store,
    new_url: Callable[[], str],
    target_keys: FileKeyProvider,
    archive_keys: FileKeyProvider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cluster.store.exporting.BLOCK_BYTES", 1 << 16)
    monkeypatch.setattr("cluster.store.exporting.ROWS_AT_ONCE", 16)
    path = tmp_path / "archive"

    def peak(act: Callable[[], object]) -> int:
        tracemalloc.start()
        act()
        reached = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return reached

    def export() -> None:
        with path.open("wb") as file:
            export_gallery(store, file, archive_keys)

    def import_() -> None:
        database = Database(new_url())
        with path.open("rb") as file:
            import_gallery(database, target_keys, ArchiveReader(file, archive_keys))
        database.close()

    few: list[int] = []
    many: list[int] = []
    for count, peaks in ((40, few), (600, many)):
        store.enroll([Enrolment(encounter(p % 5)) for p in range(count - store.sequence())])
        peaks += [peak(export), peak(import_)]
    size = path.stat().st_size
    assert size > 2_000_000
    for less, more in zip(few, many, strict=True):
        assert more < less + size / 4
