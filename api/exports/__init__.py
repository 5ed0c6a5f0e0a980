"""Exports: an answer as a file for other programs, and its stretches as clips. Pure but for the clips."""
