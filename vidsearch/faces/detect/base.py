"""What every face detector promises; ``tests/contract/test_detectors.py`` holds them to it."""

from __future__ import annotations

from typing import Protocol

from vidsearch.datatypes import Detections, Image


class Detector(Protocol):
    """Finds the faces in one picture.

    One detector serves one thread: a worker builds its own.
    """

    def detect(self, image: Image) -> Detections:
        """Return the faces of a picture, best score first.

        Args:
            image: (H, W, 3) uint8 RGB of any size, an empty one included; not modified.

        Returns:
            Boxes inside the picture and with area, and landmarks (which may lie outside it where
            a face is cut off), both in pixels of ``image``. The five landmarks are finite and
            never all the same point, so that every face can be aligned.

        Raises:
            ShapeError: ``image`` is not (H, W, 3) uint8.
        """
        ...
