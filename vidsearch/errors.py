"""Error classes of vidsearch.

VidsearchError                     exit 2
├── ConfigError                    an option or argument breaks a rule
├── InstallationError              a library is missing or cannot be loaded
├── ShapeError                     an array has a wrong shape or dtype
├── DeviceError                    the requested device or execution provider is missing
├── VideoError                     one video cannot be read
│   ├── VideoOpenError             missing, unreadable, or an unknown container
│   ├── NoVideoStreamError         a readable file without a video stream
│   ├── VideoDecodeError           opened, but no frame could be decoded
│   └── VideoChangedError          changed while it was read
├── PhotoError                     a query photo cannot be read safely
│   └── NoFaceError                exit 4: no usable face in the query photo
├── ModelError                     a model pack cannot be used
│   ├── PackNotFoundError          unknown name, or files missing on this machine
│   ├── PackFormatError            pack.toml is malformed
│   ├── ExportError                a trained network cannot be exported as a pack
│   └── PackVerifyError            a file's sha256 differs from the pack's
├── TrainingSetError               a training set cannot be read, written or trained on
├── TrainingError                  a training run cannot start or continue
│   ├── CheckpointError            not a checkpoint, damaged, or of another architecture
│   ├── DivergedError              the loss is not finite
│   └── DeviceMemoryError          a batch does not fit into the device's memory
├── ClusterLostError               the Dask cluster was lost during a run
└── CatalogError                   the catalog of an archive cannot be used
    ├── CatalogNotFoundError       no catalog at this path
    ├── CatalogVersionError        the format is newer than this version of vidsearch
    ├── CatalogModelError          bound to another model pack
    ├── CatalogWriteError          cannot be written (permissions, full disk)
    ├── CatalogChangedError        files were removed by an erasure while they were read
    └── CatalogConflictError       other writers committed first for two minutes

A message names the input, the rule, the value and the remedy. The command line prints the message
on one line and exits with ``exit_status``.
"""

from __future__ import annotations

from typing import ClassVar


def reason(error: BaseException) -> str:
    """Return an error's whole message, or the name of its type if it has no message.

    Example:
        >>> reason(OSError("disk full")), reason(TimeoutError())
        ('disk full', 'TimeoutError without a message')
    """
    return str(error).strip() or f"{type(error).__name__} without a message"


class VidsearchError(Exception):
    """Base class of the errors that vidsearch raises."""

    exit_status: ClassVar[int] = 2


class ConfigError(VidsearchError, ValueError):
    """An option or argument breaks a rule."""


class InstallationError(VidsearchError):
    """A library is missing or cannot be loaded; the message has the command that mends it.

    Attributes:
        module: Name of the module that cannot be imported.
        shared_library: Library of the system that is missing; None for other causes.
    """

    def __init__(
        self, message: str, *, module: str = "", shared_library: str | None = None
    ) -> None:
        super().__init__(message)
        self.module = module
        self.shared_library = shared_library


class ShapeError(VidsearchError, ValueError):
    """An array has a wrong shape or dtype."""


class DeviceError(VidsearchError):
    """The requested device or execution provider is missing."""


class VideoError(VidsearchError):
    """A video cannot be read.

    Attributes:
        unreachable: True if the storage does not give the file to this machine; another machine may
            read it.
    """

    unreachable: bool = False


class VideoOpenError(VideoError):
    """The file is missing, unreadable, or an unknown container.

    Args:
        message: Input, rule, value and remedy.
        unreachable: See ``VideoError``.
    """

    def __init__(self, message: str, *, unreachable: bool = False) -> None:
        super().__init__(message)
        self.unreachable = unreachable


class NoVideoStreamError(VideoError):
    """The file is readable but has no video stream."""


class VideoDecodeError(VideoError):
    """The file opened, but no frame could be decoded."""


class VideoChangedError(VideoError):
    """The file changed while it was read, as during a copy or a recording."""


class PhotoError(VidsearchError):
    """A photo cannot be read safely."""


class NoFaceError(PhotoError):
    """No usable face in the query photo."""

    exit_status: ClassVar[int] = 4


class ModelError(VidsearchError):
    """A model pack cannot be used."""


class PackNotFoundError(ModelError):
    """The pack's name is unknown, or its files are missing on this machine."""


class PackFormatError(ModelError):
    """A pack's description (``pack.toml``) is malformed."""


class ExportError(ModelError):
    """A trained network cannot be exported as a pack."""


class PackVerifyError(ModelError):
    """A file's sha256 differs from the one in its pack."""


class TrainingSetError(VidsearchError):
    """A training set cannot be read, written or trained on."""


class TrainingError(VidsearchError):
    """A training run cannot start or continue."""


class CheckpointError(TrainingError):
    """A checkpoint is damaged, of another architecture, or not a checkpoint."""


class DivergedError(TrainingError):
    """The loss is not finite; the last good checkpoint is kept."""


class DeviceMemoryError(TrainingError):
    """A batch does not fit into the device's memory."""


class ClusterLostError(VidsearchError):
    """The Dask cluster was lost during a run; finished videos are committed."""


class CatalogError(VidsearchError):
    """An archive's catalog cannot be used."""


class CatalogNotFoundError(CatalogError):
    """There is no catalog at this path."""


class CatalogVersionError(CatalogError):
    """The format of the catalog is newer than this version of vidsearch."""


class CatalogModelError(CatalogError):
    """The catalog is bound to another model pack."""


class CatalogWriteError(CatalogError):
    """The catalog cannot be written (permissions, full disk)."""


class CatalogChangedError(CatalogError):
    """Files of the version that is read were removed by another process; the next read succeeds."""


class CatalogConflictError(CatalogError):
    """Other writers committed first for two minutes; the command can be repeated."""
