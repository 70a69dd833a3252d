"""Face detectors: one interface (``base``), one file per model family."""
