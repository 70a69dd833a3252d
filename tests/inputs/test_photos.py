"""Query photos of every kind: the same face is found, or the true reason is given."""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pipelines.demo.people import load_pictures
from tests.inputs.photo_files import animation, black, dng, encoded, heic, write_heif_sequence
from vidsearch.datatypes import Image
from vidsearch.errors import NoFaceError, PhotoError
from vidsearch.faces.template import normalise
from vidsearch.models.registry import LoadedPack
from vidsearch.photo.open import open_photo, read_photo
from vidsearch.photo.query_warning import QueryWarning, WarningCode
from vidsearch.search.query import query_face, query_faces

SAME_FACE = 0.9
"""Least cosine of two encodings of one picture; two photos of one person reach about 0.6."""


@functools.cache
def portrait() -> Image:
    """Return the astronaut; her face ends at 200 of 320 rows."""
    return np.ascontiguousarray(load_pictures()["astronaut"][:320, 60:380])


@functools.cache
def still() -> Image:
    """Return a picture without a face."""
    return np.ascontiguousarray(load_pictures()["coffee"][:320, :320])


@pytest.fixture(scope="module")
def face(models: LoadedPack) -> Callable[[bytes], tuple[float, dict[WarningCode, QueryWarning]]]:
    """Return a function: content of a file -> cosine to the portrait's face, and warnings."""
    right = normalise(query_face(encoded(portrait(), "PNG"), models).embedding[None])[0]

    def compare(content: bytes) -> tuple[float, dict[WarningCode, QueryWarning]]:
        found = query_face(content, models)
        cosine = float(normalise(found.embedding[None])[0] @ right)
        return cosine, {warning.code: warning for warning in found.warnings}

    return compare


Face = Callable[[bytes], tuple[float, dict[WarningCode, QueryWarning]]]


def turned(orientation: int) -> Image:
    """Return the pixels that this EXIF orientation turns upright."""
    quarters = {1: 0, 3: 2, 6: 1, 8: 3}[orientation]
    return np.ascontiguousarray(np.rot90(portrait(), quarters))


WHOLE: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encoded(portrait(), "JPEG", quality=90),
    "JPEG on its side": lambda: encoded(turned(6), "JPEG", 6, quality=90),
    "PNG": lambda: encoded(portrait(), "PNG"),
    "WebP": lambda: encoded(portrait(), "WEBP", quality=90),
    "AVIF": lambda: encoded(portrait(), "AVIF", quality=90),
    "HEIC": lambda: heic(portrait()),
    "HEIC on its side": lambda: heic(turned(6), 6),
    "HEIC upside down": lambda: heic(turned(3), 3),
    "JPEG 2000": lambda: encoded(portrait(), "JPEG2000"),
    "TIFF": lambda: encoded(portrait(), "TIFF", compression="tiff_lzw"),
    "BMP": lambda: encoded(portrait(), "BMP"),
    "PPM": lambda: encoded(portrait(), "PPM"),
    "GIF": lambda: encoded(portrait(), "GIF"),
    "DNG with its preview": lambda: dng(portrait(), preview_side=320),
    "DNG with a small preview": lambda: dng(portrait(), preview_side=64),
    "DNG without a preview": lambda: dng(portrait()),
    "DNG on its side": lambda: dng(turned(6), turned=6),
    "DNG on its side with its preview": lambda: dng(turned(8), preview_side=320, turned=8),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_every_kind_shows_the_same_face_without_a_warning(kind: str, face: Face) -> None:
    cosine, warnings = face(WHOLE[kind]())
    assert cosine > SAME_FACE
    assert not warnings


def without(content: bytes, end: int) -> bytes:
    """Return the content without its last bytes, or without a share of it."""
    return content[:-end]


CUT: dict[str, tuple[Callable[[], bytes], float]] = {
    "JPEG without its end mark": (lambda: encoded(portrait(), "JPEG"), 0.0),
    "JPEG": (lambda: encoded(portrait(), "JPEG"), 0.2),
    "progressive JPEG": (lambda: encoded(portrait(), "JPEG", progressive=True), 0.2),
    "PNG": (lambda: encoded(portrait(), "PNG"), 0.2),
    "PNG by a few bytes": (lambda: encoded(portrait(), "PNG"), 0.001),
    "WebP": (lambda: encoded(portrait(), "WEBP", quality=90), 0.1),
    "WebP by a byte": (lambda: encoded(portrait(), "WEBP", quality=90), 0.0),
    "lossless WebP": (lambda: encoded(portrait(), "WEBP", lossless=True), 0.2),
    "HEIC": (lambda: heic(portrait()), 0.2),
    "HEIC by a byte": (lambda: heic(portrait()), 0.0),
    "PPM": (lambda: encoded(portrait(), "PPM"), 0.3),
    "GIF": (lambda: encoded(portrait(), "GIF"), 0.2),
    "TIFF": (lambda: encoded(portrait(), "TIFF"), 0.3),
}


@pytest.mark.parametrize("kind", CUT)
def test_the_whole_pixels_of_a_cut_photo_are_used_with_a_warning(kind: str, face: Face) -> None:
    make, share = CUT[kind]
    content = make()
    cosine, warnings = face(without(content, max(round(len(content) * share), 1)))
    assert cosine > 0.8
    assert set(warnings) == {WarningCode.PHOTO_DAMAGED}
    read = warnings[WarningCode.PHOTO_DAMAGED].fields["share"]
    assert read == pytest.approx(1 - share, abs=0.25)
    assert share or read > 0.98


@pytest.mark.parametrize("lost", [1, 20, 2000])
def test_a_cut_avif_photo_is_used_with_a_warning_or_refused(lost: int) -> None:
    """Decoders of AV1 need all bytes of a tile; some images survive zero bytes at the end."""
    content = encoded(portrait(), "AVIF", quality=90)[:-lost]
    warnings: tuple[QueryWarning, ...] = ()
    with suppress(PhotoError):
        warnings = open_photo(content).warnings
        assert {warning.code for warning in warnings} == {WarningCode.PHOTO_DAMAGED}
    if not warnings:
        with pytest.raises(PhotoError, match="it is damaged or cut short"):
            open_photo(content)


def test_damage_in_the_middle_of_a_png_costs_the_rows_behind_it(face: Face) -> None:
    content = bytearray(encoded(portrait(), "PNG"))
    place = len(content) * 9 // 10
    content[place : place + 8] = bytes(8)
    cosine, warnings = face(bytes(content))
    assert cosine > SAME_FACE
    assert set(warnings) == {WarningCode.PHOTO_DAMAGED}


def test_rows_that_are_stored_from_the_bottom_up_are_missing_at_the_top() -> None:
    content = encoded(portrait(), "BMP")
    photo = open_photo(content[: len(content) * 3 // 4])
    assert photo.warnings[0].code is WarningCode.PHOTO_DAMAGED
    assert photo.warnings[0].fields["share"] == pytest.approx(0.75, abs=0.01)
    np.testing.assert_array_equal(photo.image[100:], portrait()[100:])


def test_a_cut_photo_without_a_face_in_its_whole_part_says_so(models: LoadedPack) -> None:
    content = encoded(portrait(), "PNG")
    with pytest.raises(NoFaceError, match=r"no face.*cut short: about 1\d% of the picture was"):
        query_face(content[: len(content) // 8], models)


def test_a_damaged_raw_file_gives_its_preview_with_a_warning(face: Face) -> None:
    content = dng(portrait(), preview_side=240)
    cosine, warnings = face(content[: len(content) - 2 * 320 * 318])
    assert cosine > 0.7
    assert set(warnings) <= {WarningCode.PREVIEW_USED, WarningCode.PHOTO_DAMAGED}
    assert warnings


def test_a_small_preview_is_not_taken_for_the_photo() -> None:
    """Pillow reads the first image of the TIFF structure: in raw files a preview."""
    content = dng(portrait(), preview_side=64)
    with Pillow.open(io.BytesIO(content)) as first:
        assert first.size == (64, 64)
    assert read_photo(content).shape == portrait().shape


FORMS = ["GIF", "WEBP", "PNG", "AVIF", "TIFF"]


@pytest.mark.parametrize("form", FORMS)
def test_an_animation_with_a_black_beginning_is_searched_on(form: str, face: Face) -> None:
    frames = [black(portrait()), black(portrait()) + 60, portrait(), still()]
    cosine, warnings = face(animation(frames, form))
    assert cosine > 0.8
    code = WarningCode.PAGE_USED if form == "TIFF" else WarningCode.FRAME_USED
    unit = "page" if form == "TIFF" else "frame"
    assert {code: dict(warnings[code].fields)} == {code: {unit: 3, f"{unit}s": 4}}


def test_a_later_image_of_a_heic_file_is_used_if_the_first_has_no_face(face: Face) -> None:
    cosine, warnings = face(heic(black(portrait()), further=[portrait()]))
    assert cosine > SAME_FACE
    assert dict(warnings[WarningCode.FRAME_USED].fields) == {"frame": 2, "frames": 2}


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_the_first_frame_with_a_face_is_used(form: str, face: Face) -> None:
    cosine, warnings = face(animation([portrait(), still()], form))
    assert cosine > 0.8
    assert dict(warnings[WarningCode.FRAMES_IGNORED].fields) == {"frames": 2}


def test_a_long_animation_is_looked_at_in_equal_distances(face: Face) -> None:
    small = portrait()[::2, ::2]
    frames = [black(small) + 40 * (number % 2) for number in range(30)] + [small, small[::-1]] * 2
    cosine, warnings = face(animation(frames, "PNG"))
    assert cosine > 0.6
    assert dict(warnings[WarningCode.FRAME_USED].fields) == {"frame": 32, "frames": 34}


def test_an_animation_without_a_face_says_how_many_frames_were_looked_at(
    models: LoadedPack,
) -> None:
    frames = [black(portrait()) + number for number in range(20)]
    with pytest.raises(NoFaceError, match="16 of its 20 frames were looked at"):
        query_face(animation(frames, "PNG"), models)


def test_a_cut_animation_gives_the_frames_before_the_cut(face: Face) -> None:
    content = animation([portrait(), still(), still()], "GIF")
    cosine, warnings = face(content[: len(content) * 3 // 4])
    assert cosine > 0.8
    assert WarningCode.PHOTO_DAMAGED not in warnings


def test_a_heif_sequence_without_a_still_image(tmp_path: Path, face: Face) -> None:
    frames = [black(portrait()), black(portrait()), portrait(), portrait()]
    path = tmp_path / "burst.heics"
    write_heif_sequence(path, frames)
    cosine, warnings = face(path.read_bytes())
    assert cosine > 0.8
    assert dict(warnings[WarningCode.FRAME_USED].fields) == {"frame": 3, "frames": 4}


def test_motion_jpeg_is_a_video() -> None:
    content = encoded(portrait(), "JPEG") + encoded(still(), "JPEG")
    with pytest.raises(PhotoError, match="is a motion JPEG video; save a still image of it"):
        open_photo(content)


REFUSED = {
    "zip": (b"PK\3\4\x14\0\0\0", "is a zip archive; unpack it first"),
    "encrypted zip": (b"PK\3\4\x14\0\1\0", "with a password; unpack it with its password"),
    "encrypted by OpenSSL": (b"Salted__" + bytes(range(64)), "an encrypted file; decrypt it"),
    "encrypted by age": (b"age-encryption.org/v1\n", "an encrypted file; decrypt it first"),
    "7-Zip": (b"7z\xbc\xaf\x27\x1c\0\4", "is a 7z archive; unpack it first"),
    "JPEG XL": (b"\xff\x0a\xfa\x7f\x01", "is a JPEG XL image; convert it"),
    "DICOM": (bytes(128) + b"DICM", "is a DICOM image; convert it"),
    "video": (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "is a video; save a still image"),
    "AppleDouble": (b"\0\5\x16\7\0\2\0\0", "name the file without '._' in front"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "zeros": (bytes(5000), "holds zero bytes only; copy or download it again"),
    "noise": (np.random.default_rng(7).bytes(4000), "not an image in a known format"),
    "HEIC header": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "cannot be decoded"),
    "Canon header": (b"II*\0\x10\0\0\0CR\2\0" + bytes(40), "a camera raw file that cannot be"),
    "Canon CR3 header": (b"\0\0\0\x18ftypcrx \0\0\0\0crx isom", "a camera raw file that cannot be"),
    "TIFF header": (
        b"II*\0" + struct.pack("<I", 9000),
        "TIFF or camera raw file that cannot be",
    ),
    "nothing": (b"", r"is empty \(0 bytes\)"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_files_are_refused_with_the_true_reason(kind: str) -> None:
    content, reason = REFUSED[kind]
    with pytest.raises(PhotoError, match=reason) as caught:
        open_photo(content, "x")
    assert len(str(caught.value).splitlines()) == 1


def test_an_empty_name_is_no_folder() -> None:
    with pytest.raises(PhotoError, match="the name of the photo is empty; name a photo"):
        open_photo("")


def test_names_of_other_systems(tmp_path: Path) -> None:
    folder = tmp_path / "Zoe\u0308"
    folder.mkdir()
    (folder / "a b#1.JPG").write_bytes(encoded(portrait(), "PNG"))
    for name in (
        tmp_path / "Zoë" / "a b#1.jpg",
        f"file://{tmp_path}/Zoe%CC%88/a%20b%231.JPG",
        f"file://{tmp_path}/Zo%C3%AB/a%20b%231.jpg",
    ):
        np.testing.assert_array_equal(read_photo(name), portrait())
    odd = tmp_path / "caf\udce9.png"
    odd.write_bytes(encoded(portrait(), "PNG"))
    assert open_photo(odd).image.shape == portrait().shape


def test_unusable_photos_beside_others_are_left_out_of_a_query(
    models: LoadedPack, tmp_path: Path
) -> None:
    contents = {
        "face.png": encoded(portrait(), "PNG"),
        "broken.jpg": b"\xff\xd8\xff\xe0 no picture",
        "still.png": encoded(still(), "PNG"),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    paths = [tmp_path / name for name in ("broken.jpg", "face.png", "gone.png", "still.png")]
    (found,) = query_faces(paths, models)
    assert [Path(str(warning.fields["photo"])).name for warning in found.warnings] == [
        "broken.jpg",
        "gone.png",
        "still.png",
    ]
    assert {warning.code for warning in found.warnings} == {WarningCode.PHOTO_LEFT_OUT}
    with pytest.raises(PhotoError, match=r"broken\.jpg"):
        query_faces([paths[0], paths[3]], models)
