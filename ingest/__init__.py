"""A file to sampled frames to records."""
