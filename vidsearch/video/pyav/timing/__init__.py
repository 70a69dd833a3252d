"""Times of decoded frames: clocks of containers, time stamps, and their places in the file."""
