"""What the dialect shows, as JSON. SDK 0.4 refuses whatever lacks a field or has the wrong type."""

from __future__ import annotations

import mimetypes
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from starlette.requests import Request

from core.answer import Confidence
from index.catalogue import MediaRow
from index.rows import FAILED, SEARCHABLE
from index.sets import Member, MemberStatus, SetRow, UploadRow

Time = Annotated[
    datetime,
    PlainSerializer(lambda time: time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), return_type=str),
]


class _Shape(BaseModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)


class PageInfo(_Shape):
    limit_per_page: int
    page: int
    total_page: int
    total_results: int


class ModelIn(_Shape):
    model_config = ConfigDict(protected_namespaces=())

    model_name: str = Field(min_length=1, max_length=100, examples=["marengo3.0"])
    model_options: list[Annotated[str, Field(max_length=100)]] = Field(
        ["visual"], max_length=20, examples=[["visual"]]
    )


class IndexOut(_Shape):
    id: str = Field(alias="_id")
    created_at: Time
    updated_at: Time
    expires_at: Time | None = None
    index_name: str
    total_duration: float = Field(description="seconds of video that can be searched")
    video_count: int = Field(description="videos and stills that can be searched")
    models: list[dict[str, Any]]
    addons: list[str]


class IndexPage(_Shape):
    data: list[IndexOut]
    page_info: PageInfo


class CreatedOut(_Shape):
    id: str = Field(alias="_id")


class HlsOut(_Shape):
    """Where the original and a picture of it are; the original is one file, no playlist."""

    video_url: str
    thumbnail_urls: list[str]
    status: Literal["COMPLETE"] = "COMPLETE"
    updated_at: Time


class SystemMetadataOut(_Shape):
    """Durations in seconds, sizes in pixels of the displayed frame and in bytes; 0 where not known."""

    filename: str
    duration: float
    fps: float
    width: int
    height: int
    size: int


class TaskCreatedOut(_Shape):
    id: str = Field(alias="_id")
    video_id: str


class TaskOut(_Shape):
    id: str = Field(alias="_id")
    video_id: str
    index_id: str
    status: MemberStatus
    created_at: Time
    updated_at: Time
    system_metadata: SystemMetadataOut
    hls: HlsOut | None = None
    reason: str | None = Field(None, description="why it failed")


class TaskPage(_Shape):
    data: list[TaskOut]
    page_info: PageInfo


class TaskStatusOut(_Shape):
    index_id: str
    ready: int
    validating: int
    pending: int
    failed: int
    total_result: int


class VideoOut(_Shape):
    id: str = Field(alias="_id")
    asset_id: str
    created_at: Time
    updated_at: Time
    indexed_at: Time | None
    system_metadata: SystemMetadataOut
    user_metadata: dict[str, Any]
    hls: HlsOut | None = None


class VideoPage(_Shape):
    data: list[VideoOut]
    page_info: PageInfo


class IndexedAssetOut(VideoOut):
    status: MemberStatus
    reason: str | None = Field(None, description="why it failed")


class IndexedAssetPage(_Shape):
    data: list[IndexedAssetOut]
    page_info: PageInfo


class IndexNameOut(_Shape):
    id: str = Field(alias="_id")
    name: str


class IndexedAssetNameOut(_Shape):
    id: str = Field(alias="_id")
    index: IndexNameOut


class IndexedAssetNamePage(_Shape):
    data: list[IndexedAssetNameOut]
    page_info: PageInfo


class AssetOut(_Shape):
    id: str = Field(alias="_id")
    method: Literal["direct", "url"]
    status: Literal["ready", "failed"]
    filename: str
    file_type: str
    created_at: Time
    updated_at: Time
    size: int
    duration: float | None
    url: str = Field(description="the original")
    user_metadata: dict[str, Any]


class AssetPage(_Shape):
    data: list[AssetOut]
    page_info: PageInfo


class SearchClip(_Shape):
    """One stretch of a video, both times 0 for a still. From ``filename`` on, fields are momentseek's own."""

    video_id: str
    start: float
    end: float
    rank: int = Field(description="1 is the best; counted over all pages")
    score: float = Field(description="0 to 100", examples=[91.2])
    confidence: Confidence
    thumbnail_url: str
    transcription: None = None
    user_metadata: dict[str, Any] | None = None
    filename: str
    is_still: bool
    best_seconds: float
    bbox: tuple[float, float, float, float] | None = Field(
        description="what matched at best_seconds, x1, y1, x2, y2 in shares of the frame; null: all of it"
    )
    evidence: str = Field(examples=["region"])
    label: str | None


class SearchGroup(_Shape):
    id: str = Field(description="of the video")
    clips: list[SearchClip]


class SearchPool(_Shape):
    total_count: int
    total_duration: float
    index_id: str


class SearchPageInfo(_Shape):
    limit_per_page: int
    total_results: int = Field(description="clips, or videos with `group_by=video`")
    page_expires_at: Time
    total_inner_matches: int | None = Field(None, description="clips, with `group_by=video`")
    next_page_token: str | None = None
    prev_page_token: str | None = None


class SearchOut(_Shape):
    search_pool: SearchPool
    data: list[SearchClip] | list[SearchGroup] = Field(description="groups with `group_by=video`")
    page_info: SearchPageInfo


def show_index(row: SetRow) -> IndexOut:
    return IndexOut(
        id=row.id, created_at=row.created_at, updated_at=row.updated_at, index_name=row.name,
        total_duration=row.total_seconds, video_count=row.media_count,
        models=row.notes.get("models", []), addons=row.notes.get("addons", []),
    )  # fmt: skip


def show_task(request: Request, member: Member, media: MediaRow) -> TaskOut:
    return TaskOut(
        id=task_id(member), video_id=media.id, index_id=member.set_id, status=member.status,
        created_at=member.added_at, updated_at=member.updated_at, system_metadata=_system_metadata(media),
        hls=_hls(request, media), reason=_reason(member),
    )  # fmt: skip


def show_video(request: Request, member: Member, media: MediaRow) -> VideoOut:
    return VideoOut(**_video(request, member, media))


def show_indexed_asset(request: Request, member: Member, media: MediaRow) -> IndexedAssetOut:
    return IndexedAssetOut(**_video(request, member, media), status=member.status, reason=_reason(member))


def show_asset(request: Request, media: MediaRow, upload: UploadRow | None) -> AssetOut:
    return AssetOut(
        id=media.id, method="url" if upload is not None and upload.from_url else "direct",
        # Ready to be put into an index: whether it can be indexed shows there.
        status="failed" if media.status in FAILED else "ready",
        filename=media.name, file_type=file_type(media), created_at=media.created_at,
        updated_at=media.updated_at, size=media.size_bytes, duration=media.duration_seconds,
        url=file_url(request, media.id), user_metadata=media.metadata,
    )  # fmt: skip


def task_id(member: Member) -> str:
    return f"{member.set_id}-{member.media_id}"


def file_url(request: Request, media_id: str) -> str:
    return f"{_host(request)}/v1/media/{media_id}/file"


def frame_url(request: Request, media_id: str, at_seconds: float) -> str:
    """A JPEG. As everything here it needs a key once the library has some."""
    return f"{_host(request)}/v1/media/{media_id}/frame?at_seconds={at_seconds:g}&max_side_px=480"


def file_type(media: MediaRow) -> str:
    """Like video/mp4, from the name: what the file really holds is known once it is indexed."""
    return mimetypes.guess_type(media.name)[0] or "application/octet-stream"


def _host(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _video(request: Request, member: Member, media: MediaRow) -> dict[str, Any]:
    return {
        "id": media.id, "asset_id": media.id, "created_at": member.added_at, "updated_at": member.updated_at,
        "indexed_at": media.indexed_at, "system_metadata": _system_metadata(media),
        "user_metadata": media.metadata, "hls": _hls(request, media),
    }  # fmt: skip


def _system_metadata(media: MediaRow) -> SystemMetadataOut:
    return SystemMetadataOut(
        filename=media.name, duration=media.duration_seconds or 0.0, fps=media.fps or 0.0,
        width=media.width or 0, height=media.height or 0, size=media.size_bytes,
    )  # fmt: skip


def _hls(request: Request, media: MediaRow) -> HlsOut | None:
    if media.status not in SEARCHABLE:
        return None
    return HlsOut(
        video_url=file_url(request, media.id), thumbnail_urls=[frame_url(request, media.id, 0)],
        updated_at=media.updated_at,
    )  # fmt: skip


def _reason(member: Member) -> str | None:
    return member.reason if member.status == "failed" else None
