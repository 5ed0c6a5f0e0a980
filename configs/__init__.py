"""One YAML file per profile."""
