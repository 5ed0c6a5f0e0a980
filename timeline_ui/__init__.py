"""What a person sees: plain ES modules and CSS, served as files."""
