"""Geometry and pixels of decoded frames."""
