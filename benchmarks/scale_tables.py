"""The tables of `docs/scale.md`: the recorded scale-out, and plans made from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.gpu_roofline import CARDS, sketch_bytes
from benchmarks.markdown import table
from benchmarks.record import recorded
from benchmarks.scale_plan import (
    IDENT_PEAK_PER_S,
    IDENT_SUBJECTS,
    MACHINE,
    REPLICAS,
    SUBJECTS,
    UTILISATION,
    Plan,
    encounter_bytes,
    gpu_sketch_devices,
    measured_seconds,
    modelled_seconds,
    plan,
    slack,
)
from benchmarks.scale_plan import sketch_bytes as held_bytes


def scale_out() -> str:
    """Throughput and latency by nodes."""
    result = recorded("scale_out")["scale"]
    rows = [
        (
            str(run["nodes"]),
            f"{run['closed']['per_s']:.2f} ({_part(run, 'slowest')} to {_part(run, 'fastest')})",
            f"{run['efficiency']:.2f}",
            " / ".join(_seconds(run["open"]["latency_s"][q]) for q in ("p50", "p95", "p99")),
            f"{run['first_search_s']:.1f} s",
            f"{run['closed']['answered']:,} / {run['open']['answered']:,}",
        )
        for run in result["runs"]
    ]
    head = (
        "nodes",
        "searches a second (slowest to fastest fifth of the time)",
        "efficiency",
        f"latency at {result['open_rate_per_s']:.2f} arrivals a second, p50 / p95 / p99, s",
        "first whole answer after",
        "answers, closed / open",
    )
    return table(head, rows)


def scale_recovery() -> str:
    """What a killed node, and one that joins, do to searches under way."""
    result = recorded("scale_out")["recovery"]
    (run,) = result["runs"]
    killed, joined = run["recovery"], run["rebalance"]
    rows = [
        (
            f"one of {run['nodes']} killed",
            f"{killed['whole_again_s']:.1f} s to a whole answer to a search begun after it, "
            f"{killed['replicated_again_s']:.1f} s to {result['replicas']} replicas of everything",
            f"{killed['slowest_answer_s']:.1f} s",
            _counts(killed),
        ),
        (
            f"one joins to make {joined['nodes_after']}",
            f"{joined['seconds']:.1f} s to move {joined['partitions_moved']} of "
            f"{joined['partition_replicas']} partitions",
            f"{joined['slowest_answer_s']:.1f} s",
            _counts(joined),
        ),
    ]
    head = ("node", "took", "slowest answer meanwhile", "searches answered / failed meanwhile")
    return table(head, rows)


def _counts(event: dict[str, Any]) -> str:
    failed = sum(event["load"]["failed"].values())
    return f"{event['load']['answered']:,} / {failed:,}"


def scale_model() -> str:
    """The model against what was measured."""
    scale = recorded("scale_out")["scale"]
    rows = [
        (
            f"search of {scale['subjects']:,} subjects in {scale['partitions']} partitions, "
            "one node of one core",
            f"{modelled_seconds():.2f} s",
            f"{measured_seconds():.2f} s",
            f"{slack():.2f}",
        )
    ]
    return table(("", "stages added up", "measured", "plans multiply by"), rows)


def scale_plans() -> str:
    """Machines for large galleries."""
    columns = [plan(subjects) for subjects in SUBJECTS]
    lines: list[tuple[str, Callable[[Plan], str]]] = [
        ("searches at the peak", lambda p: f"{p.peak_per_s:.1f} a second"),
        ("machines", lambda p: str(p.machines)),
        ("asked for by", lambda p: ", ".join(f"{k} {v}" for k, v in p.needed.items())),
        ("partitions", lambda p: f"{p.work.partitions:,}"),
        ("sketches in memory, both replicas", lambda p: _bytes(REPLICAS * _held(p))),
        ("descriptors on disk, both replicas", lambda p: _bytes(REPLICAS * _stored(p))),
        ("read from disk by a search", lambda p: _bytes(p.work.bytes_read)),
        ("core-seconds of a search", _stages),
        ("latency alone", lambda p: f"{p.alone_s:.2f} s"),
        ("mean latency at the peak", lambda p: f"{p.peak_s:.2f} s"),
        ("cores for extraction, at least", lambda p: str(p.extraction_cores)),
    ]
    rows = [(name, *(cell(column) for column in columns)) for name, cell in lines]
    head = ("subjects", *(f"{subjects // 1_000_000} M" for subjects in SUBJECTS))
    return table(head, rows)


def scale_assumptions() -> str:
    """What plans take for granted."""
    rows = [
        ("a machine", f"{MACHINE.cores} cores as fast as the recorded one's"),
        ("its memory", f"{_bytes(MACHINE.memory)}, {MACHINE.held:.0%} of it for the gallery"),
        ("its disks", f"{_bytes(MACHINE.read_per_s)}/s in reads of an encounter each"),
        ("replicas of a partition", str(REPLICAS)),
        (
            "searches at the peak",
            f"{IDENT_PEAK_PER_S:.0f} a second at {IDENT_SUBJECTS / 1e6:.0f} M subjects, in "
            "proportion to the gallery",
        ),
        ("cores and disks busy at the peak", f"{UTILISATION:.0%}"),
    ]
    return table(("", "assumed"), rows)


def scale_gpu() -> str:
    """What devices for the sketches would be: a prediction."""
    rows = []
    for subjects in SUBJECTS:
        devices = gpu_sketch_devices(subjects)
        # A search asks one replica of each partition.
        seconds = [subjects / devices * sketch_bytes(1) / card.bandwidth for card in CARDS]
        rows.append(
            (f"{subjects // 1_000_000} M", str(devices), *(f"{1e3 * s:.0f} ms" for s in seconds))
        )
    head = ("subjects", "devices of 80 GB", *(f"a pass, {card.name}" for card in CARDS))
    return table(head, rows)


def _held(made: Plan) -> float:
    return made.work.subjects * held_bytes()


def _stored(made: Plan) -> float:
    return made.work.subjects * encounter_bytes()


def _stages(made: Plan) -> str:
    stages = made.work.core_seconds()
    each = ", ".join(f"{name} {seconds:.2f}" for name, seconds in stages.items())
    return f"{sum(stages.values()) * slack():.1f} ({each}; times {slack():.2f})"


def _bytes(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e6:.0f} MB"


def _part(run: dict[str, Any], which: str) -> str:
    rate = run["closed"][f"per_s_{which}_part"]
    return "-" if rate is None else f"{rate:.2f}"


def _seconds(value: float | None) -> str:
    return "too few" if value is None else f"{value:.2f}"


SCALE_TABLES: dict[str, Callable[[], str]] = {
    "scale out": scale_out,
    "scale recovery": scale_recovery,
    "scale model": scale_model,
    "scale assumptions": scale_assumptions,
    "scale plans": scale_plans,
    "scale gpu": scale_gpu,
}
