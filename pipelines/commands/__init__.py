"""The commands index, demo, prepare, reembed and reindex."""
