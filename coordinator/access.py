"""Who may ask: principals by certificate, their roles, the agencies they speak for, purposes.

A principal is known by the names in its client certificate: the subject alternative names, or
the common name of a certificate that has none (as RFC 6125 clause 6.4.4). The policy file says
what each may do:

    [[principal]]
    name = "state-switch"                  # as the audit records it
    certificates = ["switch.state.example"]
    roles = ["search", "enrol"]
    agencies = ["NY0303000", "NY0510000"]  # ORIs it submits for; ["*"] is any
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Any

from workers.errors import ErrorCode, RidgelineError

ANY_AGENCY = "*"
MAX_PURPOSE_CHARACTERS = 200

_SAN = "x509_subject_alternative_name"
_COMMON_NAME = "x509_common_name"


@unique
class Role(StrEnum):
    """What a principal may do."""

    SEARCH = "search"
    """Search, verify, explain, read a subject."""
    ENROL = "enrol"
    """Add and remove subjects and encounters."""
    OPERATE = "operate"
    """See the state of the cluster, and rebalance it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A known holder of a client certificate.

    Attributes:
        certificates: names, any of which in a certificate means this principal.
        agencies: ORIs that it may submit for, or `ANY_AGENCY`.
    """

    name: str
    certificates: frozenset[str]
    roles: frozenset[Role]
    agencies: frozenset[str]


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why a record is searched or read; recorded with the access."""

    authority: str
    case_number: str
    requester: str


class Policy:
    """The principals of an installation, found by the names of their certificates."""

    def __init__(self, principals: Iterable[Principal]) -> None:
        self._by_certificate: dict[str, Principal] = {}
        for principal in principals:
            for name in principal.certificates:
                other = self._by_certificate.setdefault(name, principal)
                if other is not principal:
                    raise _bad_policy(f"{other.name} and {principal.name} share a certificate")

    def principal(self, auth_context: Mapping[str, Iterable[bytes]]) -> Principal:
        """The principal whose certificate the peer showed.

        Args:
            auth_context: of the gRPC call.

        Raises:
            RidgelineError: UNAUTHENTICATED where the certificate names no single principal.
        """
        known = {
            principal.name: principal
            for name in certificate_names(auth_context)
            if (principal := self._by_certificate.get(name)) is not None
        }
        if len(known) != 1:
            detail = "" if not known else "its names belong to several principals"
            raise RidgelineError(ErrorCode.UNAUTHENTICATED, detail)
        return next(iter(known.values()))


def certificate_names(auth_context: Mapping[str, Iterable[bytes]]) -> list[str]:
    """Names in the peer's certificate; empty where there was no certificate."""
    names = auth_context.get(_SAN) or auth_context.get(_COMMON_NAME) or ()
    return [name.decode("utf-8", "replace") for name in names]


def require_role(principal: Principal, role: Role) -> None:
    """Raises NOT_PERMITTED where the principal lacks the role."""
    if role not in principal.roles:
        raise RidgelineError(ErrorCode.NOT_PERMITTED, f"the role {role} is needed")


def resolve_agency(principal: Principal, ori: str) -> str:
    """The agency that a request is from: the one stated, or the principal's only one.

    Returns:
        An ORI; empty where none is stated by a principal that may speak for any.

    Raises:
        RidgelineError: NOT_PERMITTED where the agency is not delegated to the principal;
            INVALID_FIELD where none is stated by a principal that speaks for several.
    """
    if ori:
        if not principal.agencies & {ori, ANY_AGENCY}:
            raise RidgelineError(
                ErrorCode.NOT_PERMITTED,
                "the principal does not speak for this agency",
                field="origin.ori",
            )
        return ori
    if ANY_AGENCY in principal.agencies:
        return ""
    if len(principal.agencies) != 1:
        raise RidgelineError(
            ErrorCode.INVALID_FIELD,
            "required of a principal that speaks for several agencies",
            field="origin.ori",
        )
    return next(iter(principal.agencies))


def require_purpose(authority: str, case_number: str, requester: str) -> Purpose:
    """The purpose, stated in full.

    Raises:
        RidgelineError: PURPOSE_REQUIRED naming the first field that is blank; INVALID_FIELD for
            one that is too long or holds control characters.
    """
    values = {"authority": authority, "case_number": case_number, "requester": requester}
    for name, value in values.items():
        if not value.strip():
            raise RidgelineError(ErrorCode.PURPOSE_REQUIRED, "", field=f"purpose.{name}")
        if len(value) > MAX_PURPOSE_CHARACTERS or not value.isprintable():
            raise RidgelineError(
                ErrorCode.INVALID_FIELD,
                f"expected at most {MAX_PURPOSE_CHARACTERS} printable characters",
                field=f"purpose.{name}",
            )
    return Purpose(**{name: value.strip() for name, value in values.items()})


def load_policy(path: Path) -> Policy:
    """Reads a policy file.

    Raises:
        RidgelineError: INVALID_FIELD naming what is wrong in it.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad_policy(f"cannot be read as TOML ({type(error).__name__})") from error
    entries = table.pop("principal", [])
    if table or not isinstance(entries, list) or not entries:
        raise _bad_policy("expected one or more [[principal]] tables and nothing else")
    return Policy(_principal(entry, f"principal[{i}]") for i, entry in enumerate(entries))


def write_policy(path: Path, principals: Iterable[Principal]) -> None:
    """Writes a policy file that `load_policy` reads."""
    parts = []
    for principal in principals:
        lists: dict[str, list[str]] = {
            "certificates": sorted(principal.certificates),
            "roles": [str(role) for role in sorted(principal.roles)],
            "agencies": sorted(principal.agencies),
        }
        lines = [f"name = {_quoted(principal.name)}"]
        lines += [f"{key} = [{', '.join(map(_quoted, lists[key]))}]" for key in lists]
        parts.append("[[principal]]\n" + "\n".join(lines) + "\n")
    path.write_text("\n".join(parts), encoding="utf-8")


def _principal(entry: Any, where: str) -> Principal:
    if not isinstance(entry, dict):
        raise _bad_policy("expected a table", where)
    unknown = entry.keys() - {"name", "certificates", "roles", "agencies"}
    if unknown:
        raise _bad_policy("unknown key", f"{where}.{min(unknown)}")
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        raise _bad_policy("expected a name", f"{where}.name")
    roles = _strings(entry, "roles", where)
    bad = roles - set(Role)
    if bad:
        raise _bad_policy(f"roles are {', '.join(Role)}", f"{where}.roles")
    return Principal(
        name,
        _strings(entry, "certificates", where),
        frozenset(Role(role) for role in roles),
        _strings(entry, "agencies", where),
    )


def _strings(entry: dict[str, Any], key: str, where: str) -> frozenset[str]:
    values = entry.get(key)
    if not isinstance(values, list) or not values or not all(_is_text(v) for v in values):
        raise _bad_policy("expected a list of one or more strings", f"{where}.{key}")
    return frozenset(values)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _bad_policy(detail: str, field: str = "policy file") -> RidgelineError:
    return RidgelineError(ErrorCode.INVALID_FIELD, detail, field=field)
