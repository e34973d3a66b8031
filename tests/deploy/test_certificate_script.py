"""The script that gives each pod a certificate for Ray, run as it is but for its folders."""

from __future__ import annotations

import ipaddress
import shlex
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store

from tests.deploy.manifests import one


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("ca", "tls"):
        (tmp_path / name).mkdir()
    request = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=authority -addext keyUsage=critical,keyCertSign,cRLSign "
        "-keyout ca/ca.key -out ca/ca.crt"
    )
    subprocess.run(shlex.split(request), cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def test_it_signs_for_the_pods_address_and_the_heads_name(folders: Path) -> None:
    script = one("ConfigMap", "ridgeline-ray-tls")["data"]["certificate.sh"]
    subprocess.run(
        ["sh", "-c", script.replace("/etc/ray", str(folders))],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "POD_IP": "192.0.2.7"},
        check=True,
        capture_output=True,
    )
    made = folders / "tls"
    assert sorted(p.name for p in made.iterdir()) == ["ca.crt", "tls.crt", "tls.key"]
    certificate = x509.load_pem_x509_certificate((made / "tls.crt").read_bytes())
    authority = x509.load_pem_x509_certificate((made / "ca.crt").read_bytes())
    certificate.verify_directly_issued_by(authority)
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = names.get_values_for_type(x509.IPAddress)
    assert ipaddress.ip_address("192.0.2.7") in addresses
    head = f"{one('RayCluster', 'ridgeline')['metadata']['name']}-head-svc"
    assert head in names.get_values_for_type(x509.DNSName)
    command = one("Deployment", "ridgeline-coordinator")["spec"]["template"]["spec"]["containers"]
    assert f"--address={head}:6379" in command[0]["command"][-1]
    verifier = PolicyBuilder().store(Store([authority]))
    verifier.build_client_verifier().verify(certificate, [])
