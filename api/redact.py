"""Log lines without secrets, and one line each, whatever somebody has sent."""

from __future__ import annotations

import logging
import re
import textwrap

_SECRETS = (
    (re.compile(r"\bms_([0-9a-f]{8})_[0-9a-f]+"), r"ms_\1_..."),
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=]+"), "whsec_..."),
    (re.compile(r"(?i)\b(bearer\s+|x-api-key\W+|momentseek_session=)[^\s'\",;)]+"), r"\1..."),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@'\"]+@"), r"\1...@"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def redact(text: str) -> str:
    """
    >>> redact("http://me:secret@nas/a.jpg with Bearer ms_0123abcd_ffff")
    'http://...@nas/a.jpg with Bearer ...'
    """
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    return text


class OneLine(logging.Formatter):
    """The message on one line, control characters shown as what they are. A traceback keeps its lines, moved
    in: none of them can pass for a message."""

    def format(self, record: logging.LogRecord) -> str:
        plain = logging.makeLogRecord({**record.__dict__, "msg": _escaped(record.getMessage()), "args": None})
        plain.exc_text = None
        return redact(super().format(plain))

    def formatException(self, ei: logging._SysExcInfoType) -> str:
        return textwrap.indent(_CONTROL.sub(_shown, super().formatException(ei)), "  ")


def log_config() -> dict[str, object]:
    """For uvicorn: warnings and worse, to stderr."""
    return {
        "version": 1, "disable_existing_loggers": False,
        "formatters": {"one_line": {"()": OneLine, "format": "%(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "one_line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
    }  # fmt: skip


def _escaped(text: str) -> str:
    return _CONTROL.sub(_shown, text).replace("\n", "\\n").replace("\t", "\\t")


def _shown(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode("ascii")
