"""Photo -> face -> embedding: choice of the face, and the parts of the result."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.helpers.fake_faces import GROUP, FakePack, NotANumber, scene
from vidsearch.errors import ShapeError
from vidsearch.faces.jpeg import encode_jpeg
from vidsearch.photo.detection import find_faces
from vidsearch.photo.faces import choose_central, choose_largest, embed_face, embed_photo


def test_the_largest_face_is_embedded_by_default() -> None:
    embedded = embed_photo(GROUP, FakePack())
    assert embedded is not None
    assert embedded.detection.boxes_xyxy.tolist() == [[100, 10, 250, 160]]
    assert embedded.embedding.round().tolist() == [20, 255, 0]  # the mean colour
    assert embedded.aligned.shape == (112, 112, 3)
    assert embedded.poor  # a flat patch has no detail


def test_the_central_face_can_be_chosen() -> None:
    # Centres 30, 175 and 350 of 600 pixels: the last is nearest the middle.
    embedded = embed_photo(GROUP, FakePack(), choose_central)
    assert embedded is not None
    assert round(float(embedded.embedding[0])) == 30


def test_choices_are_rows_of_the_faces_sorted_by_size() -> None:
    found = find_faces(GROUP, FakePack().detector).detections
    assert (choose_largest(found, GROUP), choose_central(found, GROUP)) == (0, 1)
    embedded = embed_face(GROUP, found, 2, FakePack())
    assert round(float(embedded.embedding[0])) == 10


def test_no_face() -> None:
    assert embed_photo(scene(300, 300), FakePack()) is None


def test_embedding_must_be_finite() -> None:
    with pytest.raises(ShapeError, match="fake-0 returned an embedding that is not finite"):
        embed_photo(scene(300, 300, (50, 50, 100, 0)), FakePack(NotANumber()))


def test_jpeg_keeps_colour_at_full_resolution_on_request() -> None:
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2] = (255, 0, 0)
    stripes[:, 1::2] = (0, 0, 255)
    errors = []
    for full_chroma in (False, True):
        content = encode_jpeg(stripes, 95, full_chroma=full_chroma)
        with Pillow.open(io.BytesIO(content)) as file_image:
            decoded = np.asarray(file_image)
        errors.append(np.abs(decoded.astype(int) - stripes).mean())
    assert errors[1] < 10 < errors[0]
