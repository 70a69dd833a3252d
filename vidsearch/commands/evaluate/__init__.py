"""The protocols of ``vidsearch evaluate``: one file per sub-command."""
