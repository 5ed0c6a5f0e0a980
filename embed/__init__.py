"""Pixels or words to unit vectors."""
