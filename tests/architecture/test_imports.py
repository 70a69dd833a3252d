"""Imports point one way, ui -> pipelines -> vidsearch <- trainer; the light doors stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
MAY_IMPORT = {
    "vidsearch": {"vidsearch"},
    "trainer": {"trainer", "vidsearch"},
    "pipelines": {"pipelines", "vidsearch"},
    "ui": {"ui", "pipelines", "vidsearch"},
}
HEAVY = {
    "av", "cv2", "dask", "decord", "deltalake", "distributed", "faiss", "insightface", "matplotlib",
    "onnx", "onnxruntime", "pandas", "pyarrow", "scenedetect", "scipy", "skimage", "sklearn",
    "streamlit", "torch",
}  # fmt: skip
DASK_FILES = {
    "pipelines/batches.py", "pipelines/clients.py", "pipelines/cluster.py",
    "pipelines/equipment.py", "pipelines/graph.py",
}  # fmt: skip
SOURCES = sorted(path for package in MAY_IMPORT for path in (PROJECT / package).rglob("*.py"))


def imported_packages(source: str) -> set[str]:
    """Top-level names of every absolute import in a file, wherever it stands."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import at line {node.lineno}: write it absolute"
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PROJECT)))
def test_import_direction(path: Path) -> None:
    package = path.relative_to(PROJECT).parts[0]
    ours = imported_packages(path.read_text()) & set(MAY_IMPORT)
    assert ours <= MAY_IMPORT[package]


def test_dask_stays_in_its_files() -> None:
    users = {
        str(path.relative_to(PROJECT))
        for path in SOURCES
        if imported_packages(path.read_text()) & {"dask", "distributed"}
    }
    assert users <= DASK_FILES


@pytest.mark.parametrize(
    "module", ["vidsearch", "vidsearch.commands.main", "pipelines.commands.main", "pipelines"]
)
def test_light_doors_load_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*{{m.split('.')[0] for m in sys.modules}})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not set(loaded.stdout.split()) & HEAVY


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, vidsearch.commands.main\n"
        "try: vidsearch.commands.main.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*{m.split('.')[0] for m in sys.modules}, file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "index" in run.stdout
    assert not set(run.stderr.split()) & HEAVY
