"""One segment file: what is written comes back, and no damage goes unseen."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.sealing import SealedBlocks
from cluster.store import FileKeyProvider
from tests.kernels.prints import drawn_encounter
from tests.unit.matching.test_columns import assert_same
from workers.errors import ErrorCode
from workers.matching.columns import Columns, offsets
from workers.segments.codec import BlockCodec, PlainBlocks
from workers.segments.encounters import Encounters
from workers.segments.layout import (
    END_SIZE,
    Header,
    SegmentError,
    decode_end,
    decode_table,
    encode_table,
)
from workers.segments.segment import Segment, read_header, write_segment

DATA = Path(__file__).parent / "data"

HEADER = Header(
    segment_id="3f", history="of this gallery", partition=7, sequence=40, earliest=3,
    parameters="p", codec="", key="",
)  # fmt: skip


@cache
def drawn(count: int, seed: int = 0) -> Encounters:
    """Encounters of very different sizes; the third has no finger."""
    sizes = np.random.default_rng(seed).integers(0, 65, (count, 3))
    people = [
        drawn_encounter(seed + i, dict(zip((1, 2, 10), of_one.tolist(), strict=True)))
        for i, of_one in enumerate(sizes)
    ]
    if count > 2:
        people[2] = drawn_encounter(2, {})
    ids = [f"encounter {i} é" * (1 + i % 3) for i in range(count)]
    return Encounters(ids, np.arange(count) * 3 + 1, Columns.of(people))


def keys(folder: Path, name: str = "master.key") -> FileKeyProvider:
    return FileKeyProvider(folder / name)


@pytest.fixture(params=["plain", "sealed"])
def codec(request: pytest.FixtureRequest, tmp_path: Path) -> BlockCodec:
    return PlainBlocks() if request.param == "plain" else SealedBlocks(keys(tmp_path))


def write(path: Path, codec: BlockCodec, of: Encounters, rows: int = 16) -> None:
    write_segment(path, HEADER, codec, of.runs(rows))


def assert_equal(segment: Segment, expected: Encounters) -> None:
    assert segment.encounters.ids == list(expected.ids)
    np.testing.assert_array_equal(segment.encounters.added, expected.added)
    assert_same(segment.encounters.columns, expected.columns)


@pytest.mark.parametrize("count", [0, 1, 3, 150])
def test_what_is_written_comes_back(tmp_path: Path, codec: BlockCodec, count: int) -> None:
    path = tmp_path / "a.segment"
    write(path, codec, drawn(count))
    segment = Segment.open(path, codec)
    assert_equal(segment, drawn(count))
    assert segment.header == replace(HEADER, codec=codec.name, key=segment.header.key)
    assert read_header(path) == segment.header
    assert sorted(p.name for p in tmp_path.glob("a.*")) == ["a.segment"]
    assert path.stat().st_mode & 0o077 == 0


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.integers(0, 79), max_size=20))
def test_any_rows_are_read_in_the_order_asked(rows: list[int], files: dict[str, Segment]) -> None:
    wanted = np.array(rows, np.intp)
    expected = drawn(80).columns.minutiae.read(wanted)
    for segment in files.values():
        found = segment.encounters.columns.minutiae.read(wanted)
        np.testing.assert_array_equal(found.descriptors, expected.descriptors)
        np.testing.assert_array_equal(found.x, expected.x)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Segment]:
    folder = tmp_path_factory.mktemp("segments")
    opened = {}
    for codec in (PlainBlocks(), SealedBlocks(keys(folder))):
        write(folder / codec.name, codec, drawn(80))
        opened[codec.name] = Segment.open(folder / codec.name, codec)
    return opened


def read_all(path: Path, codec: BlockCodec) -> None:
    Segment.open(path, codec).read_all()


def bounds(content: bytes) -> list[int]:
    """Where header, blocks and table begin, and the end."""
    _, start = Header.decode(content)
    offset, size = decode_end(content[-END_SIZE:])
    table = decode_table(content[offset : offset + size])
    return [0, *(start + offsets(table["size"].astype(np.int64))).tolist(), len(content)]


def test_no_damaged_byte_goes_unseen(tmp_path: Path, codec: BlockCodec) -> None:
    """One in three of header and table, and beginning, middle and end of every block."""
    path = tmp_path / "a"
    write(path, codec, drawn(24), rows=4)
    content = path.read_bytes()
    begin, *_, table, end = ends = bounds(content)
    places = [*range(begin, ends[1], 3), *range(table, end, 3), end - 1]
    places += [at for a, b in pairwise(ends[1:-1]) for at in (a, (a + b) // 2, b - 1)]
    assert len(ends) > 12
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(SegmentError) as caught:
            read_all(path, codec)
        assert caught.value.code is ErrorCode.SHARD_UNAVAILABLE
    path.write_bytes(content)
    read_all(path, codec)


def test_no_end_that_is_missing_or_too_much_goes_unseen(tmp_path: Path, codec: BlockCodec) -> None:
    path = tmp_path / "a"
    write(path, codec, drawn(24), rows=10)
    content = path.read_bytes()
    for size in {max(at - less, 0) for at in bounds(content) for less in (0, 1, 5, 13, 16)}:
        path.write_bytes(content[:size] if size < len(content) else content[:-2])
        with pytest.raises(SegmentError):
            read_all(path, codec)
    for more in (b"\0", b"trailing" * 40, content):
        path.write_bytes(content + more)
        with pytest.raises(SegmentError):
            read_all(path, codec)


def test_sealed_blocks_hold_nothing_that_can_be_read(tmp_path: Path) -> None:
    of = drawn(40)
    for codec, found in ((PlainBlocks(), True), (SealedBlocks(keys(tmp_path)), False)):
        write(tmp_path / "a", codec, of)
        content = (tmp_path / "a").read_bytes()
        assert (of.ids[5].encode() in content) is found
        described = of.columns.minutiae.read(np.array([0])).descriptors
        assert (described[:2].tobytes() in content) is found


def test_a_block_is_good_for_its_own_segment_alone(tmp_path: Path) -> None:
    """The checksums are right; only the seal can tell."""
    codec = SealedBlocks(keys(tmp_path))
    one, other = tmp_path / "a", tmp_path / "b"
    write(one, codec, drawn(4), rows=4)
    write_segment(other, replace(HEADER, segment_id="40"), codec, drawn(4).runs(4))
    _, start = Header.decode(one.read_bytes())
    one.write_bytes(one.read_bytes()[:start] + other.read_bytes()[start:])
    with pytest.raises(SegmentError, match="key does not open"):
        read_all(one, codec)


def test_a_block_is_good_for_its_own_place_alone(tmp_path: Path) -> None:
    """Two blocks of one size change places, and the table with them."""
    codec, path = SealedBlocks(keys(tmp_path)), tmp_path / "a"
    people = Columns.of([drawn_encounter(seed, {1: 9}) for seed in (1, 2)])
    write(path, codec, Encounters(["a", "b"], np.array([1, 2]), people), rows=1)
    content = path.read_bytes()
    _, start = Header.decode(content)
    offset, size = decode_end(content[-END_SIZE:])
    table = decode_table(content[offset : offset + size])
    blocks = [content[first:last] for first, last in pairwise(bounds(content)[1:-1])]
    order = [2, 1, 0, 3]  # heads are blocks 0 and 2
    swapped = b"".join(blocks[i] for i in order)
    path.write_bytes(content[:start] + swapped + encode_table(table[order], offset))
    with pytest.raises(SegmentError, match="key does not open"):
        read_all(path, codec)


def test_segments_of_this_version_stay_readable() -> None:
    """Committed when version 1 was made; a change of the layout needs another version."""
    segment = Segment.open(DATA / "version-1.segment", PlainBlocks())
    people = [drawn_encounter(0, {1: 4, 7: 3}), drawn_encounter(1, {10: 5})]
    expected = Encounters(["first", "second"], np.array([3, 9]), Columns.of(people))
    assert_equal(segment, expected)
    assert (segment.header.partition, segment.header.sequence) == (7, 12)


def test_segments_of_another_version_are_said_to_be() -> None:
    with pytest.raises(SegmentError, match="has version 0, this release reads 1"):
        Segment.open(DATA / "version-0.segment", PlainBlocks())


def test_its_error_travels_between_actors() -> None:
    error = SegmentError("has a damaged block")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (SegmentError, str(error))


def test_the_key_is_needed(tmp_path: Path) -> None:
    write(tmp_path / "a", SealedBlocks(keys(tmp_path)), drawn(4))
    with pytest.raises(SegmentError, match="key that cannot be opened"):
        Segment.open(tmp_path / "a", SealedBlocks(keys(tmp_path, "another.key")))
    with pytest.raises(SegmentError, match="sealed, not plain"):
        Segment.open(tmp_path / "a", PlainBlocks())


def test_an_open_segment_stays_readable_when_it_is_replaced(
    tmp_path: Path, codec: BlockCodec
) -> None:
    path = tmp_path / "a"
    write(path, codec, drawn(30))
    old = Segment.open(path, codec)
    write(path, codec, drawn(10, seed=9))
    assert_equal(Segment.open(path, codec), drawn(10, seed=9))
    assert_equal(old, drawn(30))
    path.unlink()
    assert_equal(old, drawn(30))


def test_a_file_cut_short_while_it_is_open_is_damaged(tmp_path: Path, codec: BlockCodec) -> None:
    path = tmp_path / "a"
    write(path, codec, drawn(30))
    segment = Segment.open(path, codec)
    os.truncate(path, 600)
    with pytest.raises(SegmentError):
        segment.read_all()


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, codec: BlockCodec) -> None:
    path = tmp_path / "a"
    write(path, codec, drawn(5))

    def failing() -> Iterator[Encounters]:
        yield drawn(8)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_segment(path, HEADER, codec, failing())
    assert_equal(Segment.open(path, codec), drawn(5))
