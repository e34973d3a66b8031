"""The matching backends, chosen by name."""

from __future__ import annotations

from workers.errors import ErrorCode, RidgelineError
from workers.matching.backend import Backend
from workers.matching.backends.cupy_probe import why_unusable

BACKENDS = ("auto", "numpy", "reference", "cupy")
"""Names that `load_backend` knows."""


def load_backend(name: str = "auto") -> Backend:
    """The backend of that name; ``"auto"`` is the GPU where one works, else NumPy.

    Raises:
        RidgelineError: INVALID_FIELD for a name that is not known or not usable here.
    """
    if name == "reference":
        from workers.matching.backends.reference import ReferenceBackend

        return ReferenceBackend()
    if name == "cupy":
        return _cupy_backend()
    if name == "auto" and why_unusable() is None:
        return _cupy_backend()
    if name in ("auto", "numpy"):
        from workers.matching.backends.numpy_backend import NumpyBackend

        return NumpyBackend()
    raise RidgelineError(
        ErrorCode.INVALID_FIELD,
        f"no backend {name!r}; known are {', '.join(BACKENDS)}",
        field="backend",
    )


def _cupy_backend() -> Backend:
    reason = why_unusable()
    if reason is not None:
        raise RidgelineError(
            ErrorCode.INVALID_FIELD,
            f"the cupy backend does not work here ({reason}); use auto or numpy",
            field="backend",
        )
    from workers.matching.backends.cupy_backend import CupyBackend
    from workers.matching.backends.cupy_device import CupyDevice

    return CupyBackend(CupyDevice())
