"""The coordinators that a client knows: a channel with its stubs for each address."""

from __future__ import annotations

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from coordinator.client.config import ClientConfig
from protos.ridgeline.v1 import gallery_pb2_grpc, identification_pb2_grpc, operations_pb2_grpc

CHECK_TIMEOUT_S = 1.0
"""For a coordinator to say whether it is the active one."""

SERVING = health_pb2.HealthCheckResponse.SERVING


class BlockingCoordinator:
    """What can be called at one address."""

    def __init__(self, address: str, channel: grpc.Channel) -> None:
        self.address = address
        self.channel = channel
        self.identification = identification_pb2_grpc.IdentificationServiceStub(channel)
        self.gallery = gallery_pb2_grpc.GalleryServiceStub(channel)
        self.operations = operations_pb2_grpc.OperationsServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)


class AsyncCoordinator:
    """The same for asyncio code."""

    def __init__(self, address: str, channel: grpc.aio.Channel) -> None:
        self.address = address
        self.channel = channel
        self.identification = identification_pb2_grpc.IdentificationServiceStub(channel)
        self.gallery = gallery_pb2_grpc.GalleryServiceStub(channel)
        self.operations = operations_pb2_grpc.OperationsServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)


def blocking_coordinators(config: ClientConfig) -> list[BlockingCoordinator]:
    """One for each address, in order; connected when first called."""
    credentials, options = config.credentials(), config.channel_options()
    return [
        BlockingCoordinator(address, grpc.secure_channel(address, credentials, options))
        for address in config.addresses
    ]


def async_coordinators(config: ClientConfig) -> list[AsyncCoordinator]:
    """The same for asyncio code."""
    credentials, options = config.credentials(), config.channel_options()
    return [
        AsyncCoordinator(address, grpc.aio.secure_channel(address, credentials, options))
        for address in config.addresses
    ]
