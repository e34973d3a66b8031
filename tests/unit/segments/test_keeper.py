"""A shard with segments: the same answers, whatever was folded, reloaded, damaged or removed."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.sealing import SealedBlocks
from cluster.store import FileKeyProvider
from tests.populations import encounter
from tests.unit.test_shard import PERSONS, History, answer_or_refusal, hits, request
from workers import gallery_keeper, shard_gallery
from workers.errors import ErrorCode, RidgelineError
from workers.matching import parameters
from workers.matching.backends import load_backend
from workers.matching.probe import prepare_probe
from workers.segments.codec import BlockCipher, BlockCodec, PlainBlocks
from workers.segments.folder import SegmentSettings
from workers.segments.segment import Segment, read_header
from workers.shard import Shard
from workers.shard_gallery import GalleryChange

PARTITIONS = (3, 17, 40, 41)
"""Two persons each, so that nobody is cut before the end of a search."""

PROBE = partial(prepare_probe, encounter(0, session=1))


@dataclass(slots=True)
class Watched(History):
    """A source that remembers what it was asked; few partitions.

    Attributes:
        asked: partitions and the sequence after which.
        name: of the gallery.
    """

    asked: list[tuple[tuple[int, ...], int]] = field(default_factory=list)
    name: str = "a"

    def changes(
        self, partitions: Collection[int], *, after: int, upto: int
    ) -> Iterator[GalleryChange]:
        self.asked.append((tuple(partitions), after))
        every = History.changes(self, range(64), after=after, upto=upto)
        for change in every:
            place = PARTITIONS[int(change.encounter_id[1:]) // 2]
            if place in partitions:
                yield replace(change, partition=place)

    def history(self, sequence: int) -> str:
        return self.name + History.history(self, sequence) if sequence else ""


def everybody(count: int = PERSONS) -> Watched:
    return Watched([("enroll", person) for person in range(count)])


class Shards:
    """Makes shards over one folder, and closes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: list[Shard] = []

    def settings(
        self, descriptors: Literal["memory", "disk"] = "memory", codec: BlockCodec | None = None
    ) -> SegmentSettings:
        sealed = SealedBlocks(FileKeyProvider(self.folder / "master.key"))
        return SegmentSettings(self.folder / "segments", codec or sealed, descriptors)

    def make(self, source: Watched, of: SegmentSettings | None) -> Shard:
        shard = Shard(f"shard-{len(self._made)}", PARTITIONS, source, load_backend("numpy"), of)
        self._made.append(shard)
        return shard

    def loaded(self, source: Watched, of: SegmentSettings | None) -> Shard:
        shard = self.make(source, of)
        shard.load()
        return shard

    def close(self) -> None:
        for shard in self._made:
            shard.close()


@pytest.fixture
def shards(tmp_path: Path) -> Iterator[Shards]:
    made = Shards(tmp_path)
    yield made
    made.close()


def found(shard: Shard, sequence: int) -> list[tuple[str, float]]:
    return hits(shard.search(request(PROBE(), sequence, partitions=PARTITIONS)))


def path(shards: Shards, partition: int) -> Path:
    return shards.folder / "segments" / f"{partition:06d}.segment"


@pytest.mark.parametrize("descriptors", ["memory", "disk"])
@pytest.mark.parametrize("codec", [None, PlainBlocks()])
def test_a_shard_starts_from_its_segments(
    shards: Shards, descriptors: Literal["memory", "disk"], codec: BlockCodec | None
) -> None:
    """And asks the source for what came after them alone."""
    of = shards.settings(descriptors, codec)
    source = everybody(5)
    first = shards.loaded(source, of)
    assert {after for _, after in source.asked} == {0}
    source.events += [("enroll", 5), ("remove", 1)]
    again = Watched(source.events)
    second = shards.loaded(again, of)
    assert again.asked == [(PARTITIONS, 5)]
    alone = found(shards.loaded(Watched(source.events), None), 7)
    assert found(second, 7) == found(first, 7) == alone
    # What was there before is shown too: the segment says when everybody came.
    assert {e for e, _ in found(second, 5)} == {f"e{p}" for p in range(5)}
    assert second.state().encounters == 5


def operations() -> st.SearchStrategy[list[str]]:
    kinds = st.sampled_from(["enroll", "enroll", "remove", "search", "fold", "restart", "damage"])
    return st.lists(kinds, min_size=4, max_size=10)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    done=operations(),
    descriptors=st.sampled_from(["memory", "disk"]),
    sealed=st.booleans(),
    eager=st.booleans(),
    data=st.data(),
)
def test_answers_are_as_of_a_model(
    done: list[str],
    descriptors: Literal["memory", "disk"],
    sealed: bool,
    eager: bool,
    data: st.DataObject,
) -> None:
    """Whatever happens, a search sees who is there, or says that it cannot.

    Eager shards fold in the background all the time.
    """
    with pytest.MonkeyPatch.context() as patch:
        if eager:
            patch.setattr(shard_gallery, "LAYER_ROWS", 1)
            patch.setattr(shard_gallery, "LAYERS_MAX", 1)
            patch.setattr(shard_gallery, "DELTA_MINIMUM", 3)
        _act(done, descriptors, sealed, data)


def _act(
    done: list[str], descriptors: Literal["memory", "disk"], sealed: bool, data: st.DataObject
) -> None:
    folder = Path(tempfile.mkdtemp())
    shards = Shards(folder)
    of = shards.settings(descriptors, None if sealed else PlainBlocks())
    source, fresh, present = Watched(), list(range(PERSONS)), list[int]()
    shard = shards.make(source, of)
    try:
        for operation in done:
            if operation == "enroll" and fresh:
                present.append(fresh.pop(0))
                source.events.append(("enroll", present[-1]))
            elif operation == "remove" and present:
                person = present.pop(data.draw(st.integers(0, len(present) - 1)))
                source.events.append(("remove", person))
            elif operation == "fold":
                shard.fold()
            elif operation == "restart":
                shard = shards.make(source, of)
            elif operation == "damage":
                _damage(shards, data)
                shard = shards.make(source, of)
            else:
                sequence = data.draw(st.integers(0, source.sequence()))
                _check(shard, source, sequence)
            _check(shard, source, source.sequence())
    finally:
        shards.close()
        shutil.rmtree(folder)


def _check(shard: Shard, source: Watched, sequence: int) -> None:
    if not sequence:
        return
    answer = answer_or_refusal(shard, request(PROBE(), sequence, partitions=PARTITIONS))
    if answer is None:
        assert sequence < source.sequence()
        return
    assert {e for e, _ in hits(answer)} == {f"e{p}" for p in source.there(sequence)}


def _damage(shards: Shards, data: st.DataObject) -> None:
    there = sorted((shards.folder / "segments").glob("*.segment"))
    if there:
        file = data.draw(st.sampled_from(there))
        content = bytearray(file.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= 0x10
        file.write_bytes(content)


def test_small_layers_are_folded_into_larger_ones(
    shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody is dropped by that, so that every sequence can still be shown."""
    monkeypatch.setattr(shard_gallery, "LAYER_ROWS", 1)
    monkeypatch.setattr(shard_gallery, "LAYERS_MAX", 2)
    source = everybody(1)
    shard = shards.loaded(source, None)
    for event in [("enroll", 1), ("enroll", 2), ("remove", 1), ("enroll", 3), ("enroll", 4)]:
        source.events.append(event)
        found(shard, source.sequence())
        if shard._keeper._work is not None:
            shard._keeper._work.result(60.0)
    assert [len(layer.ids) for layer in shard._keeper.state.layers] == [1, 3, 1]
    for sequence in range(1, 7):
        assert {e for e, _ in found(shard, sequence)} == {f"e{p}" for p in source.there(sequence)}


def other_version(file: Path) -> None:
    shutil.copy(Path(__file__).parent / "data" / "version-0.segment", file)


def other_partition(file: Path) -> None:
    shutil.copy(file.with_name(f"{PARTITIONS[0]:06d}.segment"), file)


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def removed(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("descriptors", ["memory", "disk"])
@pytest.mark.parametrize("harm", [other_version, other_partition, truncated, removed, empty])
def test_what_cannot_be_used_is_made_anew(
    shards: Shards,
    descriptors: Literal["memory", "disk"],
    harm: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    of = shards.settings(descriptors)
    expected = found(shards.loaded(everybody(), of), PERSONS)
    harmed = path(shards, PARTITIONS[1])
    harm(harmed)
    source = everybody()
    assert found(shards.loaded(source, of), PERSONS) == expected
    assert source.asked == [((PARTITIONS[1],), 0)]
    assert bool(caplog.records) is (harm is not removed)
    untouched = everybody()
    shards.loaded(untouched, of)
    assert untouched.asked == []


def test_a_segment_of_another_gallery_or_past_is_made_anew(shards: Shards) -> None:
    of = shards.settings()
    shards.loaded(everybody(), of)
    for other in (replace(everybody(), name="b"), Watched([("enroll", 7)] * 2)):
        shards.loaded(other, of)
        assert [after for _, after in other.asked] == [0, 0, 0, 0]
        assert read_header(path(shards, 17)).history == other.history(other.sequence())


def test_a_segment_of_other_parameters_is_made_anew(
    shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = shards.settings()
    shards.loaded(everybody(), of)
    header = read_header(path(shards, 3))
    assert header.parameters == parameters.descriptor_hash()
    monkeypatch.setattr("workers.segments.folder.descriptor_hash", lambda: "another")
    source = everybody()
    shards.loaded(source, of)
    assert [after for _, after in source.asked] == [0, 0, 0, 0]


def test_who_was_removed_is_not_in_the_segments_after_the_next_fold(shards: Shards) -> None:
    of = shards.settings(codec=PlainBlocks())
    source = everybody()
    shard = shards.loaded(source, of)
    (finger, *_) = encounter(3).fingers
    secret = finger.descriptors[:1].tobytes()

    def on_disk() -> list[bool]:
        files = list((shards.folder / "segments").glob("*.segment"))
        ids = {name for file in files for name in Segment.open(file, of.codec).encounters.ids}
        return ["e3" in ids, any(secret in file.read_bytes() for file in files)]

    assert on_disk() == [True, True]
    source.events.append(("remove", 3))
    assert "e3" not in dict(found(shard, source.sequence()))
    assert on_disk() == [True, True]
    shard.fold()
    assert on_disk() == [False, False]
    assert "e3" not in dict(found(shard, source.sequence()))
    with pytest.raises(RidgelineError, match="SEQUENCE_UNAVAILABLE"):
        found(shard, source.sequence() - 1)


def test_a_fold_of_additions_alone_forgets_no_sequence(shards: Shards) -> None:
    source = everybody(2)
    shard = shards.loaded(source, shards.settings())
    source.events += [("enroll", person) for person in range(2, PERSONS)]
    found(shard, PERSONS)
    shard.fold()
    for sequence in range(2, PERSONS + 1):
        assert {e for e, _ in found(shard, sequence)} == {f"e{p}" for p in range(sequence)}


def test_writers_never_go_back(shards: Shards) -> None:
    """A shard that is behind another's segment catches up before it writes."""
    of = shards.settings("disk")
    source = everybody(4)
    behind, ahead = shards.loaded(source, of), shards.loaded(source, of)
    source.events += [("remove", 2), ("enroll", 4)]
    ahead.catch_up(6)
    ahead.fold()
    written = {p: read_header(path(shards, p)).sequence for p in PARTITIONS}
    assert max(written.values()) == 6
    source.events += [("enroll", 5)]
    behind.catch_up(5)
    behind.fold()
    assert behind.state().sequence >= 6
    assert all(read_header(path(shards, p)).sequence >= written[p] for p in PARTITIONS)
    assert found(behind, 7) == found(ahead, 7)


@dataclass(frozen=True, slots=True)
class Gated:
    """Plain blocks that wait at a gate, or fail, when they are written."""

    gate: threading.Event = field(default_factory=threading.Event)
    came: threading.Event = field(default_factory=threading.Event)
    full: threading.Event = field(default_factory=threading.Event)
    name: str = "plain"

    def new(self, context: str) -> tuple[bytes, BlockCipher]:
        return b"", self

    def open(self, kept: bytes, context: str) -> BlockCipher:
        return self

    def encode(self, block: bytes, context: str) -> bytes:
        if self.full.is_set():
            raise OSError(28, "No space left on device")
        self.came.set()
        assert self.gate.wait(60.0)
        return block

    def decode(self, stored: bytes, context: str) -> bytes:
        return stored


@pytest.mark.parametrize("descriptors", ["memory", "disk"])
def test_searches_go_on_while_the_gallery_is_folded(
    shards: Shards, descriptors: Literal["memory", "disk"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the background; what is enrolled and removed meanwhile is seen, before and after."""
    monkeypatch.setattr(shard_gallery, "DELTA_MINIMUM", 2)
    monkeypatch.setattr(shard_gallery, "LAYER_ROWS", 2)
    codec = Gated()
    codec.gate.set()
    source = everybody(2)
    shard = shards.loaded(source, shards.settings(descriptors, codec))
    codec.gate.clear()
    codec.came.clear()
    source.events += [("enroll", person) for person in range(2, 6)]
    expected = {6: found(shard, 6)}  # a fold is due now
    assert codec.came.wait(60.0)
    try:
        _search_beside(shard, source, expected)
    finally:
        codec.gate.set()
    shard._keeper.close()  # waits for the fold
    assert len(shard._keeper.state.layers[0].ids) == 6
    for sequence, of_sequence in expected.items():
        assert found(shard, sequence) == of_sequence


def _search_beside(
    shard: Shard, source: Watched, expected: dict[int, list[tuple[str, float]]]
) -> None:
    for event in (("enroll", 6), ("remove", 0), ("remove", 3), ("enroll", 7)):
        source.events.append(event)
        expected[source.sequence()] = found(shard, source.sequence())
    assert {e for e, _ in expected[10]} == {f"e{p}" for p in (1, 2, 4, 5, 6, 7)}
    assert found(shard, 6) == expected[6]


def test_a_full_disk_stops_folding_and_nothing_else(shards: Shards) -> None:
    codec = Gated()
    codec.gate.set()
    source = everybody(3)
    shard = shards.loaded(source, shards.settings("memory", codec))
    there = {p: path(shards, p).read_bytes() for p in PARTITIONS}
    codec.full.set()
    source.events += [("enroll", 3), ("remove", 0)]
    expected = found(shard, 5)
    with pytest.raises(RidgelineError) as caught:
        shard.fold()
    assert caught.value.code is ErrorCode.SHARD_UNAVAILABLE
    assert found(shard, 5) == expected
    assert there == {p: path(shards, p).read_bytes() for p in PARTITIONS}
    codec.full.clear()
    shard.fold()
    assert found(shard, 5) == expected


def test_where_no_segment_can_be_written_memory_will_do(shards: Shards) -> None:
    codec = Gated()
    codec.full.set()
    loaded = shards.loaded(everybody(), shards.settings("memory", codec))
    assert len(found(loaded, PERSONS)) == PERSONS
    with pytest.raises(RidgelineError) as caught:
        shards.loaded(everybody(), shards.settings("disk", codec))
    assert caught.value.code is ErrorCode.SHARD_UNAVAILABLE


def test_damage_under_a_search_is_an_error_and_then_repaired(shards: Shards) -> None:
    of = shards.settings("disk", PlainBlocks())
    source = everybody()
    shard = shards.loaded(source, of)
    expected = found(shard, PERSONS)
    for partition in PARTITIONS:
        file = path(shards, partition)
        content = bytearray(file.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 8] = b"\0damage\0"
        # In place, as a disk would; the shard has the file open.
        with file.open("r+b") as opened:
            opened.write(content)
    with pytest.raises(RidgelineError) as caught:
        found(shard, PERSONS)
    assert caught.value.code is ErrorCode.SHARD_UNAVAILABLE
    assert shard._keeper._work is not None
    shard._keeper._work.result(60.0)
    assert found(shard, PERSONS) == expected
    assert {after for _, after in source.asked} == {0}


def test_a_fold_that_meets_damage_repairs_it(shards: Shards) -> None:
    of = shards.settings("disk", PlainBlocks())
    source = everybody(7)
    shard = shards.loaded(source, of)
    expected = found(shard, 7)
    file = path(shards, PARTITIONS[0])
    content = bytearray(file.read_bytes())
    content[len(content) - 1000] ^= 1  # in the last block
    with file.open("r+b") as opened:
        opened.write(content)
    source.events += [("remove", 0)]
    shard.catch_up(8)
    shard.fold()
    assert found(shard, 8) == [hit for hit in expected if hit[0] != "e0"]
    again = Watched(source.events)
    assert found(shards.loaded(again, of), 8) == found(shard, 8)
    assert 0 not in {after for _, after in again.asked}


def test_an_erasure_while_it_is_read_has_loading_begin_again(shards: Shards) -> None:
    @dataclass(slots=True)
    class Erased(Watched):
        times: int = 2

        def changes(
            self, partitions: Collection[int], *, after: int, upto: int
        ) -> Iterator[GalleryChange]:
            if self.times:
                self.times -= 1
                raise RidgelineError(ErrorCode.SEQUENCE_UNAVAILABLE, "erased")
            return Watched.changes(self, partitions, after=after, upto=upto)

    shard = shards.loaded(Erased(everybody().events), None)
    assert len(found(shard, PERSONS)) == PERSONS
    with pytest.raises(RidgelineError, match="SEQUENCE_UNAVAILABLE"):
        shards.loaded(Erased(everybody().events, times=gallery_keeper.LOADS_TRIED), None)
