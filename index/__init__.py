"""Records in Qdrant (embedded or server) and the catalogue of media and jobs in SQL."""
