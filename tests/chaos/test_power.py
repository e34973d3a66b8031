"""A power failure at any moment: what was acknowledged had been synced."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from coordinator.client import RidgelineClient
from tests.chaos.enrolling import Acknowledged, Enrolling, check
from tests.chaos.power import Record, build, files_after, records
from tests.chaos.processes import CoordinatorProcess, Nursery, Site, free_address
from workers.errors import RidgelineError

pytestmark = pytest.mark.chaos

SUBJECTS, FAILURES, SEED = 300, 60, 4


class Recorded:
    """A coordinator's writes while subjects were enrolled, and when each was acknowledged."""

    def __init__(self, nursery: Nursery, folder: Path) -> None:
        data = folder / "data"
        data.mkdir()
        self.site = Site.make(folder, data=data)
        log = folder / "writes.log"
        environment = {
            "LD_PRELOAD": str(build(folder)),
            "RECORDER_FOLDER": str(data),
            "RECORDER_LOG": str(log),
        }
        address = free_address()
        with (
            CoordinatorProcess(nursery, self.site, address, environment=environment) as process,
            RidgelineClient(self.site.client_config(address)) as client,
        ):
            process.wait_for("serving on")
            enrolling = Enrolling(client, clock=lambda: log.stat().st_size)
            enrolling.run(range(SUBJECTS))
        assert len(enrolling.acknowledged) == SUBJECTS
        self.acknowledged = enrolling.acknowledged
        self.history = list(records(log.read_bytes()))

    def until(self, end: int) -> tuple[list[Record], dict[int, Acknowledged]]:
        """What was written, and acknowledged, when the log was so long."""
        return (
            [record for record in self.history if record.end <= end],
            {k: one for k, one in self.acknowledged.items() if one.at <= end},
        )

    def left(self, history: list[Record], folder: Path, draw: random.Random) -> str:
        """Writes what a power failure then could have left; URL of the gallery."""
        folder.mkdir()
        for path, content in files_after(history, draw).items():
            if not path.endswith("-shm"):  # an index in memory, made anew
                (folder / Path(path).name).write_bytes(content)
        return f"sqlite:///{folder / self.site.database.name}"


@pytest.fixture(scope="module")
def recorded(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return Recorded(nursery, tmp_path_factory.mktemp("recorded"))


def test_what_was_acknowledged_survives_and_nothing_is_half_written(
    recorded: Recorded, tmp_path: Path
) -> None:
    """Half of the failures come just as an answer did: nothing after it was synced for it."""
    draw = random.Random(SEED)
    answered = sorted(one.at for one in recorded.acknowledged.values())
    moments = draw.sample(answered, FAILURES // 2)
    moments += [draw.randrange(answered[0], answered[-1]) for _ in range(FAILURES // 2)]
    journal = [r for r in recorded.history if r.path.endswith("-wal") and r.op == "W"]
    assert sum(r.offset == 0 for r in journal) > 1  # it was checkpointed and begun anew
    for number, moment in enumerate(moments):
        history, told = recorded.until(moment)
        url = recorded.left(history, tmp_path / str(number), draw)
        assert check(url, recorded.site.key_file, told) >= len(told) > 0


def test_a_coordinator_that_did_not_sync_would_be_found_out(
    recorded: Recorded, tmp_path: Path
) -> None:
    """The same with the syncs of the journal taken out: the test above can fail."""
    draw = random.Random(SEED)
    moment = sorted(one.at for one in recorded.acknowledged.values())[SUBJECTS // 2]
    history, told = recorded.until(moment)
    since = len(history) * 3 // 4
    lazy = history[:since] + [r for r in history[since:] if r.op != "S"]
    url = recorded.left(lazy, tmp_path / "lazy", draw)
    with pytest.raises((AssertionError, KeyError, RidgelineError)):
        check(url, recorded.site.key_file, told)
