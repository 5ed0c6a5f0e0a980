"""One vector store per file; all of them pass tests/index/test_store_conformance.py."""
