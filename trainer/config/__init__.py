"""Training configuration: dataclasses, TOML files and recipes."""
