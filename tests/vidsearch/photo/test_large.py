"""Large photos: shrunk in bands, and bounded by their pixels before they are decoded."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from vidsearch.errors import PhotoError
from vidsearch.photo import image_file
from vidsearch.photo.open import open_photo
from vidsearch.photo.pixels import to_upright_rgb


def gradient(mode: str, size: tuple[int, int]) -> Pillow.Image:
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    grey = (rows * 255 // size[1]).astype(np.uint8)
    colours = np.dstack([grey, (columns * 255 // size[0]).astype(np.uint8), 255 - grey])
    image = Pillow.fromarray(colours)
    if mode == "I;16":
        return Pillow.fromarray(grey.astype(np.uint16) * 257)
    if mode in ("RGBA", "LA", "PA"):
        image = image.convert("RGBA")
        image.putalpha(Pillow.fromarray((columns % 256).astype(np.uint8)))
        return image.convert("P").convert("PA") if mode == "PA" else image.convert(mode)
    if mode == "tRNS":
        image.info["transparency"] = tuple(colours[0, 0].tolist())
        return image
    return image.convert(mode, dither=Pillow.Dither.NONE)


@pytest.mark.parametrize("mode", ["P", "LA", "PA", "RGBA", "tRNS", "I;16", "YCbCr", "1", "RGB"])
@pytest.mark.parametrize("size", [(900, 701), (700, 2300)])
def test_shrinking_in_bands_gives_the_picture_of_the_whole(
    mode: str, size: tuple[int, int]
) -> None:
    image = gradient(mode, size)
    whole = Pillow.fromarray(to_upright_rgb(image, max(size)))
    shrunk = to_upright_rgb(image, 300)
    assert max(shrunk.shape[:2]) == 300
    expected = whole.resize(shrunk.shape[1::-1], Pillow.Resampling.BOX)
    difference = np.abs(shrunk.astype(int) - np.asarray(expected, int))
    assert difference.mean() < 6
    for edge in (difference[0], difference[-1], difference[:, 0], difference[:, -1]):
        assert edge.mean() < 12


def test_a_webp_photo_has_a_lower_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_file, "_MAX_WEBP_PIXELS", 2_000_000)
    for encoding, refused in (("WEBP", True), ("PNG", False)):
        file = io.BytesIO()
        Pillow.new("RGB", (2000, 1001)).save(file, encoding)
        if refused:
            with pytest.raises(PhotoError, match=r"2000 x 1001 pixels; at most 2 million"):
                open_photo(file.getvalue())
        else:
            assert open_photo(file.getvalue()).image.shape == (1001, 2000, 3)
