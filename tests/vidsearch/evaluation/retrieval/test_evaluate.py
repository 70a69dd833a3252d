"""``vidsearch evaluate retrieval``: labels, judged answers, and the report of a real archive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.indexing.run import index
from vidsearch.catalog import Catalog
from vidsearch.commands.main import main
from vidsearch.datatypes import Hit, TimeSpan
from vidsearch.errors import ConfigError
from vidsearch.evaluation.retrieval.labels import LabelledPerson, Query, read_labels
from vidsearch.evaluation.retrieval.query_results import QueryResult, moment_flags, video_flags
from vidsearch.models.open_pack import OPEN


@pytest.fixture(scope="module")
def archive(filmed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    index(folder / "catalog", [filmed / "videos"])
    return folder / "catalog"


def labels_file(folder: Path, photos: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text.replace("PHOTOS", str(photos)), encoding="utf-8")
    return path


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
    assert "MAP@100, iQIYI official          1.0000" in capsys.readouterr().out
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


def test_wrong_labels_show_in_pictures(archive: Path, photos: Path, tmp_path: Path) -> None:
    wrong = GOOD.replace("astronaut film.mp4", "GROUP").replace("group.mkv", "astronaut film.mp4")
    labels = labels_file(tmp_path, photos, wrong.replace("GROUP", "group.mkv"))
    command = ["evaluate", "retrieval", str(archive), "--labels", str(labels)]
    assert main([*command, "--photos", "together", "--out", str(tmp_path / "report")]) == 0
    page = (tmp_path / "report" / "report.html").read_text()
    assert "The worst queries" in page
    # The right answer is called wrong by these labels: a red frame with its picture.
    assert 'class="bad"><img src="data:image/jpeg;base64,' in page
    found = json.loads((tmp_path / "report" / "metrics.json").read_text())["metrics"]
    # The labelled video comes second of two: 1/2 each.
    assert found["videos"]["map"]["iqiyi"]["value"] == pytest.approx(0.5)


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "line 1: columns a, b; expected a header with"),
        ("person,video\nx\n", "line 2: 1 fields; expected 2"),
        ("person,photo,video\n,,group.mkv\n", "line 2: neither a photo nor a person"),
        ("photo,video\nPHOTOS/none.jpg,group.mkv\n", "line 2: photo .* does not exist"),
        ("photo,video\nPHOTOS/lace.jpg,other.mkv\n", "line 2: video 'other.mkv' is not in the"),
        ("person,video\nx,group.mkv\n", "line 2: person 'x' has no photo"),
        ("photo,video\nPHOTOS/lace.jpg,\n", "names no appearance in any video"),
        (
            "photo,video,start,end\nPHOTOS/lace.jpg,group.mkv,2,1\n",
            "line 2: end '1' must lie after start '2'",
        ),
        ("photo,video,start,end\nPHOTOS/lace.jpg,group.mkv,x,1\n", "line 2: time 'x'; expected"),
        ("photo,video,start,end\nPHOTOS/lace.jpg,group.mkv,1,\n", "line 2: expected both start"),
        ("photo,video,start,end\nPHOTOS/lace.jpg,,1,2\n", "line 2: a time without a video"),
    ],
)
def test_bad_labels_name_file_and_line(
    archive: Path, photos: Path, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        read_labels(labels_file(tmp_path, photos, text), Catalog.open(archive))


def hit(video: str, start: float, end: float) -> Hit:
    box: Any = np.zeros(4, np.float32)
    return Hit(1, 0.5, 0.5, video, video, f"{video}{start}", TimeSpan(start, end), start, box)


def test_folding_hits_by_hand() -> None:
    result = QueryResult(
        Query("q", "p", ("q",)),
        (hit("a", 0, 2), hit("a", 0, 1), hit("b", 0, 1), hit("a", 9, 12), hit("c", 0, 9)),
    )
    person = LabelledPerson(
        1, [], {"a": [TimeSpan(0, 2), TimeSpan(10, 11)], "c": [TimeSpan(20, 21)]}
    )
    # Videos in the order of their best hits: a, b, c.
    assert video_flags(result, person) == [True, False, True]
    # a 0-2 is found; a 0-1 says nothing new; b is wrong; a 9-12 covers 10-11; c at another time.
    assert moment_flags(result, person) == [True, False, True, False]
