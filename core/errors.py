"""The errors of momentseek.

::

    MomentseekError
    ├── InvalidRequest (ValueError)        what was asked makes no sense            HTTP 400
    │   ├── InvalidBox                     a box outside the picture or inside out
    │   ├── InvalidImage                   a query picture that cannot be read
    │   └── TimeOutOfRange                 a time past the end of its media
    ├── NotFound (LookupError)             an id that the library does not have     HTTP 404
    │   └── QueryForgotten                 a query handle or page token of long ago
    ├── MediaError                         one file cannot be used; the batch goes on
    │   ├── MediaBroken                    damaged, truncated, not media            status failed
    │   │   └── DecoderCrashed             twice: the file is put into quarantine
    │   ├── MediaSkipped                   nothing to see in it (audio only ...)    status skipped
    │   └── MediaRefused                   over a limit or not on an allowlist      status refused
    ├── ModelUnavailable                   weights are missing or damaged           HTTP 503
    ├── LeaseLost                          another worker took over the file
    ├── SettingsError (ValueError)         wrong key or value in the configuration
    └── StoreError                         the vector store
        ├── StoreBusy                      somebody else holds it
        ├── StoreLost                      its process is gone
        ├── StoreDamaged                   fewer points than the catalogue expects
        ├── DiskFull                       free space is below the floor
        └── FingerprintMismatch            the index was made with other models     HTTP 409

Messages say what was given, what is allowed and what to do next, in one line.
"""

from __future__ import annotations


class MomentseekError(Exception):
    """Root of the tree. ``code`` is the stable name the API returns beside the message; ``http_status`` is
    that of the reply, where a server has said so to momentseek.client."""

    code = "internal_error"
    http_status: int | None = None


class InvalidRequest(MomentseekError, ValueError):
    code = "parameter_invalid"


class InvalidBox(InvalidRequest):
    code = "box_invalid"


class InvalidImage(InvalidRequest):
    code = "image_invalid"


class TimeOutOfRange(InvalidRequest):
    code = "time_out_of_range"


class NotFound(MomentseekError, LookupError):
    code = "resource_not_exist"


class QueryForgotten(NotFound):
    code = "query_forgotten"


class MediaError(MomentseekError):
    """A file that does not end up in the index; ``status`` is what the catalogue records."""

    code = "media_error"
    status = "failed"


class MediaBroken(MediaError):
    code = "media_broken"


class DecoderCrashed(MediaBroken):
    """The child that decodes died or hung on this file."""


class MediaSkipped(MediaError):
    code = "media_skipped"
    status = "skipped"


class MediaRefused(MediaError):
    code = "media_refused"
    status = "refused"


class ModelUnavailable(MomentseekError):
    code = "model_unavailable"


class LeaseLost(MomentseekError):
    code = "lease_lost"


class SettingsError(MomentseekError, ValueError):
    code = "settings_invalid"


class StoreError(MomentseekError):
    code = "store_error"


class StoreBusy(StoreError):
    code = "store_busy"


class StoreLost(StoreError):
    code = "store_lost"


class StoreDamaged(StoreError):
    code = "store_damaged"


class DiskFull(StoreError):
    code = "disk_full"


class FingerprintMismatch(StoreError):
    code = "fingerprint_mismatch"
