"""Imports: packages point one way, Dask and Streamlit stay in their folder, entry points are light.

Contracts of import-linter in pyproject.toml check the arrows between folders and files.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.rules import PACKAGES, PROJECT, sources

MAY_IMPORT = {
    "vidsearch": {"vidsearch"},
    "trainer": {"trainer", "vidsearch"},
    "pipelines": {"pipelines", "vidsearch"},
    "ui": {"ui", "pipelines", "vidsearch"},
}
ONLY_IN = {
    "dask": "pipelines/cluster/",
    "distributed": "pipelines/cluster/",
    "streamlit": "ui/",
}
HEAVY = {
    "av",
    "cv2",
    "dask",
    "decord",
    "deltalake",
    "distributed",
    "faiss",
    "insightface",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "pandas",
    "pyarrow",
    "scenedetect",
    "scipy",
    "skimage",
    "sklearn",
    "streamlit",
    "torch",
}
SOURCES = sources(*PACKAGES)


def imported_packages(source: str) -> set[str]:
    """Return the top-level names of every absolute import in a file, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import at line {node.lineno}: write it absolute"
            names.add((node.module or "").split(".")[0])
    return names


def dynamic_imports(source: str) -> Iterator[str]:
    """Yield arguments of ``import_module`` and ``__import__`` that are not a string constant."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
        if name in {"import_module", "__import__"} and node.args:
            argument = node.args[0]
            constant = isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            yield str(argument.value) if constant else ast.unparse(argument)  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PROJECT)))
def test_import_direction(path: Path) -> None:
    parts = path.relative_to(PROJECT)
    names = imported_packages(path.read_text(encoding="utf-8"))
    assert names & set(MAY_IMPORT) <= MAY_IMPORT[parts.parts[0]]
    for library, folder in ONLY_IN.items():
        assert library not in names or str(parts).startswith(folder), f"{library} outside {folder}"


def test_no_arrow_hides_behind_import_module() -> None:
    ours = [
        f"{path.relative_to(PROJECT)}: {name}"
        for path in SOURCES
        for name in dynamic_imports(path.read_text(encoding="utf-8"))
        if name.split(".")[0] in MAY_IMPORT
    ]
    # The server loads the app before the first visitor; the arrow is ui.server -> ui.app.
    assert ours == ["ui/server/serve.py: ui.app"]


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
