"""Video: decoding, enlarging and encoding, frame by frame and segment by segment."""
