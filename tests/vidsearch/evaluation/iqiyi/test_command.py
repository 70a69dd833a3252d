"""Commands ``vidsearch evaluate iqiyi`` and ``iqiyi-features``."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from vidsearch.commands.main import main


def test_score_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gt").write_text("1 a b\n2 c\n")
    (tmp_path / "res").write_text("1 a x b\n")
    files = [str(tmp_path / "gt"), str(tmp_path / "res"), "--out", str(tmp_path / "rep")]
    assert main(["evaluate", "iqiyi", *files]) == 0
    # id 1: (1 + 2/3)/2; id 2 is missing
    assert "MAP@100, iQIYI official          0.4167" in capsys.readouterr().out
    found = json.loads((tmp_path / "rep" / "metrics.json").read_text())
    assert found["metrics"]["map"]["iqiyi"]["value"] == pytest.approx((1 + 2 / 3) / 4)
    assert found["metrics"]["missing"] == 1
    assert "1 identities are missing" in (tmp_path / "rep" / "report.html").read_text()


def test_wrong_line_is_one_line_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gt").write_text("1 a b\n1 c\n")
    command = ["evaluate", "iqiyi", str(tmp_path / "gt"), str(tmp_path / "gt")]
    assert main([*command, "--out", str(tmp_path / "rep")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "gt, line 2: expected a new id (line 1 has '1')" in error
    assert not (tmp_path / "rep").exists()


def test_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    face = [0, [0, 0, 1, 1], 1.0, 1.0, np.ones(4, np.float16)]
    (tmp_path / "p").write_bytes(pickle.dumps({b"a": [face]}))
    assert main(["evaluate", "iqiyi-features", str(tmp_path / "p"), str(tmp_path / "q")]) == 0
    assert "1 faces of 1 clips (0 clips without a face), 4 numbers" in capsys.readouterr().out
