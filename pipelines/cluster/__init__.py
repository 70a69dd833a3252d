"""Dask: clusters, clients, workers, watchdog and the task runner."""
