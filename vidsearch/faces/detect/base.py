"""Interface of face detectors, tested by ``tests/contract/test_detectors.py``."""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

from vidsearch.datatypes import Detections, Image

WEAK_SCORE: Final = 0.2
"""Lowest score of a weak detection: too weak for a face, but a hint how a face lies."""


class Detector(Protocol):
    """Finds the faces in an image.

    A detector is used by one thread only; each worker builds its own detector.
    """

    def detect(self, image: Image) -> Detections:
        """Return the faces of an image, best score first.

        Args:
            image: (H, W, 3) uint8 RGB of any size, including empty; not modified.

        Returns:
            Boxes with area inside the image, and landmarks, both in pixels of ``image``. Landmarks
            of a face that is cut off may lie outside the image. The five landmarks are finite and
            do not all coincide, so that every face can be aligned.

        Raises:
            ShapeError: ``image`` is not (H, W, 3) uint8.
        """
        ...


@runtime_checkable
class WeakDetector(Protocol):
    """Detector that also returns the faces below its threshold, from the same look."""

    def detect_with_weak(self, image: Image) -> tuple[Detections, Detections]:
        """Return the faces as ``Detector.detect`` does, and the weak ones.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            Detections above the detector's threshold; detections from ``WEAK_SCORE`` to it.
        """
        ...
