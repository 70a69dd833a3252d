"""Sub-commands of ``vidsearch evaluate``: one module per protocol."""
