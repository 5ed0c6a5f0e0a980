"""Forms with a large file in them: the file goes to the library's own disk as it comes, never twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from api.twelvelabs.errors import Refusal
from ingest.incoming import Incoming, Upload, Writer

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_WRITE_BYTES = 1 << 20
_MOST_TEXT_BYTES = 1 << 20
"""Of everything in the form that is not the file."""
_MOST_PARTS = 100


@dataclass(slots=True)
class Form:
    """``upload`` is the file that was asked for, all of it, None where there was none or it was empty."""

    fields: dict[str, str] = field(default_factory=dict)
    upload: Upload | None = None

    def get(self, name: str) -> str | None:
        """None also for an empty field."""
        return self.fields.get(name) or None

    def need(self, name: str) -> str:
        found = self.get(name)
        if found is None:
            raise Refusal(400, "parameter_not_provided", f"{name}: field required.")
        return found


@asynccontextmanager
async def received(request: Request, incoming: Incoming, file_name: str) -> AsyncIterator[Form]:
    """The form that is sent, with the file in its part ``file_name``; other files in it are passed over.
    What nobody has taken of it when the block ends is removed."""
    form = Form()
    with ExitStack() as stack:
        receiver = _Receiver(form, incoming, file_name, stack)
        parts = _Parts()
        parser = MultipartParser(_boundary(request), parts.callbacks())
        try:
            async for piece in request.stream():
                parser.write(piece)
                await receiver.take(parts.events)
                parts.events.clear()
            parser.finalize()
        except MultipartParseError as error:
            raise _unreadable(str(error)) from None
        except ClientDisconnect:
            raise _unreadable("it ended too early") from None
        if not parts.is_whole:
            raise _unreadable("its end is missing")
        await receiver.finish()
        yield form


@dataclass(frozen=True, slots=True)
class _Event:
    what: Literal["begin", "data", "end"]
    data: bytes = b""
    name: str = ""
    file_name: str | None = None


class _Parts:
    """What the parser says, as a list: it cannot wait for a disk, so somebody else does that."""

    def __init__(self) -> None:
        self.events: list[_Event] = []
        self.is_whole = False
        self._count = 0
        self._header: tuple[bytearray, bytearray] = bytearray(), bytearray()
        self._disposition = b""

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin, "on_header_field": self._header_name,
            "on_header_value": self._header_value, "on_header_end": self._header_end,
            "on_headers_finished": self._headers_end, "on_part_data": self._data,
            "on_part_end": lambda: self.events.append(_Event("end")), "on_end": self._end,
        }  # fmt: skip

    def _begin(self) -> None:
        self._count += 1
        if self._count > _MOST_PARTS:
            raise MultipartParseError(f"it has more than {_MOST_PARTS} parts")
        self._disposition = b""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _header_end(self) -> None:
        name, value = self._header
        if bytes(name).lower() == b"content-disposition":
            self._disposition = bytes(value)
        name.clear()
        value.clear()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise MultipartParseError("a part of it has no name")
        file_name = options.get(b"filename")
        self.events.append(_Event(
            "begin", name=_text(options[b"name"]),
            file_name=None if file_name is None else _text(file_name),
        ))  # fmt: skip

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.events.append(_Event("data", data[start:end]))

    def _end(self) -> None:
        self.is_whole = True


class _Receiver:
    def __init__(self, form: Form, incoming: Incoming, file_name: str, stack: ExitStack) -> None:
        self._form, self._incoming, self._file_name, self._stack = form, incoming, file_name, stack
        self._part = _Event("begin")
        self._text, self._text_bytes = bytearray(), 0
        self._upload: Upload | None = None
        self._writing = ExitStack()
        self._writer: Writer | None = None
        self._waiting = bytearray()

    async def take(self, events: list[_Event]) -> None:
        for event in events:
            if event.what == "begin":
                self._part = event
                self._text.clear()
            elif event.what == "end":
                await self._part_ended()
            elif self._is_wanted_file():
                self._waiting += event.data
                if len(self._waiting) >= _WRITE_BYTES:
                    await self._write()
            elif self._part.file_name is None:
                self._text_bytes += len(event.data)
                if self._text_bytes > _MOST_TEXT_BYTES:
                    raise _unreadable("its fields are above 1 MiB together")
                self._text += event.data

    async def finish(self) -> None:
        if self._upload is None:
            return
        upload = await run_in_threadpool(self._incoming.find, self._upload.id)
        self._form.upload = upload

    def _is_wanted_file(self) -> bool:
        return self._part.name == self._file_name and self._part.file_name is not None

    async def _part_ended(self) -> None:
        if self._is_wanted_file():
            await self._write(last=True)
        elif self._part.file_name is None:
            # The first one counts, where SDK 0.4 sends things twice.
            self._form.fields.setdefault(self._part.name, self._text.decode("utf-8", "replace"))

    async def _write(self, last: bool = False) -> None:
        if self._waiting:
            if self._writer is None:
                self._writer = await run_in_threadpool(self._begin)
            await run_in_threadpool(self._writer.write, bytes(self._waiting))
            self._waiting.clear()
        if last and self._writer is not None:
            await run_in_threadpool(self._writer.sync)
            self._writing.close()
            self._writer = None

    def _begin(self) -> Writer:
        if self._upload is not None:
            raise Refusal(400, "parameter_invalid", f"Send one {self._file_name} at a time.")
        upload = self._incoming.start(self._part.file_name or "upload", None)
        self._upload = upload
        self._stack.callback(self._incoming.finished, upload.id)
        self._stack.push(self._writing)
        return self._writing.enter_context(self._incoming.writing(upload.id, 0))


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Refusal(
            400, "parameter_invalid", "Send a form: multipart/form-data with a boundary, as curl -F does."
        )
    return options[b"boundary"]


def _unreadable(why: str) -> Refusal:
    return Refusal(400, "parameter_invalid", f"The form cannot be read: {why[:200].rstrip('.')}.")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
