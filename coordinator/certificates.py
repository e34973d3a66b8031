"""Throw-away certificates for development, tests and the demo; never for production.

One authority, one server certificate and one certificate for each client name. Every name says
what it is for, and the subject of each carries `DEVELOPMENT_UNIT`, by which a production server
can refuse it. Keys are ECDSA P-256 (FIPS 186-5), files of mode 0600.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from coordinator.access import ANY_AGENCY, Principal, Role, write_policy
from workers.errors import ErrorCode, RidgelineError

DEVELOPMENT_UNIT = "Ridgeline development only"
VALID_DAYS = 30
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}")
CLOCK_SKEW = datetime.timedelta(minutes=5)
"""Certificates are valid from a little before they are made."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate and its key, PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class DevelopmentCertificates:
    """Where everything was written.

    Attributes:
        authority: the authority's certificate, PEM; what both sides trust.
        clients: by client name; the name is the certificate's DNS name.
        policy: policy file that gives each client every role for any agency.
    """

    authority: Path
    server: CertificateFiles
    clients: dict[str, CertificateFiles]
    policy: Path


def make_development_certificates(
    directory: Path,
    *,
    hosts: Sequence[str] = ("localhost", "127.0.0.1", "::1"),
    clients: Sequence[str] = ("operator",),
    valid_days: int = VALID_DAYS,
) -> DevelopmentCertificates:
    """Makes an authority, a server certificate for `hosts` and one for each client.

    Everything is made anew and replaces what the directory held; the authority's own key is
    not kept, so nobody can sign more with it.

    Args:
        directory: made where it is missing.
        hosts: DNS names and addresses under which clients reach the server.
        clients: names of clients, such as ``"operator"``.
    """
    made = development_certificates(directory, clients=clients)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = _Authority(valid_days)
    made.authority.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    names = [_general_name(host) for host in hosts]
    authority.issue("server", made.server, names, ExtendedKeyUsageOID.SERVER_AUTH)
    for name, files in made.clients.items():
        authority.issue(name, files, [x509.DNSName(name)], ExtendedKeyUsageOID.CLIENT_AUTH)
    write_policy(made.policy, [_all_powerful(name) for name in clients])
    return made


def development_certificates(
    directory: Path, *, clients: Sequence[str] = ("operator",)
) -> DevelopmentCertificates:
    """Where `make_development_certificates` writes, or has written.

    Raises:
        RidgelineError: INVALID_FIELD for a client name that cannot name a file or is taken.
    """
    for name in clients:
        if not _NAME.fullmatch(name) or name in ("ca", "server"):
            raise RidgelineError(
                ErrorCode.INVALID_FIELD,
                "a name has letters, digits, dots and hyphens, and is neither ca nor server",
                field="client",
            )
    return DevelopmentCertificates(
        directory / "ca.crt",
        _files(directory, "server"),
        {name: _files(directory, name) for name in clients},
        directory / "policy.toml",
    )


def _files(directory: Path, name: str) -> CertificateFiles:
    return CertificateFiles(directory / f"{name}.crt", directory / f"{name}.key")


class _Authority:
    """A certificate authority whose key lives only in memory."""

    def __init__(self, valid_days: int) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _subject("Ridgeline development authority")
        now = datetime.datetime.now(datetime.UTC)
        self._span = (now - CLOCK_SKEW, now + datetime.timedelta(days=valid_days))
        self.certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(authority=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def issue(
        self,
        name: str,
        files: CertificateFiles,
        alternatives: Sequence[x509.GeneralName],
        usage: x509.ObjectIdentifier,
    ) -> None:
        """Signs a certificate and writes it with its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            self._builder(_subject(name), key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        _write_key(files.key, key)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._span[0])
            .not_valid_after(self._span[1])
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )


def _subject(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, DEVELOPMENT_UNIT),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    data = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _all_powerful(name: str) -> Principal:
    return Principal(name, frozenset({name}), frozenset(Role), frozenset({ANY_AGENCY}))
