"""Stored reports: each kind of damage is one line that names the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.vidsearch.evaluation.conftest import make_report
from vidsearch.errors import ConfigError
from vidsearch.evaluation.report import read_report, write_report


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports") / "report"
    write_report(make_report([1, 0, 1], [0.9, 0.2, 0.4]), folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    for name in ("metrics.json", "scores.parquet"):
        (tmp_path / name).write_bytes((written / name).read_bytes())
    return tmp_path


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads((folder / "metrics.json").read_text())
    edit(document)
    (folder / "metrics.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d.update(format=99), "is not of format"),
        (lambda d: d.pop("format"), "is not of format"),
        (lambda d: d.pop("kind"), r"is damaged \(KeyError\('kind'\)\)"),
        (lambda d: d["scores"].pop("unit"), r"is damaged \(KeyError\('unit'\)\)"),
        (lambda d: d["scores"].update(measures=[{"colour": 1}]), "is damaged"),
        (lambda d: d["scores"].update(identities=["gone"]), "no column 'gone' of identities"),
    ],
)
def test_a_changed_document(
    folder: Path, edit: Callable[[dict[str, Any]], object], message: str
) -> None:
    change(folder, edit)
    with pytest.raises(ConfigError, match=message):
        read_report(folder)


def test_scores_that_are_cut_off(folder: Path) -> None:
    content = (folder / "scores.parquet").read_bytes()
    (folder / "scores.parquet").write_bytes(content[: len(content) // 2])
    with pytest.raises(ConfigError, match=r"scores.parquet cannot be read .*; evaluate again"):
        read_report(folder)
    (folder / "scores.parquet").unlink()
    with pytest.raises(ConfigError, match=r"scores.parquet cannot be read"):
        read_report(folder)


def test_a_list_is_no_report(folder: Path) -> None:
    (folder / "metrics.json").write_text("[1]")
    with pytest.raises(ConfigError, match="is not of format"):
        read_report(folder)


def test_a_protocol_without_scores(folder: Path) -> None:
    change(folder, lambda document: document.pop("scores"))
    assert read_report(folder).scores is None
