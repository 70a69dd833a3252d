"""Validation on a verification set: LFW-style pairs of photos, and ``.bin`` files."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from pipelines.demo.people import PEOPLE, load_pictures
from tests.helpers.training_sets import (
    SIDE,
    SyntheticPeople,
    synthetic_people,
    tiny_config,
    write_prepared,
)
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


def write_bin(path: Path, images: list[Image], issame: list[bool]) -> None:
    blobs = [cv2.imencode(".png", image[..., ::-1])[1].tobytes() for image in images]
    path.write_bytes(pickle.dumps((blobs, issame)))


@pytest.fixture(scope="module")
def bin_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve synthetic people with a genuine and an impostor pair each, enlarged to 112 pixels."""
    people = synthetic_people(people=PEOPLE_IN_BIN, each=4, seed=99)
    images, issame = [], []
    for person in range(PEOPLE_IN_BIN):
        other = (person + 1) % PEOPLE_IN_BIN
        for first, second, same in ((0, 1, True), (2, 3, False)):
            faces = (4 * person + first, 4 * (person if same else other) + second)
            images += [cv2.resize(people.faces[face], (112, 112)) for face in faces]
            issame.append(same)
    path = tmp_path_factory.mktemp("bin") / "made.bin"
    write_bin(path, [np.asarray(image, np.uint8) for image in images], issame)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos of two people, a rocket, and a pair list that names one missing photo."""
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


def test_photos_are_aligned_as_in_the_evaluation(photos: Path) -> None:
    found = open_pairs(photos, str(photos / "pairs.txt"), ARCFACE_112, "detect")
    assert (found.name, found.folds, len(found)) == ("LFW", FOLDS, 6)
    assert found.issame.tolist() == [True, True, False, False, True, True, False, False]
    image = cv2.imread(str(photos / PEOPLE[0].slug / f"{PEOPLE[0].slug}_0001.jpg"))
    assert image is not None
    rgb = np.ascontiguousarray(image[..., ::-1])
    detections = load_pack("open", CPU).detector.detect(np.asarray(rgb, np.uint8))
    expected = align_faces(np.asarray(rgb, np.uint8), detections.landmarks, ARCFACE_112)
    assert np.array_equal(found.aligned_face(0), expected[0])
    # Pairs 5 and 6 compare the first photo with a missing photo and with the rocket.
    for face in found.right[5:7]:
        with pytest.raises(BrokenFaceError):
            found.aligned_face(int(face))


def test_a_pair_without_a_face_is_never_accepted(photos: Path) -> None:
    found = open_pairs(photos, str(photos / "pairs.txt"), ARCFACE_112, "detect")
    validation = Validation(found, pairs_of(found, 5, 0))
    similarities = validation.similarities(build_backbone("iresnet_tiny", 8, width=0.125))
    assert similarities.shape == (8,)
    assert (similarities == -1).tolist() == [False] * 5 + [True, True, False]
    assert (np.abs(similarities[[0, 1, 2, 3, 4, 7]]) < 1 + 1e-9).all()


def test_a_bin_set_in_another_alignment(bin_file: Path) -> None:
    pairs = read_bin(bin_file)
    plain = PairFaces(pairs, ARCFACE_112, "aligned")
    image = cv2.imdecode(np.frombuffer(pairs.items[3][0], np.uint8), cv2.IMREAD_COLOR)  # type: ignore[arg-type]
    assert image is not None
    assert np.array_equal(plain.aligned_face(3), image[..., ::-1])
    assert PairFaces(pairs, DLIB_150, "aligned").aligned_face(3).shape == (150, 150, 3)
    assert plain.labels.tolist() == np.repeat(np.arange(2 * PEOPLE_IN_BIN), 2).tolist()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")

    def enlarged(people: SyntheticPeople) -> SyntheticPeople:
        faces = np.stack([cv2.resize(face, (112, 112)) for face in people.faces])
        return SyntheticPeople(people.identities, people.labels, faces, template=ARCFACE_112)

    write_prepared(
        folder, enlarged(synthetic_people()), enlarged(synthetic_people(people=3, seed=5))
    )
    assert ARCFACE_112.size > SIDE
    return folder


def test_a_bin_set_selects_the_best_model(prepared: Path, bin_file: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    config = override(
        tiny_config(steps=4),
        [
            f"data.path={prepared}",
            f"validation.path={bin_file}",
            "validation.every=2",
            "backbone.options.input_size=112",
        ],
    )
    dataset, validation_set = open_sets(config)
    assert isinstance(validation_set, PairFaces)
    context = RunContext(folder=tmp_path / "run", ranks=Ranks(), device=torch.device("cpu"))
    report = train(config, dataset, validation_set, context)
    assert report.accuracy is not None
    assert 0 <= report.accuracy <= 1
    lines = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert lines.count("accuracy") >= 2

    from trainer.export.pack import export_pack

    assert export_pack(tmp_path / "run", tmp_path / "pack").pairs == 2 * PEOPLE_IN_BIN


def test_shared_identities_are_logged(photos: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = open_pairs(photos, str(photos / "pairs.txt"), ARCFACE_112, "detect")
    with caplog.at_level(logging.WARNING):
        found.warn_of_shared_identities(["somebody else"])
        assert not caplog.records
        found.warn_of_shared_identities([PEOPLE[1].slug, "somebody else"])
    assert "1 identities of validation set LFW are in the training set as well" in caplog.text


def test_mistakes_are_named(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"needs the folder of its photos; set validation\.path"):
        override(tiny_config(), ["validation.pair_list=pairs.txt"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingSetError, match=r"6 of the 6 photos .* are missing"):
        open_pairs(tmp_path / "empty", str(photos / "pairs.txt"), ARCFACE_112, "detect")
    (tmp_path / "no.bin").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="is not a readable pickle"):
        open_pairs(tmp_path / "no.bin", "", ARCFACE_112, "detect")
