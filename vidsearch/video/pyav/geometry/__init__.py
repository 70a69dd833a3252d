"""Geometry and pixels of decoded frames, which may change within a stream; so may the codec."""
