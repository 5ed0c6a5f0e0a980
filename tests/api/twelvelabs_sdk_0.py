"""A program written for the Twelve Labs Python SDK 0.4; test_twelvelabs_sdk.py runs it against a server.

TWELVELABS_BASE_URL=... python twelvelabs_sdk_0.py MEDIA_FOLDER CUP_PICTURE
TWELVELABS_BASE_URL=... python twelvelabs_sdk_0.py "red star" PICTURE words

It prints what it has seen as one JSON object, and judges nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twelvelabs import APIStatusError, BadRequestError, TwelveLabs

VISUAL = [{"name": "marengo2.7", "options": ["visual", "audio"]}]
SEEN: dict[str, Any] = {}


def main(media: str, picture: str, mode: str = "everything") -> None:
    client = TwelveLabs(api_key="any")
    if mode == "words":
        words(client, media, Path(picture))
    else:
        everything(client, Path(media), Path(picture))
    print(json.dumps(SEEN, default=str))


def everything(client: TwelveLabs, media: Path, picture: Path) -> None:
    index = client.index.create("kitchens", models=VISUAL, addons=["thumbnail"])
    SEEN["index"] = index.model_dump()
    SEEN["taken"] = refusal(lambda: client.index.create("kitchens", models=VISUAL))
    SEEN["indexes"] = [one.name for one in client.index.list()]
    videos = upload(client, index.id, media)
    searches(client, index.id, picture)
    refusals(client, index.id, picture)
    empty = client.index.create("empty", models=VISUAL)
    SEEN["nothing"] = clips(
        client.search.query(
            empty.id, ["visual"], query_media_type="image", query_media_file=str(picture)
        ).data
    )
    empty.delete()
    removal(client, index.id, videos)


def upload(client: TwelveLabs, index_id: str, media: Path) -> dict[str, str]:
    ids = {}
    for name in ("kitchen.mp4", "cup.webp", "short.mp4"):
        task = client.task.create(index_id, file=str(media / name)).wait_for_done(sleep_interval=0.2)
        SEEN[f"task {name}"] = task.model_dump()
        ids[name] = task.video_id
    SEEN["tasks"] = sorted(one.system_metadata["filename"] for one in client.task.list(index_id=index_id))
    SEEN["status"] = client.task.status(index_id).model_dump()
    SEEN["filled"] = client.index.retrieve(index_id).model_dump()
    kitchen = ids["kitchen.mp4"]
    SEEN["video"] = client.index.video.retrieve(index_id, kitchen).model_dump()
    pages = client.index.video.list_pagination(index_id, page_limit=1)
    SEEN["videos"] = [one.id for page in (pages.data, *pages) for one in page]
    longer = client.index.video.list(index_id, duration={"gte": 4})
    SEEN["videos longer than 4 s"] = [one.id for one in longer]
    client.index.video.update(index_id, kitchen, user_metadata={"take": 2, "good": True})
    SEEN["noted"] = client.index.video.retrieve(index_id, kitchen).user_metadata
    return ids


def searches(client: TwelveLabs, index_id: str, picture: Path) -> None:
    def query(**more: Any) -> Any:
        return client.search.query(
            index_id, ["visual"], query_media_type="image", **{"query_media_file": str(picture), **more}
        )

    SEEN["by file"] = clips(query().data)
    with picture.open("rb") as file:
        SEEN["by bytes"] = clips(query(query_media_file=file.read()).data)
    result = query(page_limit=1)
    SEEN["pool"] = result.pool.model_dump()
    SEEN["page info"] = result.page_info.model_dump()
    SEEN["pages of one"] = [[one.video_id for one in page] for page in (result.data, *result)]
    SEEN["by video"] = [
        {"id": one.id, "clips": [clip.video_id for clip in one.clips]}
        for one in query(group_by="video", sort_option="clip_count").data
    ]
    SEEN["sure"] = clips(query(threshold="high", adjust_confidence_level=1.0).data)
    SEEN["called"] = [one["confidence"] for one in clips(query(adjust_confidence_level=1.0).data)]
    SEEN["filtered"] = {
        "long": clips(query(filter={"duration": {"gte": 4, "lte": 6}}).data),
        "noted": clips(query(filter={"take": 2, "good": True}).data),
    }


def refusals(client: TwelveLabs, index_id: str, picture: Path) -> None:
    def query(**given: Any) -> Any:
        return client.search.query(
            given.pop("index_id", index_id),
            given.pop("options", ["visual"]),
            **{
                "query_media_type": "image",
                "query_media_file": str(picture),
                **given,
            },
        )

    for what, ask in {
        "expired token": lambda: client.search.by_page_token("AAAA"),
        "no picture": lambda: query(query_media_file=b"\0" * 100),
        "no such index": lambda: query(index_id="0" * 24),
        "sound": lambda: query(options=["audio"]),
        "address": lambda: query(query_media_file=None, query_media_url="http://127.0.0.1/a.jpg"),
        "words": lambda: client.search.query(index_id, ["visual"], query_text="a cup"),
        "no such task": lambda: client.task.retrieve("0-0"),
        "no such video": lambda: client.index.video.retrieve(index_id, "0" * 32),
        "film by address": lambda: client.task.create(index_id, url="http://127.0.0.1/a.mp4"),
    }.items():
        SEEN[what] = refusal(ask)


def removal(client: TwelveLabs, index_id: str, videos: dict[str, str]) -> None:
    client.index.update(index_id, "rooms")
    SEEN["renamed"] = client.index.retrieve(index_id).name
    client.index.video.delete(index_id, videos["cup.webp"])
    SEEN["left"] = [one.id for one in client.index.video.list(index_id)]
    client.index.delete(index_id)
    SEEN["index gone"] = refusal(lambda: client.index.retrieve(index_id))


def words(client: TwelveLabs, text: str, picture: Path) -> None:
    """Against models that know words. An index of SDK 1.x has the media in it: 0.4 knows no assets."""
    index = next(one for one in client.index.list() if one.name == "all shapes")
    for name, more in {
        "words": {},
        "image and words": {"query_media_type": "image", "query_media_file": str(picture)},
    }.items():
        SEEN[name] = clips(client.search.query(index.id, ["visual"], query_text=text, **more).data)


def clips(found: Any) -> list[dict[str, Any]]:
    return [one.model_dump() for one in found]


def refusal(ask: Callable[[], Any]) -> dict[str, Any]:
    """How it is refused; what the SDK raises for it stands there, too."""
    try:
        got = ask()
    except APIStatusError as error:
        body = error.body if isinstance(error.body, dict) else {"code": repr(error.body)}
        return {
            "status": error.response.status_code,
            "bad_request": isinstance(error, BadRequestError),
            **body,
        }
    return {"status": None, "got": repr(got)}


if __name__ == "__main__":
    main(*sys.argv[1:])
