"""Query photos: file kinds, decoding, face detection."""
