"""An empty scope is no answer: a filter that holds nothing is an error with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines import index
from tests.helpers import videos
from ui.service.searching import ArchiveSearcher
from vidsearch import Archive, Catalog
from vidsearch.commands.main import main
from vidsearch.errors import ConfigError
from vidsearch.search.filter import SearchFilter, parse_time
from vidsearch.search.person_search import SearchRequest
from vidsearch.search.search import SearchOptions


@pytest.fixture(scope="module")
def archive(filmed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Catalog of two films of people, one failed film and a further one, alone, in ``failed``."""
    root = tmp_path_factory.mktemp("scopes")
    broken = root / "films"
    for name in ("failed/a.mp4", "failed/b.mp4"):
        (broken / name).parent.mkdir(parents=True, exist_ok=True)
        (broken / name).write_bytes(name.encode() * 100)
    index(root / "catalog", [filmed / "videos", broken])
    return root / "catalog"


Search = Callable[..., tuple[int, str, str]]


@pytest.fixture
def search(archive: Path, filmed: Path, capsys: pytest.CaptureFixture[str]) -> Search:
    def run(*options: str) -> tuple[int, str, str]:
        status = main(["search", str(archive), str(filmed / "photos/astronaut.jpg"), *options])
        out, err = capsys.readouterr()
        return status, out, err

    return run


EMPTY = {
    "folder": (
        ["--folder", "/nope"],
        "no video of the catalog lies in the folder '/nope'; its videos",
    ),
    "relative folder": (["--folder", "nope"], "lies in the folder 'nope'; its videos lie in '"),
    "no folder": (["--folder", ""], "'' names no folder"),
    "beginning of a name": (["--folder", "{videos}/su"], "no video of the catalog lies in"),
    "folder in another place": (["--folder", "/x/sub"], "; its videos lie in '{videos}/sub'"),
    "one folder of two": (["--folder", "{videos}", "--folder", "/nope"], "the folder '/nope'"),
    "folder of failed films": (
        ["--folder", "{failed}"],
        "none of the 2 videos within these limits",
    ),
    "bucket": (["--folder", "s3://bucket/x"], "no video of the catalog lies in the folder 's3://"),
    "video": (["--video", "nope.mp4"], "video 'nope.mp4' is not in the catalog"),
    "failed video": (["--video", "{failed}/a.mp4"], "none of the 1 video within these limits"),
    "video elsewhere": (["--video", "{videos}/sub/group.mkv", "--folder", "{failed}"], " and in '"),
    "since": (["--since", "2999-01-01"], "; its videos were changed from 20"),
    "until": (["--until", "1971-01-01"], "changed before 1971-01-01T00:00:00+00:00; its videos"),
    "since and until": (["--since", "1971-01-01", "--until", "1972-01-01"], "or later and changed"),
    "wrong order": (["--since", "2002-01-01", "--until", "2001-01-01"], "since must lie before"),
    "no time": (["--since", "soon"], "is not ISO 8601"),
}


@pytest.mark.parametrize("case", EMPTY)
def test_an_empty_scope_is_exit_2_with_its_reason(
    search: Search, filmed: Path, archive: Path, case: str
) -> None:
    options, message = EMPTY[case]
    places = {"videos": filmed / "videos", "failed": archive.parent / "films/failed"}
    status, out, err = search(*(option.format(**places) for option in options), "--json")
    assert (status, out) == (2, "")
    assert message.format(**places) in err
    assert err.count("\n") == 1
    assert "Nothing is searchable" not in err


def test_a_scope_that_holds_videos_is_searched(search: Search, filmed: Path) -> None:
    for options in (
        ["--folder", str(filmed / "videos")],
        ["--folder", f"{filmed}/videos/"],
        ["--video", str(filmed / "videos/astronaut film.mp4")],
        ["--since", "2001-01-01", "--until", "2999-01-01"],
    ):
        status, out, _ = search(*options, "--json")
        assert status == 0
        assert json.loads(out)["hits"][0]["video"].endswith("astronaut film.mp4")


def test_a_scope_without_faces_is_said(
    filmed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    videos.write_video(tmp_path / "empty street.mp4", videos.VideoSpec(frames=8, size=(64, 48)))
    index(tmp_path / "catalog", [tmp_path / "empty street.mp4"])
    photo = str(filmed / "photos/astronaut.jpg")
    assert main(["search", str(tmp_path / "catalog"), photo]) == 0
    out = " ".join(capsys.readouterr().out.split())  # lines break by the length of the path
    assert "Searched 0 tracks in 1 video" in out
    assert "They show no face that can be searched." in out
    assert "Nothing is searchable yet" not in out


@pytest.mark.parametrize(
    "search_filter",
    [
        SearchFilter(folders=("/nope",)),
        SearchFilter(folders=("nope",)),
        SearchFilter(videos=("nope",)),
        SearchFilter(since=parse_time("2999-01-01")),
        SearchFilter(until=parse_time("1971-01-01")),
    ],
)
def test_the_python_interface_and_the_app_raise(
    archive: Path, filmed: Path, search_filter: SearchFilter
) -> None:
    opened = Archive.open(archive)
    with pytest.raises(ConfigError, match=r"(of|in) the catalog"):
        opened.search(filmed / "photos/astronaut.jpg", SearchOptions(search_filter=search_filter))
    searcher = ArchiveSearcher(Catalog.open(archive))
    tracks = tuple(Catalog.open(archive).tracks(["track_id"])["track_id"].to_pylist()[:1])
    with pytest.raises(ConfigError, match=r"(of|in) the catalog"):
        searcher.search(SearchRequest(tracks=tracks, search_filter=search_filter))
