"""Boxes and five-point alignment: arithmetic on arrays, without a model."""
