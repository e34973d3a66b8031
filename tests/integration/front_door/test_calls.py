"""Every call, answered as it should be."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from coordinator.client import (
    AsyncRidgelineClient,
    RidgelineClient,
    enroll_request,
    identify_request,
)
from coordinator.listening import SERVICES
from protos.ridgeline.v1 import identification_pb2, types_pb2
from tests.integration.front_door.support import PURPOSE, Running, running, template_prints
from workers.errors import ErrorCode, RidgelineError


def test_a_second_session_finds_its_person(client: RidgelineClient) -> None:
    answer = client.identify(template_prints(3, session=1), purpose=PURPOSE)
    assert answer.outcome == identification_pb2.OUTCOME_CANDIDATES
    best = answer.candidates[0]
    assert (best.rank, best.subject_id, best.encounter_id) == (1, "S3", "E3")
    assert best.band == identification_pb2.CANDIDATE_BAND_LIKELY
    assert [score.position for score in best.finger_scores] == [1, 2, 6, 7]
    assert {s.probe_impression for s in best.finger_scores} == {types_pb2.IMPRESSION_PLAIN}
    coverage = answer.coverage
    assert coverage.partitions_searched == coverage.partitions_total == 4
    assert coverage.subjects_searched == coverage.subjects_total >= 12
    assert answer.gallery_sequence >= 12
    assert answer.backend == "numpy"
    assert answer.examined == identification_pb2.EXAMINED_NONE
    assert answer.caveat
    assert [finger.source for finger in answer.fingers] == [f"prints[{i}]" for i in range(4)]
    stages = {stage.stage: stage.compared for stage in answer.stages}
    assert list(stages) == [
        identification_pb2.STAGE_EXTRACT,
        identification_pb2.STAGE_SCREEN,
        identification_pb2.STAGE_CONSOLIDATE,
        identification_pb2.STAGE_MERGE,
    ]
    assert stages[identification_pb2.STAGE_SCREEN] >= 12


def test_a_stranger_gets_no_weak_leads(client: RidgelineClient) -> None:
    answer = client.identify(template_prints(500), purpose=PURPOSE, exhaustive=True)
    assert answer.outcome == identification_pb2.OUTCOME_NO_CANDIDATE
    assert not answer.candidates


def test_verify(client: RidgelineClient) -> None:
    prints = template_prints(5, session=1)
    mate = client.verify(prints, "S5", purpose=PURPOSE)
    assert mate.outcome == identification_pb2.OUTCOME_CANDIDATES
    assert mate.candidate.subject_id == "S5"
    other = client.verify(prints, "S6", purpose=PURPOSE)
    assert other.outcome == identification_pb2.OUTCOME_NO_CANDIDATE
    assert other.candidate.score < mate.candidate.score
    assert not other.candidate.band
    with pytest.raises(RidgelineError) as caught:
        client.verify(prints, "nobody", purpose=PURPOSE)
    assert (caught.value.code, caught.value.field) == (ErrorCode.SUBJECT_NOT_FOUND, "subject_id")


def test_verify_without_a_common_finger(client: RidgelineClient) -> None:
    little = [types_pb2.Print(position=5) for _ in range(1)]
    little[0].CopyFrom(template_prints(5)[0])
    little[0].position = 5
    data = bytearray(little[0].data)
    data[24] = 5  # finger position of the first view, ISO/IEC 19794-2:2005 clause 7.4.1.1
    little[0].data = bytes(data)
    answer = client.verify(little, "S5", purpose=PURPOSE)
    assert answer.outcome == identification_pb2.OUTCOME_NO_CANDIDATE
    assert not answer.HasField("candidate")


def test_explain_shows_the_pairs(client: RidgelineClient) -> None:
    answer = client.explain(template_prints(5, session=1), "S5", purpose=PURPOSE)
    assert answer.encounter_id == "E5"
    assert [finger.score.position for finger in answer.fingers] == [1, 2, 6, 7]
    for finger in answer.fingers:
        assert finger.pairs
        assert all(0.0 <= pair.similarity <= 1.0 for pair in finger.pairs)
        probe = {(m.x, m.y) for m in finger.probe_minutiae}
        assert all((pair.probe.x, pair.probe.y) in probe for pair in finger.pairs)
    with pytest.raises(RidgelineError) as caught:
        client.explain(template_prints(5), "S5", purpose=PURPOSE, encounter_id="E6")
    assert caught.value.code is ErrorCode.ENCOUNTER_NOT_FOUND


def test_a_subject_is_enrolled_read_searched_and_removed(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client() as client:
        made = client.enroll(template_prints(1))
        assert made.created
        again = client.enroll(
            template_prints(1, session=1), subject_id=made.subject_id, encounter_id="second"
        )
        assert (again.subject_id, again.created) == (made.subject_id, True)
        subject = client.get_subject(made.subject_id, purpose=PURPOSE)
        assert [e.encounter_id for e in subject.encounters] == [made.encounter_id, "second"]
        assert [f.position for f in subject.encounters[0].fingers] == [1, 2, 6, 7]
        found = client.identify(
            template_prints(1, session=2),
            purpose=PURPOSE,
            min_gallery_sequence=again.gallery_sequence,
        )
        assert [c.subject_id for c in found.candidates] == [made.subject_id]
        assert found.coverage.subjects_total == 1

        removed = client.remove_encounter("second", reason="taken twice")
        assert removed.gallery_sequence > again.gallery_sequence
        gone = client.remove_subject(made.subject_id, reason="expunged by court order")
        assert gone.encounters_removed == 1
        empty = client.identify(template_prints(1, session=2), purpose=PURPOSE)
        assert empty.outcome == identification_pb2.OUTCOME_NO_CANDIDATE
        assert empty.gallery_sequence == gone.gallery_sequence
        with pytest.raises(RidgelineError) as caught:
            client.get_subject(made.subject_id, purpose=PURPOSE)
        assert caught.value.code is ErrorCode.SUBJECT_NOT_FOUND
        outcomes = [record["outcome"] for record in server.audit()]
        assert outcomes == [
            "ENROLLED",
            "ENROLLED",
            "READ",
            "CANDIDATES",
            "REMOVED",
            "REMOVED",
            "NO_CANDIDATE",
            "SUBJECT_NOT_FOUND",
        ]


def test_a_repeated_enrolment_changes_nothing(client: RidgelineClient) -> None:
    before = client.status().gallery_sequence
    again = client.enroll(template_prints(2), subject_id="S2", encounter_id="E2")
    assert (again.created, again.subject_id) == (False, "S2")
    with pytest.raises(RidgelineError) as caught:
        client.enroll(template_prints(3), subject_id="S2", encounter_id="E2")
    assert caught.value.code is ErrorCode.ENCOUNTER_CONFLICT
    assert client.status().gallery_sequence == before


def test_when_and_with_what_an_encounter_was_taken(client: RidgelineClient) -> None:
    day = datetime.date(2019, 3, 7)
    client.enroll(template_prints(40), subject_id="S40", captured=day, sensor="Example LS 110")
    client.enroll(template_prints(40, session=1), subject_id="S40")
    stated, open_ = client.get_subject("S40", purpose=PURPOSE).encounters
    assert (stated.capture.day, stated.capture.sensor) == ("2019-03-07", "Example LS 110")
    assert (open_.capture.day, open_.capture.sensor) == ("", "")
    tomorrow = datetime.date.today() + datetime.timedelta(days=3)
    with pytest.raises(RidgelineError) as caught:
        client.enroll(template_prints(41), captured=tomorrow)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_FIELD, "capture.day")
    client.remove_subject("S40", reason="end of the test")


def test_a_stream_of_enrolments_goes_on_after_a_failure(tmp_path: Path) -> None:
    def requests() -> list[object]:
        good = [
            enroll_request(template_prints(i), subject_id=f"S{i}", encounter_id=f"E{i}")
            for i in range(6)
        ]
        bad = enroll_request([types_pb2.Print(position=1)], encounter_id="bad")
        return [*good[:2], bad, *good[2:], good[0]]

    with running(tmp_path) as server, server.client() as client:
        answer = client.enroll_many(requests())  # type: ignore[arg-type]
        assert (answer.created, answer.unchanged, answer.failed) == (6, 1, 1)
        (failure,) = answer.failures
        assert (failure.index, failure.code) == (2, "INVALID_FIELD")
        assert failure.field == "prints[0].format"
        status = client.status()
        assert status.encounters == 6
        assert status.gallery_sequence == answer.gallery_sequence == 6


def test_a_stream_of_searches_answers_each(client: RidgelineClient) -> None:
    requests = [
        identification_pb2.IdentifyStreamRequest(
            correlation_id=f"c{i}",
            request=identify_request(template_prints(i, session=1), purpose=PURPOSE),
        )
        for i in range(8)
    ]
    requests[4].request.submission.ten_print.prints[2].format = types_pb2.PRINT_FORMAT_UNSPECIFIED
    requests[5].request.ClearField("purpose")
    answers = {answer.correlation_id: answer for answer in client.identify_many(requests)}
    assert set(answers) == {f"c{i}" for i in range(8)}
    for i in (0, 1, 2, 3, 6, 7):
        assert answers[f"c{i}"].response.candidates[0].subject_id == f"S{i}"
    invalid, purposeless = answers["c4"].error, answers["c5"].error
    assert (invalid.code, invalid.field) == ("INVALID_FIELD", "prints[2].format")
    assert invalid.status == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert (purposeless.code, purposeless.field) == ("PURPOSE_REQUIRED", "purpose.authority")


def test_status(client: RidgelineClient) -> None:
    status = client.status()
    assert status.serving
    assert status.executor == "inprocess"
    assert status.coverage.partitions_searched == status.coverage.partitions_total == 4
    assert sum(shard.partitions for shard in status.shards) == 4
    assert all(shard.ready for shard in status.shards)
    assert status.version
    assert status.parameters_hash


def test_the_asynchronous_client(server: Running) -> None:
    async def talk() -> None:
        async with AsyncRidgelineClient(server.client_config()) as client:
            await client.wait_until_serving(timeout_s=5)
            prints = template_prints(4, session=1)
            found, checked, subject = await asyncio.gather(
                client.identify(prints, purpose=PURPOSE),
                client.verify(prints, "S4", purpose=PURPOSE),
                client.get_subject("S4", purpose=PURPOSE),
            )
            assert found.candidates[0].subject_id == checked.candidate.subject_id == "S4"
            assert subject.subject_id == "S4"
            explained = await client.explain(prints, "S4", purpose=PURPOSE)
            assert explained.encounter_id == "E4"
            request = identification_pb2.IdentifyStreamRequest(
                correlation_id="a", request=identify_request(prints, purpose=PURPOSE)
            )
            streamed = [answer async for answer in client.identify_many([request])]
            assert streamed[0].response.candidates[0].subject_id == "S4"
            repeat = enroll_request(template_prints(4), subject_id="S4", encounter_id="E4")
            assert (await client.enroll_many([repeat])).unchanged == 1
            with pytest.raises(RidgelineError) as caught:
                await client.remove_encounter("nothing", reason="test")
            assert caught.value.code is ErrorCode.ENCOUNTER_NOT_FOUND

    asyncio.run(talk())


def test_reflection_lists_the_services(server: Running) -> None:
    config = server.client_config()
    with grpc.secure_channel(config.address, config.credentials()) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        (answer,) = stub.ServerReflectionInfo(iter([request]))
        names = {service.name for service in answer.list_services_response.service}
    assert set(SERVICES) <= names
