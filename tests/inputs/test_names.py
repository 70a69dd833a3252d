"""Names of any bytes in every command and output: valid text, one line, back to the same file."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.inputs import names
from tests.inputs.named_archive import FORMULA, Named, only_plain_lines, opened, strict_json
from ui.service.clip_cache import ClipCutter
from vidsearch.catalog import Catalog
from vidsearch.commands.main import main
from vidsearch.results.as_csv import to_csv
from vidsearch.results.as_edl import to_edl, to_webvtt
from vidsearch.results.as_html import to_html
from vidsearch.results.as_json import to_json
from vidsearch.search.filter import SearchFilter
from vidsearch.text.json_text import json_text
from vidsearch.text.names import composed
from vidsearch.video.stills import still

pytestmark = pytest.mark.usefixtures("loaded")


def test_every_film_is_found(named: Named) -> None:
    assert {hit.video for hit in named.result.hits} == named.paths
    assert len(named.films) == len(names.FILMS)


def test_json_names_every_file(named: Named) -> None:
    document = strict_json(json_text(to_json(named.result)))
    assert {opened(hit["video"]) for hit in document["hits"]} == named.paths
    assert opened(document["query"][0]["photo"]) == str(named.photo)


def test_csv_names_every_file_and_no_formula(named: Named) -> None:
    text = to_csv(named.result)
    text.encode()
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert {opened(row["video"].removeprefix("'")) for row in rows} == named.paths
    people = {row["person"].removeprefix("'") for row in rows if row["person"]}
    assert people == {composed(name) for name in names.PEOPLE}
    for row in rows:
        assert not row["video"].startswith(FORMULA)
        assert not row["person"].startswith(FORMULA)


def test_an_edl_names_every_file_in_ascii(named: Named) -> None:
    edl = to_edl(named.result, title="\n" + "é" * 100)
    assert edl.isascii()
    lines = edl.split("\n")
    title, *rest = lines
    assert len(title) <= len("TITLE: ") + 70
    clips = [line.removeprefix("* FROM CLIP NAME: ") for line in rest if "CLIP NAME" in line]
    assert {opened(name) for name in clips} == named.paths
    assert len(lines) == 3 + 3 * len(named.result.hits) + 1
    only_plain_lines(edl)


def test_vtt_has_one_cue_for_each_hit(named: Named) -> None:
    text = to_webvtt(named.result)
    text.encode()
    assert text.count("-->") == len(named.result.hits)
    assert not re.search(r"<|&(?!amp;|lt;|gt;)", text)
    only_plain_lines(text)


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def test_names_are_no_markup_in_a_page(named: Named) -> None:
    page = to_html(named.result)
    page.encode()
    tags = Tags(page)
    assert "script" not in tags.tags
    assert tags.tags.count("img") == len(named.result.hits) + 1
    assert "<script>alert(1)<" in "".join(tags.words)
    assert not [c for c in page if unicodedata.category(c) == "Cc" and c != "\n"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("command", ["search", "status"])
def test_text_in_every_encoding(
    named: Named, monkeypatch: pytest.MonkeyPatch, encoding: str, command: str
) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    monkeypatch.setattr(sys, "stdout", out)
    photos = [str(named.photo)] if command == "search" else []
    assert main([command, str(named.catalog), *photos]) == 0
    printed = out.buffer.getvalue().decode(encoding)
    only_plain_lines(printed)
    if command == "search":
        expected = {hit.video for hit in named.result.hits if hit.video.isascii()}
        assert {path for path in expected if path.isprintable()} <= set(printed.split("\n"))
        assert sum(line.startswith("/") for line in printed.split("\n")) == len(named.films)
    else:
        assert r"broken\xff\n.mp4: cannot be read" in printed


def test_data_to_standard_output_is_utf8_and_json_is_ascii(
    named: Named, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def printed(*options: str) -> bytes:
        out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", out)
        assert main(["search", str(named.catalog), str(named.photo), *options]) == 0
        content: bytes = out.buffer.getvalue()
        return content

    longest = tmp_path / f"{'h' * 251}.csv"
    assert printed("--csv", str(longest)) == b""
    assert longest.read_bytes() == printed("--csv", "-") == to_csv(named.result).encode()
    document = strict_json(printed("--json").decode("ascii"))
    assert {opened(hit["video"]) for hit in document["hits"]} == named.paths


def test_every_name_of_an_output_selects_its_video(named: Named) -> None:
    catalog = Catalog.open(named.catalog)
    cells = list(csv.DictReader(io.StringIO(to_csv(named.result), newline="")))
    rows = zip(named.result.hits, to_json(named.result)["hits"], cells, strict=True)
    for hit, data, cell in list(rows)[::3]:
        for name in (hit.video, data["video"], cell["video"], hit.video_id, hit.video_id[:12]):
            ids = SearchFilter(videos=(name,)).video_ids(catalog)
            assert ids == frozenset({hit.video_id}), name


def test_folders_in_both_spellings(named: Named) -> None:
    catalog = Catalog.open(named.catalog)
    folders: dict[str, int] = {}
    for path in named.films:
        folders[str(path.parent)] = folders.get(str(path.parent), 0) + 1
    assert len(folders) == len(names.FOLDERS)
    for folder, count in folders.items():
        for form in ("NFC", "NFD"):
            spelled = unicodedata.normalize(form, folder)
            ids = SearchFilter(folders=(spelled,)).video_ids(catalog) or frozenset()
            assert len(ids - {"f" * 40}) == count


@pytest.mark.parametrize("number", [0, 2, 27, 28])
def test_forget_takes_the_name_that_json_prints(
    named: Named, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    catalog = shutil.copytree(named.catalog, tmp_path / "catalog")
    path = str(named.films[number])
    hit = next(h for h in to_json(named.result)["hits"] if opened(h["video"]) == path)
    assert main(["forget", str(catalog), "--video", hit["video"]]) == 0
    receipt = strict_json(capsys.readouterr().out)
    assert (receipt["video_id"], receipt["found"]) == (hit["video_id"], 0)
    assert main(["forget", str(catalog), "--video", hit["video"]]) == 2
    line = capsys.readouterr().err
    assert "is not in the catalog" in line
    only_plain_lines(line)


def test_stills_and_clips_open_by_the_bytes_of_the_name(named: Named) -> None:
    cutter = ClipCutter()
    for hit in named.result.hits[::4]:
        assert still(hit.video, hit.best_s).shape[2] == 3
        playing = cutter.play(hit.video, hit.span.start_s, hit.span.end_s)
        assert playing.served.path.is_file()


def test_index_logs_and_reports_every_name(
    named: Named, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "archive"
    films = names.plant(archive, named.films[0].read_bytes(), names.FILMS[:2])
    broken = films[0].with_name("torn\udcff\n.mkv")
    broken.write_bytes(b"\x1aE\xdf\xa3" + bytes(400))
    catalog, log = tmp_path / "catalog", tmp_path / "l\udcf6g"
    command = ["index", str(catalog), str(archive), "--workers", "1", "--json"]
    assert main([*command, "--log", str(log)]) == 3
    printed, errors = capsys.readouterr()
    report = strict_json(printed)
    assert [opened(failure["video"]) for failure in report["failures"]] == [str(broken)]
    only_plain_lines(errors)
    assert r"torn\xff\n.mkv" in errors
    (events,) = (catalog / "runs").iterdir()
    lines = [strict_json(line) for line in events.read_text("ascii").splitlines()]
    logged = {opened(line["video"]) for line in lines if line["event"] == "video"}
    assert logged == {*map(str, films), str(broken)}
    text = log.read_text("utf-8")
    only_plain_lines(text)
    assert len(text.splitlines()) >= len(lines)


def test_a_share_that_changes_letters_does_not_double_its_films(
    named: Named, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "Zoe\u0308"
    archive.mkdir()
    (archive / "de\u0301cor.MP4").write_bytes(named.films[0].read_bytes())
    command = ["index", str(tmp_path / "catalog"), "--workers", "1", "--json"]
    assert main([*command, str(archive)]) == 0
    before = strict_json(capsys.readouterr().out)
    (archive / "de\u0301cor.MP4").rename(archive / "d\u00e9cor.MP4")
    archive = archive.rename(tmp_path / "Zo\u00eb")
    assert main([*command, str(archive)]) == 0
    again = strict_json(capsys.readouterr().out)
    assert before["videos"] | {"indexed": 0, "skipped": 1} == again["videos"]
    catalog = Catalog.open(tmp_path / "catalog")
    (file,) = catalog.known_files().values()
    assert file.uri == str(archive / "d\u00e9cor.MP4")
    assert catalog.locations([file.video_id]) == {file.video_id: [opened(file.uri)]}


COMMAND = [sys.executable, "-m", "vidsearch.commands.main"]


def shell(line: str, **environment: str) -> tuple[int, str, str]:
    """Run a line of the shell; return its status, output and errors."""
    variables = {name: text for name, text in os.environ.items() if not name.startswith("LC_")}
    found = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        check=False,
        timeout=120,
        env=variables
        | {"PYTHONPATH": str(Path.cwd()), "PYTHONDONTWRITEBYTECODE": "1"}
        | environment,
    )
    return found.returncode, found.stdout.decode("ascii"), found.stderr.decode("ascii")


def test_a_locale_without_letters_and_an_unknown_user(named: Named) -> None:
    # No HOME, and the name of the folder reaches the program as bytes of another encoding.
    line = f'unset HOME; exec {" ".join(COMMAND)} status "$CATALOG"'
    status, out, err = shell(
        line, CATALOG=str(named.catalog), LC_ALL="POSIX", PYTHONUTF8="0", LANG="C"
    )
    assert (status, err) == (0, "")
    assert f"/{os.fsencode(named.films[0].parent.name).decode('ascii', 'backslashreplace')}/" in out
    assert r"broken\xff\n.mp4" in out


@pytest.mark.parametrize(
    ("redirection", "status", "line"),
    [
        (">/dev/full", 2, "vidsearch: standard output cannot be written (no space left on device)"),
        (">&-", 2, "vidsearch: standard output cannot be written (it is closed)"),
        ("2>&- >/dev/null", 0, ""),
        ("| true; exit ${PIPESTATUS[0]}", 141, ""),
    ],
)
@pytest.mark.parametrize("buffered", ["", "1"])
def test_broken_outputs_are_one_line(
    redirection: str, status: int, line: str, buffered: str
) -> None:
    found = shell(f"{' '.join(COMMAND)} --help {redirection}", PYTHONUNBUFFERED=buffered)
    assert found[0] == status
    assert found[2].startswith(line)
    assert found[2].count("\n") == bool(line)
