from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidsearch import device as device_module
from vidsearch.device import CPU, Device, open_onnx, resolve_device
from vidsearch.errors import ConfigError, DeviceError, PackFormatError, PackNotFoundError


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set how many GPUs the driver shows and which providers ONNX Runtime was built with."""
    import onnxruntime as ort

    def show(count: int, *, cuda_build: bool) -> None:
        providers = ["CUDAExecutionProvider"] * cuda_build + ["CPUExecutionProvider"]
        monkeypatch.setattr(device_module, "driver_gpus", lambda: count)
        monkeypatch.setattr(ort, "get_available_providers", lambda: providers)

    return show


def save_doubler(path: Path) -> Path:
    """Write a model whose output is twice its input, of any length."""
    import onnx
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n"]) for n in ("x", "y")]
    node = helper.make_node("Add", ["x", "x"], ["y"])
    graph = helper.make_graph([node], "doubler", value[:1], value[1:])
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


@pytest.mark.parametrize("word", ["", "gpu", "CPU", "cuda:", "cuda:-1", "cuda:x", "cpu:0", "cuda "])
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(ConfigError, match=r"device must be auto, cpu, cuda or cuda:<number>; got"):
        resolve_device(word)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("cpu", CPU),
        ("auto", Device("cuda", 0)),
        ("cuda", Device("cuda", 0)),
        ("cuda:1", Device("cuda", 1)),
    ],
)
def test_two_gpus(gpus: Any, word: str, expected: Device) -> None:
    gpus(2, cuda_build=True)
    assert resolve_device(word) == expected


def test_auto_without_a_gpu_is_the_cpu(gpus: Any) -> None:
    gpus(0, cuda_build=True)
    assert resolve_device("auto") == CPU


def test_auto_with_a_gpu_but_a_cpu_build_is_the_cpu(gpus: Any) -> None:
    gpus(1, cuda_build=False)
    assert resolve_device("auto") == CPU


def test_a_missing_gpu_names_the_remedy(gpus: Any) -> None:
    gpus(0, cuda_build=True)
    message = r"^device 'cuda:0' is not visible here; pass --device cpu or auto$"
    with pytest.raises(DeviceError, match=message):
        resolve_device("cuda")


def test_a_number_beyond_the_last_gpu_says_how_many_there_are(gpus: Any) -> None:
    gpus(2, cuda_build=True)
    with pytest.raises(DeviceError, match=r"'cuda:7' is not visible here \(there are 2\); pass"):
        resolve_device("cuda:7")


def test_a_visible_gpu_and_a_cpu_build_is_an_error_that_says_so(gpus: Any) -> None:
    gpus(1, cuda_build=False)
    message = r"'cuda:0' is visible, but the installed onnxruntime is a build without CUDA; run"
    with pytest.raises(DeviceError, match=message):
        resolve_device("cuda:0")


def test_torch_is_asked_for_its_own_gpus(gpus: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    gpus(0, cuda_build=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert resolve_device("auto", "torch") == Device("cuda", 0)
    assert resolve_device("auto", "onnxruntime") == CPU


def test_no_driver_means_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise OSError("libcuda.so.1: cannot open shared object file")

    monkeypatch.setattr("ctypes.CDLL", missing)
    assert device_module.driver_gpus() == 0


def test_providers_put_the_device_first() -> None:
    assert CPU.onnx_providers == ["CPUExecutionProvider"]
    first, last = Device("cuda", 3).onnx_providers
    assert isinstance(first, tuple)
    name, options = first
    assert (name, last) == ("CUDAExecutionProvider", "CPUExecutionProvider")
    assert options["device_id"] == "3"


def test_a_session_runs_on_any_input_length(tmp_path: Path) -> None:
    session = open_onnx(save_doubler(tmp_path / "doubler.onnx"), CPU)
    for length in (0, 1, 7):
        (doubled,) = session.run(None, {"x": np.ones(length, np.float32)})
        assert doubled.tolist() == [2.0] * length


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackNotFoundError, match=r"nothing\.onnx does not exist"):
        open_onnx(tmp_path / "nothing.onnx", CPU)


@pytest.mark.parametrize("content", [b"", b"\x00" * 64, b"not a model at all"])
def test_a_file_that_is_no_model_is_one_line(
    tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(PackFormatError, match=r"bad\.onnx cannot be loaded") as caught:
        open_onnx(path, CPU)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_cuda_is_never_replaced_by_the_cpu(
    gpus: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime itself falls back in silence when CUDA's libraries do not load."""
    import onnxruntime as ort

    path = save_doubler(tmp_path / "doubler.onnx")
    gpus(1, cuda_build=False)
    with pytest.raises(DeviceError, match="needs an onnxruntime built with CUDA"):
        open_onnx(path, Device("cuda", 0))

    class FallenBack:
        def __init__(self, *args: object, **options: object) -> None: ...

        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    gpus(1, cuda_build=True)
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    monkeypatch.setattr(ort, "InferenceSession", FallenBack)
    with pytest.raises(DeviceError, match=r"'cuda:0' could not be started .* --device cpu or auto"):
        open_onnx(path, Device("cuda", 0))


@pytest.mark.gpu
def test_a_real_gpu_runs_a_model(tmp_path: Path) -> None:
    device = resolve_device("auto")
    if device == CPU:
        pytest.skip("no CUDA device that onnxruntime can use")
    session = open_onnx(save_doubler(tmp_path / "doubler.onnx"), device)
    (doubled,) = session.run(None, {"x": np.ones(3, np.float32)})
    assert doubled.tolist() == [2.0] * 3
