"""A frame to regions: objects, faces, tiles, tracks."""
