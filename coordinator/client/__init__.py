"""Client library: what a booking system needs to submit prints and read answers.

from coordinator.client import ClientConfig, RidgelineClient, purpose
"""

from coordinator.client.asynchronous import AsyncRidgelineClient
from coordinator.client.blocking import RidgelineClient
from coordinator.client.config import ClientConfig
from coordinator.client.requests import Prints, enroll_request, identify_request, purpose

__all__ = [
    "AsyncRidgelineClient",
    "ClientConfig",
    "Prints",
    "RidgelineClient",
    "enroll_request",
    "identify_request",
    "purpose",
]
