"""Closed-set and open-set identification on folders of photos."""
