"""Allowed folders: links, depth, hidden folders, and the remedy of a refusal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ui.service.allowed_folders import (
    checked_folder,
    folders_with,
    readable_folders,
    require_playable,
)
from vidsearch.errors import ConfigError

NAME = "metrics.json"


def put(folder: Path, modified_s: int = 1_000_000) -> Path:
    """Write the searched file into a folder, with this time of modification."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_text("{}")
    os.utime(folder / NAME, (modified_s, modified_s))
    return folder


def test_newest_first_and_equal_times_by_name(tmp_path: Path) -> None:
    old, new = put(tmp_path / "a", 100), put(tmp_path / "z", 300)
    twins = [put(tmp_path / name, 200) for name in ("m", "k")]
    assert folders_with(NAME, [str(tmp_path)]) == (new, twins[1], twins[0], old)


def test_an_allowed_folder_itself_may_hold_the_file(tmp_path: Path) -> None:
    assert folders_with(NAME, [str(put(tmp_path))]) == (tmp_path,)


def test_the_fifth_level_is_the_last(tmp_path: Path) -> None:
    fifth = tmp_path.joinpath(*"12345")
    put(fifth / "6")
    assert folders_with(NAME, [str(tmp_path)]) == ()
    put(fifth)
    assert folders_with(NAME, [str(tmp_path)]) == (fifth,)


def test_hidden_folders_and_links_are_not_searched(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", put(tmp_path / "outside")
    put(root / ".hidden")
    (root / "link").symlink_to(outside)
    (root / "circle").symlink_to(root)
    assert folders_with(NAME, [str(root)]) == ()


def test_a_folder_named_like_the_file_is_no_match(tmp_path: Path) -> None:
    (tmp_path / "run" / NAME).mkdir(parents=True)
    assert folders_with(NAME, [str(tmp_path)]) == ()


def test_a_folder_that_vanished_hides_no_other(tmp_path: Path) -> None:
    kept = put(tmp_path / "kept")
    assert folders_with(NAME, [str(tmp_path / "gone"), str(kept)]) == (kept,)


def test_a_root_reached_by_two_names_is_one_folder(tmp_path: Path) -> None:
    (tmp_path / "data" / "reports").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    found = readable_folders(
        str(tmp_path / "data" / "catalog"),
        [str(tmp_path / "link" / "reports"), str(tmp_path / "data" / "reports")],
        tmp_path,
    )
    assert found == (str(tmp_path / "data" / "reports"),)


def test_the_event_logs_of_the_catalog_are_no_training_runs(tmp_path: Path) -> None:
    # The app is started inside the catalog: its folder 'runs' is then below the working directory.
    catalog = tmp_path / "catalog"
    (catalog / "runs").mkdir(parents=True)
    assert readable_folders(str(catalog), [], catalog) == ()


def test_a_link_in_a_report_part_is_named(tmp_path: Path) -> None:
    report = tmp_path / "report"
    (report / "figures").mkdir(parents=True)
    assert checked_folder(str(report), [str(tmp_path)]) == report
    (report / "figures" / "roc\n.svg").symlink_to("/etc/hostname")
    with pytest.raises(ConfigError, match=r"roc\\n.svg' is a link"):
        checked_folder(str(report), [str(tmp_path)])


def test_a_real_path_is_returned_for_a_link_inside_the_roots(tmp_path: Path) -> None:
    report = tmp_path / "deep" / "report"
    report.mkdir(parents=True)
    (tmp_path / "latest").symlink_to(report)
    assert checked_folder(str(tmp_path / "latest"), [str(tmp_path)]) == report


def test_an_unreadable_folder_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)  # root, who may run the tests, reads every folder
    with pytest.raises(ConfigError, match=r"cannot be read \(Permission denied\)"):
        checked_folder(str(tmp_path), [str(tmp_path)])


def test_a_link_to_a_report_elsewhere_is_not_listed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root" / "run", put(tmp_path / "outside")
    root.mkdir(parents=True)
    (root / NAME).symlink_to(outside / NAME)
    assert folders_with(NAME, [str(tmp_path / "root")]) == ()


def test_a_film_behind_a_link_out_of_the_root_is_not_played(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root / "in", outside):
        folder.mkdir(parents=True)
        (folder / "film.mp4").write_bytes(b"film")
    (root / "link").symlink_to(outside)
    (root / "film.mp4").symlink_to(outside / "film.mp4")
    (root / "loop.mp4").symlink_to(root / "loop.mp4")
    (root / "again").symlink_to(root / "in")
    refused = (
        root / "link" / "film.mp4",
        root / "film.mp4",
        root / "in" / ".." / ".." / "outside" / "film.mp4",
        root / "again" / ".." / "link" / "film.mp4",
        f"file://{root}/film.mp4",
    )
    for path in refused:
        with pytest.raises(ConfigError, match="leads out of the folders of --root"):
            require_playable(str(path), [str(root)])
    allowed = (
        root / "in" / "film.mp4",
        root / "again" / "film.mp4",
        root / "gone.mp4",  # the reader says so
        outside / "film.mp4",  # indexed by the command, not from the app
        "s3://bucket/film.mp4",
    )
    for path in allowed:
        require_playable(str(path), [str(root)])
    require_playable(str(root / "film.mp4"), [])
    # A second root, and another name of the root, are as good.
    require_playable(str(root / "film.mp4"), [str(root), str(outside)])
    (tmp_path / "name").symlink_to(root)
    require_playable(str(root / "in" / "film.mp4"), [str(tmp_path / "name")])
