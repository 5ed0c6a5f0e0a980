"""One detector per file."""
