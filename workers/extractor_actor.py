"""An extractor as a Ray actor: prepares submissions, one at a time."""

from __future__ import annotations

from typing import Final

import threadpoolctl

from workers.biometrics.model import Submission
from workers.biometrics.quality import QualityGate
from workers.errors import RidgelineError
from workers.prepare import PreparedSubmission, prepare

ACTOR_OPTIONS: Final = {"num_cpus": 1, "max_restarts": -1, "max_task_retries": 0}
"""For `ray.remote`."""


class ExtractorActor:
    """Runs `workers.prepare.prepare`, an actor with `ACTOR_OPTIONS`.

    Typed errors are returned, not raised, since Ray would wrap them.
    """

    def __init__(self, gate: QualityGate) -> None:
        threadpoolctl.threadpool_limits(1, user_api="blas")
        self._gate = gate

    def ready(self) -> bool:
        """Answers once the actor runs."""
        return True

    def prepare(self, submission: Submission) -> PreparedSubmission | RidgelineError:
        """See `workers.prepare.prepare`."""
        try:
            return prepare(submission, self._gate)
        except RidgelineError as error:
            return error
