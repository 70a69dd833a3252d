"""Fields of ``metrics.json`` that the angle report writes and the figures read."""

from __future__ import annotations

MODEL_NAME = "model_name"
"""Name of the measured model, in the configuration."""

PAIR_HISTOGRAM, GENUINE, IMPOSTOR = "pair_histogram", "genuine", "impostor"
"""Counts of pairs by angle, for each measured set."""
