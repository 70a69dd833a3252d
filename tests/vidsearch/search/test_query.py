from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.helpers.fake_faces import GROUP, MODEL, FakePack, NotANumber, scene
from vidsearch.errors import ConfigError, NoFaceError, PhotoError, ShapeError
from vidsearch.photo.query_warning import QueryWarning, WarningCode
from vidsearch.search.query import QueryFace, disagreement, find_query_face, pool_query, query_face


class StepCalibration:
    """Certain from a cosine of 0.8, else impossible."""

    def confidence(self, similarity: float) -> float:
        return float(similarity >= 0.8)


class TestFindQueryFace:
    def test_largest_face_is_used_and_the_others_mentioned(self) -> None:
        face = find_query_face(GROUP, "group.jpg", FakePack())
        assert face.box_xyxy.tolist() == [100, 10, 250, 160]
        assert (face.face, face.faces_in_photo) == (1, 3)
        assert face.embedding.round().tolist() == [20, 255, 0]
        assert face.aligned.shape == (112, 112, 3)
        assert face.warnings[0] == QueryWarning(WarningCode.SEVERAL_FACES, {"faces": 3})

    @pytest.mark.parametrize(("number", "red"), [(1, 20), (2, 30), (3, 10)])
    def test_faces_are_numbered_by_size(self, number: int, red: int) -> None:
        face = find_query_face(GROUP, "group.jpg", FakePack(), number)
        assert round(float(face.embedding[0])) == red
        assert face.face == number
        assert WarningCode.SEVERAL_FACES not in {warning.code for warning in face.warnings}

    @pytest.mark.parametrize(
        ("number", "message"),
        [
            (4, r"photo 'group\.jpg' has no face 4: 3 faces found; pass --face 1 to 3"),
            (0, "counts from 1"),
            (-1, "counts from 1"),
        ],
    )
    def test_no_face_of_that_number(self, number: int, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            find_query_face(GROUP, "group.jpg", FakePack(), number)

    def test_single_face_has_no_second(self) -> None:
        image = scene(300, 300, (50, 50, 100, 0))
        with pytest.raises(ConfigError, match=r"has no face 2: 1 face found; pass --face 1$"):
            find_query_face(image, "x", FakePack(), 2)

    @pytest.mark.parametrize("number", [None, 1, 7])
    def test_no_face(self, number: int | None) -> None:
        with pytest.raises(NoFaceError, match=r"no face found in photo 'a\\nb'; use a photo") as e:
            find_query_face(scene(300, 300), "a\nb", FakePack(), number)
        assert e.value.exit_status == 4

    def test_poor_face_is_used_with_a_warning(self) -> None:
        """A flat patch has no fine detail, like the most blurred face."""
        face = find_query_face(scene(300, 300, (50, 50, 100, 0)), "x", FakePack())
        (warning,) = face.warnings
        assert warning == QueryWarning(WarningCode.POOR_FACE, {"quality": face.quality})
        assert face.unreliable

    def test_embedding_must_be_finite(self) -> None:
        image = scene(300, 300, (50, 50, 100, 0))
        with pytest.raises(ShapeError, match="not finite"):
            find_query_face(image, "x", FakePack(NotANumber()))

    def test_result_shows_the_face(self) -> None:
        photo = find_query_face(GROUP, "group.jpg", FakePack()).as_result()
        assert photo.photo == "group.jpg"
        assert photo.faces_in_photo == 3
        assert photo.face_jpeg is not None
        with Pillow.open(io.BytesIO(photo.face_jpeg)) as picture:
            assert picture.size == (112, 112)


class TestQueryFace:
    def test_box_is_in_pixels_of_the_file(self, tmp_path: Path) -> None:
        """A photo of 8192 pixels is shrunk to 4096."""
        path = tmp_path / "wide.png"
        Pillow.fromarray(scene(8192, 512, (6000, 100, 400, 0))).save(path)
        face = query_face(path, FakePack())
        np.testing.assert_allclose(face.box_xyxy, [6000, 100, 6400, 500], atol=4)
        assert face.photo == str(path)

    def test_notes_of_reading_become_warnings(self) -> None:
        file = io.BytesIO()
        frames = [Pillow.fromarray(scene(300, 300, (50, 50, side, 0))) for side in (100, 120)]
        frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
        face = query_face(file.getvalue(), FakePack(), name="wave.gif")
        assert face.warnings[0] == QueryWarning(WarningCode.FRAMES_IGNORED, {"frames": 2})
        assert face.photo == "wave.gif"

    def test_unreadable_photo(self, tmp_path: Path) -> None:
        with pytest.raises(PhotoError, match="does not exist"):
            query_face(tmp_path / "no.jpg", FakePack())


def made_up(*embeddings: list[float], **other: Any) -> list[QueryFace]:
    face = find_query_face(scene(300, 300, (50, 50, 100, 0)), "x", FakePack())
    return [
        dataclasses.replace(face, photo=name, embedding=np.array(vector, np.float32), **other)
        for name, vector in zip("abcdef", embeddings, strict=False)
    ]


class TestPoolQuery:
    def test_centre_of_raw_embeddings(self) -> None:
        # ((3, 0) + (0, 1)) / 2 = (1.5, 0.5), of length sqrt(2.5): the longer embedding weighs more.
        template = pool_query(made_up([3, 0], [0, 1]), MODEL)
        np.testing.assert_allclose(template.vector, [0.948683, 0.316228], rtol=1e-5)
        assert template.weight == 2
        assert template.model_id == MODEL

    def test_one_photo(self) -> None:
        np.testing.assert_allclose(pool_query(made_up([3, 4]), MODEL).vector, [0.6, 0.8], rtol=1e-6)

    def test_order_does_not_matter(self) -> None:
        faces = made_up([3, 1], [0, 1], [2, 2])
        np.testing.assert_allclose(
            pool_query(faces, MODEL).vector, pool_query(faces[::-1], MODEL).vector, rtol=1e-6
        )

    def test_no_photo(self) -> None:
        with pytest.raises(ConfigError, match="at least one photo"):
            pool_query([], MODEL)

    def test_another_model(self) -> None:
        with pytest.raises(ConfigError, match=r"photo 'a' was embedded by other-1.*fake-0"):
            pool_query(made_up([1, 0], model_id="other-1"), MODEL)

    def test_lengths_differ(self) -> None:
        with pytest.raises(ShapeError, match=r"one length; got \[2, 3\]"):
            pool_query(made_up([1, 0], [1, 0, 0]), MODEL)

    @pytest.mark.parametrize("bad", [[np.nan, 1.0], [np.inf, 1.0], [0.0, 0.0]])
    def test_no_direction(self, bad: list[float]) -> None:
        with pytest.raises(ShapeError, match="zero or not finite"):
            pool_query(made_up(bad), MODEL)


class TestDisagreement:
    def test_one_photo_agrees_with_itself(self) -> None:
        assert disagreement(made_up([0, 1]), StepCalibration()) is None

    def test_length_does_not_matter(self) -> None:
        assert disagreement(made_up([1, 0], [9, 0.1]), StepCalibration()) is None

    def test_odd_photo_is_named_last(self) -> None:
        warning = disagreement(made_up([0, 1], [1, 0], [1, 0.1]), StepCalibration())
        groups = (("b", "c"), ("a",))
        assert warning == QueryWarning(WarningCode.DIFFERENT_PEOPLE, {"groups": groups})

    def test_agreement_through_a_third_photo(self) -> None:
        # cos(0, 60) = 0.5 < 0.8, but both are within 30 degrees of the middle one: cos 30 = 0.87.
        faces = made_up([1, 0], [0.5, 0.866], [0.866, 0.5])
        assert disagreement(faces, StepCalibration()) is None
        assert disagreement(faces[:2], StepCalibration()) is not None

    @pytest.mark.media
    def test_real_people(self, media: Path) -> None:
        from vidsearch.device import CPU
        from vidsearch.models.registry import load_pack

        pack = load_pack("open", CPU)
        folder = media / "photos" / "face_recognition"
        obama = [query_face(folder / f"obama{n}.jpg", pack) for n in ("", 2, 3)]
        biden = query_face(folder / "biden.jpg", pack)
        assert [face.warnings for face in obama] == [(), (), ()]
        assert disagreement(obama, pack.calibration) is None
        warning = disagreement([*obama, biden], pack.calibration)
        assert warning is not None
        assert warning.fields["groups"][1] == (str(folder / "biden.jpg"),)
