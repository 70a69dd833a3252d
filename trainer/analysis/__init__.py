"""Angle statistics and the figures of the ArcFace paper."""
