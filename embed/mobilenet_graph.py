"""MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381, table 2) as an OpenVINO graph, from its weights.

The graph is built directly, so that the offline profile needs no torch. Batch norms are folded into the
convolutions; resizing happens outside, normalisation inside.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.quiet_openvino import load_openvino

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
STRIDE = 32
DIMENSION = 1280

_BLOCKS = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)
"""Rows of the paper's table: expansion, channels, repeats, stride of the first."""

_BATCH_NORM_EPSILON = 1e-5


def build(weights: dict[str, NDArray[np.float32]]) -> Any:
    """``openvino.Model``: uint8 RGB (n, height, width, 3), sides multiples of 32, to (n, 1280, h/32, w/32).
    """
    ov = load_openvino()
    from openvino import opset13 as op

    pixels = op.parameter([-1, -1, -1, 3], ov.Type.u8, name="pixels")
    scaled = op.divide(op.convert(pixels, "f32"), op.constant(np.float32(255)))
    centred = op.subtract(scaled, op.constant(np.array([[[IMAGENET_MEAN]]], np.float32)))
    scaled = op.divide(centred, op.constant(np.array([[[IMAGENET_STD]]], np.float32)))
    node = op.transpose(scaled, op.constant([0, 3, 1, 2]))
    node = _convolve(node, weights, "features.0", "0", "1", stride=2)
    layer, channels = 1, 32
    for expansion, out_channels, repeats, first_stride in _BLOCKS:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            prefix = f"features.{layer}.conv"
            node = _inverted_residual(node, weights, prefix, expansion, channels, out_channels, stride)
            layer, channels = layer + 1, out_channels
    node = _convolve(node, weights, f"features.{layer}", "0", "1")
    return ov.Model([op.result(node, name="feature_map")], [pixels], "mobilenetv2")


def _inverted_residual(
    node: Any, weights: dict[str, NDArray[np.float32]], prefix: str,
    expansion: int, channels: int, out_channels: int, stride: int,
) -> Any:
    from openvino import opset13 as op

    first, at = node, 0
    if expansion != 1:
        node, at = _convolve(node, weights, prefix, "0", "1"), 3
    node = _convolve(node, weights, prefix, f"{at}", f"{at + 1}", stride=stride, groups=channels * expansion)
    node = _convolve(node, weights, prefix, f"{at + 3}", f"{at + 4}", relu=False)
    return op.add(first, node) if stride == 1 and channels == out_channels else node


def _convolve(
    node: Any, weights: dict[str, NDArray[np.float32]], prefix: str, conv: str, norm: str,
    stride: int = 1, groups: int = 1, relu: bool = True,
) -> Any:
    from openvino import opset13 as op

    kernel = weights[f"{prefix}.{conv}.weight"].astype(np.float32)
    gain, shift, mean, variance = (
        weights[f"{prefix}.{norm}.{part}"].astype(np.float32)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gain / np.sqrt(variance + _BATCH_NORM_EPSILON)
    kernel = kernel * scale[:, None, None, None]
    pad = [kernel.shape[2] // 2] * 2
    if groups > 1:
        grouped = op.constant(kernel[:, None])
        node = op.group_convolution(node, grouped, [stride] * 2, pad, pad, [1, 1])
    else:
        node = op.convolution(node, op.constant(kernel), [stride] * 2, pad, pad, [1, 1])
    node = op.add(node, op.constant((shift - mean * scale).reshape(1, -1, 1, 1)))
    return op.clamp(node, 0.0, 6.0) if relu else node
