"""One embedder per file."""
