"""Faces: detection, alignment, quality, embedding, tracking, templates."""
