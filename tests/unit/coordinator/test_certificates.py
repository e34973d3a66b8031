"""Development certificates: who signed what, for what, and who can read the keys."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from coordinator.access import Role, load_policy
from coordinator.certificates import DEVELOPMENT_UNIT, make_development_certificates
from workers.errors import ErrorCode, RidgelineError


def test_certificates_are_signed_marked_and_private(tmp_path: Path) -> None:
    made = make_development_certificates(tmp_path / "tls", clients=("booking", "operator"))
    authority = x509.load_pem_x509_certificate(made.authority.read_bytes())
    expected = {made.server: ExtendedKeyUsageOID.SERVER_AUTH} | dict.fromkeys(
        made.clients.values(), ExtendedKeyUsageOID.CLIENT_AUTH
    )
    for files, usage in expected.items():
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        certificate.verify_directly_issued_by(authority)
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        assert list(extended.value) == [usage]
        units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        assert [unit.value for unit in units] == [DEVELOPMENT_UNIT]
        assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert not list((tmp_path / "tls").glob("ca.key"))


def test_the_policy_names_the_clients(tmp_path: Path) -> None:
    made = make_development_certificates(tmp_path, clients=("booking",))
    policy = load_policy(made.policy)
    principal = policy.principal({"x509_subject_alternative_name": [b"booking"]})
    assert principal.roles == set(Role)


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    first = make_development_certificates(tmp_path).authority.read_bytes()
    again = make_development_certificates(tmp_path)
    assert again.authority.read_bytes() != first
    authority = x509.load_pem_x509_certificate(again.authority.read_bytes())
    server = x509.load_pem_x509_certificate(again.server.certificate.read_bytes())
    server.verify_directly_issued_by(authority)


@pytest.mark.parametrize("name", ["server", "ca", "", "../x", "a/b", ".hidden"])
def test_a_client_name_must_not_overwrite_another_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(RidgelineError) as caught:
        make_development_certificates(tmp_path, clients=("operator", name))
    assert caught.value.code is ErrorCode.INVALID_FIELD
    assert not list(tmp_path.iterdir())
