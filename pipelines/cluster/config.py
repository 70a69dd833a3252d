"""Configuration of the processes and machines that run the stages."""

from __future__ import annotations

from dataclasses import dataclass

from vidsearch.errors import ConfigError

TRIES = 3
"""Number of workers that one task may kill before it is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterConfig:
    """Workers, device and limits of a run.

    Attributes:
        workers: Number of processes on this machine. One works in the calling process. More start
            a local Dask cluster, in which a video that kills its worker does not end the run. A
            script with more than one worker needs ``if __name__ == "__main__":``, because every
            process imports the script.
        device: Device of the models: ``auto``, ``cpu`` or ``cuda[:i]``.
        isolate: Run a single worker in a process of its own.
        scheduler: Address of a running Dask scheduler. Its workers are used instead of new ones.
        worker_memory: Memory limit of each local worker in bytes; None divides the memory of this
            machine between the workers.
        timeout_per_video_minute_s: Time limit for each minute of video, in seconds. The watchdog
            enforces the limit by ending the worker process; work in the calling process has no
            limit.
    """

    workers: int = 1
    device: str = "auto"
    isolate: bool = False
    scheduler: str | None = None
    worker_memory: int | None = None
    timeout_per_video_minute_s: float = 300.0

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ConfigError(f"workers must be at least 1; got {self.workers}")
        if not self.timeout_per_video_minute_s > 0:
            raise ConfigError(
                "the time limit for a minute of video must be above 0 s; "
                f"got {self.timeout_per_video_minute_s}"
            )

    @property
    def in_process(self) -> bool:
        """True if all work runs in the calling process, without Dask."""
        return self.scheduler is None and self.workers == 1 and not self.isolate

    @property
    def client_device(self) -> str:
        """Device of the calling process: with a scheduler, its workers have the models."""
        return self.device if self.scheduler is None else "cpu"
