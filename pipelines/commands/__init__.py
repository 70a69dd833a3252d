"""The commands index, demo, prepare, reembed, reindex and evaluate distractors."""
