"""The commands, and the engine that wires the rooms together."""

__version__ = "0.1.0"
