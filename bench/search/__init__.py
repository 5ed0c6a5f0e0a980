"""How long a search takes, stage by stage, in libraries of several sizes, and how much it finds."""
