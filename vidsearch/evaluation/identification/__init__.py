"""Open-set and closed-set identification."""
