"""Context of a task on a worker: the models and the deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vidsearch.models.registry import LoadedPack


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """First argument of a function that runs on a worker with models.

    Attributes:
        models: Pack that the worker loaded.
        allow: Sets the deadline of the task, in seconds from the call.
    """

    models: LoadedPack
    allow: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class WorkerPack:
    """Pack that every worker must load.

    Attributes:
        pack: Name or folder of the pack, valid on the workers.
        identity: Expected identity of its content, see ``fingerprint.pack_identity``.
    """

    pack: str
    identity: str
