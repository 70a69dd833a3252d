"""Files with several video streams: posters never count as the film, other films are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.videos import VideoSpec, read_number, write_audio, write_video
from tests.inputs.stream_files import (
    CASES,
    FILM,
    FRAMES,
    JPEG,
    LONG_JPEG,
    MJPEG_FILM,
    NOT_DEFAULT,
    STEP,
    Stream,
    mux,
)
from tests.inputs.written import Written, written_once
from vidsearch.errors import NoVideoStreamError
from vidsearch.read_options import ReadOptions
from vidsearch.video.clips import browser_media_type, cut_clip
from vidsearch.video.open import open_video
from vidsearch.video.stills import still

BY_NAME = {case.name: case for case in CASES}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Function from the name of a case to its file."""
    return written_once(
        tmp_path_factory.mktemp("streams"), {case.name: case.save for case in CASES}
    )


@pytest.mark.parametrize("name", BY_NAME)
def test_the_film_is_read_and_other_films_are_named(written: Written, name: str) -> None:
    case = BY_NAME[name]
    with open_video(str(written(name))) as reader:
        numbers = [read_number(frame.rgb()) for frame in reader.decode()]
        info = reader.info
        assert not reader.report().partly_read
    first = case.streams[case.film].first
    assert numbers == list(range(first, first + FRAMES))
    assert (info.width, info.height) == case.streams[case.film].size
    assert info.stream == case.film == reader.read_options.stream
    assert [stream.index for stream in info.other_streams] == list(case.others)
    for stream in info.other_streams:
        if stream.failure is None:
            assert (stream.width, stream.height) == case.streams[stream.index].size


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("codec.mkv", "this FFmpeg does not decode its codec"),
        ("empty.mp4", "none of its first 20 packets could be decoded"),
    ],
)
def test_a_stream_that_cannot_be_decoded_is_named_with_the_reason(
    written: Written, name: str, failure: str
) -> None:
    with open_video(str(written(name))) as reader:
        (other,) = reader.info.other_streams
    assert other.failure == failure


@pytest.mark.parametrize("name", ["angles.mkv", "angles.mp4", "programmes.ts"])
def test_any_film_of_a_file_can_be_read_shown_and_cut(
    written: Written, tmp_path: Path, name: str
) -> None:
    case, path = BY_NAME[name], str(written(name))
    for index, stream in enumerate(case.streams):
        read = ReadOptions(stream=index)
        with open_video(path, options=read) as reader:
            assert reader.read_options.stream == index
            numbers = [read_number(frame.rgb()) for frame in reader.decode()]
        assert numbers == list(range(stream.first, stream.first + FRAMES))
        assert read_number(still(path, float(7 * STEP), read)) == stream.first + 7
        assert browser_media_type(path, read) is None
        begins_s = cut_clip(path, 0.7, 0.8, tmp_path / "clip.mp4", read)
        assert read_number(still(str(tmp_path / "clip.mp4"), 0.7 - begins_s)) == stream.first + 7


@pytest.mark.parametrize(
    ("name", "index", "existing"),
    [("angles.mkv", 2, "0, 1"), ("default poster.mkv", 0, "1"), ("codec.mkv", 0, "1")],
)
def test_a_stream_that_is_no_film_is_refused(
    written: Written, name: str, index: int, existing: str
) -> None:
    message = f"no video stream {index} that can be decoded; choose one of {existing}$"
    with pytest.raises(NoVideoStreamError, match=message):
        open_video(str(written(name)), options=ReadOptions(stream=index))


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.mov", "a.nut"])
def test_audio_with_an_unflagged_cover_holds_no_video(tmp_path: Path, name: str) -> None:
    path = mux(tmp_path / name, (JPEG,), audio_s=2.0)
    with pytest.raises(NoVideoStreamError, match="only audio and a cover image"):
        open_video(str(path))


def test_audio_alone_holds_no_video(tmp_path: Path) -> None:
    with pytest.raises(NoVideoStreamError, match="no video stream"):
        open_video(str(write_audio(tmp_path / "a.mkv")))


@pytest.mark.parametrize(
    "stream",
    [MJPEG_FILM, Stream(codec="mjpeg", frames=2), Stream(frames=1)],
    ids=["motion JPEG", "two pictures", "one frame"],
)
def test_moving_pictures_with_audio_are_a_film(tmp_path: Path, stream: Stream) -> None:
    path = mux(tmp_path / "a.mkv", (stream,), audio_s=1.0)
    with open_video(str(path)) as reader:
        assert len(list(reader.decode())) == stream.frames


def test_a_poster_beside_a_film_of_many_seconds_is_counted_once(tmp_path: Path) -> None:
    # The only keyframe is the first one: a look into the middle returns to the start.
    film = Stream(frames=255, default=False, options={"g": "1000"})
    with open_video(str(mux(tmp_path / "a.mkv", (LONG_JPEG, film)))) as reader:
        assert reader.info.stream == 1
        assert reader.info.other_streams == ()


def test_the_browser_gets_the_file_only_if_it_shows_the_film(tmp_path: Path) -> None:
    one = write_video(tmp_path / "one.mp4", VideoSpec(frames=5))
    assert browser_media_type(str(one)) == "video/mp4"
    assert browser_media_type(str(one), ReadOptions(turn_deg=90)) is None
    poster = mux(tmp_path / "poster.mp4", (JPEG, FILM))
    assert browser_media_type(str(poster)) is None
    two = mux(tmp_path / "two.mp4", (FILM, NOT_DEFAULT))
    assert browser_media_type(str(two)) is None
