"""Reading and writing transactions: structure, limits, hostile bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.biometrics import transactions as raw
from workers.biometrics.itl import (
    TransactionOrigin,
    describe_transaction,
    read_transaction,
    submission_from_transaction,
    transaction_origin,
    write_transaction,
)
from workers.biometrics.itl import reader as reader_module
from workers.biometrics.itl.records import (
    BinaryPrintRecord,
    Field,
    OpaqueRecord,
    TaggedRecord,
    Transaction,
)
from workers.errors import ErrorCode, RidgelineError

WHOLE = (
    raw.header([(2, 0), (4, 1), (14, 2), (9, 3), (10, 4), (8, 5)])
    + raw.type_2({73: b"CTL9"})
    + raw.type_4(idc=1)
    + raw.type_14(idc=2)
    + raw.type_9(idc=3)
    + raw.tagged(10, {2: b"04", 3: b"FACE", 999: b"\x1c\x1d\x1e\x1f picture"})
    + raw.type_4(idc=5, record_type=8, width=1, height=1)
)


def malformed(data: bytes) -> RidgelineError:
    with pytest.raises(RidgelineError) as caught:
        read_transaction(data)
    assert caught.value.code is ErrorCode.MALFORMED_TRANSACTION
    return caught.value


def test_every_kind_of_record_is_read() -> None:
    transaction = read_transaction(WHOLE)
    assert [record.name for record in transaction.records] == [
        "Type-1 record 1",
        "Type-2 record 2",
        "Type-4 record 3",
        "Type-14 record 4",
        "Type-9 record 5",
        "Type-10 record 6",
        "Type-8 record 7",
    ]
    assert [record.idc for record in transaction.records] == [0, 0, 1, 2, 3, 4, 5]
    assert isinstance(transaction.records[2], BinaryPrintRecord)
    assert isinstance(transaction.records[3], TaggedRecord)
    assert isinstance(transaction.records[5], OpaqueRecord)
    assert isinstance(transaction.records[6], OpaqueRecord)


def test_what_was_read_is_written_back_byte_for_byte() -> None:
    assert write_transaction(read_transaction(WHOLE)) == WHOLE


@pytest.mark.parametrize("padding", [b"", b"\r\n", b"\x00" * 7, b" \x1a"])
def test_padding_after_the_last_record_is_kept(padding: bytes) -> None:
    assert write_transaction(read_transaction(WHOLE + padding)) == WHOLE + padding


def test_older_spellings_of_tags_and_lengths_survive() -> None:
    data = b"1.01:0062\x1d1.02:0200\x1d1.3:1\x1f1\x1e2\x1f0"
    data += b"\x1d1.04:CAR\x1d1.08:O\x1d1.09:T\x1d1.010:\x1c"
    data += b"2.01:0017\x1d2.02:0\x1c"
    assert len(data[: data.index(b"\x1c") + 1]) == 62
    transaction = read_transaction(data)
    assert transaction_origin(transaction) == ("O", "T", "CAR", None)
    assert write_transaction(transaction) == data


def test_image_data_may_hold_separators() -> None:
    image = bytes(range(256)) * 2 + bytes(88)
    transaction = read_transaction(raw.header([(14, 1)]) + raw.type_14({999: image}))
    record = transaction.records[1]
    assert isinstance(record, TaggedRecord)
    assert record.require(999).value == image


def test_origin_names_agency_number_type_and_controlling_agency() -> None:
    assert transaction_origin(read_transaction(WHOLE)) == TransactionOrigin(
        ori="ORIGIN", tcn="TCN-1", tot="CAR", controlling_agency="CTL9"
    )


@pytest.mark.parametrize("number", [4, 8, 9])
def test_origin_needs_its_fields(number: int) -> None:
    data = raw.header([(2, 0)], **{f"f{number}": b" "}) + raw.type_2()
    with pytest.raises(RidgelineError) as caught:
        transaction_origin(read_transaction(data))
    assert caught.value.code is ErrorCode.MALFORMED_TRANSACTION
    assert caught.value.field == f"Type-1 record 1, field 1.{number:03d}"
    assert caught.value.offset == data.index(b"1.%03d:" % number)


def test_a_truncated_transaction_says_where_it_ends() -> None:
    error = malformed(WHOLE[:-4])
    assert error.field == "Type-8 record 7, field 8.001"
    assert error.offset == len(WHOLE) - 19


def test_missing_records_are_named() -> None:
    data = raw.header([(2, 0), (4, 1)]) + raw.type_2()
    error = malformed(data)
    assert error.field == "Type-1 record 1, field 1.003"
    assert error.offset == len(data)
    assert "Type-4 record 3" in error.detail


def test_more_records_than_listed_are_an_error() -> None:
    data = raw.header([(2, 0)]) + raw.type_2()
    error = malformed(data + raw.type_4())
    assert error.field == "Type-1 record 1, field 1.003"
    assert error.offset == len(data)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"1",
        b"1\x1f2\x1e2\x1f00",
        b"2\x1f1\x1e2\x1f00",
        b"1\x1f1\x1e2",
        b"1\x1f1\x1ex\x1f00",
        b"1\x1f1\x1e100\x1f00",
        b"1\x1f1\x1e1\x1f00",
        b"1\x1f1\x1e2\x1f256",
        b"1\x1f-1",
        b"1\x1f" + b"9" * 5000,
    ],
)
def test_a_wrong_content_list_is_an_error(value: bytes) -> None:
    data = raw.header([(2, 0)], f3=value) + raw.type_2()
    error = malformed(data)
    assert error.field == "Type-1 record 1, field 1.003"
    assert error.offset == data.index(b"1.003:")


def test_an_unexpected_record_type_is_an_error() -> None:
    error = malformed(raw.header([(14, 0)]) + raw.type_2())
    assert error.field == "Type-14 record 2"
    assert "Type-2" in error.detail


def test_an_unexpected_idc_is_an_error() -> None:
    error = malformed(raw.header([(4, 7)]) + raw.type_4(idc=1))
    assert error.field == "Type-4 record 2, field 4.002"


@pytest.mark.parametrize("length", [b"0", b"20", b"50", b"52", b"9999999", b"x", b"", b"-5"])
def test_a_wrong_length_is_an_error(length: bytes) -> None:
    first = raw.header([(2, 0)])
    record = raw.tagged(2, {2: b"00", 3: b"some descriptive text here"})
    assert record.startswith(b"2.001:51\x1d")
    error = malformed(first + record.replace(b":51", b":" + length, 1))
    assert error.field == "Type-2 record 2, field 2.001"
    assert error.offset == len(first)


def test_a_repeated_field_is_an_error() -> None:
    record = b"2.001:34\x1d2.002:00\x1d2.073:A\x1d2.073:B\x1c"
    assert len(record) == 34
    first = raw.header([(2, 0)])
    error = malformed(first + record)
    assert error.field == "Type-2 record 2, field 2.073"
    assert error.offset == len(first) + record.rindex(b"2.073")


def test_fields_and_records_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    many = dict.fromkeys(range(3, reader_module.MAX_FIELDS + 3), b"x")
    assert "fields" in malformed(raw.header([(2, 0)]) + raw.type_2(many)).detail
    items = {73: raw.RS * (reader_module.MAX_ITEMS + 1)}
    assert "items" in malformed(raw.header([(2, 0)]) + raw.type_2(items)).detail
    listed = [(2, 0)] * reader_module.MAX_RECORDS
    assert malformed(raw.header(listed)).field == "Type-1 record 1, field 1.003"
    monkeypatch.setattr(reader_module, "MAX_TRANSACTION_BYTES", len(WHOLE) - 1)
    assert "limit" in malformed(WHOLE).detail


def test_the_writer_makes_lengths_and_contents_true() -> None:
    transaction = read_transaction(WHOLE)
    changed = Transaction(
        (*transaction.records[:1], TaggedRecord(2, 2, (Field(2, b"00"), Field(3, b"x" * 500))))
    )
    again = read_transaction(write_transaction(changed))
    assert [record.type for record in again.records] == [1, 2]
    assert again.header.require(3).value == b"1\x1f1\x1e2\x1f00"
    record = again.records[1]
    assert isinstance(record, TaggedRecord)
    assert record.require(3).value == b"x" * 500


text = st.binary(max_size=12).map(lambda b: b.translate(None, b"\x1c\x1d"))


@st.composite
def generated_transactions(draw: st.DrawFn) -> bytes:
    records: list[tuple[int, int, bytes]] = []
    for _ in range(draw(st.integers(0, 5))):
        kind, idc = (
            draw(st.sampled_from([2, 3, 4, 7, 8, 9, 10, 14, 15, 99])),
            draw(st.integers(0, 99)),
        )
        if kind in (3, 4, 7, 8):
            body = raw.type_4(
                idc=idc,
                impression=draw(st.integers(0, 255)),
                positions=draw(st.lists(st.integers(0, 255), min_size=1, max_size=6)),
                resolution_code=draw(st.integers(0, 255)),
                width=draw(st.integers(0, 65535)),
                height=draw(st.integers(0, 65535)),
                compression=draw(st.integers(0, 255)),
                data=draw(st.binary(max_size=30)),
                record_type=kind,
            )
        else:
            fields = draw(st.dictionaries(st.integers(3, 998), text, max_size=5))
            body = raw.tagged(kind, {2: b"%02d" % idc, **fields, 999: draw(st.binary(max_size=30))})
        records.append((kind, idc, body))
    return raw.header([r[:2] for r in records]) + b"".join(r[2] for r in records)


@given(generated_transactions())
def test_any_well_formed_transaction_round_trips(data: bytes) -> None:
    transaction = read_transaction(data)
    assert write_transaction(transaction) == data
    assert len(describe_transaction(transaction).records) == len(transaction.records)
    only_typed_errors(data)


def only_typed_errors(data: bytes) -> None:
    """Everything that looks into a transaction either works or raises a RidgelineError."""
    errors: list[RidgelineError] = []
    try:
        transaction = read_transaction(data)
    except RidgelineError as error:
        errors.append(error)
    else:
        assert write_transaction(transaction) == data
        describe_transaction(transaction)
        for use in (submission_from_transaction, transaction_origin):
            try:
                use(transaction)
            except RidgelineError as error:
                errors.append(error)
    for raised in errors:
        assert raised.code in (ErrorCode.MALFORMED_TRANSACTION, ErrorCode.DUPLICATE_FINGER)
        assert raised.field


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    only_typed_errors(data)


@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=4),
    st.integers(0, len(WHOLE)),
    st.binary(max_size=4),
)
def test_damaged_transactions_raise_nothing_else(
    changes: list[tuple[int, int]], cut: int, inserted: bytes
) -> None:
    data = bytearray(WHOLE)
    for position, value in changes:
        data[position] = value
    only_typed_errors(bytes(data))
    only_typed_errors(bytes(data[:cut]))
    only_typed_errors(bytes(data[:cut]) + inserted + bytes(data[cut:]))


FIELDS = st.one_of(
    st.integers(0, 99999).map(lambda n: b"%d" % n),
    st.lists(st.integers(0, 400).map(lambda n: b"%d" % n), max_size=8).map(raw.US.join),
    st.sampled_from([b"", b"XX", b"2\x1fXX", b"2\x1fUP\x1e13\x1fXX", b"PNG", b"WSQ20", b"\xff"]),
    st.binary(max_size=6).map(lambda b: b.translate(None, b"\x1c\x1d")),
)


@given(st.dictionaries(st.sampled_from([3, 6, 7, 8, 9, 10, 11, 12, 13, 18, 21, 25]), FIELDS))
def test_any_field_of_a_type_14_record_raises_nothing_else(fields: dict[int, bytes]) -> None:
    only_typed_errors(raw.header([(14, 1)]) + raw.type_14({13: b"13", **fields}))


@given(st.dictionaries(st.sampled_from([3, 128, 129, 130, 131, 132, 134, 136, 137]), FIELDS))
def test_any_field_of_a_type_9_record_raises_nothing_else(fields: dict[int, bytes]) -> None:
    only_typed_errors(raw.header([(9, 1)]) + raw.type_9(fields))
