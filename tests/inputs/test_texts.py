"""Lists, labels, pairs and tables from any system: the same content, the same result."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pyarrow as pa
import pytest

from tests.inputs.text_files import LISTS, REFUSED, TABLES
from vidsearch.catalog import Catalog
from vidsearch.errors import ConfigError
from vidsearch.evaluation.iqiyi.lists import read_lists
from vidsearch.evaluation.protocols.lines import read_lines
from vidsearch.evaluation.protocols.pairs import read_lfw_pairs, read_ytf
from vidsearch.evaluation.protocols.templates import read_media, read_subjects
from vidsearch.evaluation.protocols.vectors import read_names
from vidsearch.evaluation.retrieval.labels import Labels, read_labels
from vidsearch.text.decode import read_csv_table

VIDEOS = {"id1": "/films/Zoë.mp4", "id2": "/films/news.MP4", "id3": "/films/a b;c.mkv"}


class FakeCatalog:
    """Catalog of three videos."""

    def known_files(self) -> dict[str, SimpleNamespace]:
        return {
            uri: SimpleNamespace(uri=uri, video_id=video_id) for video_id, uri in VIDEOS.items()
        }

    def videos(self, columns: list[str]) -> pa.Table:
        table = {
            "uri": list(VIDEOS.values()),
            "video_id": list(VIDEOS),
            "status": ["indexed", "partial", "failed"],
            "duration_s": [10.0, 61.5, None],
        }
        return pa.table(table).select(columns)


CATALOG = cast("Catalog", FakeCatalog())

ROWS = [
    ["person", "photo", "video", "start", "end"],
    ["Zoë", "zoë.png", "Zoë.mp4", "3.58", "7.88"],
    ["Zoë", "zoë.png", "news.MP4", "0:00:01", "0:01:01.5"],
    ["Joe", "joe.jpg", "", "", ""],
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("zoë.png", "joe.jpg"):
        (tmp_path / name).touch()
    return tmp_path


def labels_of(folder: Path, content: bytes) -> Labels:
    path = folder / "labels.csv"
    path.write_bytes(content)
    return read_labels(path, CATALOG)


def spans(labels: Labels) -> dict[str, dict[str, list[tuple[float, float]]]]:
    return {
        name: {
            video: [(span.start_s, span.end_s) for span in times]
            for video, times in person.spans.items()
        }
        for name, person in labels.people.items()
    }


@pytest.mark.parametrize("kind", TABLES)
def test_labels_are_equal_in_every_form(folder: Path, kind: str) -> None:
    labels = labels_of(folder, TABLES[kind](ROWS))
    assert spans(labels) == {"Zoë": {"id1": [(3.58, 7.88)], "id2": [(1, 61.5)]}, "Joe": {}}
    assert [Path(photo).name for photo in labels.people["Zoë"].photos] == ["zoë.png"]
    assert labels.timed
    assert not labels.left_out


def test_decimal_commas_beside_semicolons(folder: Path) -> None:
    text = "person;photo;video;start;end\nZoë;zoë.png;Zoë.mp4;3,58;7,88\n"
    assert spans(labels_of(folder, text.encode())) == {"Zoë": {"id1": [(3.58, 7.88)]}}
    rows = [line.split(";") for line in text.splitlines()]
    with pytest.raises(ConfigError, match="time '3,58'; expected seconds"):
        labels_of(folder, TABLES["every cell quoted"](rows))


@pytest.mark.parametrize(
    "video",
    [
        "id1",
        "/films/Zoë.mp4",
        "Zoë.mp4",
        unicodedata.normalize("NFD", "Zoë.mp4"),
        "Zoë.MP4",
        "file:///films/Zo%C3%AB.mp4",
        "file:///films/Zoe%CC%88.mp4",
        "file:///films/Zoë.mp4",
        "../films/Zoë.mp4",
        "..\\films\\Zoë.mp4",
        "\u202aZoë.mp4\u202c",  # as Windows copies a path
        "\u200b\ufeff/films/Zoë.mp4\u200e ",
        "'Zoë.mp4",  # as a table of hits writes names that begin like a formula
    ],
)
def test_a_video_is_found_by_every_spelling(folder: Path, video: str) -> None:
    sub = Path("/labels")  # not written: only the folder's name counts
    videos = cast("Catalog", FakeCatalog())
    from vidsearch.evaluation.retrieval.video_names import VideoNames

    assert VideoNames(videos).find(video, sub, "line 2") == "id1"


@pytest.mark.parametrize(
    "photo",
    ["ZOE", "sub/zoë.JPG", "sub\\zoë.jpg", "file://FOLDER/sub/zo%C3%AB.jpg", "FOLDER/sub/zoë.Jpg"],
)
def test_a_photo_is_found_by_every_spelling(folder: Path, photo: str) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / unicodedata.normalize("NFD", "zoë.jpg")).touch()
    (folder / "ZOE").touch()
    written = photo.replace("FOLDER", str(folder))
    labels = labels_of(folder, f'photo,video\n"{written}",Zoë.mp4\n'.encode())
    (person,) = labels.people.values()
    assert Path(person.photos[0]).is_file()
    assert not labels.left_out


def test_one_name_in_two_spellings_is_one_person(folder: Path) -> None:
    rows = [["person", "photo", "video"], ["Zoë", "zoë.png", "id1"], ["Zoe\u0308", "", "id2"]]
    labels = labels_of(folder, TABLES["UTF-8 with commas"](rows))
    assert {name: set(person.spans) for name, person in labels.people.items()} == {
        "Zoë": {"id1", "id2"}
    }


def test_labels_that_cannot_be_found_are_listed_and_stay_in_the_count(folder: Path) -> None:
    rows = [
        ["person", "photo", "video"],
        ["Zoë", "zoë.png", "Zoë.mp4"],
        ["Zoë", "gone.png", "gone.mp4"],
        ["Joe", "joe.jpg", "gone too.mp4"],
        ["Ann", "ann.jpg", "news.MP4"],
        ["Eve", "", "news.MP4"],
        ["Bob", "joe.jpg", "a b;c.mkv"],
        ["Kim", "joe.jpg", ""],
    ]
    labels = labels_of(folder, TABLES["UTF-8 with commas"](rows))
    relevant = {name: set(person.spans) for name, person in labels.people.items()}
    assert relevant == {
        "Zoë": {"id1", "gone.mp4"},
        "Joe": {"gone too.mp4"},
        "Bob": {"id3"},
        "Kim": set(),
    }
    assert {(g.unit, g.reason): g.names for g in labels.left_out} == {
        ("photo", "photo missing"): ("gone.png", "ann.jpg"),
        ("label line", "video not in the catalog"): ("gone.mp4", "gone too.mp4"),
        ("label line", "video could not be read, counted as not found"): ("a b;c.mkv",),
        ("person", "no photo left"): ("Ann",),
        ("person", "no photo named"): ("Eve",),
    }
    assert {(g.unit, g.reason): g.names for g in labels.remarks} == {
        ("labelled video", "not in the catalog, counted as not found"): (
            "Zoë, gone.mp4",
            "Joe, gone too.mp4",
        ),
        ("photo", "named for several people"): ("joe.jpg",),
        ("person", "named without a video, counts as absent"): ("Kim",),
    }


OUTSIDE = "time outside the video, counted as not found"
LATE = "time continues after the end of the video, cut there"
OVERLAP = "overlaps another time of the person in the video, joined with it"
REPEATED = "repeated, counted once"
TIMES: dict[str, tuple[str, list[tuple[float, float]], list[tuple[str, int, bool]]]] = {
    "inside": ("1,2", [(1, 2)], []),
    "to the end": ("0,10", [(0, 10)], []),
    "rounded up": ("9,0:11", [(9, 11)], []),
    "after the end": ("50,60", [(50, 60)], [(OUTSIDE, 1, False)]),
    "from the end on": ("10,10.5", [(10, 10.5)], [(OUTSIDE, 1, False)]),
    "frames for seconds": ("30,250|1,2", [(1, 2), (30, 250)], [(OUTSIDE, 1, False)]),
    "beyond the end": ("9,12", [(9, 10)], [(LATE, 1, True)]),
    "hours for minutes": ("0:00:01,1:00:02", [(1, 10)], [(LATE, 1, True)]),
    "twice": ("1,2|1,2", [(1, 2)], [(REPEATED, 1, True)]),
    "twice in other words": ("1,2|0:01,00:00:02.0", [(1, 2)], [(REPEATED, 1, True)]),
    "twice beyond the end": ("9,12|9,12", [(9, 10)], [(LATE, 1, True), (REPEATED, 1, True)]),
    "overlapping": ("4,6|1,5", [(1, 6)], [(OVERLAP, 1, True)]),
    "one in the other": ("1,9|2,3|4,5", [(1, 9)], [(OVERLAP, 2, True)]),
    "touching": ("1,2|2,3", [(1, 2), (2, 3)], []),
}


@pytest.mark.parametrize("kind", TIMES)
def test_times_that_do_not_fit_their_video_are_said(folder: Path, kind: str) -> None:
    times, expected, remarks = TIMES[kind]
    rows = [["person", "photo", "video", "start", "end"]]
    rows += [["Zoë", "zoë.png", "Zoë.mp4", *time.split(",")] for time in times.split("|")]
    labels = labels_of(folder, TABLES["UTF-8 with commas"](rows))
    assert spans(labels) == {"Zoë": {"id1": expected}}
    assert labels.people["Zoë"].appearances == len(expected)  # the n of MAP over moments
    found = sorted((g.reason, g.count, g.remark) for g in (*labels.left_out, *labels.remarks))
    assert found == sorted(remarks)
    if OUTSIDE in [reason for reason, *_ in remarks]:
        (group,) = labels.left_out
        assert "line 2: Zoë.mp4, " in group.names[0]
        assert group.names[0].endswith(" of 10.00 s")


def test_lines_without_a_time_beside_others_are_said(folder: Path) -> None:
    rows = [*ROWS, ["Joe", "", "news.MP4", "", ""], ["Joe", "joe.jpg", "", "", ""]]
    labels = labels_of(folder, TABLES["UTF-8 with commas"](rows))
    assert not labels.timed
    assert [(g.reason, g.names) for g in labels.remarks] == [
        (REPEATED, ("line 6: joe.jpg",)),
        ("without a time, so that times are not scored", ("line 5: news.MP4",)),
    ]


PAIR_TABLES = [f"table: {name}" for name in TABLES if "names the separator" not in name]


def lfw(folder: Path, content: bytes) -> tuple[list[str], list[bool]]:
    (folder / "pairs.txt").write_bytes(content)
    pairs = read_lfw_pairs(folder / "pairs.txt", folder)
    assert all(path.is_file() for item in pairs.items for path in item if isinstance(path, Path))
    return list(pairs.names), pairs.issame.tolist()


@pytest.mark.parametrize("kind", [*LISTS, *PAIR_TABLES])
def test_pairs_are_equal_in_every_form(tmp_path: Path, kind: str) -> None:
    for name, ending in (("Zoe\u0308_A", "JPG"), ("Joe_B", "jpg")):
        (tmp_path / name).mkdir()
        for number in (1, 2):
            (tmp_path / name / f"{name}_{number:04d}.{ending}").touch()
    rows = [["1"], ["Zoë_A", "1", "2"], ["Zoë_A", "1", "Joe_B", "2"]]
    table = kind.removeprefix("table: ")
    content = LISTS[kind](rows) if table == kind else TABLES[table](rows)
    names, same = lfw(tmp_path, content)
    assert names == ["Zoë_A/Zoë_A_0001.jpg", "Zoë_A/Zoë_A_0002.jpg", "Joe_B/Joe_B_0002.jpg"]
    assert same == [True, False]


@pytest.mark.parametrize("kind", ["UTF-8 with commas", "semicolons of Excel", "tabs", "UTF-32"])
def test_ytf_splits_are_equal_in_every_form(tmp_path: Path, kind: str) -> None:
    for name in ("Ann/0", "Bob/1"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "1.JPG").touch()
    rows = [
        ["split", "pair", "first", "second", "same"],
        ["1", "1", "Ann/0", "Bob/1", "0"],
        ["2", "2", "Ann/0", "Ann/0", "1"],
    ]
    (tmp_path / "splits.txt").write_bytes(TABLES[kind](rows))
    pairs = read_ytf(tmp_path / "splits.txt", tmp_path, folds=2)
    assert (pairs.names, pairs.issame.tolist()) == (("Ann/0", "Bob/1"), [False, True])


@pytest.mark.parametrize("kind", LISTS)
def test_lists_are_equal_in_every_form(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(LISTS[kind]([["zoë.jpg", "7"], ["b.jpg", "8"]]))
    assert read_names(path, 2, subjects=True) == (["zoë.jpg", "b.jpg"], ["7", "8"])
    path.write_bytes(LISTS[kind]([["zoë.jpg", "7", "70"], ["b.jpg", "8", "80"]]))
    media = read_media(path)
    assert media.images.tolist() == ["zoë.jpg", "b.jpg"]
    assert (media.templates.tolist(), media.media.tolist()) == ([7, 8], [70, 80])
    if kind not in ("tabs", "UTF-16", "line ends of old Macs"):  # refused: separated by tabs
        path.write_bytes(LISTS[kind]([["1", "zoë.mp4", "b.mp4"], ["2"]]))
        assert read_lists(path) == {"1": ["zoë.mp4", "b.mp4"], "2": []}


@pytest.mark.parametrize("kind", TABLES)
def test_galleries_are_equal_in_every_form(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "gallery.csv"
    rows = [["TEMPLATE_ID", "FILE", "SUBJECT_ID"], ["3", "zoë.jpg", "30"], ["4", "b.jpg", "40"]]
    path.write_bytes(TABLES[kind](rows))
    found = read_subjects(path, np.array([3, 4], np.int32))
    assert (found.templates.tolist(), found.subjects.tolist()) == ([3, 4], [30, 40])


@pytest.mark.parametrize("kind", REFUSED)
def test_other_encodings_are_refused_with_place_and_remedy(tmp_path: Path, kind: str) -> None:
    content, message = REFUSED[kind]
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    for read in (read_csv_table, lambda file: list(read_lines(file))):
        with pytest.raises(ConfigError, match=rf"labels\.csv.*{message}") as caught:
            read(path)
        assert len(str(caught.value).splitlines()) == 1
