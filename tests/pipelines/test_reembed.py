"""``vidsearch reembed``: another model from the stored faces, put in use whole or not at all."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import pipelines.reembed as module
from pipelines.cluster.config import ClusterConfig
from pipelines.indexing.outcomes import IndexReport
from pipelines.indexing.run import index
from pipelines.prepare import PrepareOptions, prepare_from_catalog
from pipelines.reembed import ReembedOptions, reembed
from pipelines.stages import reembed_faces
from pipelines.stages.prepare_photos import PhotoOptions
from pipelines.stages.stored_fit import stored_face_fit
from vidsearch.catalog import Catalog, CatalogWriter, KnownFile
from vidsearch.catalog.maintenance import repair
from vidsearch.catalog.people import add_person, judge, judgements
from vidsearch.catalog.reembedding import Pieces
from vidsearch.catalog.schema import matrix
from vidsearch.catalog.versions import discard_staged, publish
from vidsearch.commands.main import main
from vidsearch.device import CPU
from vidsearch.erasure.videos import forget_video
from vidsearch.errors import CatalogConflictError, CatalogModelError, ConfigError, PackNotFoundError
from vidsearch.faces.geometry.align import ARCFACE_112, DLIB_150, with_margin
from vidsearch.faces.template import pool
from vidsearch.models.registry import load_pack
from vidsearch.photo.open import read_photo
from vidsearch.search.track_index import TrackSearcher
from vidsearch.trainingset.assemble import SetOptions

DIM = 24
STORED = with_margin(DLIB_150)


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory, tiny_packs: ModuleType) -> Path:
    """Three packs: two that separate faces, and a blind one that maps all faces to one vector."""
    folder = tmp_path_factory.mktemp("packs")
    tiny_packs.write_tiny_pack(folder / "tiny", dim=DIM)
    tiny_packs.write_tiny_pack(folder / "other", dim=40, seed=1)
    tiny_packs.write_tiny_pack(folder / "blind", dim=8, blind=True)
    return folder


@pytest.fixture(scope="module")
def archive(filmed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive") / "catalog"
    index(folder, [filmed / "videos"])
    return folder


@pytest.fixture
def place(archive: Path, tmp_path: Path) -> Path:
    """A copy of the archive, with a named person and a verdict."""
    copy = Path(shutil.copytree(archive, tmp_path / "catalog"))
    catalog = Catalog.open(copy)
    track = sorted(catalog.tracks(["track_id"])["track_id"].to_pylist())[0]
    judge(catalog, [track], add_person(catalog, "Ann"), same=True)
    return copy


@pytest.fixture
def labels(photos: Path, tmp_path: Path) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(
        "person,photo,video\n"
        f"Collins,{photos / 'astronaut.jpg'},astronaut film.mp4\n"
        f"card player,{photos / 'dark-shirt.jpg'},group.mkv\n"
        f"another,{photos / 'red-shirt.jpg'},group.mkv\n"
    )
    return path


def contents(place: Path) -> dict[str, Any]:
    """Return the visible state of a catalog, by value."""
    catalog = Catalog.open(place)
    tracks = catalog.tracks().sort_by("track_id")
    searcher = TrackSearcher(catalog)
    templates = matrix(tracks["template"], catalog.dim)
    hits = searcher.search(templates, k=3)
    return {
        "model": catalog.model_id,
        "pack": catalog.pack,
        "tracks": tracks["track_id"].to_pylist(),
        "templates": templates.tobytes(),
        "hits": [hit.ids for hit in hits],
        "index": searcher.status.kind,
        "pending": searcher.status.pending,
        "known": judgements(catalog),
    }


def vectors_in(place: Path) -> set[bytes]:
    """Return every template and embedding in use, as bytes to find in files."""
    catalog = Catalog.open(place)
    templates = matrix(catalog.tracks(["template"])["template"], catalog.dim)
    embeddings = matrix(catalog.faces(["embedding"])["embedding"], catalog.dim)
    return {row.tobytes() for row in (*templates, *embeddings)}


def files_with(place: Path, vectors: set[bytes]) -> list[str]:
    return [
        str(path.relative_to(place))
        for path in place.rglob("*")
        if path.is_file() and any(vector in path.read_bytes() for vector in vectors)
    ]


def test_another_model_takes_over(
    place: Path, packs: Path, capsys: pytest.CaptureFixture[str], photos: Path
) -> None:
    before, old = contents(place), vectors_in(place)
    faces = Catalog.open(place).faces()
    assert files_with(place, old)
    assert main(["reembed", str(place), "--model", str(packs / "tiny")]) == 0
    said = capsys.readouterr().out
    assert f"Re-embedded {faces.num_rows} stored faces of {len(before['tracks'])} tracks" in said
    assert "stored 210 pixels wide with a margin, and scaled" in said
    assert "to 112 for the new model, 0.68 times as large" in said
    assert "was not stored" not in said  # the rim has it
    assert "Not measured" in said

    after, catalog = contents(place), Catalog.open(place)
    assert (catalog.dim, after["pending"]) == (DIM, 0)
    assert after["model"].startswith("tiny-")
    assert after["tracks"] == before["tracks"]
    assert after["known"] == before["known"]
    assert [ids[0] for ids in after["hits"]] == after["tracks"]
    assert not files_with(place, old)
    assert {path.name.split("-")[0] for path in place.iterdir()} == {
        ".commit.lock",
        "checksums",
        "vectors",
        "people",
        "verdicts",
        "sources",
        "files",
        "runs",
        "catalog.json",
    }
    assert set(catalog.videos(["model_id"])["model_id"].to_pylist()) == {after["model"]}

    # What every command says and does fits the new model.
    assert main(["status", str(place), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["model_id"], status["index"]["pending"]) == (after["model"], 0)
    assert main(["search", str(place), str(photos / "astronaut.jpg"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model_id"] == after["model"]
    assert main(["reembed", str(place), "--model", str(packs / "tiny")]) == 0
    assert "Nothing to do" in capsys.readouterr().out


def test_vectors_are_what_the_new_model_makes_of_the_stored_faces(place: Path, packs: Path) -> None:
    faces = Catalog.open(place).faces().to_pylist()
    reembed(place, str(packs / "tiny"))
    catalog = Catalog.open(place)
    embedder = load_pack(str(packs / "tiny"), CPU).embedder
    again = {(row["track_id"], row["position"]): row for row in catalog.faces().to_pylist()}
    of_track: dict[str, list[Any]] = {}
    for row in sorted(faces, key=lambda row: row["position"]):
        stored = reembed_faces.StoredFaces(
            (row["aligned_jpeg"],),
            np.array(row["landmarks"], np.float32).reshape(1, 5, 2),
            STORED.array[None],
        )
        wanted = reembed_faces.run(stored, embedder)[0]
        found = again.pop((row["track_id"], row["position"]))
        np.testing.assert_allclose(found["embedding"], wanted, rtol=1e-5, atol=1e-5)
        of_track.setdefault(row["track_id"], []).append(wanted)
        assert {n: found[n] for n in row if n != "embedding"} == {
            n: row[n] for n in row if n != "embedding"
        }
        np.testing.assert_array_equal(found["aligned_points"], STORED.array.reshape(-1))
    assert not again
    for row in catalog.tracks().to_pylist():
        template = pool(np.stack(of_track[row["track_id"]]), catalog.model_id)
        np.testing.assert_allclose(row["template"], template.vector, atol=1e-6)
        assert row["weight"] == template.weight
        assert row["model_id"] == catalog.model_id


def test_back_to_the_first_model_loses_nothing(place: Path, packs: Path) -> None:
    """Pictures are kept as they were first stored, so a detour changes no embedding."""
    first = (
        Catalog.open(place).faces().sort_by([("track_id", "ascending"), ("position", "ascending")])
    )
    reembed(place, str(packs / "tiny"))
    assert reembed(place, str(packs / "other")).stored == stored_face_fit(STORED, ARCFACE_112)
    assert reembed(place, "open").stored == stored_face_fit(STORED, DLIB_150)
    catalog = Catalog.open(place)
    last = catalog.faces().sort_by([("track_id", "ascending"), ("position", "ascending")])
    assert first["aligned_jpeg"].equals(last["aligned_jpeg"])
    # The first came from the picture itself, these from its JPEG.
    one, other = (matrix(rows["embedding"], 128) for rows in (first, last))
    cosines = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    assert cosines.min() > 0.98


def test_a_training_set_knows_how_the_pictures_are_aligned(
    place: Path, packs: Path, tmp_path: Path
) -> None:
    """Stored faces stay aligned for the pack that found them, whatever the catalog's is now."""
    settings = PrepareOptions(
        photo=PhotoOptions(template=ARCFACE_112),
        result=SetOptions(name="people", held_out=0, min_faces=1, duplicates=True),
    )
    catalog = Catalog.open(place)
    others = sorted(catalog.tracks(["track_id"])["track_id"].to_pylist())[1:]  # the first is Ann
    judge(catalog, others, add_person(catalog, "Bob"), same=True)
    prepare_from_catalog(place, tmp_path / "before", settings)
    reembed(place, str(packs / "tiny"))
    prepare_from_catalog(place, tmp_path / "after", settings)
    before, after = (
        np.stack([read_photo(path) for path in (tmp_path / name).rglob("*.jpg")]).astype(int)
        for name in ("before", "after")
    )
    assert before.shape == after.shape
    for face in before:  # the same but for the rounding of the points; a wrong template is not
        assert np.abs(after - face).mean(axis=(1, 2, 3)).min() < 1


class Killed(BaseException):
    """Simulated kill: no cleanup runs."""


STEPS = (
    "repair",
    "embed",
    "stage",
    "write_tables",
    "rebuild",
    "_measure_new",
    "publish",
    "remove_superseded",
    "discard",
)


def kill_at(  # noqa: C901 (one branch a step)
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop in the middle of a step, or after it if more remains then."""

    def after(function: Callable[..., Any]) -> Callable[..., Any]:
        def dying(*args: Any, **named: Any) -> None:
            function(*args, **named)
            raise Killed

        return dying

    def before(*args: Any, **named: Any) -> None:
        raise Killed

    if step == "repair":
        monkeypatch.setattr(module, "repair", after(repair))
    elif step == "embed":
        monkeypatch.setattr(Pieces, "write", after(Pieces.write))
    elif step == "write_tables":  # tracks are there, videos are not
        import vidsearch.catalog.reembedding as written

        monkeypatch.setattr(written, "_write_videos", before)
    elif step == "rebuild":
        from vidsearch.search import track_index

        monkeypatch.setattr(track_index, "rebuild", after(track_index.rebuild))
    elif step == "_measure_new":
        measure = module._Reembedding._measure

        def dying(self: Any, catalog: Catalog, models: Any) -> Any:
            if models is not None:
                raise Killed
            return measure(self, catalog, models)

        monkeypatch.setattr(module._Reembedding, "_measure", dying)
    elif step == "remove_superseded":  # half of the old tables are gone
        import vidsearch.catalog.versions as staging

        remove = staging._remove

        def half(place: Any, names: list[str]) -> None:
            remove(place, [name for name in names if name != "faces"])
            raise Killed

        monkeypatch.setattr(staging, "_remove", half)
        monkeypatch.setattr(module, "discard_staged", lambda *_, **__: None)
    elif step == "discard":
        real = discard_staged
        monkeypatch.setattr(
            module,
            "discard_staged",
            lambda catalog, pieces=True: before() if pieces else real(catalog, pieces=pieces),
        )
    else:
        monkeypatch.setattr(module, step, after(getattr(module, step)))


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_it_is_the_old_or_the_new(
    step: str, place: Path, packs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, old = contents(place), vectors_in(place)
    with monkeypatch.context() as patched:
        kill_at(step, patched)
        with pytest.raises(Killed):
            reembed(place, str(packs / "tiny"))
    between = contents(place)
    if step in ("publish", "remove_superseded", "discard"):
        assert between["model"].startswith("tiny-")
        assert between["tracks"] == before["tracks"]
        assert (between["index"], between["pending"]) == ("faiss-flat", 0)
    else:
        assert between == before
    report = reembed(place, str(packs / "tiny"))
    assert report.live
    after = contents(place)
    assert after["model"].startswith("tiny-")
    assert after["known"] == before["known"]
    assert not files_with(place, old)
    assert {path.name.split("-")[0] for path in place.iterdir()} == {
        ".commit.lock",
        "checksums",
        "vectors",
        "people",
        "verdicts",
        "sources",
        "files",
        "runs",
        "catalog.json",
    }
    assert len(list(place.glob("vectors-*"))) == 1


def test_a_run_goes_on_where_it_was_stopped(
    place: Path, packs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import vidsearch.catalog.reembedding as staging

    monkeypatch.setattr(staging, "FACES_IN_PIECE", 4)
    faces = Catalog.open(place).faces(["position"]).num_rows
    run = reembed_faces.run
    seen: list[int] = []

    def noted(piece: reembed_faces.StoredFaces, embedder: Any) -> Any:
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(len(piece))
        return run(piece, embedder)

    monkeypatch.setattr(reembed_faces, "run", noted)
    with pytest.raises(KeyboardInterrupt):
        reembed(place, str(packs / "tiny"))
    done = sum(seen)
    seen.clear()

    def counted(piece: reembed_faces.StoredFaces, embedder: Any) -> Any:
        seen.append(len(piece))
        return run(piece, embedder)

    monkeypatch.setattr(reembed_faces, "run", counted)
    assert reembed(place, str(packs / "tiny")).faces == faces
    assert sum(seen) == faces - done


def test_a_real_kill(place: Path, packs: Path) -> None:
    """SIGKILL, when the new tables are half written; then the command again."""
    before = contents(place)
    script = (
        "import os, signal, sys\n"
        "import vidsearch.catalog.reembedding as written\n"
        "from vidsearch.commands.main import main\n"
        "written._write_videos = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\n"
        "main(['reembed', *sys.argv[1:], '--workers', '1'])\n"
    )
    command = [sys.executable, "-c", script, str(place), "--model", str(packs / "tiny")]
    killed = subprocess.run(command, capture_output=True, timeout=240, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert contents(place) == before
    assert reembed(place, str(packs / "tiny")).live
    assert contents(place)["tracks"] == before["tracks"]


def test_labels_decide(
    place: Path, packs: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(place)
    command = ["reembed", str(place), "--labels", str(labels), "--model"]
    assert main([*command, str(packs / "blind")]) == 5
    said = capsys.readouterr().out
    # To a blind model all tracks are as near: which of two films comes first is chance.
    told = re.search(r"MAP@100 of 3 labelled queries: 1.0000 before, 0.(8333|6667) now", said)
    assert told, said
    assert "Not in use: MAP fell" in said
    assert contents(place) == before
    assert not list(place.glob("vectors-*"))
    assert not (place / "reembed").exists()

    assert main([*command, "open", "--json"]) == 0  # its own model: nothing to do
    assert json.loads(capsys.readouterr().out)["faces"] == 0
    assert main([*command, str(packs / "blind"), "--force", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["live"]
    assert report["map"]["change"] < -0.1
    # From a poor model to a good one: MAP rises, so it goes live.
    assert main([*command, "open", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["live"], report["map"]["new"]) == (True, 1.0)
    assert contents(place)["tracks"] == before["tracks"]


@pytest.mark.slow
def test_processes_make_the_same_vectors(
    place: Path, packs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import vidsearch.catalog.reembedding as staging

    other = Path(shutil.copytree(place, tmp_path / "other"))
    monkeypatch.setattr(staging, "FACES_IN_PIECE", 4)
    monkeypatch.setattr(module, "FACES_IN_PIECE", 4)
    reembed(place, str(packs / "tiny"))
    two = ReembedOptions(cluster=ClusterConfig(workers=2))
    reembed(other, str(packs / "tiny"), two)
    assert contents(place) == contents(other)


def test_a_video_indexed_meanwhile_comes_along(
    place: Path, packs: Path, filmed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = Catalog.open(place)
    gone = catalog.videos(["video_id"])["video_id"].to_pylist()[0]
    forget_video(catalog, gone)
    write = Pieces.write
    done: list[IndexReport] = []

    def noted(*args: Any) -> None:
        write(*args)
        if not done:
            done.append(index(place, [filmed / "videos"]))

    monkeypatch.setattr(Pieces, "write", noted)
    reembed(place, str(packs / "tiny"))
    assert done[0].indexed == 1
    assert gone in Catalog.open(place).videos(["video_id"])["video_id"].to_pylist()
    assert contents(place)["pending"] == 0


def test_a_writer_of_the_old_model_is_told(place: Path, packs: Path, filmed: Path) -> None:
    old = Catalog.open(place)
    writer = CatalogWriter(old)
    writer.add_file(KnownFile("/somewhere.mp4", 1, 1, "unknown"))
    reembed(place, str(packs / "tiny"))
    with pytest.raises(CatalogModelError, match=r"was re-embedded with pack '.*tiny' meanwhile"):
        writer.flush()
    with pytest.raises(CatalogModelError, match="repeat the command"):
        TrackSearcher(old)
    assert not (place / "tracks").exists()
    assert index(place, [filmed / "videos"]).skipped == 2


def test_a_change_at_the_last_moment_stops_it(
    place: Path, packs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, catalog = contents(place), Catalog.open(place)
    video = catalog.videos(["video_id"])["video_id"].to_pylist()[0]

    def changing(*args: Any) -> None:
        catalog.table("videos").delete(f"video_id = '{video}'")
        put(*args)

    put = publish
    monkeypatch.setattr(module, "publish", changing)
    with pytest.raises(CatalogConflictError, match="videos were added to or removed"):
        reembed(place, str(packs / "tiny"))
    assert Catalog.open(place).model_id == before["model"]


def test_one_at_a_time(place: Path, packs: Path) -> None:
    from vidsearch.catalog.versions import reembedding_lock

    with (
        reembedding_lock(Catalog.open(place)),
        pytest.raises(CatalogConflictError, match="by another process"),
    ):
        reembed(place, str(packs / "tiny"))


def test_forgetting_reaches_what_is_not_in_use_yet(
    place: Path, packs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        kill_at("rebuild", patched)
        with pytest.raises(Killed):
            reembed(place, str(packs / "tiny"))
    assert list(place.glob("vectors-*"))
    catalog = Catalog.open(place)
    forget_video(catalog, catalog.videos(["video_id"])["video_id"].to_pylist()[0])
    assert not list(place.glob("vectors-*"))
    assert not (place / "reembed").exists()
    reembed(place, str(packs / "tiny"))
    catalog = Catalog.open(place)
    forget_video(catalog, catalog.videos(["video_id"])["video_id"].to_pylist()[0])
    assert catalog.tracks(["track_id"]).num_rows == 0


def test_damaged_pictures_are_left_out_and_said(
    place: Path, packs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = Catalog.open(place)
    track = sorted(catalog.tracks(["track_id"])["track_id"].to_pylist())[0]
    (video,) = catalog.tracks(["video_id"], track_ids=[track])["video_id"].to_pylist()
    count = catalog.faces(["position"], track_ids=[track]).num_rows
    catalog.table("faces").update(f"track_id = '{track}'", {"aligned_jpeg": "x'00'"})
    assert main(["reembed", str(place), "--model", str(packs / "tiny")]) == 3
    told = capsys.readouterr()
    assert f"{count} stored faces are damaged" in told.out
    assert f"video {video} has tracks whose stored faces are damaged" in told.err
    catalog = Catalog.open(place)
    assert track not in catalog.tracks(["track_id"])["track_id"].to_pylist()
    repair(catalog)
    assert video in catalog.videos(["video_id"])["video_id"].to_pylist()


def test_mistakes_are_one_line(
    place: Path, packs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = (
        (["--model", "nonsense"], "nonsense' is neither built in (open"),
        (["--model", "open", "--force"], "--force overrides the measurement of --labels"),
        (["--model", str(packs / "tiny"), "--labels", "no.csv"], "no.csv cannot be read"),
        (["--model", "open", "--workers", "0"], "--workers must be at least 1"),
    )
    for arguments, complaint in cases:
        assert main(["reembed", str(place), *arguments]) == 2
        said = capsys.readouterr().err
        assert complaint in said
        assert said.count("\n") == 1
    assert main(["reembed", str(tmp_path / "no"), "--model", "open"]) == 2
    assert "no catalog at" in capsys.readouterr().err


def test_a_former_pack_that_is_gone_or_replaced_is_said(
    place: Path, packs: Path, tmp_path: Path, tiny_packs: ModuleType
) -> None:
    mine = Path(shutil.copytree(packs / "tiny", tmp_path / "mine"))
    reembed(place, str(mine))
    shutil.rmtree(mine)
    with pytest.raises(PackNotFoundError, match="put its folder back"):
        reembed(place, "open")
    tiny_packs.write_tiny_pack(mine, seed=7)
    with pytest.raises(ConfigError, match="put the former pack back"):
        reembed(place, str(mine))
