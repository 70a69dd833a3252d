"""Knowing the best model by a verification set: LFW's pairs over photos, and ``.bin`` files."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from pipelines.demo.people import PEOPLE, load_pictures
from tests.helpers.training_sets import SIDE, MadePeople, made_people, tiny_config, write_prepared
from trainer.backbones.build import build_backbone
from trainer.config.toml import override
from trainer.data.base import BrokenFaceError
from trainer.data.pair_faces import PairFaces, open_pairs
from trainer.distributed.ranks import Ranks
from trainer.training.loop import RunContext
from trainer.training.run import open_sets, train
from trainer.training.validation import Validation, pairs_of
from vidsearch.datatypes import Image
from vidsearch.device import CPU
from vidsearch.errors import ConfigError, TrainingSetError
from vidsearch.evaluation.protocols.pairs import read_bin
from vidsearch.faces.geometry.align import ARCFACE_112, DLIB_150, align_faces
from vidsearch.models.registry import load_pack

FOLDS, PEOPLE_IN_BIN = 2, 12


def write_bin(path: Path, pictures: list[Image], issame: list[bool]) -> None:
    blobs = [cv2.imencode(".png", picture[..., ::-1])[1].tobytes() for picture in pictures]
    path.write_bytes(pickle.dumps((blobs, issame)))


@pytest.fixture(scope="module")
def bin_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve made people, two pairs of each: one genuine, one impostor; enlarged to 112 pixels."""
    people = made_people(people=PEOPLE_IN_BIN, each=4, seed=99)
    pictures, issame = [], []
    for person in range(PEOPLE_IN_BIN):
        other = (person + 1) % PEOPLE_IN_BIN
        for one, two, same in ((0, 1, True), (2, 3, False)):
            faces = (4 * person + one, 4 * (person if same else other) + two)
            pictures += [cv2.resize(people.faces[face], (112, 112)) for face in faces]
            issame.append(same)
    path = tmp_path_factory.mktemp("bin") / "made.bin"
    write_bin(path, [np.asarray(picture, np.uint8) for picture in pictures], issame)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people twice, a rocket, and one photo that the list names and nobody has."""
    folder = tmp_path_factory.mktemp("photos")
    pictures = load_pictures()
    for person in (PEOPLE[0], PEOPLE[1]):
        x1, y1, x2, y2 = person.face_xyxy
        wide, high = x2 - x1, y2 - y1
        (folder / person.slug).mkdir()
        for number, room in ((1, 0.6), (2, 0.4)):
            left, top = max(int(x1 - room * wide), 0), max(int(y1 - room * high), 0)
            view = pictures[person.picture][
                top : int(y2 + room * high), left : int(x2 + room * wide)
            ]
            cv2.imwrite(
                str(folder / person.slug / f"{person.slug}_{number:04d}.jpg"), view[..., ::-1]
            )
    (folder / "rocket").mkdir()
    cv2.imwrite(str(folder / "rocket" / "rocket_0001.jpg"), pictures["rocket"][..., ::-1])
    a, b = PEOPLE[0].slug, PEOPLE[1].slug
    (folder / "pairs.txt").write_text(
        f"2\t2\n{a}\t1\t2\n{b}\t1\t2\n{a}\t1\t{b}\t1\n{a}\t2\t{b}\t2\n"
        f"{a}\t1\t2\n{a}\t1\t3\n{a}\t1\trocket\t1\n{a}\t2\t{b}\t1\n"
    )
    return folder


def test_photos_are_aligned_like_those_of_the_evaluation(photos: Path) -> None:
    found = open_pairs(photos, str(photos / "pairs.txt"), ARCFACE_112, "detect")
    assert (found.name, found.folds, len(found)) == ("LFW", FOLDS, 6)
    assert found.issame.tolist() == [True, True, False, False, True, True, False, False]
    image = cv2.imread(str(photos / PEOPLE[0].slug / f"{PEOPLE[0].slug}_0001.jpg"))
    assert image is not None
    rgb = np.ascontiguousarray(image[..., ::-1])
    detections = load_pack("open", CPU).detector.detect(np.asarray(rgb, np.uint8))
    wanted = align_faces(np.asarray(rgb, np.uint8), detections.landmarks, ARCFACE_112)
    assert np.array_equal(found.aligned_face(0), wanted[0])
    names = ["rocket/rocket_0001.jpg", f"{PEOPLE[0].slug}/{PEOPLE[0].slug}_0003.jpg"]
    for name in names:
        with pytest.raises(BrokenFaceError):
            found.aligned_face(found._names.index(name))


def test_a_pair_without_a_face_is_never_accepted(photos: Path) -> None:
    found = open_pairs(photos, str(photos / "pairs.txt"), ARCFACE_112, "detect")
    judge = Validation(found, pairs_of(found, 5, 0))
    similarities = judge.similarities(build_backbone("iresnet_tiny", 8, width=0.125))
    assert similarities.shape == (8,)
    assert (similarities == -1).tolist() == [False] * 5 + [True, True, False]
    assert (np.abs(similarities[[0, 1, 2, 3, 4, 7]]) < 1 + 1e-9).all()


def test_a_bin_set_in_another_alignment(bin_file: Path) -> None:
    pairs = read_bin(bin_file)
    plain = PairFaces(pairs, ARCFACE_112, "aligned")
    picture = cv2.imdecode(np.frombuffer(pairs.items[3][0], np.uint8), cv2.IMREAD_COLOR)  # type: ignore[arg-type]
    assert picture is not None
    assert np.array_equal(plain.aligned_face(3), picture[..., ::-1])
    assert PairFaces(pairs, DLIB_150, "aligned").aligned_face(3).shape == (150, 150, 3)
    assert plain.labels.tolist() == np.repeat(np.arange(2 * PEOPLE_IN_BIN), 2).tolist()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")

    def enlarged(people: MadePeople) -> MadePeople:
        faces = np.stack([cv2.resize(face, (112, 112)) for face in people.faces])
        return MadePeople(people.identities, people.labels, faces, template=ARCFACE_112)

    write_prepared(folder, enlarged(made_people()), enlarged(made_people(people=3, seed=5)))
    assert ARCFACE_112.size > SIDE
    return folder


def test_the_best_model_is_known_by_a_bin_set(
    prepared: Path, bin_file: Path, tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    config = override(
        tiny_config(steps=4),
        [f"data.path={prepared}", f"validation.path={bin_file}", "validation.every=2",
         "backbone.options.input_size=112"],
    )  # fmt: skip
    dataset, judged = open_sets(config)
    assert isinstance(judged, PairFaces)
    place = RunContext(folder=tmp_path / "run", ranks=Ranks(), device=torch.device("cpu"))
    report = train(config, dataset, judged, place)
    assert report.accuracy is not None
    assert 0 <= report.accuracy <= 1
    lines = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert lines.count("accuracy") >= 2

    from trainer.export.pack import export_pack

    assert export_pack(tmp_path / "run", tmp_path / "pack").pairs == 2 * PEOPLE_IN_BIN


def test_people_on_both_sides_are_said(photos: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = open_pairs(photos, str(photos / "pairs.txt"), ARCFACE_112, "detect")
    with caplog.at_level(logging.WARNING):
        found.warn_of_shared_identities(["somebody else"])
        assert not caplog.records
        found.warn_of_shared_identities([PEOPLE[1].slug, "somebody else"])
    assert "1 people of validation set LFW are trained on as well" in caplog.text


def test_mistakes_are_named(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"needs the folder of its photos; set validation\.path"):
        override(tiny_config(), ["validation.pair_list=pairs.txt"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingSetError, match=r"6 of the 6 photos .* are missing"):
        open_pairs(tmp_path / "empty", str(photos / "pairs.txt"), ARCFACE_112, "detect")
    (tmp_path / "no.bin").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="is not a readable pickle"):
        open_pairs(tmp_path / "no.bin", "", ARCFACE_112, "detect")
