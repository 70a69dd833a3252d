"""Video files to sampled frames: discovery, decoding, shots, sampling, slices, stills and clips.

``types`` holds the interface of a decoder; ``pyav`` and ``decord`` implement it. ``discover`` lists
the files, ``identity`` names a video by its content, ``shots`` finds cuts and ``sampling`` chooses
frames.
"""
