"""Model pack: detector, embedder, licence, calibration and files."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from vidsearch.errors import PackFormatError, PackNotFoundError, PackVerifyError
from vidsearch.faces.embed.base import EmbedderConfig
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.faces.normalisation import Normalisation
from vidsearch.models.calibration import Calibration
from vidsearch.storage.files import file_sha256
from vidsearch.text.printable import quoted

DetectorKind = Literal["centerface", "scrfd"]
EmbedderKind = Literal["dlib_resnet", "onnx", "arcface"]

NAME_RULE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
FILE_NAME_RULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
SHA256_RULE = re.compile(r"[0-9a-f]{64}")
# An ONNX file cannot be larger: it is one protobuf message.
MAX_FILE_BYTES = 2**31 - 1
MAX_DIM = 65_536
MAX_TEMPLATE_SIZE = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class PackFile:
    """File of a pack, with size and hash.

    Attributes:
        name: Plain file name, without folders.
        sha256: 64 lower-case hexadecimal digits; empty if none is published.
        size_bytes: Exact size; None if unknown.
    """

    name: str
    sha256: str = ""
    size_bytes: int | None = None

    def __post_init__(self) -> None:
        if not FILE_NAME_RULE.fullmatch(self.name):
            raise PackFormatError(
                f"file name {self.name!r} must be a plain name of letters, digits, '_', '.' and "
                "'-', without folders"
            )
        if self.sha256 and not SHA256_RULE.fullmatch(self.sha256):
            raise PackFormatError(
                f"sha256 of {self.name} must be 64 lower-case hexadecimal digits; "
                f"got {self.sha256!r}"
            )
        if self.size_bytes is not None and not 0 < self.size_bytes <= MAX_FILE_BYTES:
            raise PackFormatError(
                f"size of {self.name} must lie between 1 and {MAX_FILE_BYTES} bytes; "
                f"got {self.size_bytes}"
            )

    def verify(self, path: Path, *, pack: str) -> str:
        """Return the sha256 of a file after comparing size and hash with this entry.

        Args:
            path: File to check.
            pack: Name of the pack, for messages.

        Raises:
            PackNotFoundError: The file does not exist.
            PackVerifyError: The file is unreadable, or its size or hash differs.
        """
        try:
            size = path.stat().st_size
        except OSError as error:
            raise PackNotFoundError(
                f"pack {pack}: {path} is missing ({error.strerror}); put {self.name} there"
            ) from error
        if self.size_bytes is not None and size != self.size_bytes:
            raise PackVerifyError(
                f"pack {pack}: {path} must have {self.size_bytes} bytes; got {size}; replace it "
                "with an intact copy"
            )
        found = sha256_of(path, pack=pack)
        if self.sha256 and found != self.sha256:
            raise PackVerifyError(
                f"pack {pack}: {path} must have sha256 {self.sha256[:12]}…; got {found[:12]}…; "
                "replace it with an intact copy"
            )
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSpec:
    """Detector of a pack.

    Attributes:
        kind: ``centerface`` (the copy of the ``open`` pack) or ``scrfd`` (ONNX file).
        file: Name of its file in the pack; None for ``centerface``.
    """

    kind: DetectorKind
    file: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(DetectorKind):
            raise PackFormatError(
                f"detector.kind must be one of {', '.join(get_args(DetectorKind))}; "
                f"got {self.kind!r}"
            )
        if self.kind == "centerface" and self.file is not None:
            raise PackFormatError(
                "detector.file must be left out for centerface, which comes with vidsearch; "
                f"got {quoted(self.file)}"
            )
        if self.kind == "scrfd" and self.file is None:
            raise PackFormatError("detector.file must name the ONNX file of an scrfd detector")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderSpec:
    """Embedder of a pack, with the input that it expects.

    Attributes:
        kind: ``dlib_resnet`` (dlib's own file format), ``onnx`` (normalised as stated here) or
            ``arcface`` (ONNX run and normalised by the insightface package).
        file: Name of its file in the pack.
        dim: Length of an embedding.
        template: Template of the aligned faces.
        normalisation: Conversion of pixels to the network's input.
        mirror: Average the embeddings of the aligned face and its mirror image.
    """

    kind: EmbedderKind
    file: str
    dim: int
    template: AlignmentTemplate
    normalisation: Normalisation
    mirror: bool = True

    def __post_init__(self) -> None:
        if self.kind not in get_args(EmbedderKind):
            raise PackFormatError(
                f"embedder.kind must be one of {', '.join(get_args(EmbedderKind))}; "
                f"got {self.kind!r}"
            )
        if not 0 < self.dim <= MAX_DIM:
            raise PackFormatError(f"embedder.dim must lie between 1 and {MAX_DIM}; got {self.dim}")
        if self.template.size > MAX_TEMPLATE_SIZE:
            raise PackFormatError(
                f"embedder.template size must be at most {MAX_TEMPLATE_SIZE} pixels; "
                f"got {self.template.size}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPack:
    """Detector, embedder, licence, calibration and files.

    Attributes:
        name: Short name, unique among the packs in use.
        version: Version of the pack, free text.
        licence: SPDX expression or plain words.
        licence_url: Address of the licence text.
        licence_notes: Further notes for users, one line; may be empty.
        commercial_use: True if the licence of every part allows commercial use.
        detector: Detector of faces.
        embedder: Embedder of aligned faces.
        calibration: Conversion of similarities to probabilities.
        files: Every file of the pack.
    """

    name: str
    version: str
    licence: str
    licence_url: str
    commercial_use: bool
    detector: DetectorSpec
    embedder: EmbedderSpec
    calibration: Calibration
    files: tuple[PackFile, ...]
    licence_notes: str = ""

    def __post_init__(self) -> None:
        if not NAME_RULE.fullmatch(self.name):
            raise PackFormatError(
                "name must be 1 to 64 lower-case letters, digits, '_', '.' and '-', starting with "
                f"a letter or digit; got {self.name!r}"
            )
        if not self.licence.strip():
            raise PackFormatError(
                "licence must state the permitted use of the weights; got nothing"
            )
        names = [file.name for file in self.files]
        if len(set(names)) != len(names):
            raise PackFormatError(f"files must be named once each; got {', '.join(names)}")
        for field, file_name in (
            ("detector", self.detector.file),
            ("embedder", self.embedder.file),
        ):
            if file_name is not None and file_name not in names:
                raise PackFormatError(
                    f"{field}.file {file_name!r} must be listed under files; got {', '.join(names)}"
                )

    def file(self, name: str) -> PackFile:
        """Return the entry of a file of this pack."""
        return next(file for file in self.files if file.name == name)

    @property
    def model_id(self) -> str:
        """Name of the vector space: the pack's name and a hash of the embedder.

        The hash covers the embedder's weights, template, normalisation and mirroring. It does not
        cover licence, calibration and detector, which leave the vector space unchanged.
        """
        embedder = self.embedder
        defining = {
            "kind": embedder.kind,
            "sha256": self.file(embedder.file).sha256,
            "dim": embedder.dim,
            "size": embedder.template.size,
            "points": embedder.template.points,
            "mean": embedder.normalisation.mean,
            "std": embedder.normalisation.std,
            "channels": embedder.normalisation.channels,
            "mirror": embedder.mirror,
        }
        text = json.dumps(defining, sort_keys=True, separators=(",", ":"))
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def embedder_config(self) -> EmbedderConfig:
        """Return the configuration of the embedder."""
        return EmbedderConfig(
            model_id=self.model_id,
            dim=self.embedder.dim,
            template=self.embedder.template,
            normalisation=self.embedder.normalisation,
            mirror=self.embedder.mirror,
        )


def sha256_of(path: Path, *, pack: str) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits.

    Raises:
        PackVerifyError: The file cannot be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise PackVerifyError(
            f"pack {pack}: {path} cannot be read ({error.strerror}); check its permissions"
        ) from error
