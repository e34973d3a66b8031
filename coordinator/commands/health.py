"""``ridgeline health``: a probe for whatever keeps the server running."""

from __future__ import annotations

import click
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from coordinator.client.failures import ridgeline_error
from coordinator.commands.connection import CommandConfig, connected
from coordinator.commands.failures import NOT_NOW


@click.command("health")
@click.option(
    "--alive",
    is_flag=True,
    help="Ask only whether it answers, as a standby does that is not serving.",
)
@connected
def command(alive: bool, config: CommandConfig) -> int:
    """Ask one server for its gRPC health; exit code 3 if it is not serving.

    Any client certificate that the server trusts will do: no principal is needed.
    """
    connection = config.connection
    with grpc.secure_channel(
        connection.address, connection.credentials(), connection.channel_options()
    ) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=connection.timeout_s
            )
        except grpc.RpcError as error:
            raise ridgeline_error(error) from None
    serving = answer.status == health_pb2.HealthCheckResponse.SERVING
    click.echo("serving" if serving else "not serving")
    return 0 if serving or alive else NOT_NOW
