"""How fast and how large an ingest is, beside decoding alone and beside the pipeline of the tutorials."""
