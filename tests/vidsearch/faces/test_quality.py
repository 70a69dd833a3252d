from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.datatypes import AlignedFaces, Boxes, Detections, Image, Landmarks, Vector
from vidsearch.errors import ShapeError
from vidsearch.faces.detect.centerface import CenterFaceDetector
from vidsearch.faces.geometry.align import ARCFACE_112, DLIB_150, align_faces
from vidsearch.faces.quality import face_quality, frontality, inter_ocular_px, sharpness, too_poor
from vidsearch.models.open_pack import centerface_onnx

# Read off the photo that scikit-image ships: eyes, nose, mouth corners; forehead to chin.
LANDMARKS = np.array([[[203, 101], [246, 104], [223, 125], [203, 140], [246, 141]]], np.float32)
BOX = np.array([[181, 75, 269, 178]], np.float32)
SCORE = np.array([0.9], np.float32)


@dataclass(frozen=True)
class Face:
    aligned: AlignedFaces
    landmarks: Landmarks
    boxes_xyxy: Boxes
    scores: Vector

    @property
    def quality(self) -> float:
        return float(face_quality(self.aligned, self.landmarks, self.boxes_xyxy, self.scores)[0])

    @property
    def too_poor(self) -> bool:
        return bool(too_poor(self.aligned, self.landmarks, self.boxes_xyxy)[0])


def face_in(image: Image, scale: float = 1.0) -> Face:
    landmarks = LANDMARKS * np.float32(scale)
    return Face(align_faces(image, landmarks, DLIB_150), landmarks, BOX * np.float32(scale), SCORE)


@pytest.fixture(scope="module")
def photo() -> Image:
    from skimage import data

    return np.asarray(data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]


def blurred(image: Image, sigma: float) -> Image:
    import cv2

    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def shrunk(image: Image, scale: float) -> Image:
    import cv2

    return np.asarray(
        cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )


def test_a_good_photo_is_good(photo: Image) -> None:
    assert face_in(photo).quality > 0.85
    assert not face_in(photo).too_poor


def test_blurring_lowers_it(photo: Image) -> None:
    """Sigma in pixels of a face whose eyes are 43 apart."""
    values = [face_in(blurred(photo, sigma)).quality for sigma in (1, 2, 3, 4.5, 6)]
    assert (np.diff([face_in(photo).quality, *values]) < 0).all()
    assert face_in(blurred(photo, 6)).too_poor


def test_shrinking_lowers_it(photo: Image) -> None:
    """Eyes 43, 26, 17, 11, 8.6, 6.5 and 4.3 pixels apart."""
    scales = (1.0, 0.6, 0.4, 0.25, 0.2, 0.15, 0.1)
    faces = [face_in(shrunk(photo, scale) if scale < 1 else photo, scale) for scale in scales]
    assert (np.diff([face.quality for face in faces]) < 0).all()
    assert [face.too_poor for face in faces[:4]] == [False] * 4
    assert [face.too_poor for face in faces[-1:]] == [True]


@pytest.mark.parametrize("factor", [0.02, 0.1, 0.3])
def test_darkness_lowers_it(photo: Image, factor: float) -> None:
    dark = (photo * factor).astype(np.uint8)
    assert face_in(dark).quality < face_in(photo).quality - 0.02


def test_over_exposure_lowers_it(photo: Image) -> None:
    bright = np.clip(photo.astype(int) + 150, 0, 255).astype(np.uint8)
    assert face_in(bright).quality < face_in(photo).quality - 0.02


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_surface_has_none(level: int) -> None:
    face = face_in(np.full((512, 512, 3), level, np.uint8))
    assert face.quality == 0
    assert face.too_poor


def test_the_detectors_doubt_lowers_it(photo: Image) -> None:
    sure = face_in(photo)
    doubtful = Face(sure.aligned, sure.landmarks, sure.boxes_xyxy, SCORE - np.float32(0.3))
    assert doubtful.quality < sure.quality


@given(st.floats(-np.pi, np.pi), st.floats(0.3, 5))
def test_turning_in_the_picture_plane_is_no_matter_to_pose(angle: float, scale: float) -> None:
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = ((LANDMARKS - [220, 120]) @ turn + [220, 120]).astype(np.float32)
    np.testing.assert_allclose(frontality(turned), frontality(LANDMARKS), atol=1e-3)


@given(st.floats(0, 0.5), st.floats(0.01, 0.4))
def test_the_further_the_nose_from_the_middle_the_less(offset: float, more: float) -> None:
    """Offsets in eye distances, to either side."""

    def pose(shift: float) -> float:
        landmarks = DLIB_150.array[None].copy()
        landmarks[0, [0, 1, 3, 4], 0] = [50, 100, 50, 100]
        landmarks[0, 2, 0] = 75 + shift * 50
        return float(frontality(landmarks)[0])

    assert pose(offset + more) <= pose(offset)
    assert pose(-offset) == pytest.approx(pose(offset), abs=1e-3)
    assert pose(1.2) == 0


def test_size_of_a_profile_comes_from_its_box() -> None:
    """In profile the eyes fall together, though the face is as large as before."""
    profile = LANDMARKS.copy()
    profile[0, 1] = profile[0, 0] + 2
    assert inter_ocular_px(profile, BOX)[0] == pytest.approx(0.3 * 103)
    assert inter_ocular_px(LANDMARKS, BOX)[0] == pytest.approx(np.hypot(43, 3))


@pytest.mark.parametrize("sigma", [0.1, 1.5, 3.0])
def test_sharpness_hardly_depends_on_the_template(photo: Image, sigma: float) -> None:
    in_150, in_112 = (
        sharpness(align_faces(blurred(photo, sigma), LANDMARKS, template))[0]
        for template in (DLIB_150, ARCFACE_112)
    )
    assert 0.7 < in_112 / in_150 < 1.4


def test_a_face_is_judged_alone(photo: Image) -> None:
    """Its neighbours in the batch change nothing."""
    faces = [face_in(photo), face_in(blurred(photo, 3)), face_in(shrunk(photo, 0.2), 0.2)]
    together = face_quality(
        np.concatenate([f.aligned for f in faces]),
        np.concatenate([f.landmarks for f in faces]),
        np.concatenate([f.boxes_xyxy for f in faces]),
        np.concatenate([f.scores for f in faces]),
    )
    np.testing.assert_array_equal(together, np.array([f.quality for f in faces], np.float32))


def test_no_faces_are_legal() -> None:
    none = Detections.empty()
    aligned = np.zeros((0, 150, 150, 3), np.uint8)
    assert face_quality(aligned, none.landmarks, none.boxes_xyxy, none.scores).shape == (0,)
    assert too_poor(aligned, none.landmarks, none.boxes_xyxy).shape == (0,)


@given(st.integers(0, 2**32 - 1))
def test_always_a_number_between_0_and_1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 4
    landmarks = rng.normal(0, 10.0 ** rng.integers(-3, 4), (n, 5, 2)).astype(np.float32)
    landmarks[0] = landmarks[0, 0]  # all in one point
    boxes_xyxy = rng.uniform(0, 100, (n, 4)).astype(np.float32)
    aligned = rng.integers(0, 256, (n, 32, 32, 3), np.uint8)
    scores = rng.uniform(0, 1, n).astype(np.float32)
    values = face_quality(aligned, landmarks, boxes_xyxy, scores)
    assert values.dtype == np.float32
    assert ((values >= 0) & (values <= 1)).all()


def test_columns_of_different_lengths_are_named(photo: Image) -> None:
    face = face_in(photo)
    with pytest.raises(ShapeError, match=r"scores must be \(1\) float32; got \(2,\)"):
        face_quality(face.aligned, face.landmarks, face.boxes_xyxy, np.zeros(2, np.float32))


@pytest.mark.media
def test_profiles_are_lower_than_frontal_faces_of_the_same_photos(
    media: Path, tmp_path: Path
) -> None:
    """Chosen by looking at the aligned faces: four turned far away, four that look straight."""
    from PIL import Image as Pillow

    detector = CenterFaceDetector(centerface_onnx(tmp_path))

    def pose_of(name: str) -> float:
        with Pillow.open(media / "lfw" / name.rsplit("_", 1)[0] / f"{name}.jpg") as opened:
            image = np.asarray(opened.convert("RGB"), np.uint8)
        found = detector.detect(image)
        centres = (found.boxes_xyxy[:, :2] + found.boxes_xyxy[:, 2:]) / 2
        middle = np.array(image.shape[1::-1]) / 2
        nearest = int(np.linalg.norm(centres - middle, axis=1).argmin())
        return float(frontality(found.landmarks[[nearest]])[0])

    turned = ["Ken_Watanabe_0001", "Tung_Chee-hwa_0001", "Tom_Daschle_0021", "Phil_Gramm_0002"]
    straight = [
        "Alejandro_Toledo_0036",
        "Michael_Douglas_0002",
        "Gerald_Riley_0001",
        "Choi_Yun-yong_0001",
    ]
    assert max(map(pose_of, turned)) < min(map(pose_of, straight)) - 0.2


@pytest.mark.slow
def test_cheap(photo: Image) -> None:
    """Beside 8 ms of embedding: 0.15 ms a face on a machine of 2025; ten times that is a defect."""
    face = face_in(photo)
    aligned = np.repeat(face.aligned, 64, axis=0)
    landmarks = np.repeat(face.landmarks, 64, axis=0)
    boxes_xyxy = np.repeat(face.boxes_xyxy, 64, axis=0)
    scores = np.repeat(face.scores, 64)
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        face_quality(aligned, landmarks, boxes_xyxy, scores)
        best = min(best, time.perf_counter() - start)
    assert best / 64 < 1.5e-3
