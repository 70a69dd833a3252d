"""A batch goes on: one bad source of several is named, and the rest is done."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines import IndexConfig, index
from pipelines.indexing.duplicates import Duplicate
from pipelines.stages import index_video
from vidsearch import Archive
from vidsearch.commands.main import main
from vidsearch.errors import ConfigError, VideoOpenError, VidsearchError
from vidsearch.video.discover import VideoSource, discover


def bad_sources(folder: Path) -> dict[str, tuple[str, str]]:
    """Return sources that give no video, each with its error and a part of its message."""
    (folder / "empty").mkdir()
    (folder / "photos").mkdir()
    (folder / "photos" / "a.jpg").write_bytes(b"x")
    (folder / "hidden").mkdir()
    (folder / "hidden" / ".a.mp4").write_bytes(b"x")
    (folder / "nothing.txt").write_text("# nothing\n\n")
    (folder / "cut.txt").write_bytes("a.mp4".encode("utf-16")[:-1])
    (folder / "dangling.mp4").symlink_to(folder / "gone.mp4")
    return {
        "missing": ("VideoOpenError", "does not exist; check the path"),
        "missing share/films/2010": ("VideoOpenError", "does not exist; check the path"),
        "dangling.mp4": ("VideoOpenError", "does not exist; check the path"),
        "empty": ("ConfigError", "holds no video files; name a video file directly"),
        "hidden": ("ConfigError", "holds no video files (1 excluded)"),
        "*.mp5": ("ConfigError", "matches no file; check the pattern"),
        "pho*/*": ("ConfigError", "holds no video files (1 passed over)"),
        "photos": ("ConfigError", "holds no video files (1 passed over)"),
        "@nothing.txt": ("ConfigError", "names no file; write one name per line"),
        "@missing.txt": ("VideoOpenError", "the list '@missing.txt' cannot be read"),
        "@cut.txt": ("ConfigError", "UTF-16"),
        "memory://nowhere": ("VideoOpenError", "does not exist; check the URI"),
        "nosuchscheme://x": ("VideoOpenError", "cannot be listed"),
    }


def test_every_bad_source_is_a_failure_beside_a_good_one(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = bad_sources(tmp_path)
    found = discover([*expected, str(film.parent)])
    assert [video.uri for video in found.videos] == [str(film)]
    assert [failure.source for failure in found.failures] == list(expected)
    for failure, (error, message) in zip(found.failures, expected.values(), strict=True):
        assert type(failure.error).__name__ == error, failure
        assert message in str(failure.error)
        assert "\n" not in str(failure.error)


@pytest.mark.parametrize("source", ["empty", "missing", "@nothing.txt", "*.mp5"])
def test_a_bad_source_alone_is_an_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    source: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    message = bad_sources(tmp_path)[source][1]
    assert main(["index", "catalog", source]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "catalog").exists()


def test_bad_sources_alone_are_named_in_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bad_sources(tmp_path)
    with pytest.raises(VidsearchError, match=r"'missing' does not exist.*; 'empty' holds no video"):
        index("catalog", ["missing", "empty"])


def test_a_run_with_bad_sources_names_them_and_does_the_rest(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.txt").write_text(f"{film}\ngone.mp4\n")
    (tmp_path / "empty").mkdir()
    catalog = str(tmp_path / "catalog")
    sources = [f"@{tmp_path / 'list.txt'}", str(tmp_path / "empty")]
    assert main(["index", catalog, *sources, "--workers", "1"]) == 3
    out, err = capsys.readouterr()
    assert out.startswith("Indexed 1 video")
    assert "\nFailed: 2 sources, each named above.\n" in out
    assert f"failed: {tmp_path / 'gone.mp4'}: '" in err
    assert "(line 2 of the list" in err
    assert f"failed: {tmp_path / 'empty'}: '" in err
    assert main(["index", catalog, *sources, "--workers", "1", "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert report["videos"] == {"indexed": 0, "skipped": 1, "failed": 2}
    assert [failure["stage"] for failure in report["failures"]] == ["discover", "discover"]
    assert main(["status", catalog]) == 0
    assert "gone.mp4' (line 2 of the list" in capsys.readouterr().out
    (tmp_path / "list.txt").write_text(f"{film}\n")
    assert main(["index", catalog, sources[0], "--workers", "1"]) == 0


def test_a_missing_source_is_kept_in_status_only_if_it_was_searched_before(
    film: Path, tmp_path: Path
) -> None:
    share = tmp_path / "share"
    film.parent.rename(share)
    index(tmp_path / "catalog", [share])
    share.rename(tmp_path / "elsewhere")
    report = index(tmp_path / "catalog", [share, tmp_path / "elsewhere", tmp_path / "typo"])
    assert [Path(failure.source.uri).name for failure in report.failures] == ["share", "typo"]
    sources = {
        status.source: status for status in Archive.open(tmp_path / "catalog").status().sources
    }
    assert set(sources) == {str(share), str(tmp_path / "elsewhere")}
    assert [failure[1] for failure in sources[str(share)].failures] == ["VideoOpenError"]
    # A search of the folder above replaces both.
    (tmp_path / "catalog").rename(tmp_path.parent / f"{tmp_path.name} catalog")
    catalog = tmp_path.parent / f"{tmp_path.name} catalog"
    index(catalog, [tmp_path])
    assert [status.source for status in Archive.open(catalog).status().sources] == [str(tmp_path)]


def test_a_copy_of_a_failed_file_is_named_itself(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (folder / name).write_bytes(b"damaged" * 100)
    report = index(tmp_path / "catalog", [folder])
    original, copy = (failure.message for failure in report.failures)
    assert str(folder / "b.mp4") not in original
    assert copy.startswith(
        f"'{folder / 'b.mp4'}' is a copy of '{folder / 'a.mp4'}', which failed: "
    )
    problems = Archive.open(tmp_path / "catalog").status().failures
    assert [problem.video for problem in problems] == [str(folder / "a.mp4"), str(folder / "b.mp4")]
    (folder / "a.mp4").unlink()
    (problem,) = Archive.open(tmp_path / "catalog").status().failures
    assert problem.video == str(folder / "b.mp4")
    assert "is a copy of" in problem.message
    (failure,) = index(tmp_path / "catalog", [folder]).failures
    assert failure.message.startswith(f"'{folder / 'b.mp4'}' is")
    assert "is a copy of" not in failure.message


class Growing:
    """A file that another program completes at a moment of its indexing.

    Args:
        path: The file, of which half is written now.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.whole = path.read_bytes()
        self.decoded = 0
        path.write_bytes(self.whole[: len(self.whole) // 2])

    def complete(self) -> None:
        if self.path.read_bytes() != self.whole:
            self.path.write_bytes(self.whole)


@pytest.mark.parametrize("moment", ["before its turn", "while it is decoded"])
def test_a_file_that_grows_is_not_committed_as_complete(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    growing = Growing(film)
    read = index_video.run

    def reading(source: VideoSource, *arguments: Any, **options: Any) -> Any:
        growing.decoded += 1
        outcome = read(source, *arguments, **options)
        if moment == "while it is decoded" and growing.decoded == 1:
            growing.complete()
        return outcome

    monkeypatch.setattr(index_video, "run", reading)
    if moment == "before its turn":

        def after_the_search(found: list[VideoSource]) -> tuple[list[VideoSource], list[Duplicate]]:
            growing.complete()
            return found, []

        monkeypatch.setattr("pipelines.indexing.run.split_duplicates", after_the_search)
    (failure,) = index(tmp_path / "catalog", [film.parent]).failures
    assert (failure.stage, failure.error) == ("changed", "VideoChangedError")
    assert "changed during this run" in failure.message
    assert growing.decoded == (moment != "before its turn")
    assert index(tmp_path / "catalog", [film.parent]).indexed == 1
    assert growing.decoded == 1 + (moment != "before its turn")
    status = Archive.open(tmp_path / "catalog").status()
    assert status.videos == {"indexed": 1, "partial": 0, "failed": 0}


def test_the_earlier_content_stays_until_a_growing_file_is_finished(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(tmp_path / "catalog", [film])
    film.write_bytes(film.read_bytes() + b"\0" * 8)
    read = index_video.run

    def grows(source: VideoSource, *arguments: Any, **options: Any) -> Any:
        outcome = read(source, *arguments, **options)
        film.write_bytes(film.read_bytes() + b"\0" * 8)
        return outcome

    monkeypatch.setattr(index_video, "run", grows)
    assert index(tmp_path / "catalog", [film]).failed == 1
    assert Archive.open(tmp_path / "catalog").status().videos["indexed"] == 1
    monkeypatch.setattr(index_video, "run", read)
    assert index(tmp_path / "catalog", [film]).indexed == 1
    assert Archive.open(tmp_path / "catalog").status().videos["indexed"] == 1


def test_a_hit_names_a_file_that_exists_before_a_deleted_one(
    films: Path, photos: Path, tmp_path: Path
) -> None:
    film = films / "astronaut film.mp4"
    recycled = films / "#recycle" / film.name
    recycled.parent.mkdir()
    shutil.copy(film, recycled)
    index(tmp_path / "catalog", [recycled])
    index(tmp_path / "catalog", [film])
    archive = Archive.open(tmp_path / "catalog")
    assert archive.search([photos / "astronaut.jpg"]).hits[0].video == str(film)
    film.unlink()
    assert archive.search([photos / "astronaut.jpg"]).hits[0].video == str(recycled)
    moved = tmp_path / "moved.mp4"
    recycled.rename(moved)
    index(tmp_path / "catalog", [moved])
    assert archive.search([photos / "astronaut.jpg"]).hits[0].video == str(moved)


def test_the_report_of_the_python_interface(film: Path, tmp_path: Path) -> None:
    (film.parent / "a.xmp").write_bytes(b"x")
    (film.parent / "b.tmp.mp4").write_bytes(b"x")
    config = IndexConfig(exclude=("*.tmp.mp4",))
    report = index(tmp_path / "catalog", [film.parent, tmp_path / "missing"], config)
    assert report.account.passed_over == {".xmp": 1}
    assert report.account.excluded == {"*.tmp.mp4": 1}
    assert report.account.videos == report.indexed == 1
    (failure,) = report.failures
    assert (failure.stage, failure.error) == ("discover", VideoOpenError.__name__)
    with pytest.raises(ConfigError, match="matches no name"):
        index(tmp_path / "catalog", [film.parent], IndexConfig(exclude=("",)))
