"""``ridgeline certificates``."""

from __future__ import annotations

from pathlib import Path

import click

from coordinator.certificates import make_development_certificates
from coordinator.commands.output import json_flag, out, print_json
from coordinator.paths import write_whole

_SERVER = """\
# For a first try on one machine; see the documentation for the rest of the settings.
[server]
address = "{address}"
policy_file = "policy.toml"

[server.tls]
certificate_file = "server.crt"
key_file = "server.key"
client_ca_file = "ca.crt"

[store]
url = "sqlite:///{database}"
key_file = "master.key"

[cluster]
executor = "ray"
shards = 2
extractors = 2
"""

_CLIENT = """\
[connection]
address = "{address}"
ca_file = "ca.crt"
certificate_file = "{client}.crt"
key_file = "{client}.key"

[purpose]
authority = "trial"
case_number = "trial"
requester = "{client}"
"""


@click.command("certificates")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--host",
    "hosts",
    multiple=True,
    default=("localhost", "127.0.0.1", "::1"),
    show_default=True,
    help="Name or address under which clients reach the server; may be repeated.",
)
@click.option("--client", default="operator", show_default=True, help="Name of the client.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=50051, show_default=True, help="To listen on."
)
@json_flag
def command(directory: Path, hosts: tuple[str, ...], client: str, port: int, as_json: bool) -> None:
    """Write throw-away certificates and matching configuration files to DIRECTORY.

    For a first try, never for production: the certificates end in 30 days and say what they are.
    """
    files = make_development_certificates(directory, hosts=hosts, clients=(client,))
    address = f"{hosts[0]}:{port}"
    database = directory.resolve() / "gallery.db"
    server, own = directory / "server.toml", directory / "client.toml"
    write_whole(server, _SERVER.format(address=address, database=database).encode())
    write_whole(own, _CLIENT.format(address=address, client=client).encode())
    if as_json:
        print_json(
            {
                "authority": str(files.authority),
                "server_certificate": str(files.server.certificate),
                "client_certificate": str(files.clients[client].certificate),
                "policy": str(files.policy),
                "server_config": str(server),
                "client_config": str(own),
            }
        )
        return
    console = out()
    console.print(f"start:  ridgeline up --config {server}", soft_wrap=True)
    console.print(f"then:   export RIDGELINE_CONFIG={own.resolve()}", soft_wrap=True)
    console.print("        ridgeline status")
