"""Labels and pairs of reports about software of this kind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipelines.indexing.run import index
from vidsearch.commands.main import main

pytestmark = pytest.mark.media


@pytest.fixture
def cases(media: Path) -> Path:
    folder = media.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"inputs of reports not found at {folder}")
    return folder


def test_one_picture_of_the_pairs_does_not_exist(
    cases: Path, media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "verification", str(media / "lfw"), "--processes", "1"]
    command += ["--pairs", str(cases / "pairs_one_missing.txt"), "--out", str(tmp_path / "out")]
    assert main([*command, "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert document["left_out"] == [
        {
            "unit": "pair",
            "count": 1,
            "reason": "picture missing",
            "names": ["Abel_Pacheco/Abel_Pacheco_0077.jpg"],
        }
    ]
    assert document["metrics"]["pairs"] == 59


@pytest.mark.slow
def test_labels_as_excel_saves_them(
    cases: Path, media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index(tmp_path / "catalog", [media / "videos" / "short_hamilton_clip.mp4"])
    photos = media / "photos" / "face_recognition"
    shutil.copyfile(photos / "lin-manuel-miranda.png", tmp_path / "lin.png")
    shutil.copyfile(photos / "biden.jpg", tmp_path / "biden.jpg")
    found = []
    for name in ("semicolon", "utf16", "trailing_columns"):
        labels = tmp_path / f"{name}.csv"
        shutil.copyfile(cases / f"labels_excel_{name}.csv", labels)
        command = ["evaluate", "retrieval", str(tmp_path / "catalog"), "--labels", str(labels)]
        assert main([*command, "--out", str(tmp_path / name), "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out)["metrics"])
    assert found[0] == found[1] == found[2]
    assert found[0]["videos"]["queries"] == 1
    assert "moments" in found[0]
