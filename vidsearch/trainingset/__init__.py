"""A training set on disk: what ``vidsearch prepare`` writes and the trainer reads."""
