"""Moving pictures are read as videos, with their times; still images remain images."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from pipelines import index
from pipelines.cluster.config import ClusterConfig
from pipelines.commands.index import summary
from pipelines.demo.people import load_pictures
from tests.helpers.videos import numbered_image, read_number
from tests.inputs import moving_pictures
from tests.inputs.low_rates import view
from tests.inputs.moving_pictures import FAMILY, FRAMES, Moving
from vidsearch import Archive
from vidsearch.commands.catalog import describe
from vidsearch.errors import VideoOpenError
from vidsearch.media.motion_jpeg import is_motion_jpeg, is_multipart_jpeg
from vidsearch.video.clips import cut_clip
from vidsearch.video.open import open_video
from vidsearch.video.sampling import FrameSampler, SamplingConfig
from vidsearch.video.stills import still


@pytest.fixture(params=FAMILY, ids=lambda moving: moving.name)
def moving(request: pytest.FixtureRequest) -> Moving:
    found: Moving = request.param
    return found


def test_every_frame_is_read_at_its_time(moving: Moving, tmp_path: Path) -> None:
    path = tmp_path / moving.name
    moving.write(path)
    with open_video(str(path)) as reader:
        assert reader.info.container == moving.container
        frames = [(frame.time_s, read_number(frame.rgb())) for frame in reader.decode()]
        assert not reader.report().partly_read
    assert [number for _, number in frames] == list(range(FRAMES))
    assert [time for time, _ in frames] == pytest.approx(moving.times_s[:-1], abs=2e-3)


def test_a_still_shows_the_frame_of_its_time(moving: Moving, tmp_path: Path) -> None:
    path = tmp_path / moving.name
    moving.write(path)
    for number, (start, end) in enumerate(pairwise(moving.times_s)):
        if number in {0, 3, FRAMES - 1}:
            assert read_number(still(str(path), (start + end) / 2)) == number


def test_the_samples_cover_the_whole_length(moving: Moving, tmp_path: Path) -> None:
    path = tmp_path / moving.name
    moving.write(path)
    with open_video(str(path)) as reader:
        sampler = FrameSampler(reader, SamplingConfig(fps=10.0))
        samples = list(sampler)
    assert sampler.shots[0].start_s == pytest.approx(0.0, abs=1e-6)
    end_s = moving.times_s[-1]
    if moving.container != "dhav":  # a recorder states no duration of the last frame
        assert sampler.shots[-1].end_s == pytest.approx(end_s, abs=2e-3)
    assert {read_number(sample.image) for sample in samples} <= set(range(FRAMES))


@pytest.mark.parametrize("name", ["even.gif", "even.apng", "lossy.webp", "camera.mjpeg"])
def test_a_clip_plays_in_a_browser(name: str, tmp_path: Path) -> None:
    moving = next(moving for moving in FAMILY if moving.name == name)
    path, clip = tmp_path / name, tmp_path / "clip.mp4"
    moving.write(path)
    assert cut_clip(str(path), moving.times_s[2], moving.times_s[4], clip) == 0.0
    with av.open(str(clip)) as container:
        assert sum(1 for _ in container.decode(video=0)) == FRAMES


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_a_frame_shows_what_its_disposal_leaves(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"patches.{kind.lower()}"
    red, disposal = (255, 0, 0), {"GIF": 2, "PNG": 1, "WEBP": 2}[kind]
    path.write_bytes(moving_pictures.patches(kind, disposal))
    with open_video(str(path)) as reader:
        images = [frame.rgb() for frame in reader.decode()]
    assert len(images) == 4
    for number, image in enumerate(images):
        columns = [tuple(image[16, 24 * patch + 12].tolist()) for patch in range(4)]
        assert columns[number] == red
        assert all(colour != red for colour in columns[:number]), "the patch before was cleared"


def test_a_gif_keeps_a_frame_that_is_not_disposed_of(tmp_path: Path) -> None:
    path = tmp_path / "kept.gif"
    path.write_bytes(moving_pictures.patches("GIF", 1))
    with open_video(str(path)) as reader:
        last = [frame.rgb() for frame in reader.decode()][-1]
    assert (last == np.array([255, 0, 0])).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_transparent_parts_are_white(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"transparent.{kind.lower()}"
    path.write_bytes(moving_pictures.patches(kind, 2))
    assert still(str(path), 0.0)[16, 60].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("kind", "name"),
    [("GIF", "GIF"), ("PNG", "PNG"), ("WEBP", "WebP"), ("AVIF", "AVIF"), ("JPEG", "JPEG")],
)
def test_one_frame_is_an_image(kind: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / f"still.{kind.lower()}"
    Pillow.fromarray(numbered_image(1)).save(path, kind)
    with pytest.raises(VideoOpenError, match=rf"is an image \({name}\), not a video"):
        open_video(str(path))


def test_an_animation_of_one_frame_with_a_loop_is_an_image(tmp_path: Path) -> None:
    path = tmp_path / "still.gif"
    Pillow.fromarray(numbered_image(1)).save(path, "GIF", save_all=True, loop=0, duration=500)
    with pytest.raises(VideoOpenError, match=r"is an image \(GIF\)"):
        open_video(str(path))


def test_a_damaged_animated_webp_is_refused_as_damaged(tmp_path: Path) -> None:
    path = tmp_path / "cut.webp"
    content = moving_pictures.animation("WEBP", lossless=True)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoOpenError, match="animated WebP that cannot be decoded"):
        open_video(str(path))


def test_a_cut_gif_gives_its_whole_frames(tmp_path: Path) -> None:
    path = tmp_path / "cut.gif"
    content = moving_pictures.animation("GIF", loop=0)
    path.write_bytes(content[: len(content) // 2])
    with open_video(str(path)) as reader:
        frames = [read_number(frame.rgb()) for frame in reader.decode()]
    assert frames == list(range(4))


def test_large_frames_of_motion_jpeg_are_recognised(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(3):
        target = io.BytesIO()
        noise = rng.integers(0, 255, (480, 640, 3), np.uint8)
        Pillow.fromarray(noise).save(target, "JPEG", quality=95)
        frames.append(target.getvalue())
    path = tmp_path / "camera.mjpeg"
    path.write_bytes(b"".join(frames))
    with open_video(str(path)) as reader:
        assert sum(1 for _ in reader.decode()) == 3


def test_a_photo_with_a_second_picture_is_no_video() -> None:
    first, second = moving_pictures.jpegs(frames=2)
    other_size = moving_pictures.jpegs(size=(64, 48), frames=1)[0]
    assert is_motion_jpeg(first + second)
    assert not is_motion_jpeg(first)
    assert not is_motion_jpeg(first + other_size)
    assert not is_motion_jpeg(first + b"\0\0\0\x18ftypmp42")
    views = io.BytesIO()
    pictures = moving_pictures.pictures(2)
    pictures[0].save(views, "MPO", save_all=True, append_images=pictures[1:])
    assert not is_motion_jpeg(views.getvalue())


def test_a_thumbnail_inside_of_a_photo_is_no_second_frame() -> None:
    photo, thumbnail = moving_pictures.jpegs(frames=2)
    segment = b"Exif\0\0" + thumbnail
    with_thumbnail = photo[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment
    assert not is_motion_jpeg(with_thumbnail + photo[2:])
    assert is_motion_jpeg((with_thumbnail + photo[2:]) * 2)


@pytest.mark.parametrize(
    "head", [b"", b"-- a comment in SQL\r\n", b"HTTP/1.0 200 OK\r\n\r\n<html>", b"\xff\xd8\xff"]
)
def test_other_text_is_no_answer_of_a_camera(head: bytes) -> None:
    assert not is_multipart_jpeg(head)


def test_a_person_is_found_in_moving_pictures(photos: Path, tmp_path: Path) -> None:
    images = [
        Pillow.fromarray(view(load_pictures(), "Ann", shift=number)) for number in range(FRAMES)
    ]
    frames = []
    for image in images:
        target = io.BytesIO()
        image.save(target, "JPEG", quality=90)
        frames.append(target.getvalue())
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "camera.mjpeg").write_bytes(b"".join(frames))
    (folder / "camera.mpjpeg").write_bytes(moving_pictures.multipart(frames))
    for name in ("a.gif", "a.webp"):
        images[0].save(folder / name, save_all=True, append_images=images[1:], duration=100)
    report = index(tmp_path / "catalog", sorted(folder.iterdir()), cluster=ClusterConfig(workers=1))
    assert not report.failures
    archive = Archive.open(tmp_path / "catalog")
    status = archive.status()
    for result in (report.to_json(), status.to_json()):
        assumed = {Path(entry["video"]).name: entry["fps"] for entry in result["times_assumed"]}
        assert assumed == {"camera.mjpeg": 25, "camera.mpjpeg": 25}
    sentence = "2 videos state no times: they are computed from the numbers of frames."
    assert sentence in summary(report)
    assert sentence in describe(status)
    assert "camera.mjpeg: the file states no times; 25 frames a second" in describe(status)
    hits = archive.search(photos / "astronaut.jpg").hits
    sure = {Path(hit.video).name: hit.span for hit in hits if hit.confidence > 0.9}
    assert {name: round(span.end_s, 2) for name, span in sure.items()} == {
        "camera.mjpeg": 0.48,
        "camera.mpjpeg": 0.48,
        "a.gif": 1.2,
        "a.webp": 1.2,
    }
