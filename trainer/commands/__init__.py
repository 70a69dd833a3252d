"""The commands train and export, and evaluate angles and evaluate figures."""
