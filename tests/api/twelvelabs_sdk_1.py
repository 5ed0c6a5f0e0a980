"""A program written for the Twelve Labs Python SDK 1.x; test_twelvelabs_sdk.py runs it against a server.

python twelvelabs_sdk_1.py BASE_URL MEDIA_FOLDER CUP_PICTURE
python twelvelabs_sdk_1.py BASE_URL "red star" PICTURE words

It prints what it has seen as one JSON object, and judges nothing.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

from twelvelabs import BadRequestError, TwelveLabs
from twelvelabs.core.api_error import ApiError
from twelvelabs.indexes import IndexesCreateRequestModelsItem
from twelvelabs.wrapper.search_client_wrapper import SearchClientWrapper

VISUAL = [IndexesCreateRequestModelsItem(model_name="marengo3.0", model_options=["visual", "audio"])]
SEEN: dict[str, Any] = {}
SEVERAL = "query_media_files" in signature(SearchClientWrapper.query).parameters
"""SDKs before 1.3 take a list as one file."""


def main(base_url: str, media: str, picture: str, mode: str = "everything") -> None:
    client = TwelveLabs(api_key="any", base_url=base_url)
    if mode == "words":
        words(client, media, Path(picture))
    else:
        everything(client, Path(media), Path(picture))
    print(json.dumps(SEEN, default=str))


def everything(client: TwelveLabs, media: Path, picture: Path) -> None:
    index_id = client.indexes.create(index_name="kitchens", models=VISUAL, addons=["thumbnail"]).id
    assert index_id
    SEEN["index"] = client.indexes.retrieve(index_id).dict()
    SEEN["taken"] = refusal(lambda: client.indexes.create(index_name="kitchens", models=VISUAL))
    SEEN["indexes"] = [one.index_name for one in client.indexes.list(page_limit=1)]
    videos = upload(client, index_id, media)
    searches(client, index_id, picture, videos)
    assets(client, media, picture)
    refusals(client, index_id, picture)
    empty = client.indexes.create(index_name="empty", models=VISUAL).id
    assert empty
    SEEN["nothing"] = clips(
        client.search.query(
            index_id=empty,
            search_options=["visual"],
            query_media_type="image",
            query_media_file=picture.open("rb"),
        )
    )
    client.indexes.delete(empty)
    removal(client, index_id, videos)


def upload(client: TwelveLabs, index_id: str, media: Path) -> dict[str, str]:
    ids = {}
    for name in ("kitchen.mp4", "cup.webp", "short.mp4"):
        with (media / name).open("rb") as file:
            task = client.tasks.create(
                index_id=index_id, video_file=file, user_metadata=json.dumps({"take": 1, "name": name})
            )
        assert task.id and task.video_id
        done = client.tasks.wait_for_done(task.id, sleep_interval=0.2)
        SEEN[f"task {name}"] = done.dict()
        ids[name] = task.video_id
    SEEN["tasks"] = sorted(
        one.system_metadata.filename
        for one in client.tasks.list(index_id=index_id, status=["ready", "failed"])
    )
    SEEN["filled"] = client.indexes.retrieve(index_id).dict()
    kitchen = ids["kitchen.mp4"]
    SEEN["video"] = client.indexes.videos.retrieve(index_id, kitchen).dict()
    SEEN["videos"] = [one.id for one in client.indexes.videos.list(index_id, page_limit=1)]
    SEEN["videos longer than 4 s"] = [
        one.id for one in client.indexes.videos.list(index_id, duration={"gte": 4.0})
    ]
    client.indexes.videos.update(index_id, kitchen, user_metadata={"take": 2, "good": True, "name": None})
    SEEN["noted"] = client.indexes.videos.retrieve(index_id, kitchen).user_metadata
    return ids


def searches(client: TwelveLabs, index_id: str, picture: Path, videos: dict[str, str]) -> None:
    def query(**more: Any) -> Any:
        given = {"query_media_file": picture.read_bytes()} | more
        return client.search.query(
            index_id=index_id, search_options=["visual"], query_media_type="image", **given
        )

    with picture.open("rb") as file:
        SEEN["by file"] = clips(query(query_media_file=file))
    SEEN["by bytes"] = clips(query())
    several = "query_media_files" if SEVERAL else "query_media_file"
    SEEN["two images"] = clips(
        client.search.query(
            index_id=index_id,
            search_options=["visual", "audio"],
            query_media_type="image",
            **{several: [picture.open("rb"), picture.read_bytes()]},
        )
    )
    # Both are only sent by SDKs before 1.3.
    SEEN["sure"] = clips(query(threshold="high", adjust_confidence_level=1.0))
    SEEN["called"] = [one["confidence"] for one in clips(query(adjust_confidence_level=1.0))]
    pager = query(page_limit=1)
    pages = [[one.rank for one in page.items or ()] for page in pager.iter_pages()]
    SEEN["pages of one"] = pages
    SEEN["by video"] = [
        {"id": one.id, "clips": [clip.video_id for clip in one.clips or ()]}
        for one in query(group_by="video")
    ]
    SEEN["with metadata"] = [one.user_metadata for one in query(include_user_metadata=True, page_limit=1)]
    SEEN["filtered"] = {
        name: clips(query(filter=json.dumps(wanted)))
        for name, wanted in {
            "id": {"id": [videos["cup.webp"]]}, "long": {"duration": {"gte": 4, "lte": 6}},
            "too long": {"duration": {"gte": 60}}, "noted": {"take": 2, "good": True},
            "range": {"take": {"gte": 1, "lte": 1}}, "filename": {"filename": "cup.webp"},
        }.items()
    }  # fmt: skip
    raw = client.search.create(
        index_id=index_id,
        search_options=["visual"],
        query_media_type="image",
        query_media_file=picture.read_bytes(),
        page_limit=1,
    )
    SEEN["raw"] = raw.dict()
    assert raw.page_info and raw.page_info.next_page_token
    SEEN["retrieved"] = client.search.retrieve(raw.page_info.next_page_token).dict()


def assets(client: TwelveLabs, media: Path, picture: Path) -> None:
    """The other way of putting things in: an asset first, then into an index."""
    with (media / "other.mp4").open("rb") as file:
        asset = client.assets.create(method="direct", file=file, filename="renamed.mp4")
    assert asset.id
    index_id = client.indexes.create(index_name="others", models=VISUAL).id
    assert index_id
    indexed = client.indexes.indexed_assets.create(index_id, asset_id=asset.id)
    assert indexed.id
    while True:
        found = client.indexes.indexed_assets.retrieve(index_id, indexed.id)
        if found.status in ("ready", "failed"):
            break
        time.sleep(0.2)
    SEEN["asset"] = client.assets.retrieve(asset.id).dict()
    SEEN["assets"] = len(list(client.assets.list(page_limit=1)))
    SEEN["indexed asset"] = found.dict()
    SEEN["indexed assets"] = [one.id for one in client.indexes.indexed_assets.list(index_id)]
    SEEN["in it"] = clips(
        client.search.query(
            index_id=index_id,
            search_options=["visual"],
            query_media_type="image",
            query_media_file=picture.read_bytes(),
        )
    )
    SEEN["asset in use"] = refusal(lambda: client.assets.delete(asset.id))
    client.indexes.indexed_assets.delete(index_id, indexed.id)
    SEEN["after"] = [one.id for one in client.indexes.indexed_assets.list(index_id)]
    client.indexes.delete(index_id)
    client.assets.delete(asset.id)
    SEEN["asset gone"] = refusal(lambda: client.assets.retrieve(asset.id))


def refusals(client: TwelveLabs, index_id: str, picture: Path) -> None:
    def query(**given: Any) -> Any:
        return client.search.query(
            **{
                "index_id": index_id,
                "search_options": ["visual"],
                "query_media_type": "image",
                "query_media_file": picture.read_bytes(),
                **given,
            }
        )

    for what, ask in {
        "expired token": lambda: client.search.retrieve("AAAA"),
        "path for a picture": lambda: query(query_media_file=str(picture)),
        "no picture": lambda: query(query_media_file=b"\0" * 100),
        "no such index": lambda: query(index_id="0" * 24),
        "sound": lambda: query(search_options=["audio"]),
        "address": lambda: query(query_media_url="http://127.0.0.1/a.jpg"),
        "bad filter": lambda: query(filter="{"),
        "words": lambda: client.search.query(
            index_id=index_id, search_options=["visual"], query_text="a cup"
        ),
        "no such task": lambda: client.tasks.retrieve("0-0"),
        "no such video": lambda: client.indexes.videos.retrieve(index_id, "0" * 32),
        "no film": lambda: client.tasks.create(index_id=index_id, video_file=b"no film" * 1000),
        "path for a film": lambda: client.tasks.create(index_id=index_id, video_file="/films/a.mp4"),
        "film by address": lambda: client.tasks.create(index_id=index_id, video_url="http://127.0.0.1/a.mp4"),
        "entities": lambda: list(client.entity_collections.list()),
    }.items():
        SEEN[what] = refusal(ask)


def removal(client: TwelveLabs, index_id: str, videos: dict[str, str]) -> None:
    client.indexes.update(index_id, index_name="rooms")
    SEEN["renamed"] = client.indexes.retrieve(index_id).index_name
    client.indexes.videos.delete(index_id, videos["cup.webp"])
    SEEN["left"] = [one.id for one in client.indexes.videos.list(index_id)]
    client.indexes.delete(index_id)
    SEEN["index gone"] = refusal(lambda: client.indexes.retrieve(index_id))
    SEEN["media left"] = sorted(str(one.filename) for one in client.assets.list())


def words(client: TwelveLabs, text: str, picture: Path) -> None:
    """Against models that know words; everything that the library has goes into the index."""
    index_id = client.indexes.create(index_name="shapes", models=VISUAL).id
    assert index_id
    for asset in client.assets.list():
        assert asset.id
        client.indexes.indexed_assets.create(index_id, asset_id=asset.id)
    for name, more in {
        "words": {},
        "image and words": {"query_media_type": "image", "query_media_file": picture.read_bytes()},
    }.items():
        found = client.search.query(index_id=index_id, search_options=["visual"], query_text=text, **more)
        SEEN[name] = clips(found)
    client.indexes.delete(index_id)


def clips(found: Any) -> list[dict[str, Any]]:
    return [
        {
            "video": one.video_id, "start": one.start, "end": one.end, "rank": one.rank, "score": one.score,
            "confidence": one.confidence, "filename": one.filename, "thumbnail": one.thumbnail_url,
        }
        for one in found
    ]  # fmt: skip


def refusal(ask: Callable[[], Any]) -> dict[str, Any]:
    """How it is refused; what the SDK raises for it stands there, too."""
    try:
        got = ask()
    except ApiError as error:
        body = error.body if isinstance(error.body, dict) else {"code": repr(error.body)}
        return {"status": error.status_code, "bad_request": isinstance(error, BadRequestError), **body}
    return {"status": None, "got": repr(got)}


if __name__ == "__main__":
    main(*sys.argv[1:])
