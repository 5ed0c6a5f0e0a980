"""What a server does when many ask at once."""
