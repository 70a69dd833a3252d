"""The ArcFace trainer."""
