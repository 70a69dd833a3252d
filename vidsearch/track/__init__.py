"""Tracking: the faces of sampled frames -> tracks, one person in one shot."""

from __future__ import annotations

from vidsearch.track.config import TrackingConfig
from vidsearch.track.tracker import Tracker

__all__ = ["Tracker", "TrackingConfig"]
