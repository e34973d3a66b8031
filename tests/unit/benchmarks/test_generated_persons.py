"""Generated persons are kept as they were made; turned hands repeat no finger at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import generated_persons
from benchmarks.generated_persons import SEED, gallery, persons
from coordinator.paths import CACHE_VARIABLE
from workers.biometrics.model import FINGERS
from workers.matching.codec import encode
from workers.matching.descriptor import describe_encounter
from workers.matching.template import EncounterTemplate
from workers.synthesis.templates import generate_subject

SEARCHED, MADE = 2, 5


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, with small files."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(generated_persons, "CHUNK", 3)
    return tmp_path


def test_persons_are_read_as_they_were_made(folder: Path) -> None:
    made = [encode(person) for person in persons(4)]
    assert made[3] == encode(describe_encounter(generate_subject(SEED, 3)))
    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz")}
    assert len(files) == 2
    assert [encode(person) for person in persons(5)][:4] == made
    assert files == {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz")}


def test_a_damaged_file_is_made_anew(folder: Path) -> None:
    made = [encode(person) for person in persons(3)]
    (path,) = folder.rglob("*.npz")
    for data in (b"", path.read_bytes()[:-1000]):
        path.write_bytes(data)
        assert [encode(person) for person in persons(3)] == made


def test_no_finger_occurs_twice_at_a_position() -> None:
    subjects = SEARCHED + (MADE - SEARCHED) * 5
    people = gallery(subjects, searched=SEARCHED, made=MADE)
    assert len(people) == subjects
    for place in range(len(FINGERS)):
        assert len({prints(person)[place] for person in people}) == subjects


def test_hands_are_turned_of_those_who_are_not_searched_for() -> None:
    own = persons(MADE)
    people = gallery(2 * MADE, searched=SEARCHED, made=MADE)
    assert [encode(person) for person in people[:MADE]] == [encode(person) for person in own]
    searched = {print_ for person in own[:SEARCHED] for print_ in prints(person)}
    for turned in people[MADE:]:
        assert searched.isdisjoint(prints(turned))
        # All fingers are one person's.
        assert any(set(prints(turned)) == set(prints(person)) for person in own)


def test_a_small_gallery_is_truly_generated() -> None:
    people = gallery(3, searched=2, made=5)
    assert [encode(person) for person in people] == [encode(person) for person in persons(3)]


def test_more_subjects_than_turns_are_refused() -> None:
    with pytest.raises(ValueError, match="5 persons make no 18 subjects"):
        gallery(SEARCHED + (MADE - SEARCHED) * 5 + 1, searched=SEARCHED, made=MADE)


def prints(person: EncounterTemplate) -> list[bytes]:
    """Whatever tells the print at each position from any other."""
    return [finger.descriptors.tobytes() for finger in person.fingers]
