"""Small ONNX files with the inputs and outputs of the real networks, and packs of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.faces.geometry.align import ARCFACE_112
from vidsearch.faces.normalisation import Normalisation
from vidsearch.models.calibration import Calibration
from vidsearch.models.pack import DetectorSpec, EmbedderSpec, ModelPack, PackFile
from vidsearch.models.pack_toml import describe_file, write_pack

DIM = 6


def save_scrfd(path: Path, *, landmarks: bool = True) -> None:
    """Write a detector that finds red squares of 8 x 8 pixels on its finest grid.

    As in SCRFD: strides 8, 16, 32 with two anchors a cell, outputs grouped into scores, boxes and
    landmarks. The score of a cell is its mean normalised red, anchor 0 of stride 8 only. Distances
    to the box: 1 cell left and up, 2 right and down. Landmark j: (j - 2, 2 - j) cells.
    """
    graph = _Graph()
    for name, channels, bias in (
        ("score", 1, [0.0]),
        ("box", 4, [1.0, 1.0, 2.0, 2.0]),
        ("landmarks", 10, [c for j in range(5) for c in (j - 2.0, 2.0 - j)]),
    ):
        if name == "landmarks" and not landmarks:
            continue
        for stride in (8, 16, 32):
            weight = np.zeros((2 * channels, 3, stride, stride), np.float32)
            if name == "score" and stride == 8:
                weight[0, 0] = 1 / 64
            graph.per_anchor(
                f"{name}_{stride}", weight, np.array([*bias, *bias], np.float32), channels
            )
    graph.save(path, [1, 3, "height", "width"])


def save_arcface(
    path: Path, *, batch: int | str = "batch", side: int = 112, dim: int = DIM
) -> None:
    """Write an embedder: means of normalised red, green, blue, then of red in columns 0, 1, ..."""
    weight = np.zeros((dim, 3, side, side), np.float32)
    for channel in range(3):
        weight[channel, channel] = 1 / side**2
    for column in range(dim - 3):
        weight[3 + column, 0, :, column] = 1 / side
    graph = _Graph()
    graph.embedding(weight)
    graph.save(path, [batch, 3, side, side])


def save_raccoon(
    root: Path, name: str = "raccoon_s", *, with_sha256: bool = True, dim: int = DIM
) -> Path:
    """Write a pack with a manifest, as published by InsightFace; return its folder."""
    folder = root / "models" / name
    folder.mkdir(parents=True)
    save_scrfd(folder / "det.onnx")
    save_arcface(folder / "rec.onnx", dim=dim)
    tasks: dict[str, dict[str, Any]] = {
        "detection": {"file": "det.onnx"},
        "recognition": {"file": "rec.onnx", "embedding_dimension": DIM},
    }
    if with_sha256:
        for task in tasks.values():
            task["sha256"] = describe_file(folder / task["file"]).sha256
    (folder / "MODEL.LICENSE").write_text("{}")
    (folder / "manifest.json").write_text(
        json.dumps(
            {"manifest_version": 2, "model_id": name, "license": "MODEL.LICENSE", "tasks": tasks}
        )
    )
    return folder


def save_own_pack(
    folder: Path, *, name: str = "my-faces", detector: str = "scrfd", embedder: str = "onnx"
) -> Path:
    """Write a pack folder with ``pack.toml`` and return it."""
    folder.mkdir()
    save_arcface(folder / "embedder.onnx")
    files = [describe_file(folder / "embedder.onnx")]
    if detector == "scrfd":
        save_scrfd(folder / "detector.onnx")
        files.append(describe_file(folder / "detector.onnx"))
    spec = DetectorSpec(
        kind=detector,  # type: ignore[arg-type]
        file="detector.onnx" if detector == "scrfd" else None,
    )
    pack = toy_pack(
        name=name, detector=spec, embedder=embedder_spec(kind=embedder), files=tuple(files)
    )
    write_pack(pack, folder)
    return folder


def embedder_spec(**changes: Any) -> EmbedderSpec:
    fields: dict[str, Any] = {
        "kind": "onnx",
        "file": "embedder.onnx",
        "dim": DIM,
        "template": ARCFACE_112,
        "normalisation": Normalisation(),
        "mirror": True,
    }
    return EmbedderSpec(**(fields | changes))


def toy_pack(**changes: Any) -> ModelPack:
    fields: dict[str, Any] = {
        "name": "my-faces",
        "version": "2025-01",
        "licence": "Apache-2.0",
        "licence_url": "https://www.apache.org/licenses/LICENSE-2.0",
        "licence_notes": 'trained on "our" archive\tünïcode \\ \x7f',
        "commercial_use": True,
        "detector": DetectorSpec(kind="centerface"),
        "embedder": embedder_spec(),
        "calibration": Calibration(
            slope=25.5,
            intercept=-9.25,
            fitted_on="pairs of our own",
            pairs=3000,
            genuine_share=0.25,
            checked_on="others",
            expected_calibration_error=1e-5,
        ),
        "files": (PackFile(name="embedder.onnx", sha256="ab" * 32, size_bytes=1000),),
    }
    return ModelPack(**(fields | changes))


class _Graph:
    """ONNX graph of convolutions, built output by output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.outputs: list[Any] = []

    def per_anchor(
        self, name: str, weight: NDArray[np.float32], bias: NDArray[np.float32], channels: int
    ) -> None:
        """Add (1, 2 * channels, h, w) to (h * w * 2, channels), flattened as in the real files."""
        stride = weight.shape[-1]
        grid = self._add(
            "Conv",
            ["image", self._constant(f"{name}_w", weight), self._constant(f"{name}_b", bias)],
            f"{name}_grid",
            kernel_shape=[stride, stride],
            strides=[stride, stride],
        )
        last = self._add("Transpose", [grid], f"{name}_last", perm=[0, 2, 3, 1])
        shape = self._constant(f"{name}_shape", np.array([-1, channels], np.int64))
        self._output(self._add("Reshape", [last, shape], name), ["anchors", channels])

    def embedding(self, weight: NDArray[np.float32]) -> None:
        """Add (N, 3, S, S) to (N, D): one number per filter of the size of the image."""
        side = weight.shape[-1]
        whole = self._add(
            "Conv", ["image", self._constant("w", weight)], "whole", kernel_shape=[side, side]
        )
        flat = self._add("Flatten", [whole], "embedding", axis=1)
        self._output(flat, ["batch", len(weight)])

    def save(self, path: Path, shape: list[int | str]) -> None:
        import onnx
        from onnx import TensorProto, helper

        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, "toy", [image], self.outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, str(path))

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def _add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def _output(self, name: str, shape: list[int | str]) -> None:
        from onnx import TensorProto, helper

        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
