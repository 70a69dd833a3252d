"""Losses in the middle of a file: zeros, noise, missing bytes; and joins, which lose nothing."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.videos import VideoSpec, numbered_image, write_video
from tests.inputs.moving_pictures import jpegs
from tests.inputs.promise_files import FILMS, RATE, SIZE, Film, write_film
from tests.inputs.written import Written, report_of, written_once
from vidsearch.video.open import open_video
from vidsearch.video.sampling import SamplingConfig
from vidsearch.video.slices import SliceSampler

Damage = Callable[[bytes, int, int], bytes]


def zeros(content: bytes, begin: int, end: int) -> bytes:
    return content[:begin] + bytes(end - begin) + content[end:]


def noise(content: bytes, begin: int, end: int) -> bytes:
    return content[:begin] + np.random.default_rng(1).bytes(end - begin) + content[end:]


def removed(content: bytes, begin: int, end: int) -> bytes:
    return content[:begin] + content[end:]


def packets_removed(content: bytes, begin: int, end: int) -> bytes:
    return content[: begin // 188 * 188] + content[end // 188 * 188 :]


STAMPED = (
    *("a.mkv", "sound.mkv", "a.webm", "sound.flv", "a.wmv", "sound.wmv", "sound.ts", "a.m2ts"),
    *("a.ts", "a.mpg", "sound.mpg", "a.ogv", "a.nut", "a.mxf"),
)
LONG_FORM = ("sound.mkv", "sound.wmv", "a.m2ts", "sound.mpg")
RAW = {
    "h264": Film(name="raw.h264", options={"b_frames": 2}),
    "mpeg2video": Film(
        name="raw.m2v", codec="mpeg2video", options={"b_frames": 2, "container": "mpeg2video"}
    ),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Function from the name of a film to its file."""
    return written_once(
        tmp_path_factory.mktemp("losses"), {name: film.save for name, film in FILMS.items()}
    )


def damaged(path: Path, target: Path, damage: Damage) -> Path:
    """Write a copy without the middle third."""
    content = path.read_bytes()
    target.write_bytes(damage(content, len(content) // 3, 2 * len(content) // 3))
    return target


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *((name, zeros) for name in STAMPED if name not in LONG_FORM),
        *(pytest.param(name, zeros, marks=pytest.mark.slow) for name in LONG_FORM),
        *((name, noise) for name in ("a.mkv", "sound.ts", "a.mpg")),
        *((name, removed) for name in ("sound.flv", "a.wmv", "a.ogv", "a.m2ts")),
        *((name, packets_removed) for name in ("a.ts", "sound.ts")),
        *(
            pytest.param(name, damage, marks=pytest.mark.slow)
            for name in STAMPED
            for damage in (noise, removed)
        ),
    ],
)
def test_a_film_without_its_middle_states_its_share(
    written: Written, tmp_path: Path, name: str, damage: Damage
) -> None:
    whole = report_of(written(name))
    report = report_of(damaged(written(name), tmp_path / name, damage))
    assert whole.reason == ""
    assert report.gaps & {"lost", "frames"}
    read = report.frames_decoded / whole.frames_decoded
    assert 0.4 < read < 0.75
    assert report.share == pytest.approx(read, abs=0.04)
    assert f"partly read ({100 * report.share:.1f} %)" in report.reason


# In H.264, a decoder may not notice that bytes were removed.
@pytest.mark.parametrize(
    ("container", "damage"),
    [*((name, damage) for name in RAW for damage in (zeros, noise)), ("mpeg2video", removed)],
)
def test_a_raw_stream_without_its_middle_has_an_unknown_share(
    written: Written, tmp_path: Path, container: str, damage: Damage
) -> None:
    name = RAW[container].name
    path = write_film(tmp_path, RAW[container])
    assert report_of(path).reason == ""
    report = report_of(damaged(path, tmp_path / f"damaged {name}", damage))
    assert report.gaps == {"lost"}
    assert "partly read (share unknown)" in report.reason


@pytest.mark.parametrize("block", [2, 512, 4096])
@pytest.mark.parametrize("padding", [b"\0", b"\xff"])
def test_padding_between_whole_images_is_no_loss(
    tmp_path: Path, block: int, padding: bytes
) -> None:
    images = [image + padding * (-len(image) % block) for image in jpegs()]
    path = tmp_path / "camera.mjpeg"
    path.write_bytes(b"".join(images))
    report = report_of(path)
    assert report.frames_decoded == len(images)
    assert report.reason == ""


def test_zeros_instead_of_the_end_of_an_image_are_a_loss(tmp_path: Path) -> None:
    images = jpegs(size=(320, 240))
    images[2] = images[2][: len(images[2]) // 2] + bytes(4096)
    path = tmp_path / "camera.mjpeg"
    path.write_bytes(b"".join(images))
    assert "lost" in report_of(path).gaps


@pytest.mark.parametrize("name", ["a.mkv", "a.ts"])
def test_the_cadence_of_a_slow_film_is_no_loss(tmp_path: Path, name: str) -> None:
    slow = {"ticks": tuple(range(0, 300, 6)), "keyframes": 3}
    path = write_film(tmp_path, Film(name=name, options=slow))
    assert report_of(path).reason == ""
    report = report_of(damaged(path, tmp_path / f"damaged {name}", zeros))
    missing = 50 - report.frames_decoded
    assert report.lost_s == pytest.approx(0.24 * missing, abs=0.3)
    assert report.losses.count <= 2


def test_a_single_lost_packet_is_named(written: Written, tmp_path: Path) -> None:
    content = written("sound.ts").read_bytes()
    film = [at for at in range(0, len(content), 188) if content[at + 1] & 0x5F == 1]
    inside = film[len(film) // 2 + 1]
    (tmp_path / "a.ts").write_bytes(content[:inside] + content[inside + 188 :])
    report = report_of(tmp_path / "a.ts")
    assert report.gaps == {"lost"}
    assert report.share > 0.9
    assert "at one place inside the file" in report.reason


def segment(folder: Path, first: int, frames: int, codec: str = "libx264") -> bytes:
    spec = VideoSpec(
        frames=frames,
        size=SIZE,
        ticks=tuple(range(first, first + frames)),
        time_base=Fraction(1, RATE),
        keyframes=frames,
        codec=codec,
        b_frames=2,
        container="mpegts",
    )
    images = [numbered_image(number % 256, SIZE) for number in range(first, first + frames)]
    return write_video(folder / f"{first}.ts", spec, images).read_bytes()


@pytest.mark.parametrize("starts", [(100, 113, 126), (100, 113, 200), (100, 50, 300)])
@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_segments_of_a_stream_lose_nothing(
    tmp_path: Path, starts: tuple[int, ...], codec: str
) -> None:
    content = b"".join(segment(tmp_path, first, 13, codec) for first in starts)
    (tmp_path / "joined.ts").write_bytes(content)
    report = report_of(tmp_path / "joined.ts")
    assert report.reason == ""
    assert report.frames_decoded == 39


def test_slices_count_the_losses_of_the_whole_film(written: Written, tmp_path: Path) -> None:
    path = damaged(written("sound.ts"), tmp_path / "a.ts", zeros)
    whole = report_of(path)
    with open_video(str(path)) as reader:
        cuts = reader.keyframe_cuts(0.4)
    assert cuts
    places, ticks = 0, Fraction(0)
    for begin, end in pairwise((None, *cuts, None)):
        with open_video(str(path)) as reader:
            sampler = SliceSampler(reader, SamplingConfig(), begin, end)
            list(sampler)
            places += sampler.reading.losses.count
            ticks += sampler.reading.losses.ticks
    assert whole.losses.ticks > 0
    assert (places, ticks) == (whole.losses.count, whole.losses.ticks)


def written_part(folder: Path, name: str, first: int, codec: str) -> bytes:
    spec = VideoSpec(
        frames=20,
        ticks=tuple(range(first, first + 20)),
        time_base=Fraction(1, RATE),
        codec=codec,
        container=name,
    )
    return write_video(folder / f"part.{first}", spec).read_bytes()


@pytest.mark.parametrize(
    ("container", "codec"), [("matroska", "libx264"), ("flv", "flv"), ("ogg", "libvpx")]
)
def test_files_joined_with_a_gap_lose_nothing(tmp_path: Path, container: str, codec: str) -> None:
    parts = [written_part(tmp_path, container, first, codec) for first in (0, 200)]
    header = 13 if container == "flv" else 0
    (tmp_path / "joined").write_bytes(parts[0] + parts[1][header:])
    report = report_of(tmp_path / "joined")
    assert report.reason == ""
    assert report.frames_decoded == 40


@pytest.mark.parametrize(("container", "copies", "read"), [("matroska", 3, 2), ("nut", 2, 1)])
def test_joined_files_that_are_not_read_are_said(
    tmp_path: Path, container: str, copies: int, read: int
) -> None:
    part = written_part(tmp_path, container, 0, "libx264")
    (tmp_path / "joined").write_bytes(part * copies)
    report = report_of(tmp_path / "joined")
    assert report.gaps == {"outside"}
    assert report.frames_decoded == 20 * read
    assert f"partly read ({100 * read / copies:.1f} % of the bytes)" in report.reason
