"""Training data: aligned faces with their identities, whatever they are stored in."""

from __future__ import annotations

from trainer.data.augment import Augmentation
from trainer.data.base import Batch, FaceDataset
from trainer.data.loader import FaceLoader, LoaderConfig
from trainer.data.opening import open_dataset

__all__ = ["Augmentation", "Batch", "FaceDataset", "FaceLoader", "LoaderConfig", "open_dataset"]
