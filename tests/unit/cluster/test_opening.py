"""Opening a gallery: older schemas, reading without a trace, what was taken when."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from cluster.store import Enrolled, Enrolment, FileKeyProvider, Store
from cluster.store.schema import SCHEMA_VERSION, encounters, journal, meta, metadata
from tests.populations import encounter
from tests.unit.cluster.older import VERSIONS, key_of_older, place
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


def shape(url: str) -> dict[str, set[tuple[str, ...]]]:
    """Columns and indexes of a gallery, by table."""
    engine = sa.create_engine(url)
    found = sa.inspect(engine)
    shapes = {
        table: {(c["name"], str(c["type"]), str(c["nullable"])) for c in found.get_columns(table)}
        | {tuple(map(str, (i["name"], *i["column_names"]))) for i in found.get_indexes(table)}
        for table in metadata.tables
    }
    engine.dispose()
    return shapes


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


def test_expunging_erases_it(store: Store) -> None:
    enrol(store, 0, "a")
    store.expunge_encounter("a")
    with store.database.reading() as connection:
        row = connection.execute(sa.select(encounters)).one()
    assert (row.payload, row.captured_on, row.sensor) == (None, None, None)


def test_subjects_with_several_encounters(gallery: str, store: Store) -> None:
    assert store.repeated_subjects(1) == {}
    assert store.repeated_subjects(3) == {"s0": 2}
    store.remove_encounter("a")
    assert store.repeated_subjects(3) == {"s0": 2}
    assert store.repeated_subjects(4) == {}


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def older(version: int, url: str) -> str:
    """URL of a gallery that an older release wrote, see `tests.unit.cluster.older`."""
    place(version, url)
    return url


def test_an_older_gallery_is_upgraded_when_it_is_opened(
    older: str, version: int, tmp_path: Path
) -> None:
    for _ in range(2):
        opened = Store.open(older, key_of_older(tmp_path))
        [first] = opened.subject("s0", 9)
        assert first.encounter_id == "a"
        assert first.capture == (UNKNOWN_CAPTURE if version == 1 else TAKEN)
        assert opened.facts.gaps_until == 9
        opened.close()
    again = Store.open(older, key_of_older(tmp_path))
    assert enrol(again, 7, "h").sequence == 10
    assert [e.capture for e in again.subject("s7", 10)] == [TAKEN]
    again.close()
    assert ("schema_version", str(SCHEMA_VERSION)) in state(older)


def test_what_was_removed_before_was_expunged(older: str, tmp_path: Path) -> None:
    opened = Store.open(older, key_of_older(tmp_path))
    with opened.database.reading() as connection:
        operations = connection.execute(
            sa.select(journal.c.sequence, journal.c.operation).order_by(journal.c.sequence)
        ).all()
        expunged = connection.execute(
            sa.select(encounters.c.encounter_id, encounters.c.expunged)
            .where(encounters.c.expunged.is_not(None))
            .order_by(encounters.c.encounter_id)
        ).all()
    assert [tuple(row) for row in operations[5:7]] == [
        (6, "expunge_encounter"),
        (7, "expunge_subject"),
    ]
    assert [tuple(row) for row in expunged] == [("b", 6), ("d", 7)]
    for subject in ("s2", "none"):
        with pytest.raises(RidgelineError, match="SUBJECT_NOT_FOUND"):
            opened.expunge_subject(subject)
    opened.close()


def test_an_upgraded_gallery_is_a_new_one(
    older: str, tmp_path: Path, new_url: Callable[[], str]
) -> None:
    """Its columns and indexes, as those of a gallery that this release made."""
    made = new_url()
    for url in (older, made):
        Store.open(url, key_of_older(tmp_path)).close()
    assert shape(older) == shape(made)


def test_reading_leaves_an_older_gallery_as_it_is(older: str, version: int, tmp_path: Path) -> None:
    before = state(older)
    reader = Store.open_read_only(older, key_of_older(tmp_path))
    known = UNKNOWN_CAPTURE if version == 1 else TAKEN
    assert [e.capture for e in reader.subject("s0", 9)] == [known]
    found = list(reader.changes(range(8), after=0, upto=9))
    assert [c.encounter_id for c in found] == ["a", "c", "e", "g"]
    reader.close()
    assert state(older) == before


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
