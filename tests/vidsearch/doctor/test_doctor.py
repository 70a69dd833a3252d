"""Doctor: every fault is simulated, found, and named with the command that mends it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from vidsearch.commands.main import main
from vidsearch.device import ONNX_GPU_COMMAND
from vidsearch.doctor import examine as examination
from vidsearch.doctor.distributions import builds, requirements
from vidsearch.doctor.examine import main_job_runs, packs
from vidsearch.doctor.findings import (
    Devices,
    Finding,
    Folder,
    Machine,
    Pack,
    Requirement,
    VideoSupport,
    library,
    two_builds,
)
from vidsearch.doctor.imports import Imports, devices, import_all, video_support
from vidsearch.doctor.machine import folder, machine
from vidsearch.doctor.sentences import report, sentence
from vidsearch.libraries import HEADLESS_OPENCV
from vidsearch.models import open_pack

LIBGL = "libGL.so.1: cannot open shared object file: No such file or directory"


def modules(folder: Path, monkeypatch: pytest.MonkeyPatch, **sources: str) -> None:
    """Let a new process find these modules first."""
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, sys.path)]))


def by_module(imports: Imports) -> dict[str, Any]:
    return {finding.module: finding for finding in imports.libraries}


def test_imports_that_fail_in_every_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modules(
        tmp_path,
        monkeypatch,
        cv2=f"raise ImportError({LIBGL!r}, name='cv2')",
        faiss="import os\nos.no_such_name",
        onnxruntime="import os\nos._exit(9)",
        av="print('a note of the library')\n__version__ = '1.0'",
        needs="import no_such_module",
    )
    names = ("cv2", "faiss", "onnxruntime", "needs")
    found = by_module(import_all(names, ("json", "no_such_option")))
    assert found["cv2"].shared_library == "libGL.so.1"
    assert found["cv2"].command == HEADLESS_OPENCV
    assert "no_such_name" in found["faiss"].error
    assert found["faiss"].command == (
        "pip uninstall --yes faiss-cpu faiss-gpu-cu12 && pip install faiss-cpu"
    )
    assert found["onnxruntime"].error == "the import ended its process (status 9)"
    assert found["needs"].missing == "no_such_module"
    assert found["needs"].command == "pip install no_such_module"
    assert {found[name].level for name in names} == {"fault"}
    assert found["json"].level == "ok", "the process after a crash goes on"
    assert (found["no_such_option"].level, found["no_such_option"].command) == ("ok", None)


def test_an_optional_module_that_is_broken_is_a_warning() -> None:
    broken = library("torch", required=False, error=f"ImportError: {LIBGL}", shared_library="libx")
    assert broken.level == "warning"


def test_a_hanging_import_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modules(tmp_path, monkeypatch, hangs="import time\ntime.sleep(99)")
    monkeypatch.setattr("vidsearch.doctor.imports._WITHIN_S", 5.0)
    found = by_module(import_all(("hangs",), ("json",)))
    assert found["hangs"].error == "the import did not end within 5 s"
    assert found["json"].error is None


def test_two_builds_of_one_module() -> None:
    installed = {
        "onnxruntime": ["onnxruntime-gpu", "onnxruntime"],
        "faiss": ["faiss-cpu", "faiss-gpu-cu12"],
        "cv2": ["opencv-python", "opencv-python-headless"],
        "numpy": ["numpy", "other"],
    }
    found = {finding.module: finding for finding in builds(installed)}
    assert found["onnxruntime"].command == (
        "pip uninstall --yes onnxruntime onnxruntime-gpu && "
        "pip install 'onnxruntime-gpu[cuda,cudnn]'"
    )
    assert found["faiss"].command == (
        "pip uninstall --yes faiss-cpu faiss-gpu-cu12 && pip install faiss-gpu-cu12"
    )
    assert found["cv2"].command == HEADLESS_OPENCV
    assert set(found) == {"onnxruntime", "faiss", "cv2"}
    assert builds({"cv2": ["opencv-python-headless"], "faiss": ["faiss-cpu"]}) == []


def test_this_environment_has_one_build_of_each() -> None:
    assert builds() == []


def test_requirements_by_name_version_and_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"onnxruntime-gpu": "1.31.1", "faiss-gpu-cu12": "1.14.1", "numpy": "1.26.0"}
    monkeypatch.setattr("vidsearch.doctor.distributions._version", versions.get)
    found = requirements(
        [
            "onnxruntime>=1.20",
            "faiss-cpu>=1.11",
            "numpy>=2.0",
            "scipy>=1.14",
            "torch>=2.6; extra == 'train'",
            "decord>=0.6; sys_platform == 'none'",
        ]
    )
    assert [(f.requirement, f.installed) for f in found] == [
        ("numpy>=2.0", "1.26.0"),
        ("scipy>=1.14", None),
    ], "a GPU build fulfils the requirement of the CPU build"
    assert found[1].command == "pip install 'scipy>=1.14'"


def test_this_environment_meets_its_requirements() -> None:
    assert requirements() == []


def details(**of: dict[str, Any]) -> Imports:
    return Imports((), of)


@pytest.mark.parametrize(
    ("gpus", "providers", "level"),
    [
        (0, ["CPUExecutionProvider"], "ok"),
        (1, ["CUDAExecutionProvider", "CPUExecutionProvider"], "ok"),
        (1, ["CPUExecutionProvider"], "warning"),
        (1, [], "ok"),  # ONNX Runtime cannot be imported: that is a finding of its own
    ],
)
def test_a_gpu_that_onnx_runtime_cannot_use(gpus: int, providers: list[str], level: str) -> None:
    imports = details(onnxruntime={"providers": providers}, faiss={"gpus": gpus})
    found = devices(imports, gpus, ONNX_GPU_COMMAND)
    assert (found.level, found.faiss_gpus, found.torch_gpus) == (level, gpus, None)
    assert found.command == (ONNX_GPU_COMMAND if level == "warning" else None)


def test_missing_decoders() -> None:
    found = video_support(
        details(av={"decoders": ["h264"], "encoders": ["libx264", "aac"], "containers": ["mov"]})
    )
    assert found is not None
    assert found.level == "warning"
    assert {"hevc", "matroska"} <= set(found.missing)
    assert found.command == "pip install --force-reinstall --no-deps av"
    assert video_support(details()) is None


def test_limits_of_containers(tmp_path: Path) -> None:
    second = tmp_path / "v2"
    second.mkdir()
    (second / "memory.max").write_text(f"{512 << 20}\n")
    (second / "cpu.max").write_text("150000 100000\n")
    found = machine(second)
    assert (found.level, found.memory_limit_bytes, found.cpu_limit) == ("warning", 512 << 20, 1.5)
    (second / "memory.max").write_text("max\n")
    (second / "cpu.max").write_text("max 100000\n")
    assert (machine(second).level, machine(second).cpu_limit) == ("ok", None)
    first = tmp_path / "v1"
    (first / "memory").mkdir(parents=True)
    (first / "cpu").mkdir()
    (first / "memory" / "memory.limit_in_bytes").write_text(f"{2 << 30}")
    (first / "cpu" / "cpu.cfs_quota_us").write_text("200000")
    (first / "cpu" / "cpu.cfs_period_us").write_text("100000")
    found = machine(first)
    assert (found.level, found.memory_limit_bytes, found.cpu_limit) == ("ok", 2 << 30, 2.0)
    (first / "cpu" / "cpu.cfs_quota_us").write_text("-1")
    assert machine(first).cpu_limit is None


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    assert folder("cache", tmp_path / "not" / "yet").level == "ok"
    assert not (tmp_path / "not").exists()
    (tmp_path / "file").write_text("")
    found = folder("cache", tmp_path / "file" / "models")
    assert found.level == "fault"
    assert found.error == "Not a directory"
    assert found.command == "export VIDSEARCH_CACHE=/a/folder/you/may/write"


def test_a_damaged_pack_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {pack.name: pack.level for pack in packs()}["open"] == "ok"
    (tmp_path / "centerface.onnx").write_bytes(b"x")
    monkeypatch.setattr(open_pack, "_WEIGHTS", tmp_path)
    (found,) = [pack for pack in packs() if pack.name == "open"]
    assert (found.level, found.installed, found.verified) == ("fault", True, False)
    assert found.command is not None


FINDINGS: list[Finding] = [
    library("numpy", required=True, version="2.4.6"),
    library("cv2", required=True, error="ImportError: x", shared_library="libGL.so.1"),
    library("scipy", required=True, error="ModuleNotFoundError: x", missing="scipy"),
    library("faiss", required=True, error="AttributeError: no_such_name"),
    library("torch", required=False, error="ModuleNotFoundError: x", missing="torch"),
    two_builds("onnxruntime", ("onnxruntime", "onnxruntime-gpu")),
    Requirement(level="warning", requirement="numpy>=2.0", installed="1.26.0"),
    Devices(driver_gpus=1, providers=("CPUExecutionProvider",), faiss_gpus=0, torch_gpus=None),
    VideoSupport(decoders=("h264",), encoders=(), containers=("mov",), missing=("hevc",)),
    Machine(cores=2, cpu_limit=1.5, memory_bytes=8 << 30, memory_limit_bytes=2 << 30),
    Folder(level="fault", role="cache", path="/x", error="Read-only file system"),
    Pack(level="fault", name="open", installed=False, verified=False, problem="pack open: gone"),
]

BUILDS = (
    "onnxruntime and onnxruntime-gpu share the folder onnxruntime and overwrite each other's files"
)


def test_every_finding_has_a_sentence() -> None:
    assert [sentence(finding) for finding in FINDINGS] == [
        "numpy 2.4.6",
        "cv2 cannot be loaded: libGL.so.1 is not on this machine",
        "scipy cannot be loaded: scipy is not installed",
        "faiss cannot be loaded: AttributeError: no_such_name",
        "torch cannot be loaded: torch is not installed",
        BUILDS,
        "vidsearch requires numpy>=2.0; 1.26.0 is installed",
        "GPUs: the driver shows 1; FAISS uses 0; no PyTorch; ONNX Runtime's providers: CPU",
        "video: decoders h264; containers mov; missing: hevc",
        "machine: 2 core(s) (the container allows 1.5), memory 8.0 GiB (limited to 2.0 GiB)",
        "cache folder /x cannot be written (Read-only file system)",
        "pack open: gone",
    ]
    every = {kind.__name__ for kind in Finding.__subclasses__()}
    assert {type(finding).__name__ for finding in FINDINGS} == every


def test_the_report_names_faults_with_commands() -> None:
    text = report(FINDINGS)
    assert f"FAULT    {sentence(FINDINGS[1])}\n         run: {HEADLESS_OPENCV}" in text
    assert "ok       libraries: numpy 2.4.6\n" in text
    assert "ok       not installed, and not needed: torch" in text
    assert text.endswith("cannot be indexed and searched: 5 fault(s), each named above.")
    assert not main_job_runs(FINDINGS)
    assert report(FINDINGS[:1]).endswith("Videos can be indexed and searched.")


@pytest.mark.parametrize(("faults", "status"), [(0, 0), (1, 2)])
def test_the_command(
    faults: int,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    findings = FINDINGS[: 1 + faults]
    monkeypatch.setattr(examination, "examine", lambda: findings)
    assert main(["doctor"]) == status
    assert ("FAULT" in capsys.readouterr().out) == bool(faults)
    assert main(["doctor", "--json"]) == status
    answer = json.loads(capsys.readouterr().out)
    assert answer["main_job_runs"] is not bool(faults)
    assert answer["findings"][0] == {"code": "library", **asdict(findings[0])}
    assert len(answer["findings"]) == len(findings)


def test_the_doctor_starts_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Imports((library("numpy", required=True, error="gone", missing="numpy"),))
    monkeypatch.setattr(examination, "import_all", lambda: broken)
    findings = examination.examine()
    assert not main_job_runs(findings)
    assert {finding.code for finding in findings} >= {"library", "machine", "folder"}
