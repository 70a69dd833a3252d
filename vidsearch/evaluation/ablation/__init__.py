"""The ablation study of iQIYI-VID features (Table 9 of the paper)."""
