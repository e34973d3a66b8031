"""Every method refuses whoever may not call it, and leaves a record of that."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from coordinator.client import RidgelineClient, enroll_request, identify_request
from coordinator.server import SERVICES
from protos.ridgeline.v1 import (
    gallery_pb2,
    identification_pb2,
    operations_pb2,
    types_pb2,
)
from tests.integration.front_door.support import PURPOSE, Running, template_prints
from workers.errors import ErrorCode, RidgelineError


def _first_error(answers: Iterable[identification_pb2.IdentifyStreamResponse]) -> None:
    (answer,) = answers
    if answer.HasField("error"):
        raise RidgelineError(ErrorCode(answer.error.code), answer.error.message)


def _identify_stream(client: RidgelineClient) -> None:
    request = identification_pb2.IdentifyStreamRequest(
        request=identify_request(template_prints(1), purpose=PURPOSE)
    )
    _first_error(client.identify_many([request]))


def _enroll_stream(client: RidgelineClient) -> None:
    for failure in client.enroll_many([enroll_request(template_prints(1))]).failures:
        raise RidgelineError(ErrorCode(failure.code), failure.message)


CALLS: dict[str, Callable[[RidgelineClient], object]] = {
    "Identify": lambda c: c.identify(template_prints(1), purpose=PURPOSE),
    "IdentifyStream": _identify_stream,
    "Verify": lambda c: c.verify(template_prints(1), "S1", purpose=PURPOSE),
    "Explain": lambda c: c.explain(template_prints(1), "S1", purpose=PURPOSE),
    "GetSubject": lambda c: c.get_subject("S1", purpose=PURPOSE),
    "Enroll": lambda c: c.enroll(template_prints(1)),
    "EnrollStream": _enroll_stream,
    "RemoveEncounter": lambda c: c.remove_encounter("E1", reason="test"),
    "RemoveSubject": lambda c: c.remove_subject("S1", reason="test"),
    "GetStatus": lambda c: c.status(),
    "Rebalance": lambda c: c.rebalance(),
}
FOR_SEARCHERS = {"Identify", "IdentifyStream", "Verify", "Explain", "GetSubject"}


def test_no_method_is_forgotten() -> None:
    methods = {
        method.name
        for module in (identification_pb2, gallery_pb2, operations_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    assert methods == set(CALLS)
    assert len(SERVICES) == 3


@pytest.mark.parametrize("name", CALLS)
def test_a_stranger_is_unauthenticated(server: Running, name: str) -> None:
    with server.client("stranger") as client, pytest.raises(RidgelineError) as caught:
        CALLS[name](client)
    assert caught.value.code is ErrorCode.UNAUTHENTICATED
    record = server.audit()[-1]
    assert record["outcome"] == "UNAUTHENTICATED"
    assert record["certificate"] == ["stranger"]
    assert "principal" not in record


@pytest.mark.parametrize("name", CALLS)
def test_a_role_opens_its_own_methods_only(server: Running, name: str) -> None:
    with server.client("searcher") as client:
        if name in FOR_SEARCHERS:
            CALLS[name](client)
            assert server.audit()[-1]["principal"] == "searcher"
            return
        with pytest.raises(RidgelineError) as caught:
            CALLS[name](client)
    assert caught.value.code is ErrorCode.NOT_PERMITTED
    record = server.audit()[-1]
    assert (record["outcome"], record["principal"]) == ("NOT_PERMITTED", "searcher")


@pytest.mark.parametrize(
    ("client_name", "ori", "code"),
    [
        ("searcher", "NY0303000", None),
        ("searcher", "", None),
        ("searcher", "NY0510000", ErrorCode.NOT_PERMITTED),
        ("switch", "NY0510000", None),
        ("switch", "", ErrorCode.INVALID_FIELD),
        ("switch", "TX0000000", ErrorCode.NOT_PERMITTED),
        ("operator", "TX0000000", None),
    ],
)
def test_the_originating_agency_is_checked(
    server: Running, client_name: str, ori: str, code: ErrorCode | None
) -> None:
    origin = types_pb2.Origin(ori=ori)
    with server.client(client_name) as client:
        if code is None:
            answer = client.identify(template_prints(1), purpose=PURPOSE, origin=origin)
            expected = ori or "NY0303000"
            assert answer.origin.ori == expected
            assert server.audit()[-1]["ori"] == expected
            return
        with pytest.raises(RidgelineError) as caught:
            client.identify(template_prints(1), purpose=PURPOSE, origin=origin)
    assert (caught.value.code, caught.value.field) == (code, "origin.ori")
    assert server.audit()[-1]["outcome"] == code


def test_what_is_audited_of_a_search(server: Running) -> None:
    with server.client("searcher") as client:
        answer = client.identify(template_prints(2, session=1), purpose=PURPOSE)
    record = server.audit("Identify")[-1]
    assert record["search_id"] == answer.search_id
    assert record["purpose"] == {
        "authority": PURPOSE.authority,
        "case_number": PURPOSE.case_number,
        "requester": PURPOSE.requester,
    }
    assert [c["subject_id"] for c in record["candidates"]] == ["S2"]
    assert record["candidates"][0]["score"] == pytest.approx(answer.candidates[0].score)
    assert record["parameters_hash"] == answer.parameters_hash
    assert record["sequence"] == answer.gallery_sequence
    assert (record["principal"], record["ori"]) == ("searcher", "NY0303000")
    assert record["partitions_searched"] == record["partitions_total"] == 4
    assert record["source"].startswith("ipv")


def test_no_record_holds_prints(server: Running) -> None:
    limit = 4000  # bytes; four templates have 1,500 and more
    for record in server.audit():
        assert len(repr(record)) < limit
