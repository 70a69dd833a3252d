"""Whole-frame descriptors: histograms and an ONNX classifier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from vidsearch.errors import ConfigError
from vidsearch.evaluation.ablation.frame_context import colour_and_edges, onnx_classifier


def test_context_descriptors(tmp_path: Path, rng: np.random.Generator) -> None:
    image = rng.integers(0, 255, (50, 70, 3)).astype(np.uint8)
    found = colour_and_edges(image)
    assert found.shape == (256,)
    assert [float((part**2).sum()) for part in (found[:128], found[128:])] == pytest.approx([1, 1])
    assert np.abs(found - colour_and_edges(255 - image)).max() > 0.01

    node = helper.make_node("GlobalAveragePool", ["x"], ["y"])
    graph = helper.make_graph(
        [node],
        "mean",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, 1, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "net.onnx")
    grey = np.full((20, 20, 3), 255, np.uint8)
    # White: (1 - mean) / deviation of ImageNet.
    expected = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert onnx_classifier(tmp_path / "net.onnx")(grey) == pytest.approx(expected, rel=1e-5)
    (tmp_path / "bad.onnx").write_bytes(b"x")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        onnx_classifier(tmp_path / "bad.onnx")
