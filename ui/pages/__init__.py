"""The screens: widgets only; what they call lives in ``ui.service``."""
