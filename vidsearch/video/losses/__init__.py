"""Losses in the middle of a file, seen in the bytes that a decoder reads anyway."""
