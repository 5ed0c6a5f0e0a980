"""HTTP: the FastAPI app, its routes and its error shape."""
