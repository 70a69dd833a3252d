"""Ablation of iQIYI-VID features: Table 9 of ArcFace."""
