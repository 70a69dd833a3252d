"""Face embedders: one interface (``base``), one file per runtime."""
