"""The error tree: everything vidsearch raises on purpose.

VidsearchError                     exit 2
├── ConfigError                    an option or argument breaks a rule
├── ShapeError                     an array does not have the promised shape or dtype
├── DeviceError                    a device or execution provider that was asked for is missing
├── VideoError                     one video cannot be read
│   ├── VideoOpenError             missing, unreadable, or not a container we know
│   ├── NoVideoStreamError         a readable file without moving pictures
│   └── VideoDecodeError           opened, but not a single frame could be decoded
├── PhotoError                     a query photo cannot be read safely
│   └── NoFaceError                exit 4: no usable face in the query photo
├── ModelError                     a model pack cannot be used
│   ├── PackNotFoundError          unknown name, or its files are not on this machine
│   ├── PackFormatError            pack.toml is malformed
│   ├── ExportError                a trained network cannot be made a pack
│   └── PackVerifyError            a file's sha256 is not the one the pack states
├── TrainingSetError               a training set cannot be read, made or learned from
├── TrainingError                  a training run cannot start or go on
│   ├── CheckpointError            not a checkpoint, damaged, or of another architecture
│   ├── DivergedError              the loss is no number any more
│   └── DeviceMemoryError          a batch does not fit into the device's memory
├── ClusterLostError               the Dask cluster went away in mid-run
└── CatalogError                   an archive's catalog cannot be used
    ├── CatalogNotFoundError       no catalog at that place
    ├── CatalogVersionError        written by a newer format version
    ├── CatalogModelError          bound to another model pack
    ├── CatalogWriteError          cannot be written (permissions, full disk)
    └── CatalogConflictError       another writer won too often; repeat the command

A message names the input, the rule it breaks, the value found and what to do. The command line
prints it as one line and leaves with ``exit_status``; a user's mistake shows nothing else.
"""

from __future__ import annotations

from typing import ClassVar


def reason(error: BaseException) -> str:
    """Return an error's own words, or what kind it is where it has none.

    Example:
        >>> reason(OSError("disk full")), reason(TimeoutError())
        ('disk full', 'TimeoutError without further words')
    """
    return str(error).strip() or f"{type(error).__name__} without further words"


class VidsearchError(Exception):
    """Root of every error that vidsearch raises on purpose."""

    exit_status: ClassVar[int] = 2


class ConfigError(VidsearchError, ValueError):
    """An option or argument breaks a rule."""


class ShapeError(VidsearchError, ValueError):
    """An array does not have the promised shape or dtype."""


class DeviceError(VidsearchError):
    """A device or execution provider that was asked for is missing."""


class VideoError(VidsearchError):
    """One video cannot be read."""


class VideoOpenError(VideoError):
    """The file is missing, unreadable, or not a container we know."""


class NoVideoStreamError(VideoError):
    """The file is readable but has no moving pictures."""


class VideoDecodeError(VideoError):
    """The file opened, but not a single frame could be decoded."""


class PhotoError(VidsearchError):
    """A photo cannot be read safely."""


class NoFaceError(PhotoError):
    """No usable face in the query photo."""

    exit_status: ClassVar[int] = 4


class ModelError(VidsearchError):
    """A model pack cannot be used."""


class PackNotFoundError(ModelError):
    """The pack's name is unknown, or its files are not on this machine."""


class PackFormatError(ModelError):
    """A pack's description (``pack.toml``) is malformed."""


class ExportError(ModelError):
    """A trained network cannot be made a pack."""


class PackVerifyError(ModelError):
    """A file's sha256 is not the one its pack states."""


class TrainingSetError(VidsearchError):
    """A training set cannot be read, made or learned from."""


class TrainingError(VidsearchError):
    """A training run cannot start or go on."""


class CheckpointError(TrainingError):
    """Not a checkpoint, damaged, or of another architecture."""


class DivergedError(TrainingError):
    """The loss is no number any more; the last good checkpoint is kept."""


class DeviceMemoryError(TrainingError):
    """A batch does not fit into the device's memory."""


class ClusterLostError(VidsearchError):
    """The Dask cluster went away in mid-run; what was finished is committed."""


class CatalogError(VidsearchError):
    """An archive's catalog cannot be used."""


class CatalogNotFoundError(CatalogError):
    """There is no catalog at that place."""


class CatalogVersionError(CatalogError):
    """The catalog was written by a newer format version."""


class CatalogModelError(CatalogError):
    """The catalog is bound to another model pack."""


class CatalogWriteError(CatalogError):
    """The catalog cannot be written (permissions, full disk)."""


class CatalogConflictError(CatalogError):
    """Another writer won too often."""
