"""Times in requests."""

MOST_SECONDS = 1e9
"""Thirty years: no media file is longer, and in any file's own clock decoders can take the number."""
