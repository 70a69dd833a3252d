"""iQIYI-VID: score of result files, and conversion of the feature release."""
