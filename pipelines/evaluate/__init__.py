"""The protocols of ``vidsearch evaluate``, one module each; what they need to read and to run."""
