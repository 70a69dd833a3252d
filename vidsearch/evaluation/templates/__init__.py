"""Templates of IJB-B and IJB-C: verification 1:1 and identification 1:N."""
