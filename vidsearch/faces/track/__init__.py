"""Tracking: faces of sampled frames to tracks of one person within one shot."""

from __future__ import annotations

from vidsearch.faces.track.config import TrackingConfig
from vidsearch.faces.track.tracker import Tracker

__all__ = ["Tracker", "TrackingConfig"]
