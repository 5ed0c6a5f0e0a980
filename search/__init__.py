"""A query to hits to scored segments."""
