"""Pages of the app: widgets only; their functions lie in ``ui.service``."""
