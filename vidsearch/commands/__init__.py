"""The commands of the ``vidsearch`` program: one file per command."""
