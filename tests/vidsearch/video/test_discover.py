from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tests.helpers import videos
from vidsearch.errors import ConfigError, VideoOpenError
from vidsearch.video.discover import VideoSource
from vidsearch.video.discover import discover as discover_sources
from vidsearch.video.discovery import local
from vidsearch.video.open import open_video


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Folder with videos, other files and links, as on a user's disk."""
    root = tmp_path / "my archive"
    for name in (
        "b.mp4",
        "a.MKV",
        "2010/z.mov",
        "2010/clip.mp4.part",
        "2010/clip.srt",
        "2010/.hidden.mp4",
        "2010/._z.mov",
        ".cache/c.mp4",
        "Thumbs.db",
        "ü/ naïve 東京.webm",
        "line\nbreak.avi",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def discover(sources: Sequence[str], exclude: Sequence[str] = ()) -> tuple[VideoSource, ...]:
    """Return the videos; raise the error of a source without videos."""
    found = discover_sources(sources, exclude)
    for failure in found.failures:
        raise failure.error
    return found.videos


FOUND = ["2010/z.mov", "a.MKV", "b.mp4", "line\nbreak.avi", "ü/ naïve 東京.webm"]


def names(sources: tuple[VideoSource, ...], root: Path) -> list[str]:
    return [os.path.relpath(source.uri, root) for source in sources]


def test_a_folder_is_searched_deeply_and_sorted(archive: Path) -> None:
    assert names(discover([str(archive)]), archive) == FOUND


def test_size_and_time_of_change(archive: Path) -> None:
    os.utime(archive / "b.mp4", ns=(1, 1_234_567_890_123_456_789))
    [source] = discover([str(archive / "b.mp4")])
    assert source == VideoSource(str(archive / "b.mp4"), 5, 1_234_567_890_123_456_789)


def test_a_named_file_is_taken_with_any_ending(archive: Path) -> None:
    named = [str(archive / n) for n in ("Thumbs.db", "2010/.hidden.mp4")]
    assert names(discover(named), archive) == ["Thumbs.db", "2010/.hidden.mp4"]


def test_videos_are_listed_once_in_the_order_given(archive: Path) -> None:
    (archive / "link.mp4").symlink_to(archive / "b.mp4")
    found = discover([str(archive / "b.mp4"), str(archive), str(archive / "a.MKV")])
    assert names(found, archive) == ["b.mp4", *[n for n in FOUND if n != "b.mp4"]]


def test_relative_names_become_absolute(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(archive)
    assert [s.uri for s in discover(["b.mp4", "2010"])] == [
        str(archive / "b.mp4"),
        str(archive / "2010" / "z.mov"),
    ]


def test_links_in_a_circle_end(archive: Path) -> None:
    (archive / "2010" / "back").symlink_to(archive, target_is_directory=True)
    (archive / "dangling.mp4").symlink_to(archive / "gone.mp4")
    assert sorted(names(discover([str(archive)]), archive)) == FOUND


def test_globs(archive: Path) -> None:
    assert names(discover([str(archive / "*.m*")]), archive) == ["b.mp4"]
    assert names(discover([str(archive / "**" / "*.mov")]), archive) == ["2010/z.mov"]
    assert names(discover([str(archive / "20??")]), archive) == ["2010/z.mov"]
    # A literal ending selects any file; a wildcard selects video endings only.
    assert names(discover([str(archive / "*.db")]), archive) == ["Thumbs.db"]
    with pytest.raises(ConfigError, match="holds no video files"):
        discover([str(archive / "*" / "*.s*")])


def test_a_name_that_looks_like_a_glob_or_list_is_a_name(archive: Path) -> None:
    for name in ("[1] what?.mp4", "@home.mp4"):
        (archive / name).write_bytes(b"x")
    os.chdir(archive)
    assert names(discover(["[1] what?.mp4", "@home.mp4"]), archive) == [
        "[1] what?.mp4",
        "@home.mp4",
    ]


def test_a_list(archive: Path) -> None:
    lines = [
        "\ufeffb.mp4",
        "",
        "# a comment",
        "ü/ naïve 東京.webm",
        "2010\r",
        str(archive / "a.MKV"),
    ]
    (archive / "list.txt").write_text("\n".join(lines), "utf-8", newline="")
    found = discover(["@" + str(archive / "list.txt")])
    assert names(found, archive) == ["b.mp4", "ü/ naïve 東京.webm", "2010/z.mov", "a.MKV"]


def test_a_list_split_by_nul_takes_any_name(archive: Path) -> None:
    (archive / "#1.mp4").write_bytes(b"x")
    (archive / "list0").write_bytes(b"line\nbreak.avi\0#1.mp4\0")
    found = discover(["@" + str(archive / "list0")])
    assert names(found, archive) == ["line\nbreak.avi", "#1.mp4"]


def test_names_that_are_not_unicode(archive: Path) -> None:
    raw = os.fsencode(archive) + b"/\xff\xfe.mp4"
    Path(os.fsdecode(raw)).write_bytes(b"x")
    assert os.fsencode(discover([str(archive)])[-1].uri) == raw


@pytest.mark.parametrize("name", ["../videos/b.mp4", "./b.mp4", "../videos/../videos//b.mp4"])
def test_one_file_has_one_name(archive: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    home = archive / "videos"
    home.mkdir()
    (home / "b.mp4").write_bytes(b"x")
    (home / "list").write_text(name)
    monkeypatch.chdir(home)
    pattern = name.replace("b.mp4", "?.mp4")
    for source in (name, str(Path(name).parent), pattern, "@list"):
        assert [video.uri for video in discover([source])] == [str(home / "b.mp4")]


def test_a_link_keeps_its_name_and_the_parent_of_its_target_is_found(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (archive / "to ü").symlink_to(archive / "ü", target_is_directory=True)
    monkeypatch.chdir(archive / "2010")
    [kept] = discover(["../to ü/ naïve 東京.webm"])
    assert kept.uri == str(archive / "to ü" / " naïve 東京.webm")
    deep = archive / "deep" / "er"
    deep.mkdir(parents=True)
    (archive / "deep" / "only.mp4").write_bytes(b"x")
    (archive / "link").symlink_to(deep, target_is_directory=True)
    # Not archive/only.mp4, which does not exist: ".." is the parent of the link's target.
    [found] = discover([str(archive / "link" / ".." / "only.mp4")])
    assert found.uri == str((archive / "deep" / "only.mp4").resolve())


SOURCE_CODE = {
    "app.ts": b"import { x } from './y';\nexport const z = x;\n" * 90,
    "GLOBAL.ts": b"GLOBAL.x = 1; // the sync byte is the letter G\n" * 90,
    "short.mts": b"G",
    "go.mod": b"module example\n\ngo 1.22\n",
    "de.ts": "\ufeff<?xml version='1.0'?><TS language='de'>Schlüssel</TS>".encode(),
}
SYNC = bytes.fromhex("47 40 00 10")
STREAMS = {
    "packets.ts": (SYNC + bytes(184)) * 9,
    "blu-ray.m2ts": (bytes(4) + SYNC + b"\xff" * 184) * 9,
    "middle of a packet.ts": b"\xff" * 77 + (SYNC + b"x" * 184) * 9,
    "zeros at first.MTS": bytes(188) + (SYNC + b"x" * 184) * 9,
    "camera.mod": bytes.fromhex("000001ba") + b"x" * 2044,
    "empty.ts": b"",
}


def test_source_code_that_shares_a_videos_ending_is_left_out(tmp_path: Path) -> None:
    for name, content in (SOURCE_CODE | STREAMS).items():
        (tmp_path / name).write_bytes(content)
    expected = sorted(STREAMS)
    assert names(discover([str(tmp_path)]), tmp_path) == expected
    assert names(discover([str(tmp_path / "*")]), tmp_path) == expected
    assert names(discover([str(tmp_path / "*.ts")]), tmp_path) == [
        name for name in expected if name.endswith(".ts")
    ]
    for name in SOURCE_CODE:
        assert names(discover([str(tmp_path / name)]), tmp_path) == [name]


def test_an_unreadable_file_is_listed_so_that_it_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("locked.ts", "locked.rec", "film.mp4"):
        (tmp_path / name).write_bytes(b"text" * 2000)

    def refuse(path: str, *args: Any, **options: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(local, "open", refuse, raising=False)
    found = discover_sources([str(tmp_path)])
    assert names(found.videos, tmp_path) == ["film.mp4", "locked.ts"]
    assert found.account.unreadable == {str(tmp_path / "locked.rec"): "Permission denied"}


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ts")
    (tmp_path / "a.mp4").write_bytes(b"x")
    found = discover_sources([str(tmp_path / "*")])
    assert names(found.videos, tmp_path) == ["a.mp4"]
    assert found.account.special == (str(tmp_path / "pipe.ts"),)


def test_source_code_in_object_storage() -> None:
    memory = fsspec.filesystem("memory")
    for name, content in (SOURCE_CODE | STREAMS).items():
        memory.pipe(f"/code/{name}", content)
    try:
        expected = [f"memory:///code/{name}" for name in sorted(STREAMS)]
        assert [video.uri for video in discover(["memory://code"])] == expected
        assert [video.uri for video in discover(["memory://code/*"])] == expected
        assert len(discover(["memory://code/app.ts"])) == 1
    finally:
        memory.rm("/code", recursive=True)


FORMATS = {
    "h264": ("libx264", (".264", ".h264", ".avc")),
    "hevc": ("libx265", (".265", ".h265", ".hevc")),
    "mpeg": ("mpeg2video", (".m2p", ".mod", ".vro", ".mpg", ".vob", ".tod")),
    "mpegts": ("libx264", (".trp", ".ts", ".mts", ".m2t")),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_endings_of_streams_are_found_and_read(tmp_path: Path, kind: str) -> None:
    codec, endings = FORMATS[kind]
    quiet = {"x265-params": "log-level=none"} if kind == "hevc" else {}
    clip = videos.VideoSpec(codec=codec, time_base=Fraction(1, 25), codec_options=quiet, frames=30)
    written = {"h264": "h264", "hevc": "hevc", "mpeg": "mpg", "mpegts": "ts"}[kind]
    content = videos.write_video(tmp_path / f"clip.{written}", clip).read_bytes()
    folder = tmp_path / "found"
    folder.mkdir()
    for ending in endings:
        (folder / f"clip{ending}").write_bytes(content)
    found = discover([str(folder)])
    assert {Path(video.uri).suffix for video in found} == set(endings)
    for video in found:
        with open_video(video.uri) as reader:
            assert [videos.read_number(frame.rgb()) for frame in reader.decode()] == list(range(30))


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("gone.mp4", VideoOpenError, r"gone\.mp4' does not exist; check the path"),
        ("@gone.txt", VideoOpenError, r"the list '.*' cannot be read \(No such file"),
        (
            "@bad.txt",
            VideoOpenError,
            r"lost\.mp4' \(line 1 of the list '.*bad.txt'\) does not exist",
        ),
        ("empty", ConfigError, "'.*empty' holds no video files; name a video file directly"),
        ("@none.txt", ConfigError, "the list '@none.txt' names no file; write one name per line"),
        ("*.mp4", ConfigError, r"'\*.mp4' matches no file; check the pattern"),
        ("a\nb.mp4", VideoOpenError, r"a\\nb\.mp4' does not exist"),
        ("memory://nowhere/x.mp4", VideoOpenError, "does not exist; check the URI"),
        ("nosuchscheme://x/y.mp4", VideoOpenError, "cannot be listed"),
    ],
)
def test_a_missing_source_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.txt").write_text("lost.mp4\n")
    (tmp_path / "none.txt").write_text("# nothing\n\n")
    with pytest.raises(error, match=message) as caught:
        discover([source])
    assert "\n" not in str(caught.value)


def test_an_unreadable_folder_is_named_inside_a_folder_and_a_failure_if_named(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.scandir

    def refuse(path: str) -> Any:
        if path.endswith("2010"):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = discover_sources([str(archive)])
    assert names(found.videos, archive) == FOUND[1:]
    assert found.account.unreadable == {str(archive / "2010"): "Permission denied"}
    with pytest.raises(VideoOpenError, match="cannot be listed"):
        discover([str(archive / "2010")])


def test_object_storage() -> None:
    memory = fsspec.filesystem("memory")
    for name in ("b.mp4", "a/x.mkv", "a/notes.txt", "a/.hid.mp4", "c d.mov"):
        memory.pipe(f"/bucket/{name}", b"12345")
    try:
        found = discover(["memory://bucket"])
        assert [s.uri for s in found] == [
            f"memory:///bucket/{name}" for name in ("a/x.mkv", "b.mp4", "c d.mov")
        ]
        assert {s.size for s in found} == {5}
        assert all(s.mtime_ns > 1_600_000_000 * 10**9 for s in found)
        assert [s.uri for s in discover(["memory://bucket/a/notes.txt"])] == [
            "memory://bucket/a/notes.txt"
        ]
        assert [s.uri for s in discover(["memory://bucket/*.mp4"])] == ["memory:///bucket/b.mp4"]
        with pytest.raises(ConfigError, match=r"holds no video files \(1 passed over\)"):
            discover(["memory://bucket/a/*.txt"])
    finally:
        memory.rm("/bucket", recursive=True)
