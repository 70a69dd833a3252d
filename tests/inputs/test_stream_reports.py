"""Streams that are not indexed are named; ``video_stream`` indexes them into the same video."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipelines import IndexConfig, index
from pipelines.cluster.config import ClusterConfig
from pipelines.commands.index import summary
from pipelines.indexing.outcomes import IndexReport
from pipelines.stages import index_video
from pipelines.stages.payloads import SlicedVideo
from tests.inputs.stream_files import (
    ANGLE,
    CASES,
    FILM,
    JPEG,
    NOT_DEFAULT,
    mux,
    write_stream_images,
)
from tests.inputs.turned_films import Film, turned_images
from vidsearch import Archive
from vidsearch.catalog import Catalog
from vidsearch.catalog.records import IndexedVideo
from vidsearch.commands.catalog import describe
from vidsearch.commands.main import main
from vidsearch.errors import ConfigError
from vidsearch.models.registry import LoadedPack
from vidsearch.read_options import ReadOptions
from vidsearch.video.discover import VideoSource
from vidsearch.video.stills import still

HERE = ClusterConfig(workers=1)
Indexed = Callable[..., IndexReport]
BY_NAME = {case.name: case for case in CASES}


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Folder with a plain film, a film with a poster, and a film of two angles."""
    folder = tmp_path / "films"
    folder.mkdir()
    mux(folder / "plain.mkv", (FILM,))
    mux(folder / "poster.mkv", (JPEG, NOT_DEFAULT))
    mux(folder / "angles.mkv", (FILM, ANGLE))
    return folder


def run(films: Path, **options: object) -> IndexReport:
    config = IndexConfig(**options)  # type: ignore[arg-type]
    return index(films.parent / "catalog", [films], config, cluster=HERE)


def indexed_streams(films: Path) -> dict[str, list[tuple[int, bool]]]:
    rows = Catalog.open(films.parent / "catalog").videos().to_pylist()
    return {
        Path(row["uri"]).name: [(s["index"], s["indexed"]) for s in row["streams"] or ()]
        for row in rows
    }


def test_a_further_film_is_named_everywhere(films: Path) -> None:
    report = run(films)
    assert (report.indexed, report.failed) == (3, 0)
    (entry,) = report.to_json()["streams_not_indexed"]
    assert entry["video"].endswith("angles.mkv")
    assert entry["streams"] == [
        {"index": 1, "codec": "h264", "width": 128, "height": 96, "reason": None}
    ]
    assert "Not looked at: 1 further video stream of 1 video; index with --video-stream all" in (
        summary(report)
    )
    status = Archive.open(films.parent / "catalog").status()
    assert status.to_json()["streams_not_indexed"] == [entry]
    assert "angles.mkv: stream 1 (h264, 128 x 96)" in describe(status)


def test_all_streams_are_indexed_on_request_and_known_afterwards(films: Path) -> None:
    run(films)
    again = run(films, video_stream="all")
    assert (again.indexed, again.skipped) == (1, 2)
    assert again.to_json()["streams_not_indexed"] == []
    assert indexed_streams(films) == {
        "plain.mkv": [(0, True)],
        "poster.mkv": [(1, True)],
        "angles.mkv": [(0, True), (1, True)],
    }
    (row,) = [
        row
        for row in Catalog.open(films.parent / "catalog").videos().to_pylist()
        if row["uri"].endswith("angles.mkv")
    ]
    assert row["frames_decoded"] == 40
    assert row["duration_s"] == pytest.approx(2.0, abs=0.01)
    known = run(films, video_stream="all")
    assert (known.indexed, known.skipped) == (0, 3)


def test_a_file_without_the_stream_is_named_and_keeps_its_rows(films: Path) -> None:
    run(films)
    report = run(films, video_stream=1)
    assert (report.indexed, report.skipped, report.failed) == (1, 1, 1)
    (failure,) = report.failures
    assert failure.source.uri.endswith("plain.mkv")
    assert "has no video stream 1 that can be decoded; choose one of 0" in failure.message
    assert indexed_streams(films)["plain.mkv"] == [(0, True)]
    assert indexed_streams(films)["angles.mkv"] == [(0, False), (1, True)]


def test_a_new_file_without_the_stream_fails_and_is_indexed_later(films: Path) -> None:
    report = run(films, video_stream=1)
    assert (report.indexed, report.failed) == (2, 1)
    later = run(films)
    assert (later.indexed, later.failed) == (1, 0)
    assert indexed_streams(films)["plain.mkv"] == [(0, True)]


def test_a_stream_that_cannot_be_decoded_is_not_tried_again_and_again(tmp_path: Path) -> None:
    case = BY_NAME["codec.mkv"]
    films = tmp_path / "films"
    films.mkdir()
    case.write(films / case.name, case.streams)
    report = run(films, video_stream="all")
    (entry,) = report.to_json()["streams_not_indexed"]
    assert entry["streams"][0]["reason"] == "this FFmpeg does not decode its codec"
    assert run(films, video_stream="all").skipped == 1


def test_tracks_of_two_streams_lie_in_one_video(tmp_path: Path, models: LoadedPack) -> None:
    people = [Film(name="", faces=(slug,), angles_deg=(0,)) for slug in ("astronaut", "blonde")]
    path = write_stream_images(tmp_path / "a.mkv", [turned_images(film) for film in people])
    stat = path.stat()
    found = index_video.run(
        VideoSource(str(path), stat.st_size, stat.st_mtime_ns),
        models,
        IndexConfig(video_stream="all", slice_minutes=1 / 60),
        may_slice=True,  # several films are never read in slices
    )
    assert not isinstance(found, SlicedVideo)
    assert isinstance(found, IndexedVideo)
    first, second = found.tracks
    assert [first.stream, second.stream] == [0, 1]
    assert first.shot != second.shot
    for index_, track in enumerate((first, second)):
        read = ReadOptions(stream=track.stream)
        image = still(str(path), track.best_s, read)
        number = round(track.best_s * 10)
        expected = turned_images(people[index_])[number]
        assert np.abs(image.astype(int) - expected).mean() < 12


@pytest.mark.parametrize("value", ["one", "-1", "1.5", ""])
def test_a_stream_that_is_no_number_is_refused(
    films: Path, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    status = main(["index", str(films.parent / "catalog"), str(films), f"--video-stream={value}"])
    assert status == 2
    assert "--video-stream must be 'all' or the number of a stream" in capsys.readouterr().err


def test_the_command_takes_a_stream_and_names_what_it_leaves(
    films: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--workers", "1", "--video-stream", "0", "--json"]
    status = main(["index", str(films.parent / "catalog"), str(films / "angles.mkv"), *words])
    captured = capsys.readouterr()
    assert status == 0
    assert "not looked at" in captured.err
    assert "stream 1 (h264, 128 x 96)" in captured.err
    assert json.loads(captured.out)["turned"] == []


def test_decord_cannot_choose_a_stream() -> None:
    with pytest.raises(ConfigError, match="decord decoder cannot choose the video stream"):
        IndexConfig(decoder="decord", video_stream="all")
    with pytest.raises(ConfigError, match="index from 0; got -1"):
        IndexConfig(video_stream=-1)


@pytest.mark.media
def test_turned_films_are_named_in_report_and_status(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(cases / name) for name in ("upsidedown.mp4", "sideways.mp4", "control_2s.mp4")]
    assert main(["index", str(tmp_path / "catalog"), *files, "--workers", "1"]) == 0
    captured = capsys.readouterr()
    assert "2 videos lie on their side or upside down and were turned upright." in captured.out
    assert "sideways.mp4: stream 0 by 90 degrees" in captured.err
    status = Archive.open(tmp_path / "catalog").status()
    turned = {Path(entry["video"]).name: entry for entry in status.to_json()["turned"]}
    assert {name: entry["turn_deg"] for name, entry in turned.items()} == {
        "sideways.mp4": 90,
        "upsidedown.mp4": 180,
    }
    assert "2 videos lie on their side or upside down" in describe(status)
