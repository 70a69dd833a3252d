"""The demo: an archive made from real faces that installed packages ship, indexed and searched."""
