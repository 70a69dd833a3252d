"""The commands train, export, angles and figures."""
