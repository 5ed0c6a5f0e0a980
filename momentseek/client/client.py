"""One object for a whole server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, Unpack
from urllib.parse import quote

import httpx

from core.answer import Answer as Page
from core.answer import Segment
from core.errors import InvalidRequest
from momentseek.client.connection import Connection, new_http
from momentseek.client.errors import ServerUnreachable
from momentseek.client.jobs import Jobs
from momentseek.client.media import MediaFiles
from momentseek.client.people import People
from momentseek.client.questions import Mode, Picture, Pictures, moment_of, question, read_picture
from momentseek.client.records import Answer, Box, Curve, Filters, Moment, answer_of, page_of
from momentseek.client.saved_queries import SavedQueries
from momentseek.client.webhooks import Webhooks
from momentseek.remote import running_server

URL = "http://127.0.0.1:8765"
ResultKind = Literal["json", "csv", "srt", "vtt", "edl", "fcp7", "fcpxml", "otio"]
ClipKind = Literal["single", "zip", "reel"]
_CLIPS: tuple[ClipKind, ...] = ("single", "zip", "reel")


class Client:
    """A server at ``url``. Use it in a ``with`` statement, or ``close`` it.

    ``key`` as ``momentseek keys add`` printed it. ``timeout_seconds`` without a byte, then
    ServerUnreachable. ``patience_seconds``: how long a busy server is asked again before ServerBusy.
    ``http``: a client of your own, for proxies or certificates; it is not closed here.
    """

    def __init__(
        self, url: str = URL, key: str | None = None, timeout_seconds: float = 120.0,
        patience_seconds: float = 60.0, http: httpx.Client | None = None,
    ) -> None:
        self._http = http or new_http(key, timeout_seconds)
        self._is_ours = http is None
        if http is not None and key is not None:
            raise InvalidRequest("Give either key or http; put the key into the headers of http.")
        self._connection = Connection(self._http, url.rstrip("/"), patience_seconds)
        self.jobs = Jobs(self._connection)
        self.media = MediaFiles(self._connection, self.jobs)
        self.people = People(self._connection)
        self.saved_queries = SavedQueries(self._connection)
        self.webhooks = Webhooks(self._connection)

    @classmethod
    def of_library(cls, data_dir: str | Path, timeout_seconds: float = 120.0) -> Self:
        """The server that runs on this library, for its owner without a key. Raises ServerUnreachable when
        there is none."""
        server = running_server(Path(data_dir))
        if server is None:
            raise ServerUnreachable(
                f"No server runs on the library {data_dir}; start one with: momentseek serve --data-dir "
                f"{data_dir}"
            )
        return cls(server.url, server.token, timeout_seconds)

    @property
    def url(self) -> str:
        return self._connection.url

    def close(self) -> None:
        if self._is_ours:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def facts(self) -> dict[str, Any]:
        """Sizes of the library and the fingerprint of its index. Raises when it cannot be searched."""
        found: dict[str, Any] = self._connection.json("GET", "/v1/health/ready")
        return found

    # Questions

    def search(
        self, images: Pictures = (), words: str | None = None, *, at: Moment | Segment | None = None,
        box: Box | None = None, unlike: Pictures = (), mode: Mode | None = None, words_weight: float = 0.5,
        image_urls: Sequence[str] = (), picture_ids: Sequence[str] = (), person: str | None = None,
        refine: bool = False, sort: Literal["score", "time"] = "score", group: bool = False, limit: int = 50,
        **filters: Unpack[Filters],
    ) -> Answer:
        """Where does this appear? Give pictures, or a moment of the library (``at``), or words, or a
        ``person`` of the library by name or id.

        ``box`` is what counts on one picture; a moment has its own. ``image_urls`` only where the server
        fetches pictures; ``picture_ids`` as ``keep_picture`` says. ``group`` keeps the segments of a media
        file together. Iterate over the answer for the segments of all pages, ``limit`` (media files with
        ``group``) to a page. For ``filters`` see records.Filters. Raises InvalidRequest and its kin,
        NotFound, StoreError, ServerBusy.
        """
        form, files = question(images, words, at, box, unlike, mode, words_weight, picture_ids, filters)
        form |= {
            "image_url": [*image_urls], "person": person, "limit": limit, "refine": refine, "sort": sort,
            "group_by": "media" if group else None,
        }  # fmt: skip
        return self._answer(self._connection.json("POST", "/v1/search", form=form, files=files))

    def keep_picture(self, image: Picture) -> str:
        """Leave a picture with the server, to ask with it by its id."""
        files = [("image", read_picture(image))]
        return str(self._connection.json("POST", "/v1/pictures", files=files)["id"])

    def page(self, token: str) -> Page:
        """The page that ``next_page_token`` names. Raises QueryForgotten."""
        return page_of(self._connection.json("GET", f"/v1/search/pages/{quote(token, safe='')}"))

    def feedback(
        self, answer: Page | str, more: Iterable[Moment | Segment] = (),
        less: Iterable[Moment | Segment] = (),
    ) -> Answer:
        """The same question, with results that were right and results that were wrong."""
        body = {"more": [_to_json(one) for one in more], "less": [_to_json(one) for one in less]}
        path = f"/v1/search/{_query_id(answer)}/feedback"
        return self._answer(self._connection.json("POST", path, body=body))

    def curve(self, answer: Page | str, media_id: str, max_points: int = 2000) -> Curve:
        """How well each moment of one media file matches, also below what the answer has."""
        path = f"/v1/search/{_query_id(answer)}/media/{quote(media_id, safe='')}/curve"
        return Curve.of_json(self._connection.json("GET", path, query={"max_points": max_points}))

    # Files out

    def export(
        self, what: Page | str | Iterable[Segment], target: str | Path, kind: ResultKind | ClipKind,
        copy: bool = False, full_paths: bool = False,
    ) -> Path:
        """Write an answer (all its pages), or some segments, to ``target``.

        ``json``, ``csv``; subtitles ``srt``, ``vtt`` (of several videos a zip); for editing programs ``edl``,
        ``fcp7``, ``fcpxml``, ``otio``, which name the originals by their ``full_paths`` on the server if
        wanted. Or the moments themselves: a ``zip`` of clips, one ``reel``, a ``single`` clip; with ``copy``
        they are cut fast, at keyframes. Raises QueryForgotten for an answer of long ago.
        """
        if kind not in _CLIPS:
            given = {"query_id": _query_id(what)} if isinstance(what, Page | str) else {
                "segments": [_segment_to_json(one) for one in what]
            }  # fmt: skip
            body = {**given, "format": kind, "paths": "full" if full_paths else "names"}
            return self._connection.save("POST", "/v1/exports/results", Path(target), body=body)
        if isinstance(what, str):
            raise InvalidRequest("Clips need segments: give the answer itself, or some of its segments.")
        segments: Iterable[Segment] = what.segments if type(what) is Page else what  # type: ignore[assignment]
        clips = [
            {"media_id": one.media_id, "start_seconds": one.start_seconds, "end_seconds": one.end_seconds}
            for one in segments
        ]
        body = {"clips": clips, "as": kind, "how": "copy" if copy else "exact"}
        return self._connection.save("POST", "/v1/exports/clips", Path(target), body=body)

    def _answer(self, body: Any) -> Answer:
        return answer_of(body, self.page)


def _to_json(given: Moment | Segment) -> dict[str, Any]:
    moment = moment_of(given)
    return {"media_id": moment.media_id, "at_seconds": moment.at_seconds, "box_xyxy": moment.box_xyxy}


def _segment_to_json(segment: Segment) -> dict[str, Any]:
    names = ("media_id", "start_seconds", "end_seconds", "score", "confidence", "best_seconds", "box_xyxy",
             "evidence", "label")  # fmt: skip
    return {name: getattr(segment, name) for name in names}


def _query_id(answer: Page | str) -> str:
    return quote(answer if isinstance(answer, str) else answer.query_id, safe="")
