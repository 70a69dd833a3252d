"""Faces: detection, alignment, quality, embedding, tracking and templates."""
