"""Boxes and five-point alignment: arithmetic on arrays, no model."""
