"""A search of a folder accounts for every entry: compared with the entries that ``find`` lists."""

from __future__ import annotations

import json
import os
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tests.helpers import videos
from tests.inputs import nas_tree
from vidsearch.commands.main import main
from vidsearch.errors import ConfigError
from vidsearch.results.account_sentences import account_lines
from vidsearch.video.discover import discover
from vidsearch.video.discovery.account import Account
from vidsearch.video.discovery.entries import Entry, EntryKind
from vidsearch.video.discovery.exclusion import Exclusion
from vidsearch.video.discovery.local import FolderSearch
from vidsearch.video.open import open_video


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "volume1"
    folder.mkdir()
    return folder


def entries_of(root: Path) -> list[Entry]:
    return list(FolderSearch(Exclusion()).folder(str(root)))


def test_every_entry_of_a_nas_is_accounted_for_once(root: Path) -> None:
    nas_tree.plant(root)
    entries = entries_of(root)
    by_path = {entry.uri: entry for entry in entries}
    assert len(by_path) == len(entries), "an entry is accounted for twice"
    excluded = [entry for entry in entries if entry.kind is EntryKind.EXCLUDED]
    inside = Counter(
        entry.uri
        for path in nas_tree.walk(root)
        for entry in excluded
        if path.startswith(entry.uri + "/") and not Path(path).is_dir()
    )
    missing = [
        path
        for path in nas_tree.walk(root)
        if path not in by_path and not any(path.startswith(entry.uri + "/") for entry in excluded)
    ]
    assert missing == []
    assert set(by_path) <= {str(root), *nas_tree.walk(root)}
    for entry in excluded:
        assert entry.files == (inside[entry.uri] if Path(entry.uri).is_dir() else 1), entry.uri


def test_every_entry_of_a_nas_has_its_kind(root: Path) -> None:
    planted = nas_tree.plant(root)
    found = {entry.uri: (entry.kind, entry.detail) for entry in entries_of(root)}
    for path, entry in planted.items():
        if entry.kind is None:
            assert path not in found
            continue
        kind, detail = found[path]
        assert kind is entry.kind, path
        if kind in {EntryKind.EXCLUDED, EntryKind.PASSED_OVER}:
            assert detail == entry.detail, path
    folders = {path for path, (kind, _) in found.items() if kind is EntryKind.FOLDER}
    assert folders == {str(root), *(str(root / name) for name in SEARCHED)}


SEARCHED = (
    "2010",
    "2010/Über uns",
    "2010/U\u0308ber uns",
    "recorder",
    "web",
    "empty folder",
)


def test_the_account_adds_up_to_the_files_of_the_folder(root: Path) -> None:
    planted = nas_tree.plant(root)
    account = discover([str(root)]).account
    files = [
        path for path in nas_tree.walk(root) if not Path(path).is_dir() or Path(path).is_symlink()
    ]
    counted = (
        account.videos
        + account.repeated
        + sum(account.passed_over.values())
        + sum(account.excluded.values())
        + len(account.dangling)
        + len(account.special)
    )
    assert counted == len(files)
    # The second name of a video is a further name, not a further video.
    kinds = Counter(entry.kind for entry in planted.values())
    assert account.videos == kinds[EntryKind.VIDEO] - 1
    assert account.repeated == kinds[EntryKind.REPEATED] + 1
    assert account.excluded["#recycle"] == 2
    assert account.passed_over[".ts"] == 1
    assert account.passed_over[""] == 1


def test_a_source_in_an_excluded_folder_is_read(root: Path) -> None:
    nas_tree.plant(root)
    found = discover(
        [str(root / "#recycle"), str(root / ".hidden.mp4"), str(root / "@eaDir" / "..")]
    )
    names = [os.path.relpath(video.uri, root) for video in found.videos]
    assert names[:3] == ["#recycle/2009/deleted too.mp4", "#recycle/deleted.mp4", ".hidden.mp4"]
    globbed = discover([str(root / "#recycle" / "*.mp4")])
    assert [os.path.relpath(video.uri, root) for video in globbed.videos] == [
        "#recycle/deleted.mp4"
    ]
    year = discover([str(root / "2010" / "*")])
    assert year.account.excluded == {"@eaDir": 1}


EXCLUDES = {
    "*.mp4": {"a/c.mkv", "b/d/e.MP4"},
    "*.MP4": {"a/b.mp4", "a/c.mkv", "b/private/f.mp4"},
    "private": {"a/b.mp4", "a/c.mkv", "b/d/e.MP4"},
    "private/": {"a/b.mp4", "a/c.mkv", "b/d/e.MP4"},
    "c.mkv/": {"a/b.mp4", "a/c.mkv", "b/d/e.MP4", "b/private/f.mp4"},
    "a/*": {"b/d/e.MP4", "b/private/f.mp4"},
    "/a": {"b/d/e.MP4", "b/private/f.mp4"},
    "./a/b.mp4": {"a/c.mkv", "b/d/e.MP4", "b/private/f.mp4"},
    "b/*/f.*": {"a/b.mp4", "a/c.mkv", "b/d/e.MP4"},
    "[ab]": set(),
    "nothing": {"a/b.mp4", "a/c.mkv", "b/d/e.MP4", "b/private/f.mp4"},
}


@pytest.mark.parametrize("pattern", EXCLUDES)
@pytest.mark.parametrize("kind", ["folder", "glob", "list", "remote"])
def test_patterns_exclude_names_and_paths(root: Path, pattern: str, kind: str) -> None:
    names = ("a/b.mp4", "a/c.mkv", "b/d/e.MP4", "b/private/f.mp4")
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    (root.parent / "list").write_text("\n".join(f"volume1/{name}" for name in names))
    memory = fsspec.filesystem("memory")
    source = {
        "folder": str(root),
        "glob": str(root / "**"),
        "list": f"@{root / 'list'}",
        "remote": "memory://volume1",
    }[kind]
    (root / "list").write_text("\n".join(names))
    try:
        for name in names:
            memory.pipe(f"/volume1/{name}", b"x")
        found = discover([source], [pattern])
    finally:
        memory.rm("/volume1", recursive=True)
    left = {video.uri.rpartition("volume1/")[2] for video in found.videos}
    assert left == EXCLUDES[pattern]
    assert found.account.excluded[pattern] == len(names) - len(left)


def test_an_absolute_pattern_and_an_empty_one(root: Path) -> None:
    (root / "a.mp4").write_bytes(b"x")
    (root / "b.mp4").write_bytes(b"x")
    assert len(discover([str(root)], [str(root / "a.*")]).videos) == 1
    for empty in ("", "/", "./"):
        with pytest.raises(ConfigError, match="matches no name; name a glob"):
            discover([str(root)], [empty])


def test_a_pattern_matches_composed_and_decomposed_letters(root: Path) -> None:
    (root / "Zoe\u0308.mp4").write_bytes(b"x")
    (root / "b.mp4").write_bytes(b"x")
    found = discover([str(root)], ["Zoë*"])
    assert [Path(video.uri).name for video in found.videos] == ["b.mp4"]


WRITTEN = {
    "mp4": (
        "libx264",
        ".mp4 .M4V .mov .qt .f4v .ismv .mp4v .mpeg4 .k3g .skm .insv .lrv .360 .3gp .3gpp .unknown",
    ),
    "mkv": ("libx264", ".mkv .mk3d .MKV .webm .recording"),
    "avi": ("mpeg4", ".avi .divx .xvid .dvx .AVI"),
    "ts": ("libx264", ".ts .tp .trp .m2t .MTS .ssif .mp2t .tod .rec"),
    "mpg": ("mpeg2video", ".mpg .ps .mpeg .vob .VRO .evo .vdr .dat .mp2p .mpe"),
    "m2v": ("mpeg2video", ".m2v .mp2v .mpv2 .m1v .mpv"),
    "asf": ("msmpeg4v3", ".wmv .asf .wm .dvr-ms"),
    "flv": ("flv", ".flv .f4v"),
    "ivf": ("libvpx", ".ivf"),
    "h264": ("libx264", ".264 .h26l .avc .jsv"),
    "mjpeg": ("mjpeg", ".mjpeg .mjpg .MJPG"),
    "nut": ("libx264", ".nut"),
    "gif": ("gif", ".gif .GIF"),
}


@pytest.mark.parametrize("container", WRITTEN)
def test_every_ending_is_found_and_its_content_read(root: Path, container: str) -> None:
    codec, endings = WRITTEN[container]
    pixels = {"mjpeg": "yuvj420p", "gif": "rgb8"}.get(codec, "yuv420p")
    clip = videos.VideoSpec(codec=codec, pixels=pixels, time_base=Fraction(1, 25), frames=30)
    content = videos.write_video(root / f"clip.{container}", clip).read_bytes()
    (root / f"clip.{container}").unlink()
    for ending in endings.split():
        (root / f"clip{ending}").write_bytes(content)
    found = discover([str(root)])
    assert {Path(video.uri).suffix for video in found.videos} == set(endings.split())
    for video in found.videos[:2]:
        with open_video(video.uri) as reader:
            assert sum(1 for _ in reader.decode()) == 30


def test_an_object_store_has_an_account_too() -> None:
    memory = fsspec.filesystem("memory")
    files = {
        "b.mp4": b"x",
        "a/x.mkv": b"x",
        "a/notes.txt": b"x",
        "a/.hid.mp4": b"x",
        "#recycle/a.mp4": b"x",
        "unnamed": nas_tree.PACKET * 30,
        "small": nas_tree.PACKET,
        "app.ts": b"let x = 1;",
        "empty.ts": b"",
        "still.gif": b"GIF89a" + bytes(7) + b";",
        "empty.gif": b"",
    }
    for name, content in files.items():
        memory.pipe(f"/bucket/.deep/{name}", content)
    try:
        found = discover(["memory://bucket/.deep"])
    finally:
        memory.rm("/bucket", recursive=True)
    names = [video.uri.partition(".deep/")[2] for video in found.videos]
    assert names == ["a/x.mkv", "b.mp4", "empty.ts", "unnamed"]
    assert found.account == Account(
        videos=4,
        passed_over={"": 1, ".gif": 2, ".ts": 1, ".txt": 1},
        excluded={".*": 1, "#recycle": 1},
    )


def test_a_folder_that_cannot_be_listed_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/film.mp4", "locked/film.mp4"):
        (root / name).parent.mkdir()
        (root / name).write_bytes(b"x")
    listed = os.scandir

    def refuse(path: str) -> Any:
        if path.endswith("locked"):
            raise OSError(5, "Input/output error")
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    account = discover([str(root)]).account
    assert account.unreadable == {str(root / "locked"): "Input/output error"}
    assert account_lines(account) == [
        f"Cannot be read (1): {root / 'locked'} (Input/output error)."
    ]


def test_the_summary_is_short(root: Path) -> None:
    nas_tree.plant(root)
    lines = account_lines(discover([str(root)], ["*.nothing"]).account)
    text = "\n".join(lines)
    assert len(lines) == 6
    assert text.startswith("Passed over 17 files: ")
    assert "others" in text
    assert "#recycle 2" in text
    assert "Excluded nothing: *.nothing." in text
    assert "Links without a target (2): " in text
    assert "line\\nbreak" not in text


def test_index_status_and_event_log_state_the_account(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = videos.VideoSpec(time_base=Fraction(1, 25), frames=8, size=(64, 48))
    whole = videos.write_video(root / "whole.mp4", clip).read_bytes()
    (root / os.fsdecode(b"latin\xe9.mp4")).write_bytes(whole + b"\0")
    (root / "copy.mov").write_bytes(whole)
    (root / "broken.mkv").write_bytes(b"nothing")
    (root / "a.xmp").write_bytes(b"x")
    (root / os.fsdecode(b"b.\xe9")).write_bytes(b"x")
    (root / "gone.mp4").symlink_to(os.fsdecode(b"nowhere\xe9.mp4"))
    (root / "#recycle").mkdir()
    (root / "#recycle" / "old.mp4").write_bytes(whole)
    catalog = tmp_path / "catalog"
    command = ["index", str(catalog), str(root), "--workers", "1"]
    assert main([*command, "--json"]) == 3
    report = json.loads(capsys.readouterr().out.encode("ascii"))
    assert report["videos"] == {"indexed": 2, "skipped": 1, "failed": 1}
    assert report["passed_over"] == {".\\xe9": 1, ".xmp": 1}
    assert report["excluded"] == {"#recycle": 1}
    assert report["dangling"] == [str(root / "gone.mp4")]
    assert report["unreadable"] == []
    (root / "broken.mkv").unlink()
    assert main(command) == 0
    assert capsys.readouterr().out == (
        "Nothing to do: 3 videos indexed already.\n"
        "Passed over 2 files: .\\xe9 1, .xmp 1.\n"
        "Excluded 1 file: #recycle 1.\n"
        f"Links without a target (1): {root / 'gone.mp4'}.\n"
    )
    assert main(["status", str(catalog)]) == 0
    status = capsys.readouterr().out
    assert f"Searched {root} at " in status
    assert "  3 videos in 1 folder.\n  Passed over 2 files: .\\xe9 1, .xmp 1." in status
    assert main(["status", str(catalog), "--json"]) == 0
    (source,) = json.loads(capsys.readouterr().out)["sources"]
    assert source["source"] == str(root)
    assert source["excluded"] == {"#recycle": 1}
    events = [
        json.loads(line)
        for log in sorted((catalog / "runs").iterdir())
        for line in log.read_text("ascii").splitlines()
    ]
    scans = [event for event in events if event["event"] == "source"]
    # Logs of one second are in no order.
    assert sorted(scan["videos"] for scan in scans) == [3, 4]
    assert [e["path"] for e in events if e["event"] == "dangling"] == [str(root / "gone.mp4")] * 2
