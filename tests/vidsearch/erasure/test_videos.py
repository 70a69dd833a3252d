"""Erasure of a video: from the tables, their history, the index and the logs; the rest stays."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from vidsearch.catalog import Catalog, CatalogWriter, KnownFile
from vidsearch.catalog.erasures.pending import RECEIPTS
from vidsearch.catalog.people import add_person, judge
from vidsearch.catalog.schema import track_rows
from vidsearch.catalog.sources.accounts import read_scopes, write_scopes
from vidsearch.catalog.tables import Table
from vidsearch.commands.main import main
from vidsearch.erasure.videos import forget_video
from vidsearch.errors import CatalogError, ConfigError
from vidsearch.search.track_index import TrackSearcher, rebuild
from vidsearch.video.discovery.account import Account, Scope, SourceFailure


@pytest.fixture
def catalog(tmp_path: Path, synthetic: ModuleType) -> Catalog:
    catalog = Catalog.create(tmp_path / "c", pack="toy", model_id=synthetic.MODEL_ID, dim=16)
    for numbers in ((0, 1, 2), (3,)):
        with CatalogWriter(catalog) as writer:
            for number in numbers:
                writer.add(synthetic.make_video(number, tracks=3))
    rebuild(catalog)
    runs = tmp_path / "c/runs"
    runs.mkdir()
    log = [{"event": "video", "video_id": f"video-{number:04d}"} for number in range(4)]
    (runs / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
    return catalog


def rows(catalog: Catalog) -> dict[str, list[str]]:
    found = {"videos": catalog.videos(), "tracks": catalog.tracks(), "faces": catalog.faces()}
    return {name: sorted(map(str, table.to_pylist())) for name, table in found.items()}


def test_nothing_is_left_and_nothing_else_is_touched(
    catalog: Catalog, tmp_path: Path, synthetic: ModuleType
) -> None:
    before = rows(catalog)
    template = synthetic.make_video(1, tracks=3).tracks[0].template.vector
    assert TrackSearcher(catalog).search(template[None], 1)[0].similarities[0] > 0.999
    receipt = forget_video(catalog, "video-0001")
    assert receipt.rows == {"videos": 1, "files": 1, "faces": 6, "tracks": 3, "verdicts": 0}
    assert receipt.log_lines == 1
    assert receipt.tracks_searched == 9
    kept = {
        name: [row for row in all_rows if "video-0001" not in row]
        for name, all_rows in before.items()
    }
    assert rows(catalog) == kept
    assert TrackSearcher(catalog).search(template[None], 1)[0].similarities[0] < 0.999
    # An independent search through all bytes that are not compressed.
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.parent.name != "receipts":
            content = path.read_bytes()
            assert b"video-0001" not in content, path
            assert b"0001 " not in content, path
            assert template.tobytes() not in content, path
    (written,) = (tmp_path / "c/receipts").iterdir()
    assert json.loads(written.read_text())["found"] == 0
    # The catalog accepts new videos.
    with CatalogWriter(catalog) as writer:
        writer.add(synthetic.make_video(7, tracks=1))
    assert catalog.status().videos["indexed"] == 4


def test_a_leftover_trace_is_an_error(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "c/notes.txt").write_text("see video-0002")
    with pytest.raises(CatalogError, match=r"notes\.txt"):
        forget_video(catalog, "video-0002")
    assert not (tmp_path / "c/receipts").exists()
    (tmp_path / "c/notes.txt").write_text("see nothing")
    assert forget_video(catalog, "video-0002").rows["tracks"] == 3
    with pytest.raises(ConfigError, match=r"was erased at .* nothing was erased: the receipt is"):
        forget_video(catalog, "video-0002")


def test_a_killed_indexers_rows_go_too(catalog: Catalog, synthetic: ModuleType) -> None:
    again = synthetic.make_video(2, tracks=3)
    catalog.table("tracks").append(track_rows([again], "dead.000000000001", 16))
    assert forget_video(catalog, "video-0002").rows["tracks"] == 6


@pytest.mark.parametrize("name", ["verdicts", "videos", "files", "faces", "tracks"])
def test_an_interrupted_erasure_is_completed_by_the_next(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    tracks = catalog.tracks(["track_id"], video_ids=["video-0001"])["track_id"].to_pylist()
    judge(catalog, tracks, add_person(catalog, "Ada"), same=True)
    delete = Table.delete

    def interrupted(table: Table, predicate: str) -> int:
        rows = delete(table, predicate)
        if table.name == name:
            raise KeyboardInterrupt
        return rows

    with monkeypatch.context() as patched:
        patched.setattr(Table, "delete", interrupted)
        with pytest.raises(KeyboardInterrupt):
            forget_video(catalog, "video-0001")
    forget_video(catalog, "video-0001")
    assert catalog.table("verdicts").read().num_rows == 0
    assert not [row for table in rows(catalog).values() for row in table if "video-0001" in row]
    for path in (tmp_path / "c").rglob("*"):
        if path.is_file() and path.parent.name != RECEIPTS:
            assert b"video-0001" not in path.read_bytes(), path
            assert not any(track.encode() in path.read_bytes() for track in tracks), path


def test_an_unknown_video_is_refused(catalog: Catalog) -> None:
    with pytest.raises(ConfigError, match="no-such"):
        forget_video(catalog, "no-such")


def test_the_command_prints_its_receipt(
    catalog: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["forget", catalog.uri, "--video", "video-0003"]) == 0
    assert json.loads(capsys.readouterr().out)["video_id"] == "video-0003"
    assert main(["forget", catalog.uri, "--video", "video-0003"]) == 2


def add(catalog: Catalog, synthetic: ModuleType, number: int, **fields: object) -> None:
    with CatalogWriter(catalog) as writer:
        writer.add(synthetic.make_video(number, tracks=1, status="indexed", **fields))


@pytest.mark.parametrize("name", ["77aabbcc", "e\u0301te\u0301 caf\\xe9.mp4"])
def test_a_video_is_erased_by_a_name_of_it(
    catalog: Catalog, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    video_id = "77aabbcc" + "d" * 32
    add(catalog, synthetic, 10, video_id=video_id, uri="/films/e\u0301t\u00e9 caf\udce9.mp4")
    monkeypatch.setattr("os.getcwd", lambda: "/films")
    assert forget_video(catalog, name).video_id == video_id
    assert catalog.status().videos["indexed"] == 4


def test_a_name_of_several_or_no_videos_erases_nothing(
    catalog: Catalog, synthetic: ModuleType
) -> None:
    add(catalog, synthetic, 10, video_id="77aabbcc1", uri="/films/a.mp4")
    with CatalogWriter(catalog) as writer:
        writer.add_file(KnownFile("/copies/a.mp4", 1, 1, "77aabbcc1"))
    add(catalog, synthetic, 11, video_id="77aabbcc2", uri="/films/a.mp4")
    before = rows(catalog)
    for name, line in (
        ("77aabbcc", "stands for 2 videos; nothing was erased.*77aabbcc1 .*a.mp4.*; 77aabbcc2 "),
        ("77aabb", "begins 2 ids, but a shortened id needs 8 characters"),
        ("video", "begins 4 ids, but a shortened id needs 8"),
        ("/films/a.mp4", "stands for 2 videos"),  # the file was replaced
        ("a.mp4", "not in the catalog"),
        ("archive", "not in the catalog"),  # a part of every path
        ("77aabbcc12", "not in the catalog"),
        ("caf\udce9", r"'caf\\xe9' is not in the catalog"),
    ):
        with pytest.raises(ConfigError, match=line):
            forget_video(catalog, name)
    assert rows(catalog) == before


@pytest.mark.parametrize("name", ['new\nline "quo\\te.mp4', "caf\udce9 e\u0301.mp4"])
def test_no_spelling_of_a_name_is_left(
    catalog: Catalog, synthetic: ModuleType, tmp_path: Path, name: str
) -> None:
    add(catalog, synthetic, 10, uri=f"/films/{name}")
    log = tmp_path / "c/runs/b.jsonl"
    log.write_text(json.dumps({"event": "retry", "video": f"/films/{name}"}) + "\n")
    receipt = forget_video(catalog, f"/films/{name}")
    assert receipt.log_lines == 1
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.parent.name != "receipts":
            assert b"/films/" not in path.read_bytes(), path


def test_accounts_of_sources_forget_the_path(catalog: Catalog, synthetic: ModuleType) -> None:
    uri = synthetic.make_video(1).video.uri
    account = Account(videos=3, dangling=(uri, "/archive/other"))
    failure = SourceFailure(uri, ConfigError(f"'{uri}' does not exist"))
    write_scopes(catalog.root, [Scope("/archive", account, (failure,))])
    assert forget_video(catalog, "video-0001").log_lines == 3
    (status,) = read_scopes(catalog.root)
    assert status.account == Account(videos=3, dangling=("/archive/other",))
    assert status.failures == ()
