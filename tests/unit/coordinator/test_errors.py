"""The catalogue is complete, and nothing leaks through the translator."""

from __future__ import annotations

import logging
import pickle

import grpc
import pytest

from coordinator.errors import CATALOGUE, ERROR_ID_KEY, public_error
from workers.errors import ErrorCode, RidgelineError

SECRET = "Maria Example, born 1970-01-01"


def test_every_code_is_in_the_catalogue() -> None:
    assert set(CATALOGUE) == set(ErrorCode)
    assert all(entry.message for entry in CATALOGUE.values())
    assert grpc.StatusCode.OK not in {entry.status for entry in CATALOGUE.values()}


@pytest.mark.parametrize("code", [c for c in ErrorCode if c is not ErrorCode.INTERNAL])
def test_a_typed_error_keeps_code_field_and_offset(code: ErrorCode) -> None:
    public = public_error(RidgelineError(code, "a detail", field="prints[2].data", offset=17))
    assert public.status is CATALOGUE[code].status
    assert "a detail" in public.message
    assert "prints[2].data" in public.message
    assert dict(public.trailers()) == {
        "ridgeline-code": code.value,
        "ridgeline-field": "prints[2].data",
        "ridgeline-offset": "17",
    }


def test_an_overload_says_when_to_come_again() -> None:
    error = RidgelineError(ErrorCode.OVERLOADED, "", retry_after_s=0.2501)
    assert dict(public_error(error).trailers())["ridgeline-retry-after-ms"] == "251"
    travelled = pickle.loads(pickle.dumps(error))
    assert travelled.retry_after_s == error.retry_after_s


@pytest.mark.parametrize(
    "error", [ValueError(SECRET), RidgelineError(ErrorCode.INTERNAL, SECRET), KeyError(SECRET)]
)
def test_an_unknown_error_shows_an_identifier_only(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        public = public_error(_raised(error))
    assert public.status is grpc.StatusCode.INTERNAL
    trailers = dict(public.trailers())
    assert trailers["ridgeline-code"] == "INTERNAL"
    assert trailers[ERROR_ID_KEY] in public.message
    assert trailers[ERROR_ID_KEY] in caplog.text
    assert "_raised" in caplog.text  # the frames are there for the operator
    for seen in (public.message, repr(public.trailers()), caplog.text):
        assert "Maria" not in seen


def test_a_timeout_is_a_deadline() -> None:
    assert public_error(TimeoutError()).code is ErrorCode.DEADLINE_EXCEEDED


def test_trailers_are_ascii_in_one_line() -> None:
    error = RidgelineError(ErrorCode.INVALID_FIELD, "", field="prints[0].größe\nx")
    for _, value in public_error(error).trailers():
        assert value.isascii()
        assert "\n" not in value


def _raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001 - to give it a traceback
        return caught
