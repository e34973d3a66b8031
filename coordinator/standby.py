"""What a coordinator answers while another is the active one: that it is not, and who is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from cluster.store import Lease
from coordinator.access import Policy, Role, load_policy, require_role
from coordinator.calls import Context, refuse
from coordinator.config import ServerConfig
from coordinator.errors import public_error
from coordinator.listening import SERVICES, listen, new_server
from coordinator.servicers.operations import coordinator_status
from protos.ridgeline.v1 import operations_pb2
from workers.errors import ErrorCode, RidgelineError

_SERVICE = operations_pb2.DESCRIPTOR.services_by_name["OperationsService"].full_name
_GET_STATUS = f"/{_SERVICE}/GetStatus"

_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def standing_by(config: ServerConfig, lease: Lease) -> AsyncIterator[str]:
    """Refuses calls as NOT_ACTIVE until left; health is NOT_SERVING, status tells who is active.

    Nothing is recorded: a standby cannot write, and answers nothing about the gallery.

    Yields:
        The address that clients connect to, ``"host:port"``.
    """
    server = new_server(config)
    healths = health.aio.HealthServicer()
    for service in ("", *SERVICES):
        await healths.set(service, health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(healths, server)
    server.add_generic_rpc_handlers((_Standby(load_policy(config.policy_file), lease),))
    address = listen(server, config)
    await server.start()
    _log.info("standing by on %s", address)
    try:
        yield address
    finally:
        await asyncio.shield(server.stop(None))


class _Standby(grpc.GenericRpcHandler):
    """Handles every method of every service that has no handler of its own."""

    def __init__(self, policy: Policy, lease: Lease) -> None:
        self._policy = policy
        self._lease = lease

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any]:
        if handler_call_details.method != _GET_STATUS:
            return grpc.stream_stream_rpc_method_handler(_refuse_call)
        return grpc.unary_unary_rpc_method_handler(
            self._status,
            request_deserializer=operations_pb2.GetStatusRequest.FromString,
            response_serializer=operations_pb2.GetStatusResponse.SerializeToString,
        )

    async def _status(
        self, request: operations_pb2.GetStatusRequest, context: Context
    ) -> operations_pb2.GetStatusResponse:
        del request
        try:
            require_role(self._policy.principal(context.auth_context()), Role.OPERATE)
            state = await asyncio.to_thread(self._lease.state)
        except RidgelineError as error:
            _log.warning("status refused: %s", error.code)
            await refuse(context, public_error(error))
        role = operations_pb2.COORDINATOR_ROLE_STANDBY
        return operations_pb2.GetStatusResponse(
            version=version("ridgeline"), coordinator=coordinator_status(role, self._lease, state)
        )


async def _refuse_call(requests: object, context: Context) -> None:
    del requests
    await refuse(context, public_error(RidgelineError(ErrorCode.NOT_ACTIVE, "it is standing by")))
