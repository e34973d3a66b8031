"""The matching backends, chosen by name."""

from __future__ import annotations

from workers.errors import ErrorCode, RidgelineError
from workers.matching.backend import Backend

BACKENDS = ("auto", "numpy", "reference", "cupy")
"""Names that `load_backend` knows."""


def load_backend(name: str = "auto") -> Backend:
    """The backend of that name; ``"auto"`` is the fastest one that works here.

    Raises:
        RidgelineError: INVALID_FIELD for a name that is not known or not available.
    """
    if name in ("auto", "numpy"):
        from workers.matching.backends.numpy_backend import NumpyBackend

        return NumpyBackend()
    if name == "reference":
        from workers.matching.backends.reference import ReferenceBackend

        return ReferenceBackend()
    if name == "cupy":
        raise RidgelineError(
            ErrorCode.INVALID_FIELD,
            "this release has no cupy backend; use auto or numpy",
            field="backend",
        )
    raise RidgelineError(
        ErrorCode.INVALID_FIELD,
        f"no backend {name!r}; known are {', '.join(BACKENDS)}",
        field="backend",
    )
