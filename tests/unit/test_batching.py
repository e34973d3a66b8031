"""The schedule of a shard's threads: what shares a pass, and who comes next."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from workers.batching import Job, Schedule, Ticket

THREADS = 2


def tickets(*groups: str | None) -> list[Ticket[int, str]]:
    return [Ticket(number, group) for number, group in enumerate(groups)]


def filled(some: list[Ticket[int, str]], batch_max: int = 64) -> Schedule[int, str]:
    schedule: Schedule[int, str] = Schedule(batch_max)
    for ticket in some:
        schedule.add(ticket)
    return schedule


def taken(schedule: Schedule[int, str]) -> Job[int, str]:
    job = schedule.next()
    assert job is not None
    return job


def numbers(job: Job[int, str]) -> list[int]:
    return [ticket.search for ticket in job.tickets]


def test_an_idle_shard_starts_at_once() -> None:
    schedule = filled(tickets("a"))
    assert numbers(taken(schedule)) == [0]


def test_what_arrives_during_a_pass_shares_the_next() -> None:
    first, *later = tickets("a", "a", "a", "a")
    schedule = filled([first])
    running = taken(schedule)
    for ticket in later:
        schedule.add(ticket)
    assert schedule.next() is None
    schedule.finished(running)
    assert numbers(taken(schedule)) == [0]  # the older search's own work goes first
    assert numbers(taken(schedule)) == [1, 2, 3]


def test_groups_have_passes_of_their_own_and_a_pass_is_bounded() -> None:
    schedule = filled(tickets("a", "b", "a", "a", "b"), batch_max=2)
    passes = []
    while (job := schedule.next()) is not None:
        schedule.finished(job)
        passes += [numbers(job)] if job.group else []
    assert passes == [[0, 2], [1, 4], [3]]


def test_nobody_waits_for_the_rest_of_those_it_shared_a_pass_with() -> None:
    """Each search is answered as soon as its own work is done, the oldest first."""
    schedule = filled(tickets("a", "a", "a"))
    schedule.finished(taken(schedule))
    done = []
    while (job := schedule.next()) is not None:
        schedule.finished(job)
        done.append(numbers(job))
    assert done == [[0], [1], [2]]


def test_a_search_of_everybody_leaves_a_thread_to_the_others() -> None:
    schedule = filled(tickets(None, None, "a"))
    long = taken(schedule)
    assert numbers(long) == [0]
    assert numbers(taken(schedule)) == [2]  # and not the second of everybody
    schedule.finished(long)
    assert numbers(taken(schedule)) == [1]


def test_a_search_that_left_is_not_worked_on() -> None:
    waiting, passing, ready = tickets("b", "a", None)
    schedule = filled([passing, waiting, ready])
    job = taken(schedule)
    for ticket in (waiting, passing, ready):
        schedule.leave(ticket)
    schedule.finished(job)
    assert schedule.next() is None
    assert not schedule.waiting


class Shard(RuleBasedStateMachine):
    """Any order of events: what a shard's threads may rely on, and what its callers may."""

    @initialize(batch_max=st.integers(1, 4))
    def start(self, batch_max: int) -> None:
        self.batch_max = batch_max
        self.schedule: Schedule[int, str] = Schedule(batch_max)
        self.all: list[Ticket[int, str]] = []
        self.running: list[Job[int, str]] = []
        self.passed: list[int] = []
        self.ended: list[int] = []

    @rule(group=st.sampled_from(["a", "b", None]))
    def arrive(self, group: str | None) -> None:
        ticket = Ticket(len(self.all), group)
        self.all.append(ticket)
        self.schedule.add(ticket)

    @precondition(lambda self: self.all)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.schedule.leave(data.draw(st.sampled_from(self.all)))

    @precondition(lambda self: len(self.running) < THREADS)
    @rule()
    def take(self) -> None:
        job = self.schedule.next()
        if job is None:
            # Work may wait only for a pass or for a search of everybody that is running.
            idle = not self.running
            assert not (idle and self.schedule.waiting)
            return
        assert not any(ticket.left for ticket in job.tickets)
        assert len(job.tickets) <= self.batch_max
        assert numbers(job) == sorted(numbers(job))
        if job.group is None:
            assert len(job.tickets) == 1
            assert job.tickets[0].group is None or numbers(job)[0] in self.passed
        else:
            assert {ticket.group for ticket in job.tickets} == {job.group}
            assert not set(numbers(job)) & set(self.passed)
        self.running.append(job)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(self.running))
        self.running.remove(job)
        self.schedule.finished(job)
        (self.ended if job.group is None else self.passed).extend(numbers(job))

    @invariant()
    def bounded(self) -> None:
        assert sum(job.group is not None for job in self.running) <= 1
        everybody = [t for job in self.running for t in job.tickets if t.group is None]
        assert len(everybody) <= 1

    def teardown(self) -> None:
        """Every search that stayed comes to its end."""
        while self.running or self.schedule.waiting:
            for job in self.running:
                self.schedule.finished(job)
                (self.ended if job.group is None else self.passed).extend(numbers(job))
            following = self.schedule.next()
            self.running = [] if following is None else [following]
        assert len(set(self.ended)) == len(self.ended)
        assert {t.search for t in self.all if not t.left} <= set(self.ended)


TestShard = Shard.TestCase
TestShard.settings = settings(max_examples=50, deadline=None)


@given(st.lists(st.sampled_from(["a", "b", None]), max_size=12))
def test_two_threads_end_every_search(groups: list[str | None]) -> None:
    """With two jobs always under way, searches without a pass do not keep the others out."""
    schedule = filled(tickets(*groups))
    running: list[Job[int, str]] = []
    ended: list[int] = []
    while True:
        while len(running) < THREADS and (job := schedule.next()) is not None:
            running.append(job)
        if not running:
            break
        job = running.pop(0)
        schedule.finished(job)
        ended += numbers(job) if job.group is None else []
    assert sorted(ended) == list(range(len(groups)))
