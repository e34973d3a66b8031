"""Principals, roles, delegated agencies, purposes, the policy file."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.access import (
    ANY_AGENCY,
    Policy,
    Principal,
    Role,
    load_policy,
    require_purpose,
    require_role,
    resolve_agency,
    write_policy,
)
from workers.errors import ErrorCode, RidgelineError


def _principal(
    name: str = "switch", *agencies: str, roles: tuple[Role, ...] = (Role.SEARCH,)
) -> Principal:
    return Principal(
        name,
        frozenset({f"{name}.example"}),
        frozenset(roles),
        frozenset(agencies or ("NY0303000",)),
    )


POLICY = Policy([_principal("switch"), _principal("other")])


def _san(*names: str) -> dict[str, list[bytes]]:
    return {"x509_subject_alternative_name": [name.encode() for name in names]}


def test_a_certificate_names_its_principal() -> None:
    assert POLICY.principal(_san("unknown.example", "switch.example")).name == "switch"


def test_the_common_name_counts_only_without_alternative_names() -> None:
    common = {"x509_common_name": [b"switch.example"]}
    assert POLICY.principal(common).name == "switch"
    with pytest.raises(RidgelineError) as caught:
        POLICY.principal(common | _san("stranger.example"))
    assert caught.value.code is ErrorCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "identity", [{}, _san("stranger.example"), _san("switch.example", "other.example")]
)
def test_nobody_or_two_at_once_is_unauthenticated(identity: dict[str, list[bytes]]) -> None:
    with pytest.raises(RidgelineError) as caught:
        POLICY.principal(identity)
    assert caught.value.code is ErrorCode.UNAUTHENTICATED


def test_a_role_is_needed() -> None:
    require_role(_principal(), Role.SEARCH)
    with pytest.raises(RidgelineError, match="enrol") as caught:
        require_role(_principal(), Role.ENROL)
    assert caught.value.code is ErrorCode.NOT_PERMITTED


def test_agencies() -> None:
    assert resolve_agency(_principal(), "NY0303000") == "NY0303000"
    assert resolve_agency(_principal(), "") == "NY0303000"
    assert resolve_agency(_principal("switch", ANY_AGENCY), "TX0000000") == "TX0000000"
    assert resolve_agency(_principal("switch", ANY_AGENCY), "") == ""
    with pytest.raises(RidgelineError) as refused:
        resolve_agency(_principal(), "TX0000000")
    assert (refused.value.code, refused.value.field) == (ErrorCode.NOT_PERMITTED, "origin.ori")
    with pytest.raises(RidgelineError) as ambiguous:
        resolve_agency(_principal("switch", "NY0303000", "NY0510000"), "")
    assert ambiguous.value.code is ErrorCode.INVALID_FIELD


@pytest.mark.parametrize("missing", ["authority", "case_number", "requester"])
def test_a_purpose_is_stated_in_full(missing: str) -> None:
    values = {"authority": "8 CFR 287.7", "case_number": "B-1", "requester": "desk 4"}
    assert require_purpose(**values).case_number == "B-1"
    for blank in ("", "  ", "\t"):
        with pytest.raises(RidgelineError) as caught:
            require_purpose(**values | {missing: blank})
        assert caught.value.code is ErrorCode.PURPOSE_REQUIRED
        assert caught.value.field == f"purpose.{missing}"
    for bad in ("x" * 201, "a\x00b"):
        with pytest.raises(RidgelineError) as caught:
            require_purpose(**values | {missing: bad})
        assert caught.value.code is ErrorCode.INVALID_FIELD


def test_a_policy_file_round_trips(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    write_policy(path, [_principal('quo"te\\', roles=(Role.SEARCH, Role.ENROL)), _principal("b")])
    policy = load_policy(path)
    assert policy.principal(_san('quo"te\\.example')).roles == {Role.SEARCH, Role.ENROL}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "policy file"),
        ("principal = 3", "policy file"),
        ("[[principal]]\nname = 'a'\nrole = []", "principal[0].role"),
        ("[[principal]]\nname = ''", "principal[0].name"),
        (
            "[[principal]]\nname='a'\ncertificates=['a']\nroles=['king']\nagencies=['*']",
            "principal[0].roles",
        ),
        ("[[principal]]\nname='a'\ncertificates=[]\nroles=['search']", "principal[0].certificates"),
        ("not toml", "policy file"),
    ],
)
def test_a_wrong_policy_is_named(tmp_path: Path, text: str, field: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(RidgelineError) as caught:
        load_policy(path)
    assert caught.value.field == field


def test_two_principals_cannot_share_a_certificate() -> None:
    with pytest.raises(RidgelineError, match="share"):
        Policy(
            [_principal("a"), Principal("b", frozenset({"a.example"}), frozenset(), frozenset())]
        )
