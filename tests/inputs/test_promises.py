"""Promises of containers: what is missing is said with its share, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inputs.promise_files import FILMS, FRAMES, RATE, write_film
from tests.inputs.written import Written, report_of, written_once

# Share of the frames that is left in a file of which this share of the bytes is left.
CUT = ("sound.mp4", "segments.mp4", "a.mkv", "sound.mkv", "a.flv", "sound.flv", "a.ivf")
CUT_RIFF_ASF = ("a.avi", "sound.avi", "a.wmv", "sound.wmv")
CUT_UNKNOWN = (
    *("a.ts", "sound.ts", "a.m2ts", "a.mpg", "sound.mpg", "a.ogv", "fragments.mp4", "cmaf.mp4"),
    *("a.nut", "sound.nut", "a.y4m"),
)
PADDING = {
    "zeros": bytes(3000),
    "ID3 tag": b"TAG" + b"title".ljust(125, b"\0"),
    "ID3v2 tag": b"ID3\x04\0\0\0\0\x02\x01" + bytes(257),
    "free box": b"\0\0\x04\0free" + bytes(1016),
    "text": b"uploaded by somebody\r\n" * 20,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Function from the name of a film to its file."""
    return written_once(
        tmp_path_factory.mktemp("promises"), {name: film.save for name, film in FILMS.items()}
    )


def cut(path: Path, target: Path, share: float) -> Path:
    content = path.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])
    return target


@pytest.mark.parametrize("name", FILMS)
def test_an_intact_film_is_whole(written: Written, name: str) -> None:
    report = report_of(written(name))
    assert report.reason == ""
    assert (report.share, report.errors) == (1, 0)


@pytest.mark.parametrize("share", [0.55, 0.85])
@pytest.mark.parametrize("name", CUT + CUT_RIFF_ASF)
def test_a_film_that_is_cut_off_states_its_share(
    written: Written, tmp_path: Path, name: str, share: float
) -> None:
    whole = report_of(written(name))
    report = report_of(cut(written(name), tmp_path / name, share))
    assert report.partly_read
    read = report.frames_decoded / whole.frames_decoded
    assert 0.2 < read < 1
    assert report.share == pytest.approx(read, abs=0.04)
    assert f"partly read ({100 * report.share:.1f} %)" in report.reason


@pytest.mark.parametrize("name", CUT_UNKNOWN)
def test_a_stream_that_ends_inside_a_packet_lacks_its_end(
    written: Written, tmp_path: Path, name: str
) -> None:
    content = written(name).read_bytes()
    # Not a multiple of any packet: the end of the file lies inside one.
    (tmp_path / name).write_bytes(content[: len(content) * 6 // 10 // 188 * 188 + 60])
    report = report_of(tmp_path / name)
    assert report.gaps >= {"cut"}
    assert "partly read (share unknown)" in report.reason
    assert "the end of the file is missing" in report.reason


@pytest.mark.parametrize(
    "name",
    ["sound.mp4", "sound.mkv", "sound.flv", "sound.avi", "sound.wmv", "sound.ts", "sound.mpg"],
)
def test_longer_sound_is_no_missing_film(tmp_path: Path, name: str) -> None:
    report = report_of(write_film(tmp_path, FILMS[name], audio_s=9.0))
    assert report.reason == ""


@pytest.mark.parametrize("name", ["sound.mkv", "a.webm"])
def test_a_film_that_begins_late_in_its_sound_is_whole(tmp_path: Path, name: str) -> None:
    report = report_of(write_film(tmp_path, FILMS[name], audio_s=12.6, late_s=10))
    assert report.reason == ""


@pytest.mark.parametrize("name", ["sound.flv", "sound.wmv"])
def test_a_file_that_is_cut_off_in_longer_sound_has_its_whole_film(
    tmp_path: Path, name: str
) -> None:
    path = write_film(tmp_path, FILMS[name], audio_s=20.0)
    assert report_of(cut(path, tmp_path / f"cut {name}", 0.9)).reason == ""


@pytest.mark.parametrize("first", ["a.mp4", "sound.mp4", "edit list.mp4", "a.mov"])
@pytest.mark.parametrize("second", ["a.mp4", "sound.mp4"])
def test_joined_mp4_files_say_what_lies_outside_the_index(
    written: Written, tmp_path: Path, first: str, second: str
) -> None:
    parts = [written(first).read_bytes(), written(second).read_bytes()]
    (tmp_path / "joined.mp4").write_bytes(b"".join(parts))
    report = report_of(tmp_path / "joined.mp4")
    inside = 100 * len(parts[0]) / sum(map(len, parts))
    assert report.gaps == {"outside"}
    assert report.share == 1  # of the film that the index lists
    assert f"partly read ({inside:.1f} % of the bytes)" in report.reason
    assert f"{len(parts[1])} of {sum(map(len, parts))} bytes lie outside" in report.reason


@pytest.mark.parametrize(
    "name", ["a.flv", "sound.flv", "a.wmv", "sound.wmv", "a.ivf", "fragments.mp4"]
)
def test_a_second_file_that_is_not_read_is_said(
    written: Written, tmp_path: Path, name: str
) -> None:
    content = written(name).read_bytes()
    (tmp_path / name).write_bytes(content + content)
    report = report_of(tmp_path / name)
    assert report.gaps == {"outside"}
    assert "partly read (50.0 % of the bytes)" in report.reason


@pytest.mark.parametrize(
    "name", ["a.mkv", "a.avi", "a.ts", "a.mpg", "a.mxf", "a.h264", "segments.mp4", "cmaf.mp4"]
)
def test_a_second_file_that_is_read_has_all_its_frames(
    written: Written, tmp_path: Path, name: str
) -> None:
    content = written(name).read_bytes()
    (tmp_path / name).write_bytes(content + content)
    report = report_of(tmp_path / name)
    assert report.reason == ""
    assert report.frames_decoded == 2 * FRAMES
    assert report.duration_s == pytest.approx(2 * FRAMES / RATE, abs=0.05)


@pytest.mark.parametrize("padding", PADDING)
@pytest.mark.parametrize("name", ["a.mp4", "sound.mp4", "a.mkv", "a.avi", "a.ts", "a.mpg", "a.wmv"])
def test_padding_after_a_film_is_no_second_film(
    written: Written, tmp_path: Path, name: str, padding: str
) -> None:
    (tmp_path / name).write_bytes(written(name).read_bytes() + PADDING[padding])
    report = report_of(tmp_path / name)
    assert not report.gaps & {"cut", "outside", "time", "frames"}
    assert report.frames_decoded >= 50


@pytest.mark.parametrize("name", ["sound.mp4", "a.avi"])
def test_a_file_that_lost_only_bytes_after_its_film_is_whole(
    written: Written, tmp_path: Path, name: str
) -> None:
    path = written(name)
    lost = 8 if name.endswith("mp4") else 200  # a part of the last box, or of the AVI's index
    content = path.read_bytes()
    content = content + b"\0\0\x10\0free" if name.endswith("mp4") else content[:-lost]
    (tmp_path / name).write_bytes(content)
    report = report_of(tmp_path / name)
    assert report.frames_decoded == report_of(path).frames_decoded
    assert report.reason == ""


@pytest.mark.media
def test_the_real_clips_are_whole(media: Path) -> None:
    for path in sorted((media / "videos").glob("*.mp4")):
        report = report_of(path)
        assert (report.reason, report.share) == ("", 1)
