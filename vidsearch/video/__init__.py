"""Path or URI -> sampled frames: decoding, shots, sampling, and finding the files.

One interface (``reader``), one file per decoder (``pyav``, ``decord``); ``sampling`` decides which
frames are looked at, ``shots`` where the cuts are, ``discover`` which files there are, and
``identity`` what makes two files the same video.
"""
