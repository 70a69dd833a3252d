"""``vidsearch evaluate retrieval``: the report on an archive of real faces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.vidsearch.evaluation.retrieval.conftest import labels_file
from vidsearch.commands.main import main
from vidsearch.models.open_pack import OPEN

GOOD = """person,photo,video,start,end
Collins,PHOTOS/astronaut.jpg,astronaut film.mp4,0,2
card player,PHOTOS/dark-shirt.jpg,group.mkv,0,0:02
Hanks,PHOTOS/tom-hanks.jpg,,,
"""


def test_report_of_a_real_archive(
    archive: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = labels_file(tmp_path, photos, GOOD)
    command = ["evaluate", "retrieval", str(archive), "--labels", str(labels)]
    assert main([*command, "--out", str(tmp_path / "report")]) == 0
    printed = capsys.readouterr().out
    assert "MAP@100, iQIYI official          1.0000" in printed
    assert "1 person: named without a video, counts as absent: Hanks" in printed
    document = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert document["model"]["files_sha256"].keys() == {file.name for file in OPEN.files}
    names = {"labels.csv", "photos, in their order", "contents of the videos"}
    assert document["data_sha256"].keys() == names
    found = document["metrics"]
    assert found["videos"]["queries"] == 2
    assert found["moments"]["map"]["iqiyi"]["value"] == 1.0
    assert found["open_set"][0]["tpir"] == 1.0
    assert found["open_set"][0]["absent"] == 1
    assert found["confidence"]["0.5"] == {"right": 2, "wrong": 0, "absent_with_hit": 0}


def test_wrong_labels_appear_among_the_worst_queries(
    archive: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = GOOD.replace("astronaut film.mp4", "GROUP").replace("group.mkv", "astronaut film.mp4")
    wrong += "Collins,,gone.mp4,0,1\nCollins,,GROUP,50,60\n"
    labels = labels_file(tmp_path, photos, wrong.replace("GROUP", "group.mkv"))
    command = ["evaluate", "retrieval", str(archive), "--labels", str(labels)]
    assert main([*command, "--photos", "together", "--out", str(tmp_path / "report")]) == 3
    page = (tmp_path / "report" / "report.html").read_text()
    assert "The worst queries" in page
    # The right answer is called wrong by these labels: a red frame around its face.
    assert 'class="bad"><img src="data:image/jpeg;base64,' in page
    document = json.loads((tmp_path / "report" / "metrics.json").read_text())
    # The labelled video comes second of two: 1/2. The other labelled video of Collins is missing.
    found = document["metrics"]["videos"]["map"]
    assert found["iqiyi"]["value"] == pytest.approx((0.5 / 2 + 0.5) / 2)
    printed = capsys.readouterr().out
    outside = "time outside the video, counted as not found"
    assert f"1 label line left out: {outside}: line 6: group.mkv, 50 to 60 of " in printed
    assert "1 label line left out: video not in the catalog: gone.mp4" in printed
    missing = "not in the catalog, counted as not found"
    assert f"1 labelled video: {missing}: Collins, gone.mp4" in printed
    assert [(g["reason"], g["names"]) for g in document["remarks"]] == [
        (missing, ["Collins, gone.mp4"]),
        ("named without a video, counts as absent", ["Hanks"]),
    ]


def test_a_photo_without_a_face_counts(archive: Path, photos: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64), (90, 90, 90)).save(tmp_path / "blank.png")
    text = f"photo,video\n{tmp_path}/blank.png,group.mkv\nPHOTOS/dark-shirt.jpg,group.mkv\n"
    labels = labels_file(tmp_path, photos, text)
    command = ["evaluate", "retrieval", str(archive), "--labels", str(labels)]
    assert main([*command, "--out", str(tmp_path / "report")]) == 0
    found = json.loads((tmp_path / "report" / "metrics.json").read_text())["metrics"]
    assert found["videos"]["map"]["iqiyi"]["value"] == pytest.approx(0.5)
    assert found["photos_without_a_face"] == [f"{tmp_path}/blank.png"]
    assert "moments" not in found
    assert found["open_set"] == []
