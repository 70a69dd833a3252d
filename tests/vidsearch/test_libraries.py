"""Missing and broken libraries: one sentence with the command that mends them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidsearch import libraries
from vidsearch.commands.main import main
from vidsearch.errors import InstallationError
from vidsearch.libraries import HEADLESS_OPENCV, installation_error, load, needed, require

LIBGL = "libGL.so.1: cannot open shared object file: No such file or directory"


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let modules be imported from this folder first."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize(
    ("shared_library", "module", "command"),
    [
        ("libGL.so.1", "cv2", HEADLESS_OPENCV),
        ("libxcb.so.1", "cv2", HEADLESS_OPENCV),
        ("libgthread-2.0.so.0", "cv2", HEADLESS_OPENCV),
        ("libgomp.so.1", "sklearn", "apt-get install libgomp1"),
        ("libstdc++.so.6", "onnxruntime", "apt-get install libstdc++6"),
        ("libunknown.so.3", "av", "vidsearch doctor"),
    ],
)
def test_a_missing_library_of_the_system(shared_library: str, module: str, command: str) -> None:
    cause = ImportError(
        f"{shared_library}: cannot open shared object file: No such file or directory"
    )
    error = installation_error(module, cause)
    assert (error.module, error.shared_library) == (module, shared_library)
    assert str(error) == (
        f"{module} cannot be loaded: {shared_library} is not on this machine; run: {command}"
    )


def test_a_missing_module_is_named_by_itself() -> None:
    with pytest.raises(InstallationError, match=r"^no_such is not installed; run: pip install no_"):
        load("no_such.part")
    nested = ModuleNotFoundError("No module named 'torch'", name="torch")
    assert str(installation_error("trainer", nested)) == (
        "torch is not installed; run: pip install torch tensorboard"
    )


def test_two_builds_in_one_folder_raise_other_exceptions(broken: Path) -> None:
    (broken / "mixed.py").write_text("import os\nos.no_such_name\n")
    with pytest.raises(InstallationError, match=r"mixed cannot be loaded .*no_such_name"):
        require(["os", "mixed"])


@pytest.mark.parametrize(
    ("system", "machine", "remedy"),
    [
        ("linux", "x86_64", "run: pip install decord"),
        ("win32", "AMD64", "run: pip install decord"),
        ("linux", "aarch64", "it has packages for Linux and Windows on x86-64 only; use the pyav"),
        ("darwin", "arm64", "it has packages for Linux and Windows on x86-64 only; use the pyav"),
    ],
)
def test_decord_where_it_has_no_packages(
    system: str, machine: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    error = installation_error("decord", ModuleNotFoundError("gone", name="decord"))
    assert str(error).startswith(f"decord is not installed; {remedy}")


def test_an_import_in_a_block() -> None:
    with pytest.raises(InstallationError, match="insightface is not installed"), needed("x"):
        raise ModuleNotFoundError("No module named 'insightface'", name="insightface")


def test_the_command_line_names_a_missing_module_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise ImportError(LIBGL, name="cv2")

    monkeypatch.setattr("vidsearch.commands.main._run", fail)
    assert main(["status", "x"]) == 2
    assert capsys.readouterr().err == (
        "vidsearch: cv2 cannot be loaded: libGL.so.1 is not on this machine; "
        f"run: {HEADLESS_OPENCV}\n"
    )


def test_a_missing_module_of_vidsearch_is_a_fault_of_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> int:
        raise ModuleNotFoundError("No module named 'vidsearch.x'", name="vidsearch.x")

    monkeypatch.setattr("vidsearch.commands.main._run", fail)
    with pytest.raises(ModuleNotFoundError):
        main(["status", "x"])


def test_every_listed_module_is_installed_here() -> None:
    require({*libraries.INDEXING, *libraries.SEARCHING})
