"""The PyAV video backend."""
