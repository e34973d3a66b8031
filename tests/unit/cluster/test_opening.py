"""Opening a gallery: older schemas, reading without a trace, what was taken when."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from cluster.store import Enrolled, Enrolment, FileKeyProvider, Store
from cluster.store.schema import SCHEMA_VERSION, encounters, meta
from tests.populations import encounter
from workers.biometrics.model import UNKNOWN_CAPTURE, Capture
from workers.errors import ErrorCode, RidgelineError
from workers.matching.codec import encode

TAKEN = Capture(datetime.date(2019, 3, 7), "Example LS-110")


def enrol(store: Store, person: int, encounter_id: str, capture: Capture = TAKEN) -> Enrolled:
    [result] = store.enroll([Enrolment(encounter(person), f"s{person}", encounter_id, capture)])
    assert isinstance(result, Enrolled), result
    return result


def state(url: str) -> list[tuple[object, ...]]:
    """Facts, columns and rows of a gallery, as another program sees them."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        columns = [c["name"] for c in sa.inspect(connection).get_columns("encounters")]
        rows = connection.execute(sa.text("SELECT * FROM encounters ORDER BY encounter_id")).all()
        facts = connection.execute(sa.select(meta).order_by(meta.c.name)).all()
    engine.dispose()
    return [tuple(columns), *map(tuple, rows), *map(tuple, facts)]


def make_older(url: str) -> None:
    """Takes a gallery back to schema 1, as the release before wrote it."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for column in ("captured_on", "sensor"):
            connection.execute(sa.text(f"ALTER TABLE encounters DROP COLUMN {column}"))
        row = meta.c.name == "schema_version"
        connection.execute(meta.update().where(row).values(value="1"))
    engine.dispose()


def set_fact(url: str, name: str, value: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(meta.update().where(meta.c.name == name).values(value=value))
    engine.dispose()


@pytest.fixture
def gallery(url: str, store: Store) -> Iterator[str]:
    """A gallery's URL: two encounters of s0, one of s1."""
    enrol(store, 0, "a")
    [again] = store.enroll([Enrolment(encounter(0, session=1), "s0", "b")])
    assert isinstance(again, Enrolled)
    enrol(store, 1, "c", UNKNOWN_CAPTURE)
    yield url
    store.close()


def test_when_and_with_what_is_kept(store: Store) -> None:
    enrol(store, 0, "a")
    assert enrol(store, 0, "a").created is False
    assert enrol(store, 0, "a", UNKNOWN_CAPTURE).created is False
    assert [e.capture for e in store.subject("s0", 1)] == [TAKEN]
    other = Capture(TAKEN.day, "Example LS-220")
    [refused] = store.enroll([Enrolment(encounter(0), "s0", "a", other)])
    assert isinstance(refused, RidgelineError)
    assert refused.code is ErrorCode.ENCOUNTER_CONFLICT


def test_what_was_not_known_may_be_stated_by_a_repeat_and_changes_nothing(store: Store) -> None:
    enrol(store, 0, "a", UNKNOWN_CAPTURE)
    assert enrol(store, 0, "a").created is False
    assert [e.capture for e in store.subject("s0", 1)] == [UNKNOWN_CAPTURE]


def test_removal_erases_it(store: Store) -> None:
    enrol(store, 0, "a")
    store.remove_encounter("a")
    with store.database.reading() as connection:
        row = connection.execute(sa.select(encounters)).one()
    assert (row.payload, row.captured_on, row.sensor) == (None, None, None)


def test_subjects_with_several_encounters(gallery: str, store: Store) -> None:
    assert store.repeated_subjects(1) == {}
    assert store.repeated_subjects(3) == {"s0": 2}
    store.remove_encounter("a")
    assert store.repeated_subjects(3) == {"s0": 2}
    assert store.repeated_subjects(4) == {}


def test_an_older_gallery_is_upgraded_when_it_is_opened(
    gallery: str, keys: FileKeyProvider
) -> None:
    make_older(gallery)
    for _ in range(2):
        opened = Store.open(gallery, keys)
        assert [e.capture for e in opened.subject("s0", 3)] == [UNKNOWN_CAPTURE] * 2
        opened.close()
    again = Store.open(gallery, keys)
    enrol(again, 2, "d")
    assert [e.capture for e in again.subject("s2", 4)] == [TAKEN]
    again.close()
    assert ("schema_version", str(SCHEMA_VERSION)) in state(gallery)


def test_reading_leaves_an_older_gallery_as_it_is(
    gallery: str, store: Store, keys: FileKeyProvider
) -> None:
    store.close()  # nobody has it open
    make_older(gallery)
    before = state(gallery)
    reader = Store.open_read_only(gallery, keys)
    assert [e.capture for e in reader.subject("s0", 3)] == [UNKNOWN_CAPTURE] * 2
    found = list(reader.changes(range(8), after=0, upto=3))
    assert [c.encounter_id for c in found] == ["a", "b", "c"]
    reader.close()
    assert state(gallery) == before


def test_a_reader_cannot_write(gallery: str, keys: FileKeyProvider) -> None:
    before = state(gallery)
    reader = Store.open_read_only(gallery, keys)
    with pytest.raises(RuntimeError, match="read only"):
        enrol(reader, 5, "e")
    with pytest.raises(RuntimeError, match="read only"):
        reader.remove_subject("s0")
    reader.close()
    assert state(gallery) == before


def test_a_reader_sees_what_is_written_beside_it(
    gallery: str, store: Store, keys: FileKeyProvider
) -> None:
    reader = Store.open_read_only(gallery, keys)
    enrol(store, 5, "e")
    assert reader.sequence() == 4
    assert len(reader.subject("s5", 4)) == 1
    reader.close()


@pytest.mark.parametrize("read_only", [True, False])
def test_a_later_schema_is_refused(gallery: str, keys: FileKeyProvider, read_only: bool) -> None:
    set_fact(gallery, "schema_version", "99")
    with pytest.raises(RidgelineError, match="schema 99") as caught:
        Store.open_read_only(gallery, keys) if read_only else Store.open(gallery, keys)
    assert caught.value.code is ErrorCode.STORE_UNAVAILABLE


def test_other_parameters_are_refused_to_writers_and_described_again_for_readers(
    gallery: str, store: Store, keys: FileKeyProvider
) -> None:
    assert not store.redescribed
    set_fact(gallery, "descriptor_hash", "0" * 64)
    with pytest.raises(RidgelineError, match="PARAMETERS_MISMATCH"):
        Store.open(gallery, keys)
    reader = Store.open_read_only(gallery, keys)
    assert reader.redescribed
    [first, _] = reader.subject("s0", 3)
    stored = encounter(0)
    assert first.template.parameters_hash == stored.parameters_hash
    assert [f.x.tolist() for f in first.template.fingers] == [f.x.tolist() for f in stored.fingers]
    # Made from whole pixels, so not the very same.
    assert encode(first.template) != encode(stored)
    reader.close()


def test_nothing_is_made_where_there_is_no_gallery(tmp_path: Path, keys: FileKeyProvider) -> None:
    for name, said in (("none.db", "cannot be reached"), ("empty.db", "no gallery")):
        url = f"sqlite:///{tmp_path / name}"
        if name == "empty.db":
            (tmp_path / name).touch()
        with pytest.raises(RidgelineError, match=said) as caught:
            Store.open_read_only(url, keys)
        assert caught.value.code is ErrorCode.STORE_UNAVAILABLE
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(RidgelineError, match="key_file"):
        FileKeyProvider(tmp_path / "none.key", create=False)
    assert not (tmp_path / "none.key").exists()
