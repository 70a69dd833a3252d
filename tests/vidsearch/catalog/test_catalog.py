from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from vidsearch.archive import Archive
from vidsearch.catalog import Catalog, CatalogWriter, KnownFile, WriterConfig
from vidsearch.catalog.maintenance import maintain, repair
from vidsearch.erasure.videos import forget_video
from vidsearch.errors import (
    CatalogError,
    CatalogModelError,
    CatalogNotFoundError,
    CatalogVersionError,
    CatalogWriteError,
    ConfigError,
    ShapeError,
)
from vidsearch.search.track_index import TrackSearcher, rebuild


def write(catalog: Catalog, *videos: object, replace: bool = False) -> None:
    with CatalogWriter(catalog, config=WriterConfig(replace=replace)) as writer:
        for video in videos:
            writer.add(video)  # type: ignore[arg-type]


def test_an_opened_catalog_knows_what_it_was_created_with(tmp_path: Path) -> None:
    Catalog.create(tmp_path / "a", pack="open", model_id="dlib-128", dim=128)
    opened = Catalog.open(tmp_path / "a")
    assert (opened.pack, opened.model_id, opened.dim) == ("open", "dlib-128", 128)
    assert opened.tracks().num_rows == opened.videos().num_rows == opened.faces().num_rows == 0
    status = Archive(opened).status()
    assert (status.tracks, status.index.kind, status.index.pending) == (0, "none", 0)


def test_opening_loads_no_table_store(tmp_path: Path) -> None:
    Catalog.create(tmp_path / "a", pack="open", model_id="m", dim=4)
    code = (
        "import sys; from vidsearch import Catalog; "
        f"Catalog.open({str(tmp_path / 'a')!r}); "
        "print([n for n in ('deltalake', 'faiss', 'fsspec', 'pandas') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_written_is_read(catalog: Catalog, synthetic: ModuleType) -> None:
    video = synthetic.make_video(0, tracks=3)
    write(catalog, video)
    rows = catalog.tracks().sort_by("start_s").to_pylist()
    assert [row["start_s"] for row in rows] == [0.0, 1.0, 2.0]
    assert [row["shot"] for row in rows] == [0, 0, 1]
    first = video.tracks[0]
    np.testing.assert_array_equal(np.float32(rows[0]["template"]), first.template.vector)
    np.testing.assert_array_equal(np.float32(rows[0]["box_xyxy"]), first.box_xyxy)
    assert (rows[0]["faces"], rows[0]["weight"]) == (3, 3.0)
    faces = catalog.faces(track_ids=[rows[0]["track_id"]]).sort_by("position").to_pylist()
    assert [face["position"] for face in faces] == [0, 1]
    assert faces[1]["aligned_jpeg"] == first.faces[1].aligned_jpeg
    np.testing.assert_array_equal(
        np.float32(faces[1]["landmarks"]).reshape(5, 2), first.faces[1].landmarks
    )
    np.testing.assert_array_equal(np.float32(faces[1]["embedding"]), first.faces[1].embedding)
    track_id = rows[0]["track_id"]
    snapshot = catalog.snapshot()
    assert snapshot.best_faces([track_id, "gone"]) == {track_id: first.faces[0].aligned_jpeg}
    assert snapshot.best_faces([]) == {}


def test_columns_and_ids_narrow_what_is_read(catalog: Catalog, synthetic: ModuleType) -> None:
    write(catalog, synthetic.make_video(0, tracks=2), synthetic.make_video(1, tracks=2))
    only = catalog.tracks(columns=["start_s"], video_ids=["video-0001"])
    assert only.column_names == ["start_s"]
    assert sorted(only["start_s"].to_pylist()) == [0.0, 1.0]
    some = catalog.tracks(columns=["track_id"])["track_id"].to_pylist()[:1]
    faces = catalog.faces(columns=["track_id", "position"], track_ids=some)
    assert faces.column_names == ["track_id", "position"]
    assert faces["track_id"].to_pylist() == some * 2
    assert catalog.faces(track_ids=[]).num_rows == 0
    assert catalog.faces(track_ids=["unknown"]).num_rows == 0
    assert catalog.tracks(track_ids=[]).num_rows == 0


def test_track_ids_depend_on_content_alone(tmp_path: Path, synthetic: ModuleType) -> None:
    ids = []
    for name, numbers in (("a", [0, 1, 2, 3]), ("b", [3, 1, 0, 2])):
        made = Catalog.create(
            tmp_path / name, pack="toy", model_id=synthetic.MODEL_ID, dim=synthetic.DIM
        )
        for number in numbers:
            write(made, synthetic.make_video(number, tracks=3))
        ids.append(sorted(made.tracks(columns=["track_id"])["track_id"].to_pylist()))
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 12


def test_twin_tracks_get_two_ids(catalog: Catalog, synthetic: ModuleType) -> None:
    rng = np.random.default_rng(1)
    twins = tuple(synthetic.make_track(3, 1, rng) for _ in range(2))
    video = synthetic.IndexedVideo(synthetic.make_video(0).video, twins)
    write(catalog, video)
    assert len(set(catalog.tracks()["track_id"].to_pylist())) == 2


def test_a_video_indexed_twice_stands_once(catalog: Catalog, synthetic: ModuleType) -> None:
    write(catalog, synthetic.make_video(0, tracks=2))
    write(catalog, synthetic.make_video(0, tracks=3))
    assert catalog.videos().num_rows == 1
    assert catalog.tracks().num_rows == 2  # the first outcome stays
    assert catalog.faces().num_rows == 4
    write(catalog, synthetic.make_video(0, tracks=3), replace=True)
    assert catalog.tracks().num_rows == 3


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("failed", "indexed", "indexed"),
        ("failed", "partial", "partial"),
        ("partial", "indexed", "indexed"),
        ("indexed", "failed", "indexed"),
        ("indexed", "partial", "indexed"),
        ("partial", "failed", "partial"),
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["one-batch", "two-runs"])
def test_the_better_outcome_stays(
    catalog: Catalog, synthetic: ModuleType, first: str, second: str, kept: str, together: bool
) -> None:
    videos = [
        synthetic.make_video(0, tracks=count, status=status, failure="why")
        for count, status in ((1, first), (2, second))
    ]
    if together:
        write(catalog, *videos)
    else:
        write(catalog, videos[0])
        write(catalog, videos[1])
    assert catalog.videos()["status"].to_pylist() == [kept]
    assert catalog.tracks().num_rows == {first: 1, second: 2}[kept]


def test_status_counts_what_is_there(catalog: Catalog, synthetic: ModuleType) -> None:
    write(
        catalog,
        synthetic.make_video(0, tracks=2),
        synthetic.make_video(
            1, tracks=1, status="partial", failure="255 of 275 frames could\nbe decoded"
        ),
        synthetic.make_video(4),
    )
    status = Archive(catalog).status()
    assert status.videos == {"indexed": 1, "partial": 1, "failed": 1}
    assert (status.tracks, status.faces, status.people) == (3, 21, 0)
    assert status.duration_s == 20.0  # the failed video's ten seconds cannot be searched
    plain = json.loads(json.dumps(status.to_json()))
    assert plain["failures"] == [
        {
            "video": "/archive/0004 é film.mp4",
            "stage": "decode",
            "error": "VideoDecodeError",
            "message": "no frame could be decoded",
        }
    ]
    assert plain["partly_read"][0]["message"] == "255 of 275 frames could be decoded"
    assert plain["index"] == {"kind": "none", "built": None, "pending": 3}


def test_known_files_and_places_follow_a_move(catalog: Catalog, synthetic: ModuleType) -> None:
    write(catalog, synthetic.make_video(0))
    record = synthetic.make_video(0).video
    known = catalog.known_files()
    assert known == {
        record.uri: KnownFile(record.uri, record.size, record.mtime_ns, "video-0000", "indexed")
    }
    with CatalogWriter(catalog) as writer:
        writer.add_file(KnownFile("/elsewhere.mp4", 1000, 7, "video-0000"))
    assert set(catalog.known_files()) == {record.uri, "/elsewhere.mp4"}
    assert catalog.locations(["video-0000", "video-9"]) == {
        "video-0000": ["/elsewhere.mp4", record.uri],
        "video-9": [],
    }
    with CatalogWriter(catalog) as writer:  # other content under the old name
        writer.add(synthetic.make_video(1, uri=record.uri))
    assert catalog.locations(["video-0000"]) == {"video-0000": ["/elsewhere.mp4"]}
    assert catalog.known_files()[record.uri].video_id == "video-0001"


@pytest.mark.parametrize(
    "uri",
    [
        "/a b/ü 電影 'x' \"y\".mp4",
        "/new\nline\t%41.mp4",
        "file:///plain/url.mp4",
        "s3://bucket/key%20x.mp4",
        os.fsdecode(b"/not utf-8 \xff\xfe/%41 \n.mp4"),
    ],
)
def test_any_file_name_comes_back_as_it_was(
    catalog: Catalog, synthetic: ModuleType, uri: str
) -> None:
    write(catalog, synthetic.make_video(0, uri=uri))
    assert list(catalog.known_files()) == [uri]
    assert catalog.locations(["video-0000"])["video-0000"] == [uri]
    write(catalog, synthetic.make_video(1, uri=uri))  # the same place is recognised
    assert list(catalog.known_files()) == [uri]


def test_a_missing_catalog_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(CatalogNotFoundError, match=r"no catalog at .*vidsearch index"):
        Catalog.open(tmp_path / "none")
    (tmp_path / "file").write_text("x")
    with pytest.raises(CatalogNotFoundError, match="no catalog at"):
        Catalog.open(tmp_path / "file")


def test_a_newer_format_is_refused(catalog: Catalog) -> None:
    path = Path(catalog.uri) / "catalog.json"
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 3'))
    with pytest.raises(CatalogVersionError, match=r"has format 3.*up to 2; upgrade vidsearch"):
        Catalog.open(catalog.uri)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe",
        b"{",
        b"[]",
        b'{"format": "other"}',
        b'{"format": "vidsearch-catalog"}',
        (
            b'{"format": "vidsearch-catalog", "format_version": 1, "pack": "p", "model_id": "m", '
            b'"dim": 0, "created": "now"}'
        ),
    ],
)
def test_a_damaged_description_is_one_line(catalog: Catalog, content: bytes) -> None:
    (Path(catalog.uri) / "catalog.json").write_bytes(content)
    with pytest.raises(CatalogError, match=r"catalog.json of the catalog .* is damaged") as caught:
        Catalog.open(catalog.uri)
    assert "\n" not in str(caught.value)


def test_a_missing_or_torn_table_is_one_line(catalog: Catalog, synthetic: ModuleType) -> None:
    write(catalog, synthetic.make_video(0, tracks=1))
    for part in (Path(catalog.uri) / "tracks").glob("*.parquet"):
        os.truncate(part, 20)
    with pytest.raises(CatalogError, match=r"table 'tracks' .* cannot be read") as caught:
        catalog.tracks()
    assert "\n" not in str(caught.value)
    for part in (Path(catalog.uri) / "videos" / "_delta_log").iterdir():
        part.unlink()
    with pytest.raises(CatalogError, match=r"table 'videos' .* cannot be read") as caught:
        catalog.status()
    assert "\n" not in str(caught.value)


def test_another_model_is_refused(catalog: Catalog, synthetic: ModuleType) -> None:
    both = "holds vectors of model 'toy-16', not of 'arc-512'; pass --model toy, or index into"
    with pytest.raises(CatalogModelError, match=both):
        catalog.require_model("arc-512")
    with pytest.raises(CatalogModelError, match=both):
        Catalog.create(catalog.uri, pack="arc", model_id="arc-512", dim=512)
    with pytest.raises(CatalogModelError, match=both):
        CatalogWriter(catalog).add(synthetic.make_video(0, model_id="arc-512"))


@pytest.mark.parametrize("bad", ["length", "nan", "norm", "face"])
def test_vectors_that_cannot_be_searched_are_refused(
    catalog: Catalog, synthetic: ModuleType, bad: str
) -> None:
    rng = np.random.default_rng(0)
    track = synthetic.make_track(0, 0, rng)
    vector = track.template.vector.copy()
    faces = track.faces
    if bad == "length":
        vector = vector[:5]
    elif bad == "nan":
        vector[3] = np.nan
    elif bad == "norm":
        vector *= 2
    else:
        faces = (replace(track.faces[0], embedding=np.full(16, np.inf, np.float32)),)
    template = synthetic.Template(vector, 1.0, synthetic.MODEL_ID)
    broken = synthetic.Track(track.span, 0.5, 0, 1, 1.0, track.box_xyxy, template, faces)
    video = synthetic.IndexedVideo(synthetic.make_video(0).video, (broken,))
    with pytest.raises(ShapeError, match="0000 é film"):
        CatalogWriter(catalog).add(video)


def test_a_catalog_is_not_made_among_other_files(tmp_path: Path) -> None:
    (tmp_path / "holiday.mp4").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"not a catalog and holds other files \('holiday.mp4'"):
        Catalog.create(tmp_path, pack="open", model_id="m", dim=4)


def test_a_catalog_killed_while_it_was_made_is_made_again(tmp_path: Path) -> None:
    Catalog.create(tmp_path / "a", pack="open", model_id="m", dim=4)
    (tmp_path / "a" / "catalog.json").unlink()
    (tmp_path / "a" / ".catalog.json.x1.part").write_bytes(b"half")
    with pytest.raises(CatalogNotFoundError):
        Catalog.open(tmp_path / "a")
    made = Catalog.create(tmp_path / "a", pack="open", model_id="m", dim=4)
    assert made.tracks().num_rows == 0


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CatalogWriteError, match="cannot be created") as caught:
            Catalog.create(place, pack="open", model_id="m", dim=4)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a b", "ü 電影", "a'b\"c", "100% #1?", " lead", "~", "a&b;c=d"])
def test_a_catalog_lives_under_odd_names(tmp_path: Path, synthetic: ModuleType, name: str) -> None:
    made = Catalog.create(
        tmp_path / name, pack="toy", model_id=synthetic.MODEL_ID, dim=synthetic.DIM
    )
    write(made, synthetic.make_video(0, tracks=2))
    again = Catalog.open(tmp_path / name)
    assert again.tracks().num_rows == 2
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a%20b", "new\nline", "a[1]", "a\\b", os.fsdecode(b"\xff"), ""])
def test_names_that_tables_cannot_live_under_are_refused(tmp_path: Path, name: str) -> None:
    path = f"{tmp_path}/{name}" if name else ""
    with pytest.raises(ConfigError, match="cannot handle in a path; choose another path"):
        Catalog.create(path, pack="toy", model_id="m", dim=4)
    assert list(tmp_path.iterdir()) == []


CREATE = """
import sys
from vidsearch import Catalog
from vidsearch.errors import CatalogModelError
sys.stdin.readline()
try:
    Catalog.create(sys.argv[1], pack="toy", model_id=sys.argv[2], dim=4)
    print("made")
except CatalogModelError:
    print("late")
"""


def test_several_processes_make_one_catalog(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CREATE, str(tmp_path / "a"), f"model-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert sorted(answers) == ["late", "late", "made"]
    winner = Catalog.open(tmp_path / "a").model_id
    assert winner == f"model-{answers.index('made')}"


def test_status_says_how_much_was_looked_at(catalog: Catalog, synthetic: ModuleType) -> None:
    # 30 s read whole and a quarter of 10 s: 32.5 of 40 s.
    write(
        catalog,
        synthetic.make_video(0, duration_s=30.0, read_s=30.0, faces_too_poor=2),
        synthetic.make_video(1, duration_s=10.0, read_s=2.5, status="partial", failure="x"),
    )
    status = catalog.status()
    assert status.duration_s == 32.5
    assert status.share_read == pytest.approx(32.5 / 40)
    assert (status.faces, status.faces_too_poor) == (14, 2)


def test_a_catalog_of_before_gets_the_new_columns(catalog: Catalog, synthetic: ModuleType) -> None:
    write(catalog, synthetic.make_video(0, tracks=1))
    table = catalog.table("videos")
    before = table.open().to_pyarrow_table().drop_columns(["read_s", "faces_too_poor"])
    shutil.rmtree(table.uri)
    table.create(before.schema)
    table.append(before)
    assert catalog.status().share_read == 1.0
    repair(catalog)
    write(catalog, synthetic.make_video(1, tracks=1, read_s=0.5))
    rows = catalog.videos(columns=["video_id", "read_s"]).sort_by("video_id").to_pylist()
    assert [row["read_s"] for row in rows] == [None, 0.5]


def test_a_catalog_with_the_former_column_person_id_is_read_and_added_to(
    catalog: Catalog, synthetic: ModuleType
) -> None:
    write(catalog, synthetic.make_video(0, tracks=2))
    table = catalog.table("tracks")
    rows = table.open().to_pyarrow_table()
    rows = rows.append_column("person_id", pa.nulls(len(rows), pa.string()))
    shutil.rmtree(table.uri)
    table.create(rows.schema)
    table.append(rows)
    former = Catalog.open(catalog.uri)
    repair(former)
    write(former, synthetic.make_video(1, tracks=3))
    tracks = former.tracks().to_pylist()
    assert [track["person_id"] for track in tracks] == [None] * 5
    for number, count in ((0, 2), (1, 3)):
        video = synthetic.make_video(number, tracks=count)
        (hits,) = TrackSearcher(former).search(video.tracks[0].template.vector[None], 1)
        assert hits.similarities[0] == pytest.approx(1, abs=1e-6)
    rebuild(former)
    maintain(former)
    assert forget_video(former, "video-0001").rows["tracks"] == 3
    assert Archive(former).status().tracks == 2


def test_new_catalogs_have_no_column_person_id(catalog: Catalog) -> None:
    assert "person_id" not in catalog.tracks().column_names
