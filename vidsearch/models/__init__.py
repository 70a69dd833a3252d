"""Model packs: detector, embedder, licence, hashes and calibration."""
