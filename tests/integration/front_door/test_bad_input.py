"""Bad input: each a typed error, the server alive after it, the gallery unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import grpc
import numpy as np
import pytest

from coordinator.client import ClientConfig, Prints, RidgelineClient
from protos.ridgeline.v1 import (
    identification_pb2,
    identification_pb2_grpc,
    operations_pb2,
    operations_pb2_grpc,
    types_pb2,
)
from tests.integration.front_door.support import PURPOSE, Running, metadata, template_prints
from workers.biometrics.itl import BookingPrint, build_booking, write_transaction
from workers.biometrics.model import FingerImage, FingerPosition, Impression, Minutiae
from workers.biometrics.templates import TemplateView, iso19794_2
from workers.errors import ErrorCode, RidgelineError

MIB = 1024 * 1024


@cache
def _booking() -> bytes:
    grey = FingerImage(np.full((256, 256), 200, np.uint8), 500.0)
    print_ = BookingPrint(FingerPosition.RIGHT_INDEX, Impression.ROLLED, grey)
    transaction = build_booking([print_], originating_agency="NY0303000", control_number="BAD-1")
    return write_transaction(transaction)


def _wrong_count() -> bytes:
    """The contents field 1.003 announces a record more than there is."""
    data = _booking()
    wrong = data.replace(b"1.003:1\x1f2", b"1.003:1\x1f3", 1)
    assert wrong != data
    return wrong


def _without_prints() -> bytes:
    transaction = build_booking([], originating_agency="NY0303000", control_number="BAD-2")
    return write_transaction(transaction)


def _image(**changes: object) -> types_pb2.Print:
    values: dict[str, object] = {
        "position": 2,
        "impression": types_pb2.IMPRESSION_ROLLED,
        "format": types_pb2.PRINT_FORMAT_WSQ,
        "data": b"\xff\xa0 this only begins like WSQ",
        "resolution_ppi": 500.0,
    }
    return types_pb2.Print(**values | changes)  # type: ignore[arg-type]


def _poor() -> list[types_pb2.Print]:
    """Three minutiae: a template in order, but too poor to be compared."""
    some = np.array([50, 90, 130])
    minutiae = Minutiae(
        some.astype(np.float32),
        some.astype(np.float32),
        np.zeros(3, np.float32),
        np.ones(3, np.uint8),
        np.full(3, 50, np.uint8),
        300,
        400,
    )
    data = iso19794_2.write([TemplateView(2, 0, 50, minutiae)])
    return [types_pb2.Print(position=2, format=types_pb2.PRINT_FORMAT_ISO_19794_2_2005, data=data)]


CASES: list[tuple[str, Callable[[], Prints], ErrorCode, str]] = [
    ("truncated transaction", lambda: _booking()[:-100], ErrorCode.MALFORMED_TRANSACTION, ""),
    ("half a header", lambda: _booking()[:40], ErrorCode.MALFORMED_TRANSACTION, ""),
    ("wrong CNT", _wrong_count, ErrorCode.MALFORMED_TRANSACTION, "1.003"),
    ("bytes that are nothing", lambda: bytes(range(256)) * 8, ErrorCode.MALFORMED_TRANSACTION, ""),
    ("transaction without prints", _without_prints, ErrorCode.NO_USABLE_FINGER, "submission"),
    ("no prints", types_pb2.TenPrint, ErrorCode.NO_USABLE_FINGER, "submission"),
    ("WSQ that is not", lambda: [_image()], ErrorCode.MALFORMED_IMAGE, "prints[0]"),
    (
        "PNG that is not",
        lambda: [_image(format=types_pb2.PRINT_FORMAT_PNG, data=b"\x89PNG\r\n\x1a\n rest")],
        ErrorCode.MALFORMED_IMAGE,
        "prints[0]",
    ),
    (
        "JPEG 2000 that is not",
        lambda: [_image(format=types_pb2.PRINT_FORMAT_JPEG2000, data=b"\0\0\0\x0cjP  ")],
        ErrorCode.MALFORMED_IMAGE,
        "prints[0]",
    ),
    (
        "raw of another size",
        lambda: [_image(format=types_pb2.PRINT_FORMAT_RAW, width=10, height=10, data=bytes(99))],
        ErrorCode.INVALID_FIELD,
        "prints[0].data",
    ),
    (
        "template cut short",
        lambda: [
            types_pb2.Print(
                format=types_pb2.PRINT_FORMAT_ISO_19794_2_2005,
                data=template_prints(1)[0].data[:-9],
            )
        ],
        ErrorCode.MALFORMED_TEMPLATE,
        "prints[0]",
    ),
    (
        "finger and impression twice",
        lambda: [_image(), _image()],
        ErrorCode.DUPLICATE_FINGER,
        "prints[1]",
    ),
    (
        "template's finger twice",
        lambda: [*template_prints(1)[:1], *template_prints(2)[:1]],
        ErrorCode.DUPLICATE_FINGER,
        "prints[1]",
    ),
    (
        "no format",
        lambda: [types_pb2.Print(position=1)],
        ErrorCode.INVALID_FIELD,
        "prints[0].format",
    ),
]


@pytest.fixture(autouse=True)
def _nothing_changed(server: Running) -> Iterator[None]:
    with server.client() as client:
        before = client.status()
        yield
        after = client.status()
    assert after.serving
    assert after.gallery_sequence == before.gallery_sequence
    assert after.encounters == before.encounters


SUBMIT: dict[str, Callable[[RidgelineClient, Prints], object]] = {
    "identify": lambda client, prints: client.identify(prints, purpose=PURPOSE),
    "verify": lambda client, prints: client.verify(prints, "S1", purpose=PURPOSE),
    "explain": lambda client, prints: client.explain(prints, "S1", purpose=PURPOSE),
    "enroll": lambda client, prints: client.enroll(prints),
}


@pytest.mark.parametrize(
    ("make", "code", "field"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
@pytest.mark.parametrize("call", SUBMIT)
def test_bad_input_is_typed(
    client: RidgelineClient,
    call: str,
    make: Callable[[], Prints],
    code: ErrorCode,
    field: str,
) -> None:
    prints = make()
    with pytest.raises(RidgelineError) as caught:
        SUBMIT[call](client, prints)
    assert caught.value.code is code
    assert field in caught.value.field


def test_poor_prints_are_unsearchable_and_not_enrolled(client: RidgelineClient) -> None:
    found = client.identify(_poor(), purpose=PURPOSE)
    assert found.outcome == identification_pb2.OUTCOME_UNSEARCHABLE
    assert not found.candidates
    assert not found.fingers
    assert found.unused[0].source == "prints[0]"
    assert found.coverage.partitions_searched == 0
    assert found.coverage.partitions_total == 4
    assert client.verify(_poor(), "S1", purpose=PURPOSE).outcome == found.outcome
    for refused in (
        lambda: client.enroll(_poor()),
        lambda: client.explain(_poor(), "S1", purpose=PURPOSE),
    ):
        with pytest.raises(RidgelineError) as caught:
            refused()
        assert caught.value.code is ErrorCode.NO_USABLE_FINGER


@pytest.mark.parametrize("part", ["authority", "case_number", "requester"])
def test_no_purpose_no_answer(client: RidgelineClient, part: str) -> None:
    purpose = types_pb2.Purpose()
    purpose.CopyFrom(PURPOSE)
    purpose.ClearField(part)
    prints = template_prints(1)
    for call in (
        lambda: client.identify(prints, purpose=purpose),
        lambda: client.verify(prints, "S1", purpose=purpose),
        lambda: client.explain(prints, "S1", purpose=purpose),
        lambda: client.get_subject("S1", purpose=purpose),
    ):
        with pytest.raises(RidgelineError) as caught:
            call()
        assert caught.value.code is ErrorCode.PURPOSE_REQUIRED
        assert caught.value.field == f"purpose.{part}"


def test_options_out_of_range(client: RidgelineClient) -> None:
    prints = template_prints(1)
    with pytest.raises(RidgelineError) as caught:
        client.identify(prints, purpose=PURPOSE, max_candidates=101)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_FIELD, "max_candidates")
    with pytest.raises(RidgelineError) as caught:
        client.identify(prints, purpose=PURPOSE, min_gallery_sequence=10**6)
    assert caught.value.code is ErrorCode.SEQUENCE_UNAVAILABLE
    for call in (
        lambda: client.remove_encounter("E1", reason=" "),
        lambda: client.remove_subject("S1", reason=""),
    ):
        with pytest.raises(RidgelineError) as caught:
            call()
        assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_FIELD, "reason")


def test_a_message_of_40_mb_is_refused_by_the_transport(server: Running) -> None:
    huge = types_pb2.Submission(transaction=bytes(40 * MIB))
    request = identification_pb2.IdentifyRequest(submission=huge, purpose=PURPOSE)
    audited = len(server.audit())
    config = server.client_config(message_max_bytes=64 * MIB)
    with grpc.secure_channel(
        config.address, config.credentials(), config.channel_options()
    ) as channel:
        stub = identification_pb2_grpc.IdentificationServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Identify(request, timeout=20)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "ridgeline-code" not in metadata(caught.value)
    assert len(server.audit()) == audited


def test_the_client_does_not_even_send_it(client: RidgelineClient) -> None:
    with pytest.raises(RidgelineError) as caught:
        client.identify(bytes(40 * MIB), purpose=PURPOSE)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_FIELD, "submission")


def test_a_plaintext_client_is_refused_by_the_transport(server: Running) -> None:
    with grpc.insecure_channel(server.address) as channel:
        stub = operations_pb2_grpc.OperationsServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.GetStatus(operations_pb2.GetStatusRequest(), timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_client_without_certificate_is_refused_by_the_transport(server: Running) -> None:
    trusted = server.certificates.authority.read_bytes()
    credentials = grpc.ssl_channel_credentials(root_certificates=trusted)
    with grpc.secure_channel(server.address, credentials) as channel:
        stub = operations_pb2_grpc.OperationsServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.GetStatus(operations_pb2.GetStatusRequest(), timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_certificate_of_another_authority_is_refused(server: Running, tmp_path: Path) -> None:
    from coordinator.certificates import make_development_certificates

    foreign = make_development_certificates(tmp_path)
    own = server.client_config()
    config = ClientConfig(
        address=own.address,
        ca_file=own.ca_file,
        certificate_file=foreign.clients["operator"].certificate,
        key_file=foreign.clients["operator"].key,
        timeout_s=10.0,
        patience_s=0,
    )
    with RidgelineClient(config) as stranger, pytest.raises(RidgelineError) as caught:
        stranger.status()
    assert caught.value.code is ErrorCode.UNREACHABLE
