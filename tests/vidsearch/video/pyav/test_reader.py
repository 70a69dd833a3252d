"""PyAV reader beyond the contract suite: damage, joins, sizes, safety, storage."""

from __future__ import annotations

import gc
import io
import os
import random
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import fsspec
import numpy as np
import pytest
from PIL import Image as PILImage

from tests.helpers import videos
from vidsearch.errors import (
    ConfigError,
    NoVideoStreamError,
    VideoDecodeError,
    VideoError,
    VideoOpenError,
)
from vidsearch.video.open import open_video
from vidsearch.video.pyav.reader import PyAVReader
from vidsearch.video.report import ReadReport
from vidsearch.video.source import ByteSource


def read(path: Path) -> tuple[list[int], list[float], ReadReport]:
    with open_video(str(path)) as reader:
        frames = list(reader.decode())
        numbers = [videos.read_number(frame.rgb()) for frame in frames]
        return numbers, [frame.time_s for frame in frames], reader.report()


@pytest.mark.media
def test_a_hole_in_a_real_clip_loses_few_frames(media: Path, tmp_path: Path) -> None:
    data = bytearray((media / "videos" / "short_hamilton_clip.mp4").read_bytes())
    data[200_000:250_000] = bytes(50_000)  # 8 % of the file
    path = tmp_path / "hole.mp4"
    path.write_bytes(data)
    with open_video(str(path)) as reader:
        times = [frame.time_s for frame in reader.decode()]
        report = reader.report()
    assert 235 <= len(times) < 275
    assert times == sorted(times)
    assert times[-1] > 9.9  # decoding continues after the hole
    assert report.partly_read
    assert report.share == pytest.approx(len(times) / 275)


@pytest.mark.media
def test_facts_of_a_real_clip(media: Path) -> None:
    with open_video(str(media / "videos" / "short_hamilton_clip.mp4")) as reader:
        info = reader.info
        times = [frame.time_s for frame in reader.decode()]
        assert not reader.report().partly_read
    assert (info.container, info.codec, info.width, info.height) == ("mp4", "h264", 640, 360)
    assert info.expected_frames == len(times) == 275
    # Audio begins at 0.008005 s, which is the container's start, video at 10214/11988 =
    # 0.852019 s.
    assert times[0] == pytest.approx(0.852019 - 0.008005, abs=1e-6)


def test_joined_transport_streams_have_rising_times(tmp_path: Path) -> None:
    one = videos.write_video(tmp_path / "one.ts", videos.VideoSpec(frames=30)).read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(one + one)
    numbers, times, _ = read(path)
    assert numbers == [*range(30), *range(30)]
    np.testing.assert_allclose(np.diff(times), 0.1, atol=1e-3)


def test_a_stream_that_changes_size_gives_each_frame_in_its_own(tmp_path: Path) -> None:
    small = videos.write_video(tmp_path / "s.ts", videos.VideoSpec(frames=10)).read_bytes()
    large = videos.write_video(
        tmp_path / "l.ts", videos.VideoSpec(frames=10, size=(256, 192))
    ).read_bytes()
    (tmp_path / "both.ts").write_bytes(small + large)
    with open_video(str(tmp_path / "both.ts")) as reader:
        images = [frame.rgb() for frame in reader.decode()]
    assert [image.shape for image in images] == [(96, 128, 3)] * 10 + [(192, 256, 3)] * 10
    assert [videos.read_number(image) for image in images] == [*range(10), *range(10)]


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_do_not_change_the_frames(tmp_path: Path, threads: int) -> None:
    path = videos.write_video(tmp_path / "a.mp4", videos.VideoSpec(frames=40, b_frames=2))
    with open_video(str(path), threads=threads) as reader:
        assert [videos.read_number(f.rgb()) for f in reader.decode()] == list(range(40))


def test_wrong_options(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="threads must be at least 1; got 0"):
        open_video(str(tmp_path), threads=0)
    with pytest.raises(ConfigError, match="backend must be one of pyav, decord; got 'opencv'"):
        open_video(str(tmp_path), "opencv")  # type: ignore[arg-type]


def test_hd_without_a_stated_matrix_is_bt_709(tmp_path: Path) -> None:
    # Y'CbCr (63, 102, 240) is pure red by BT.709; BT.601 would make it (255, 24, 0).
    red = np.zeros((1080, 1280), np.uint8)
    red[:720] = 63
    red[720:900], red[900:] = 102, 240  # the quarter-size planes of I420, one below the other
    frame = av.VideoFrame.from_ndarray(red, "yuv420p")
    path = tmp_path / "hd.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=10, width=1280, height=720, pix_fmt="yuv420p")
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with open_video(str(path)) as reader:
        pixel = next(reader.decode()).rgb()[300, 300].astype(int)
    np.testing.assert_allclose(pixel, (255, 0, 0), atol=4)


@pytest.mark.parametrize("ending", ["png", "gif", "webp", "bmp", "tiff"])
def test_an_image_named_mp4_is_reported_as_an_image(tmp_path: Path, ending: str) -> None:
    image = io.BytesIO()
    PILImage.new("RGB", (64, 48), "red").save(image, ending)
    path = tmp_path / "photo.mp4"
    path.write_bytes(image.getvalue())
    with pytest.raises(VideoOpenError, match="is an image"):
        open_video(str(path))


def test_audio_with_a_cover_image_is_not_a_video(tmp_path: Path) -> None:
    cover = io.BytesIO()
    PILImage.new("RGB", (64, 64), "blue").save(cover, "png")
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as output:
        audio = output.add_stream("libmp3lame", rate=44_100, layout="mono")
        art = output.add_stream("png", rate=1, width=64, height=64, pix_fmt="rgb24")
        art.disposition = av.stream.Disposition.attached_pic
        for block in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.float32), "fltp", "mono")
            frame.rate, frame.pts = 44_100, block * 1152
            output.mux(audio.encode(frame))
        output.mux(audio.encode(None))
        image = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 99, np.uint8), "rgb24")
        output.mux(art.encode(image))
        output.mux(art.encode(None))
    with pytest.raises(NoVideoStreamError, match="cover image"):
        open_video(str(path))


def test_frames_too_large_for_the_memory_are_refused(tmp_path: Path) -> None:
    small = videos.write_video(tmp_path / "s.ts", videos.VideoSpec(frames=10)).read_bytes()
    large = videos.write_video(
        tmp_path / "l.ts", videos.VideoSpec(frames=10, size=(256, 192))
    ).read_bytes()
    (tmp_path / "grows.ts").write_bytes(small + large)
    with pytest.raises(VideoOpenError, match="frames of 256 x 192, more than the 30000 pixels"):
        PyAVReader(str(tmp_path / "l.ts"), max_pixels=200 * 150)
    with PyAVReader(str(tmp_path / "grows.ts"), max_pixels=200 * 150) as reader:
        numbers = [videos.read_number(frame.rgb()) for frame in reader.decode()]
        report = reader.report()
    assert numbers == list(range(10))
    assert report.partly_read
    assert report.errors == 10


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{secret}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{secret}'\n",
        '<?xml version="1.0"?>\n<MPD><Period><BaseURL>{secret}</BaseURL></Period></MPD>',
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n",
        "\n\n  #EXTM3U\n#EXTINF:3,\nfile:{secret}\n",
    ],
    ids=["hls", "concat", "dash", "sdp", "hls after blank lines"],
)
@pytest.mark.parametrize("ending", ["mp4", "m3u8", "ffconcat", "sdp", "mpd", "ts"])
def test_no_file_makes_ffmpeg_open_another_one(tmp_path: Path, playlist: str, ending: str) -> None:
    secret = videos.write_video(tmp_path / "secret.ts", videos.VideoSpec(frames=3))
    path = tmp_path / f"innocent.{ending}"
    path.write_text(playlist.format(secret=secret))
    with pytest.raises(VideoOpenError, match="is a playlist"):
        open_video(str(path))


def test_image_sequences_are_not_guessed_from_a_name(tmp_path: Path) -> None:
    for number in range(3):
        PILImage.new("RGB", (64, 48), "red").save(tmp_path / f"shot{number}.png")
    with pytest.raises(VideoOpenError, match="does not exist"):
        open_video(str(tmp_path / "shot%d.png"))


def test_pipes_and_devices_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(VideoOpenError, match="not a regular file"):
        open_video(str(tmp_path / "pipe.mp4"))
    with pytest.raises(VideoOpenError, match="not a regular file"):
        open_video("/dev/zero")


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_permission_denied(tmp_path: Path) -> None:
    path = tmp_path / "secret.mp4"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(VideoOpenError, match="is not readable for this user"):
        open_video(str(path))


def test_permission_denied_by_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.mp4"
    path.write_bytes(b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(VideoOpenError, match="is not readable for this user"):
        open_video(str(path))


def test_a_storage_that_fails_half_way_is_not_taken_for_the_end(tmp_path: Path) -> None:
    path = videos.write_video(tmp_path / "a.ts", videos.VideoSpec(frames=200, size=(320, 240)))
    data = path.read_bytes()

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > len(data) // 2:
                raise ConnectionError("connection lost")
            return super().read(size)

    source = ByteSource("s3://bucket/a.ts", Failing(data), buffer_bytes=4096)
    # FFmpeg reads the end of a transport stream for its length, so even opening may fail.
    with (
        pytest.raises(VideoOpenError, match=r"stopped being readable.*connection lost"),
        PyAVReader("s3://bucket/a.ts", source=source) as reader,
    ):
        for _ in reader.decode():
            pass


def test_uris_are_read_in_ranges(tmp_path: Path) -> None:
    spec = videos.VideoSpec(
        frames=60, size=(320, 240), codec="mpeg4", codec_options={"b": "4000000"}
    )
    data = videos.write_video(tmp_path / "a.mp4", spec).read_bytes()
    memory = fsspec.filesystem("memory")
    memory.pipe("/ranges/two words/ä.mp4", data)
    try:
        with open_video("memory://ranges/two words/ä.mp4") as reader:
            assert sum(1 for _ in reader.decode()) == 60
        with pytest.raises(VideoOpenError, match="does not exist; check the URI"):
            open_video("memory://ranges/none.mp4")
    finally:
        memory.rm("/ranges", recursive=True)
    with pytest.raises(VideoOpenError, match="cannot be opened"):
        open_video("nosuchscheme://bucket/a.mp4")


def test_file_uris_are_paths(tmp_path: Path) -> None:
    path = videos.write_video(tmp_path / "two words.mp4", videos.VideoSpec(frames=3))
    with open_video(path.as_uri()) as reader:
        assert sum(1 for _ in reader.decode()) == 3


def test_nothing_stays_open(tmp_path: Path) -> None:
    path = videos.write_video(tmp_path / "a.mp4", videos.VideoSpec(frames=5))
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(path.read_bytes()[:500])

    def handles() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    before = handles()
    for _ in range(20):
        with open_video(str(path)) as reader:
            next(reader.decode())
        with suppress(VideoError):
            open_video(str(broken))
    assert handles() == before


def mutate(data: bytes, rng: random.Random) -> bytes:
    mutant = bytearray(data)
    for _ in range(rng.choice([1, 4, 30])):
        offset = rng.randrange(len(mutant))
        kind = rng.randrange(4)
        if kind == 0:
            mutant[offset] = rng.randrange(256)
        elif kind == 1:
            mutant[offset : offset + 4] = rng.choice([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"])
        elif kind == 2:
            del mutant[offset : offset + rng.randrange(200)]
        else:
            mutant[offset:offset] = mutant[offset : offset + rng.randrange(300)]
        if len(mutant) < 16:
            break
    return bytes(mutant)


FUZZED: dict[str, dict[str, Any]] = {
    "mp4": {"b_frames": 2, "audio": True},
    "mkv": {"b_frames": 2},
    "ts": {},
    "avi": {"codec": "mpeg4"},
    "mpg": {"codec": "mpeg2video", "time_base": Fraction(1, 25)},
    "flv": {"codec": "flv"},
}


@pytest.mark.parametrize("ending", FUZZED)
def test_damaged_bytes_give_frames_or_a_video_error(
    tmp_path: Path, ending: str, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = videos.VideoSpec(frames=12, **FUZZED[ending])
    data = videos.write_video(tmp_path / f"intact.{ending}", spec).read_bytes()
    capfd.readouterr()
    rng = random.Random(f"fuzz {ending}")
    path = tmp_path / f"mutant.{ending}"
    opened = 0
    for _ in range(60):
        path.write_bytes(mutate(data, rng))
        with suppress(VideoError), open_video(str(path)) as reader:
            opened += 1
            last = None
            for frame in reader.decode():
                assert last is None or frame.pts > last
                last = frame.pts
                frame.thumbnail_bgr(64, 36)
                assert frame.rgb().shape == (frame.geometry.height, frame.geometry.width, 3)
            report = reader.report()
            assert 0 <= report.share <= 1
            assert "\n" not in report.reason
    assert opened > 5  # the mutations are not all fatal
    assert capfd.readouterr() == ("", "")


def test_not_one_decodable_frame(tmp_path: Path) -> None:
    options = {"movflags": "faststart"}
    path = videos.write_video(tmp_path / "a.mp4", videos.VideoSpec(options=options))
    data = path.read_bytes()
    start = data.index(b"mdat") + 4
    path.write_bytes(data[:start] + bytes(len(data) - start))
    with pytest.raises(VideoDecodeError, match="none of its frames could be decoded"):
        open_video(str(path))


def test_a_wmv_whose_clock_starts_late_is_whole(tmp_path: Path) -> None:
    """The header of ASF counts its length from 0, not from the first frame."""
    spec = videos.VideoSpec(codec="wmv2", ticks=range(1000, 1030), container="asf")
    path = videos.write_video(tmp_path / "late.wmv", spec)
    with PyAVReader(str(path)) as reader:
        frames = list(reader.decode())
        report = reader.report()
    assert len(frames) == 30
    assert not report.partly_read
    assert report.duration_s == pytest.approx(3.0, abs=0.15)
