"""Descriptors of whole frames: the context features of the ablation."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from vidsearch.datatypes import Image, Matrix
from vidsearch.errors import ConfigError
from vidsearch.text.printable import quoted

_SIDE = 128
_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)


def colour_and_edges(image: Image) -> Matrix:
    """Return a colour histogram (HSV, 8 x 4 x 4) and edge directions (4 x 4 cells x 8 bins).

    Both parts are square-rooted histograms of unit length, so they have equal weight.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (256,) float32.
    """
    import cv2

    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)
    colours = cv2.calcHist([hsv], [0, 1, 2], None, [8, 4, 4], [0, 180, 0, 256, 0, 256]).ravel()
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    magnitude, angle = np.hypot(across, down), np.arctan2(down, across)
    bins = np.minimum(((angle + np.pi) / (2 * np.pi) * 8).astype(np.intp), 7)
    cell = np.arange(_SIDE) // (_SIDE // 4)
    bin_of_pixel = (cell[:, None] * 4 + cell[None, :]) * 8 + bins
    edges = np.bincount(bin_of_pixel.ravel(), magnitude.ravel(), minlength=128)
    parts = [np.sqrt(part / max(float(part.sum()), 1e-9)) for part in (colours, edges)]
    return np.concatenate(parts).astype(np.float32)


def onnx_classifier(path: str | os.PathLike[str]) -> Callable[[Image], Matrix]:
    """Return a function from a frame to the first output of an ONNX image classifier.

    The function takes an (H, W, 3) uint8 RGB frame and returns a (C,) float32 vector. The frame is
    resized to the network's input size (224 if it is dynamic), normalised with the mean and the
    standard deviation of ImageNet, and passed as NCHW.

    Raises:
        ConfigError: The file cannot be loaded, or its input is not one batch of RGB images.
    """
    import cv2
    import onnxruntime as ort

    try:
        session = ort.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ConfigError(
            f"--classifier {quoted(path)} cannot be loaded ({str(error).splitlines()[0]}); "
            "give an ONNX image classifier"
        ) from error
    inputs = session.get_inputs()
    shape = inputs[0].shape
    if len(inputs) != 1 or len(shape) != 4 or shape[1] != 3:
        raise ConfigError(
            f"--classifier {quoted(path)} takes {[i.shape for i in inputs]}; expected one "
            "input (N, 3, H, W)"
        )
    height, width = (side if isinstance(side, int) else 224 for side in shape[2:])

    def describe(image: Image) -> Matrix:
        resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        batch = (resized.astype(np.float32) / 255 - _IMAGENET_MEAN) / _IMAGENET_STD
        output = session.run(None, {inputs[0].name: batch.transpose(2, 0, 1)[None]})[0]
        return np.asarray(output, np.float32).reshape(-1)

    return describe
