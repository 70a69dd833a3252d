"""IJB protocol: template verification and identification."""
