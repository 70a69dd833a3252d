"""Training set on disk, written by ``vidsearch prepare`` and read by the trainer."""
