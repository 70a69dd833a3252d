"""Options of commands that work in several processes or on a Dask cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.cluster.client import default_workers
from pipelines.commands.options import worker_count
from vidsearch.commands.main import main


@pytest.mark.parametrize(
    "command",
    [
        ["index", "catalog", "videos"],
        ["prepare", "raw", "out"],
        ["prepare", "--catalog", "catalog", "out"],
        ["reembed", "catalog", "--model", "open"],
    ],
    ids=["index", "prepare", "prepare a catalog", "reembed"],
)
@pytest.mark.parametrize("workers", ["0", "-1"])
def test_every_command_demands_a_worker(
    command: list[str],
    workers: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--workers", workers]) == 2
    assert capsys.readouterr() == ("", f"vidsearch: --workers must be at least 1; got {workers}\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("gib", ["0", "-1", "nan"])
def test_workers_need_memory(gib: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", "catalog", "videos", "--worker-memory", gib]) == 2
    line = f"vidsearch: --worker-memory must be above 0 GiB; got {float(gib)}\n"
    assert capsys.readouterr() == ("", line)


def test_number_of_local_processes() -> None:
    assert worker_count(3, elsewhere=False) == 3
    assert worker_count(3, elsewhere=True) == 3
    assert worker_count(None, elsewhere=True) == 1
    assert worker_count(None, elsewhere=False) == default_workers()
