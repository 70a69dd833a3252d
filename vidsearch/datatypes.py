"""Data types shared by all modules; the constructors check the shapes.

Conventions:

- Images are H x W x 3 uint8 **RGB**; BGR exists only inside an adapter.
- Boxes are ``xyxy`` float32 pixels of the full frame; landmarks are (x, y) in the order left eye,
  right eye, nose, left mouth, right mouth, as seen in the image.
- Time is the stream's own ``pts`` and time base. Seconds are derived and count from the
  container's start, which players show as 0:00.
- Embeddings are raw (N, D) float32: a template is their centre and is L2-normalised once, at the
  end.
- Batches are columns, not lists of objects; N = 0 is always legal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ShapeError
from vidsearch.read_options import DEFAULT_READ, ReadOptions

Image: TypeAlias = NDArray[np.uint8]
Boxes: TypeAlias = NDArray[np.float32]
Landmarks: TypeAlias = NDArray[np.float32]
Vector: TypeAlias = NDArray[np.float32]
Matrix: TypeAlias = NDArray[np.float32]
AlignedFaces: TypeAlias = NDArray[np.uint8]


def check_array(
    name: str, array: NDArray[np.generic], shape: tuple[int | None, ...], dtype: type
) -> None:
    """Raise unless an array has the expected dtype and shape.

    Args:
        name: Name of the argument, for the message.
        array: Array of any shape.
        shape: Expected length of every axis; None accepts any length.
        dtype: Expected type of the elements.

    Raises:
        ShapeError: The array has another shape or dtype.
    """
    matches = array.ndim == len(shape) and all(
        expected is None or expected == length
        for expected, length in zip(shape, array.shape, strict=False)
    )
    if not matches or array.dtype != np.dtype(dtype):
        text = "(" + ", ".join("N" if n is None else str(n) for n in shape) + ")"
        raise ShapeError(
            f"{name} must be {text} {np.dtype(dtype)}; got {array.shape} {array.dtype}"
        )


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """Half-open span [start_s, end_s) in seconds from the container's start."""

    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not self.end_s >= self.start_s:
            raise ShapeError(f"a time span must not end before it starts; got {self}")

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s

    def overlaps(self, other: TimeSpan) -> bool:
        """Return True if the spans overlap; spans that only touch do not overlap."""
        return self.start_s < other.end_s and other.start_s < self.end_s


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A sampled frame.

    Attributes:
        image: (H, W, 3) uint8 RGB, upright (the container's rotation is applied).
        pts: Presentation time stamp, in units of ``time_base``.
        time_base: Seconds per tick.
        start: Container's start in seconds; ``time_s`` counts from it.
        shot: Number of the shot in its video, from 0.
        duration: Time until the next decoded frame, in units of ``time_base``.
    """

    image: Image
    pts: int
    time_base: Fraction
    start: Fraction
    shot: int
    duration: int = 0

    def __post_init__(self) -> None:
        check_array("image", self.image, (None, None, 3), np.uint8)

    @property
    def time_s(self) -> float:
        """Seconds from the container's start."""
        return float(self.pts * self.time_base - self.start)

    @property
    def duration_s(self) -> float:
        """Seconds until the next decoded frame."""
        return float(self.duration * self.time_base)


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Faces detected in an image, best score first.

    Attributes:
        boxes_xyxy: (N, 4) float32, pixels of the full image.
        scores: (N,) float32 in [0, 1].
        landmarks: (N, 5, 2) float32, pixels of the full image.
    """

    boxes_xyxy: Boxes
    scores: Vector
    landmarks: Landmarks

    def __post_init__(self) -> None:
        check_array("boxes_xyxy", self.boxes_xyxy, (None, 4), np.float32)
        n = len(self.boxes_xyxy)
        check_array("scores", self.scores, (n,), np.float32)
        check_array("landmarks", self.landmarks, (n, 5, 2), np.float32)

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    def select(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Detections:
        """Return the detections of these rows, in the given order.

        Args:
            rows: (M,) indices, or (N,) bool.
        """
        return Detections(self.boxes_xyxy[rows], self.scores[rows], self.landmarks[rows])

    @staticmethod
    def empty() -> Detections:
        """Return no detections (N = 0)."""
        return Detections(
            np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32)
        )


@dataclass(frozen=True, slots=True, eq=False)
class FrameFaces:
    """Faces of a sampled frame, aligned and embedded; input of the tracker.

    Aligned faces are stored as JPEGs, so that the faces of an hour of video are small enough to
    send to another process.

    Attributes:
        time_s: Seconds from the container's start.
        frame_duration_s: Seconds until the next decoded frame.
        shot: Number of the shot.
        frame_wh: Width and height of the frame, pixels; the same within a shot.
        detections: N faces.
        embeddings: (N, D) float32, raw.
        quality: (N,) float32 in [0, 1], see ``vidsearch.faces.quality``.
        too_poor: (N,) bool, True for a face that is too small or too blurred to be matched.
        aligned_jpegs: N JPEGs, each an aligned face with a margin.
        aligned_points: (5, 2) float32, landmarks in pixels of every JPEG.
    """

    time_s: float
    frame_duration_s: float
    shot: int
    frame_wh: tuple[int, int]
    detections: Detections
    embeddings: Matrix
    quality: Vector
    too_poor: NDArray[np.bool_]
    aligned_jpegs: tuple[bytes, ...] = field(repr=False)
    aligned_points: Landmarks

    def __post_init__(self) -> None:
        n = len(self.detections)
        check_array("embeddings", self.embeddings, (n, None), np.float32)
        check_array("quality", self.quality, (n,), np.float32)
        check_array("too_poor", self.too_poor, (n,), np.bool_)
        check_array("aligned_points", self.aligned_points, (5, 2), np.float32)
        if len(self.aligned_jpegs) != n:
            raise ShapeError(
                f"aligned_jpegs must have {n} items, one per face; got {len(self.aligned_jpegs)}"
            )

    def __len__(self) -> int:
        return len(self.detections)


@dataclass(frozen=True, slots=True, eq=False)
class KeptFace:
    """A kept face of a track, stored so that another model can embed the face without the video.

    Attributes:
        time_s: Seconds from the container's start.
        box_xyxy: (4,) float32, pixels of the frame.
        landmarks: (5, 2) float32, pixels of the frame.
        score: Score of the detection, in [0, 1].
        quality: Quality of the face, in [0, 1].
        embedding: (D,) float32, raw.
        aligned_jpeg: The aligned face with a margin.
        aligned_points: (5, 2) float32, landmarks in pixels of ``aligned_jpeg``.
    """

    time_s: float
    box_xyxy: Vector
    landmarks: Landmarks
    score: float
    quality: float
    embedding: Vector
    aligned_jpeg: bytes = field(repr=False)
    aligned_points: Landmarks = field(repr=False)

    def __post_init__(self) -> None:
        check_array("box_xyxy", self.box_xyxy, (4,), np.float32)
        check_array("landmarks", self.landmarks, (5, 2), np.float32)
        check_array("embedding", self.embedding, (None,), np.float32)
        check_array("aligned_points", self.aligned_points, (5, 2), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """Vector of a track or a subject, pooled from embeddings.

    Attributes:
        vector: (D,) float32, unit length.
        weight: Sum of the pooled weights; the number of embeddings if every weight is 1.
        model_id: Model of the vector; vectors of two models are never compared.
    """

    vector: Vector
    weight: float
    model_id: str

    def __post_init__(self) -> None:
        check_array("vector", self.vector, (None,), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A person in a shot of a video.

    Attributes:
        span: Time during which the person is visible.
        best_s: Time of the best face, seconds.
        shot: Number of the shot.
        face_count: Number of sampled faces that the template pools.
        quality: Quality of the best face, in [0, 1].
        box_xyxy: (4,) float32, box of the best face, pixels of the full frame.
        template: Centre of all embeddings of the track.
        faces: The kept faces, best first.
        stream: Index of the video stream in its container; None: the stream that readers choose.
    """

    span: TimeSpan
    best_s: float
    shot: int
    face_count: int
    quality: float
    box_xyxy: Vector
    template: Template
    faces: tuple[KeptFace, ...]
    stream: int | None = None

    def __post_init__(self) -> None:
        check_array("box_xyxy", self.box_xyxy, (4,), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """A track found by a query.

    Attributes:
        rank: Rank, from 1.
        confidence: Calibrated probability that track and query show the same person.
        similarity: Cosine of track and query.
        video: Path or URI of the video.
        video_id: Hash of the video's content.
        track_id: Id of the track.
        span: Time during which the person is visible.
        best_s: Time of the best face, seconds.
        box_xyxy: (4,) float32, box of the track's best face, pixels of the full frame.
        person: Name of the track's person, or None.
        read: Options with which the video is opened to show the track.
    """

    rank: int
    confidence: float
    similarity: float
    video: str
    video_id: str
    track_id: str
    span: TimeSpan
    best_s: float
    box_xyxy: Vector
    person: str | None = None
    read: ReadOptions = DEFAULT_READ
