"""Stages: one video's work as plain functions, ``run(payload, models) -> payload | Failure``."""
