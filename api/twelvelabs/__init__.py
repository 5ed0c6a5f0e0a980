"""The dialect of the Twelve Labs API, v1.3: programs written for its Python SDK need only another base URL.

Their index is a named set of media (index/sets.py); video, asset and media are one thing with one id, and the
id of a task is those of its index and its video. docs/twelvelabs.md says what works and what does not.
"""
