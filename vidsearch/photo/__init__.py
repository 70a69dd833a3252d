"""Query photos: file kinds, decoding, face detection, embedding of one face."""
