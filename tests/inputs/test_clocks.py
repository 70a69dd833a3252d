"""One clock: index, length, still and clip agree to the frame, whatever the clock of the file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from pipelines.stages.video_record import stream_records
from tests.helpers.videos import read_number
from tests.inputs.clock_files import CASES, JOINED, KEPT, STANDING, STEP, UNSTAMPED, ClockCase
from tests.inputs.written import Written, written_once
from vidsearch.catalog.records import read_options
from vidsearch.read_options import ReadOptions
from vidsearch.video.clips import cut_clip
from vidsearch.video.open import open_video
from vidsearch.video.pyav.reader import PyAVReader
from vidsearch.video.pyav.timing import timeline
from vidsearch.video.report import ReadReport
from vidsearch.video.stills import still

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Function from a case to its file."""
    return written_once(tmp_path_factory.mktemp("clocks"), {case.name: case.make for case in CASES})


@pytest.fixture(autouse=True)
def close_anchors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "ANCHOR_EVERY_S", 0.5)


def indexed(path: Path) -> tuple[list[tuple[float, int]], ReadReport, ReadOptions]:
    """Return time and number of every frame, the report, and what the catalog keeps."""
    with open_video(str(path)) as reader:
        frames = [(frame.time_s, read_number(frame.rgb())) for frame in reader.decode()]
        return frames, reader.report(), reader.read_options


@every_case
def test_every_frame_has_its_time(written: Written, case: ClockCase) -> None:
    frames, report, read = indexed(written(case.name))
    numbers = [number for _, number in frames]
    assert numbers == list(range(case.first, case.first + len(case.times_s)))
    begin_s = frames[0][0]
    assert [time_s - begin_s for time_s, _ in frames] == pytest.approx(case.times_s, abs=2.5e-3)
    assert not report.partly_read
    assert read.seekable is case.by_time


@every_case
def test_a_still_is_the_frame_of_the_index(written: Written, case: ClockCase) -> None:
    path = written(case.name)
    frames, _, read = indexed(path)
    # Catalogs of earlier versions keep no options. Their times are the stamps that stand still.
    unstated = (
        () if case in STANDING or case.name in {"back.flv", "again.mp4"} else (ReadOptions(),)
    )
    for options in (read, *unstated):
        for time_s, number in frames[::5]:
            assert read_number(still(str(path), round(time_s, 6), options)) == number


@pytest.mark.parametrize("case", JOINED[::2] + UNSTAMPED[::3], ids=lambda case: case.name)
def test_a_clip_shows_the_frames_of_the_index(
    written: Written, tmp_path: Path, case: ClockCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidsearch.video.clips.CLIP_BEFORE_S", 0.2)
    path = written(case.name)
    frames, _, read = indexed(path)
    time_s, number = frames[27]
    begins_s = cut_clip(str(path), time_s, time_s + 0.2, tmp_path / "clip.mp4", read)
    shown = read_number(still(str(tmp_path / "clip.mp4"), time_s - begins_s))
    assert shown == number


@pytest.mark.parametrize("case", JOINED, ids=lambda case: case.name)
def test_the_length_of_joined_recordings_is_what_was_decoded(
    written: Written, case: ClockCase
) -> None:
    _, report, _ = indexed(written(case.name))
    assert report.duration_s == pytest.approx(len(case.times_s) * float(STEP), abs=0.01)
    assert report.share == 1


@pytest.mark.parametrize("case", JOINED[:4], ids=lambda case: case.name)
def test_joined_recordings_are_not_cut_into_slices(written: Written, case: ClockCase) -> None:
    with PyAVReader(str(written(case.name))) as reader:
        assert len(reader.keyframe_cuts(600)) <= 1


@pytest.mark.parametrize("case", [JOINED[0], UNSTAMPED[0]], ids=lambda case: case.name)
def test_anchors_come_back_from_the_catalog(written: Written, case: ClockCase) -> None:
    path = written(case.name)
    with open_video(str(path)) as reader:
        assert sum(1 for _ in reader.decode()) > 0
        records = stream_records([(reader.info, reader.read_options)])
    (record,) = records
    assert record.anchors
    assert read_options([asdict(record)], None) == ReadOptions(
        stream=record.index, seekable=False, anchors=record.anchors
    )


@pytest.mark.parametrize("case", [*UNSTAMPED[::2], *KEPT[:1]], ids=lambda case: case.name)
def test_assumed_times_are_known(written: Written, case: ClockCase) -> None:
    raw = case.name.startswith(("10", "30", "50")) and not case.name.endswith("m4v")
    with open_video(str(written(case.name))) as reader:
        assert (reader.info.assumed_fps is not None) is raw
        if raw:
            assert f"{reader.info.assumed_fps:.0f} " in case.name
