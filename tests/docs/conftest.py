"""The small library that is indexed once for all tests."""

from tests.support.library_fixtures import cup_picture, face_picture, library, own_library

__all__ = ["cup_picture", "face_picture", "library", "own_library"]
