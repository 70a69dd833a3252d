from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vidsearch.errors import PackFormatError
from vidsearch.faces.detect import centerface_weights as centerface
from vidsearch.models.open_pack import CENTERFACE, find_file


@pytest.fixture(scope="module")
def published() -> bytes:
    return find_file(CENTERFACE).read_bytes()


@pytest.fixture(scope="module")
def converted(published: bytes) -> bytes:
    return centerface.convert(published)


def test_any_size_and_no_warning(converted: bytes, tmp_path: Path) -> None:
    """In a process of its own, with ONNX Runtime's default logging: nothing but our line."""
    path = tmp_path / "centerface.onnx"
    path.write_bytes(converted)
    script = (
        "import sys, numpy as np, onnxruntime as ort;"
        "session = ort.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider']);"
        "sizes = [(1, 3, 32, 64), (2, 3, 96, 32)];"
        "inputs = [{'input.1': np.zeros(s, np.float32)} for s in sizes];"
        "print([[o.shape for o in session.run(None, i)] for i in inputs])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, check=True
    )
    assert answer.stderr == ""
    # A quarter of each side; heat, size, offset, landmarks have 1, 2, 2, 10 channels.
    expected = [
        [(1, 1, 8, 16), (1, 2, 8, 16), (1, 2, 8, 16), (1, 10, 8, 16)],
        [(2, 1, 24, 8), (2, 2, 24, 8), (2, 2, 24, 8), (2, 10, 24, 8)],
    ]
    assert answer.stdout.strip() == str(expected)


def test_the_numbers_are_those_of_the_published_file(
    published: bytes, converted: bytes, rng: np.random.Generator
) -> None:
    """At the one size that the published file accepts."""
    import onnxruntime as ort

    quiet = ort.SessionOptions()
    quiet.log_severity_level = 4
    planes = rng.uniform(0, 255, (10, 3, 32, 32)).astype(np.float32)
    ours, theirs = (
        ort.InferenceSession(data, quiet, providers=["CPUExecutionProvider"]).run(
            None, {"input.1": planes}
        )
        for data in (converted, published)
    )
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our, their, atol=1e-4)


def test_converting_twice_gives_the_same_bytes(published: bytes, converted: bytes) -> None:
    assert centerface.convert(published) == converted


@pytest.mark.parametrize("length", [0, 1, 5000, 7_000_000])
def test_a_cut_or_empty_file_is_an_error(published: bytes, length: int) -> None:
    with pytest.raises(PackFormatError, match="not a valid ONNX model"):
        centerface.convert(published[:length])


def test_noise_is_an_error(rng: np.random.Generator) -> None:
    with pytest.raises(PackFormatError, match="not a valid ONNX model"):
        centerface.convert(rng.bytes(4096))


def test_another_model_is_an_error_that_says_what_it_is() -> None:
    from onnx import TensorProto, helper

    value = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("image", "faces")
    ]
    node = helper.make_node("Relu", ["image"], ["faces"])
    graph = helper.make_graph([node], "other", value[:1], value[1:])
    other = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    with pytest.raises(PackFormatError, match=r"not CenterFace: its inputs are \('image',\)"):
        centerface.convert(other.SerializeToString())
