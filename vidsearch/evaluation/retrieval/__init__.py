"""Retrieval over a labelled archive: MAP@k by probe."""
