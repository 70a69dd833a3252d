from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines import prepare as module
from pipelines.cluster.config import ClusterConfig
from pipelines.demo.people import PEOPLE, load_pictures
from pipelines.prepare import PrepareOptions, prepare, prepare_from_catalog
from pipelines.stages import prepare_photos
from pipelines.stages.prepare_photos import PhotoOptions
from vidsearch.catalog import Catalog
from vidsearch.catalog.people import add_person, judge
from vidsearch.commands.main import main
from vidsearch.errors import ConfigError, TrainingSetError
from vidsearch.faces.geometry.align import ARCFACE_112
from vidsearch.models.registry import LoadedPack
from vidsearch.photo.people_folders import PersonPhoto
from vidsearch.trainingset.assemble import SetOptions
from vidsearch.trainingset.candidates import Candidate
from vidsearch.trainingset.manifest import read_set_manifest


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each person twice (the second time nearer and darker), a cat, a text, and one file again."""
    folder = tmp_path_factory.mktemp("raw")
    pictures = load_pictures()
    for person in PEOPLE[:1] + PEOPLE[2:6]:
        home = folder / person.slug
        home.mkdir()
        x1, y1, x2, y2 = person.face_xyxy
        for number, (room, light) in enumerate([(0.6, 1.0), (0.35, 0.7)]):
            wide, high = x2 - x1, y2 - y1
            left, top = max(int(x1 - room * wide), 0), max(int(y1 - room * high), 0)
            view = pictures[person.picture][
                top : int(y2 + room * high), left : int(x2 + room * wide)
            ]
            if number:
                view = np.asarray(view[:, ::-1] * light, np.uint8)  # mirrored: no duplicate
            cv2.imwrite(str(home / f"{number}.png"), view[..., ::-1])
    first = folder / PEOPLE[0].slug
    picture = cv2.imread(str(first / "0.png"))
    assert picture is not None
    cv2.imwrite(str(first / "again.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 60])
    cv2.imwrite(str(first / "cat.png"), pictures["rocket"][..., ::-1])
    (first / "broken.jpg").write_bytes(b"no picture")
    (first / "notes.txt").write_text("left alone")
    return folder


def options(**more: object) -> PrepareOptions:
    return PrepareOptions(
        photo=PhotoOptions(template=ARCFACE_112),
        result=SetOptions(name="people", held_out=0.4),
        **more,  # type: ignore[arg-type]
    )


def test_raw_photos_become_a_set(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    report = prepare(raw, out, options())
    assert report.photos == 13
    assert sum(report.faces.values()) == 10
    assert report.identities == {"train": 3, "held_out": 2}
    why = {Path(source).name: reason.split(":")[0] for source, _, reason in report.dropped}
    assert why == {"again.jpg": "near-duplicate", "cat.png": "no face", "broken.jpg": "unreadable"}
    assert not (tmp_path / "set.part").exists()
    faces = list(out.rglob("*.jpg"))
    assert len(faces) == 10
    picture = cv2.imread(str(faces[0]))
    assert picture is not None
    assert picture.shape == (112, 112, 3)
    assert read_set_manifest(out).made_by["pack"] == "open"
    with pytest.raises(ConfigError, match="exists already"):
        prepare(raw, out, options())


def test_a_stopped_run_goes_on(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PHOTOS_IN_BATCH", 4)
    looked_at: list[int] = []
    run = prepare_photos.run

    def noted(
        photos: Sequence[PersonPhoto], models: LoadedPack, settings: PhotoOptions
    ) -> tuple[Candidate, ...]:
        if len(looked_at) == 2:
            raise KeyboardInterrupt
        looked_at.append(len(photos))
        return run(photos, models, settings)

    monkeypatch.setattr(prepare_photos, "run", noted)
    with pytest.raises(KeyboardInterrupt):
        prepare(raw, tmp_path / "set", options())
    assert not (tmp_path / "set").exists()
    looked_at.clear()
    report = prepare(raw, tmp_path / "set", options())
    assert looked_at == [4, 1]
    assert sum(report.faces.values()) == 10


@pytest.mark.slow
def test_processes_make_the_same_set(raw: Path, tmp_path: Path) -> None:
    prepare(raw, tmp_path / "one", options())
    prepare(raw, tmp_path / "two", options(cluster=ClusterConfig(isolate=True)))
    for path in (tmp_path / "one").rglob("*.jpg"):
        other = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert path.read_bytes() == other.read_bytes()


def test_labelled_tracks_become_a_set(films: Path, tmp_path: Path) -> None:
    from pipelines import index

    place = tmp_path / "catalog"
    index(str(place), [str(films)])
    catalog = Catalog.open(place)
    with pytest.raises(TrainingSetError, match=r"no labelled tracks.*vidsearch ui"):
        prepare_from_catalog(place, tmp_path / "set", options())
    tracks = sorted(catalog.tracks(["track_id"])["track_id"].to_pylist())
    assert len(tracks) >= 2
    for number, track in enumerate(tracks):
        judge(catalog, [track], add_person(catalog, f"person {number}"), same=True)
    settings = PrepareOptions(
        photo=PhotoOptions(template=ARCFACE_112),
        result=SetOptions(name="people", held_out=0, min_faces=1, duplicates=True),
    )
    report = prepare_from_catalog(place, tmp_path / "set", settings)
    assert report.identities["train"] == len(tracks)
    assert report.photos == catalog.faces(track_ids=tracks).num_rows


def test_the_command(raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "set")
    assert main(["prepare", str(raw), out, "--workers", "1", "--held-out", "0", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["faces"] == {"train": 10, "held_out": 0}
    assert main(["prepare", str(tmp_path / "no"), str(tmp_path / "x")]) == 2
    assert "is not a folder" in capsys.readouterr().err
    assert main(["prepare", str(raw), out + "2", "--template", "x"]) == 2
    assert "--template must be one of arcface_112, dlib_150" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["prepare", str(tmp_path / "empty"), str(tmp_path / "y")]) == 2
    assert "holds no photos in sub-folders" in capsys.readouterr().err
