from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

import pytest

from vidsearch.catalog import Catalog
from vidsearch.commands.main import main
from vidsearch.commands.search import _write
from vidsearch.errors import ConfigError

TEXT = "path,start\r\nZürich.mp4,1.0\r\n"


def written(path: Path) -> str:
    return path.read_bytes().decode()


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_made_and_replaced_without_litter(tmp_path: Path) -> None:
    path = tmp_path / "hits.csv"
    assert _write(str(path), "old and longer than the new text " * 9)
    before = path.stat().st_ino
    assert _write(str(path), TEXT)
    assert written(path) == TEXT
    assert path.stat().st_ino != before  # replaced whole, never half written
    assert listed(tmp_path) == ["hits.csv"]


def test_a_name_without_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _write("hits.csv", TEXT)
    assert written(tmp_path / "hits.csv") == TEXT


def test_a_dash_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert not _write("-", "a,b\n")
    assert capsys.readouterr().out == "a,b\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "names no file"),
        ("/", "is a folder"),
        (".", "is a folder"),
        ("folder", "is a folder"),
        ("new/", "is a folder"),
        ("to folder", "is a folder"),
        ("nowhere/hits.csv", r"cannot be written \(No such file"),
        ("file/hits.csv", r"cannot be written \(Not a directory"),
        ("circle", r"cannot be written \(Too many levels"),
        ("x" * 300, r"cannot be written \(File name too long"),
    ],
)
def test_what_cannot_be_a_file_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    (tmp_path / "to folder").symlink_to("folder", target_is_directory=True)
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(ConfigError, match=message) as caught:
        _write(name, TEXT)
    assert "\n" not in str(caught.value)
    assert listed(tmp_path) == ["circle", "file", "folder", "to folder"]
    assert listed(tmp_path / "folder") == []


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "real.csv").write_text("old")
    (tmp_path / "second").symlink_to("elsewhere/real.csv")
    (tmp_path / "link.csv").symlink_to("second")
    assert _write(str(tmp_path / "link.csv"), TEXT)
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "second").is_symlink()
    assert written(folder / "real.csv") == TEXT
    assert listed(folder) == ["real.csv"]


def test_a_link_to_nothing_makes_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to("real.csv")
    assert _write(str(tmp_path / "link.csv"), TEXT)
    assert (tmp_path / "link.csv").is_symlink()
    assert written(tmp_path / "real.csv") == TEXT


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[str] = []
    # A reader from the start, so that no side waits for ever.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(handle, True)

    def drain() -> None:
        with os.fdopen(handle, "rb") as file:
            read.append(file.read().decode())

    made = _write(str(path), TEXT)
    thread = threading.Thread(target=drain, daemon=True)
    thread.start()
    thread.join(timeout=10)
    assert not made
    assert read == [TEXT]
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert listed(tmp_path) == ["pipe"]


def test_a_device_stays_a_device() -> None:
    assert not _write("/dev/null", TEXT)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


WRITE = "import sys; from vidsearch.commands.search import _write; _write(sys.argv[1], sys.argv[2])"


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="the system names no open files")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "link"])
def test_standard_output_by_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "link").symlink_to("/dev/stdout")
    command = [sys.executable, "-c", WRITE, name, TEXT]
    piped = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, check=True)
    assert piped.stdout.decode() == TEXT

    log = tmp_path / "log"
    log.write_text("before\n")
    with log.open("ab") as file:
        inode = log.stat().st_ino
        subprocess.run(command, cwd=tmp_path, stdout=file, check=True)
    assert written(log) == "before\n" + TEXT
    assert log.stat().st_ino == inode
    assert listed(tmp_path) == ["link", "log"]


def test_a_reader_that_has_gone_is_not_the_users_mistake() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        with pytest.raises(BrokenPipeError):
            _write(f"/dev/fd/{write}", TEXT)
    finally:
        os.close(write)


@pytest.mark.parametrize(
    ("form", "least", "thumbnails"),
    [
        ([], 0.1, False),
        (["--json"], 0.0, False),
        (["--csv", "x.csv"], 0.0, False),
        (["--csv", ""], 0.0, False),
        (["--html", "x.html"], 0.1, True),
        (["--html", ""], 0.1, True),
        (["--csv", "-", "--min-confidence", "0.4"], 0.4, False),
    ],
)
def test_each_form_has_its_own_least_confidence(
    monkeypatch: pytest.MonkeyPatch, form: list[str], least: float, *, thumbnails: bool
) -> None:
    asked: list[Any] = []

    class Searcher:
        def __init__(self, catalog: object, *, device: str) -> None:
            pass

        def search(self, photos: list[str], options: Any) -> NoReturn:
            asked.append((options.min_confidence, options.thumbnails))
            raise ConfigError("seen")

    monkeypatch.setattr("vidsearch.search.search.PhotoSearcher", Searcher)
    monkeypatch.setattr(Catalog, "open", lambda uri: uri)
    assert main(["search", "catalog", "photo.jpg", *form]) == 2
    assert asked == [(least, thumbnails)]
