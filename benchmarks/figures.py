"""The tables of figures in README and docs, rendered from recorded results.

`benchmarks.render` puts them there; `tests/unit/test_figures.py` checks that they are there.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import gpu_roofline
from benchmarks.accuracy.tables import PEER_TABLES
from benchmarks.calibration_tables import CALIBRATION_TABLES
from benchmarks.failover_tables import FAILOVER_TABLES
from benchmarks.identification_tables import IDENTIFICATION_TABLES
from benchmarks.markdown import NONE, percent, set_name, table
from benchmarks.record import recorded
from benchmarks.robustness_tables import ROBUSTNESS_TABLES
from benchmarks.scale_tables import SCALE_TABLES
from benchmarks.segment_tables import SEGMENT_TABLES


def verification() -> str:
    """Error rates of single fingers."""
    rows = []
    for name, report in recorded("accuracy")["verification"].items():
        low, high = report["intervals"]["eer"]
        rows.append(
            (
                set_name(name),
                f"{report['genuine']:,} / {report['impostor']:,}",
                str(report["at_eer_threshold"]["genuine_lost"]),
                f"{100 * report['eer']:.2f} % ({percent(low, high)})" if high else NONE,
                f"{round(report['fnmr_at_fmr']['0.001'] * report['genuine'])}",
            )
        )
    head = (
        "single fingers",
        "genuine / impostor pairs",
        "genuine lost at the EER threshold",
        "EER (interval)",
        "lost at FMR 0.1 %",
    )
    return table(head, rows)


def identification() -> str:
    """Ranks of mates among generated subjects."""
    rows = []
    for name, report in recorded("accuracy")["identification"].items():
        low, high = report["rank1_interval"]
        seconds = report["search_seconds"]
        rows.append(
            (
                f"{set_name(name)}, {len(report['fingers'])} fingers",
                f"{report['rank1_count']} of {report['mated_probes']}",
                percent(low, high),
                f"{report['outcomes']['nonmated'].get('NO_CANDIDATE', 0)} of "
                f"{report['nonmated_probes']}",
                f"{seconds['p50']:.2f} / {seconds['p95']:.2f} s",
            )
        )
    head = (
        "whole persons, among 1,000 generated subjects",
        "mate at rank 1",
        "interval",
        "no candidate when the mate is left out",
        "search, median / 95th",
    )
    return table(head, rows)


def consolidation_choice() -> str:
    """Genuine pairs lost by iterations and by what the score is divided by."""
    result = recorded("consolidation_choice")
    rows = [
        (
            f"{choice['iterations']} iterations, size to the power of {choice['power']:g}",
            *(_lost(errors[number]) for errors in result["sets"].values()),
        )
        for number, choice in enumerate(result["choices"])
    ]
    return table(("genuine pairs lost", *map(set_name, result["sets"])), rows)


def _lost(errors: dict[str, float]) -> str:
    return f"{errors['lost_at_fmr_0.001']:.0f} / {errors['lost_at_no_false_match']:.0f}"


def projection() -> str:
    """A projection learned on generated prints against one learned on real ones."""
    rows = []
    for name, both in recorded("projection_choice").items():
        cells = [
            f"{kind['lost_at_eer_threshold']} / "
            f"{round(kind['fnmr_at_fmr_0.001'] * kind['genuine'])} of {kind['genuine']}"
            for kind in (both["generated"], both["real"])
        ]
        rows.append((name, *cells))
    head = ("genuine pairs lost at the EER threshold / at FMR 0.1 %", "generated", "real")
    return table(head, rows)


def sketch() -> str:
    """Mates that the sketch loses, by depth."""
    result = recorded("sketch_loss")
    rows = []
    for fingers, entry in result["fingers"].items():
        at = entry["depth"]
        for level in ("coarse", "fine"):
            lost = [str(count) for count in entry["lost_at_share"][level]]
            chosen = "left out" if at[level] >= 1.0 else f"{at[level]:.2%}"
            rows.append((f"{fingers} fingers, {level}", f"{entry['mates']:,}", *lost, chosen))
    shares = [f"{share:.2%}" for share in result["shares"]]
    return table(("mates lost where so many go on", "mates", *shares, "chosen"), rows)


def throughput() -> str:
    """Speed of the stages and of complete searches."""
    result = recorded("throughput")
    screens, sketches = result["screen_comparisons_per_s"], result["sketch_pairs_per_s"]
    rows = [
        ("screen, 40 x 32 minutiae, one core", f"{screens['threads=1,batch=1']:,.0f} fingers/s"),
        ("the same, two processes", f"{screens['threads=2,batch=1']:,.0f} fingers/s"),
        (
            "share of the matrix-product peak that the screen reaches",
            f"{result['blas_peak_fraction']:.0%} of {result['blas_peak_gflops']:.0f} GFLOP/s",
        ),
        *(
            (
                f"sketch, subjects against probes, {batch} at a time, one core",
                f"{sketches[f'threads=1,batch={batch}'] / 1e6:,.0f} M pairs/s",
            )
            for batch in (1, 64)
        ),
        *(
            (
                f"search of {int(size):,} subjects",
                f"{s['p50']:.2f} s (95th {s['p95']:.2f} s), in a batch of {s['batch']} "
                f"{s['batched']:.2f} s; mate first in {s['mates_first']} of {s['searches']}",
            )
            for size, s in result["search_seconds"].items()
        ),
        ("memory", f"{result['bytes_per_finger']:,.0f} bytes a finger"),
    ]
    return table(("", ""), rows)


def peer_speed() -> str:
    """Speed of ours and of peers on the same fingers."""
    result = recorded("throughput")
    by_matcher = {
        "Ridgeline, screen": result["screen_comparisons_per_s_by_minutiae"],
        "Ridgeline, consolidation": result["consolidation_comparisons_per_s_by_minutiae"],
        **{name: of["comparisons_per_s_by_minutiae"] for name, of in result["peers"].items()},
    }
    sizes = list(next(iter(by_matcher.values())))
    rows = [
        (name, *(f"{rates[size]:,.{0 if rates[size] >= 10 else 1}f}" for size in sizes))
        for name, rates in by_matcher.items()
    ]
    head = (
        "comparisons of two fingers a second, one core",
        *(s.replace("x", " x ") for s in sizes),
    )
    return table(head, rows)


def extraction() -> str:
    """The rebuilt network's time."""
    result = recorded("extraction_speed")
    ratio, found = result["rebuilt_over_shipped"], result["minutiae"]
    return (
        f"takes {ratio['p50']:.2f} of the time ({ratio['p5']:.2f} to {ratio['p95']:.2f} over "
        f"{result['images']} prints) and finds the same {found['both']:,} minutiae"
    )


def kernels() -> str:
    """What the compilers say about the CUDA kernels."""
    head = (
        "kernel",
        "registers, sm_80 / 90 / 100",
        "shared bytes",
        "stack and spills",
        "warps of 64",
        "IMMA in the hot loop, sm_80",
        "128-bit loads in it",
    )
    return table(head, list(gpu_roofline.kernel_rows()))


def gpu_screen() -> str:
    """Bounds of the screen kernels."""
    head = (
        "minutiae",
        "device",
        "bytes",
        "memory",
        "tensor cores",
        "instructions",
        "bound, 10⁹ comparisons/s",
    )
    return table(head, list(gpu_roofline.screen_rows()))


def gpu_sketch() -> str:
    """Bounds of the sketch kernels."""
    head = (
        "probes",
        "device",
        "bytes a pair",
        "memory",
        "tensor cores",
        "instructions",
        "bound, 10⁹ pairs/s",
    )
    return table(head, list(gpu_roofline.sketch_rows()))


def gpu_capacity() -> str:
    """Devices that galleries need."""
    head = (
        "subjects",
        "sketches, devices",
        *(f"one probe, {card.name}" for card in gpu_roofline.CARDS),
        "descriptors, devices",
    )
    return table(head, list(gpu_roofline.capacity_rows()))


TABLES: dict[str, Callable[[], str]] = {
    "verification": verification,
    **PEER_TABLES,
    **CALIBRATION_TABLES,
    **ROBUSTNESS_TABLES,
    **SEGMENT_TABLES,
    "identification": identification,
    **IDENTIFICATION_TABLES,
    "consolidation choice": consolidation_choice,
    "projection": projection,
    "sketch": sketch,
    "throughput": throughput,
    "peer speed": peer_speed,
    "extraction": extraction,
    "kernels": kernels,
    "gpu screen": gpu_screen,
    "gpu sketch": gpu_sketch,
    "gpu capacity": gpu_capacity,
    **FAILOVER_TABLES,
    **SCALE_TABLES,
}
