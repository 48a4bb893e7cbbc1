"""Training pictures: decoding, cropping, degradation, sampling."""
