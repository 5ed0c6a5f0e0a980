"""Exports, each read back by a program that knows its format; clips over HTTP."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import threading
import zipfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import av
import httpx
import opentimelineio as otio
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api import errors
from api.exports.clips import Order, make_clips, new_folder, sweep
from api.exports.formats import CSV_COLUMNS, to_csv, to_srt, to_vtt
from api.exports.moments import MediaFile, Moment, frame_rate
from api.exports.results import export
from api.exports.timeline import WRITERS, build
from api.rooms import add_rooms
from api.routes import exports
from core.answer import Segment
from core.errors import InvalidRequest, MediaBroken, NotFound, QueryForgotten
from core.settings import DecodeSettings
from ingest.clips import ClipLimits, ClipStopped, Cutter
from tests.support.media_factory import count_up, number_of, numbered, quarters, to_frame, write_video

NTSC = Fraction(30000, 1001)
EVIL = "it's <b>&\"\n=1+1 | {x} --> ü.mp4"


class SmallLibrary:
    """Three media without an index, and one remembered answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "exports"
        media = folder / "media"
        media.mkdir()
        write_video(media / "long.mp4", (numbered(n % 256) for n in range(500)), gop=50, sound_seconds=20)
        write_video(media / "ntsc.mp4", count_up(60), fps=NTSC)
        to_frame(quarters(64, 48), "yuv420p").to_image().save(media / "still.png")
        (media / "broken.mp4").write_bytes(b"nothing" * 999)
        self.paths = {path.stem: path for path in media.iterdir()}
        self.rows: dict[str, Any] = {
            "long": row("long", "long.mp4", "video", 25.0, 20.0, 128, 72),
            "ntsc": row("ntsc", EVIL, "video", float(NTSC), 2.0, 128, 72),
            "still": row("still", "still.png", "image", None, None, 64, 48),
            "broken": row("broken", "../broken.mp4", "video", 25.0, 9.0, 128, 72),
        }

    def everything(self, query_id: str) -> tuple[Segment, ...]:
        if query_id != "5f0c6b1d2e":
            raise QueryForgotten(f"The query {query_id!r} is not remembered.")
        return (
            Segment(
                "long", "long.mp4", "video", 12.4, 15.2, 91.2, "high", 13.0, (0.1, 0.2, 0.5, 0.9), "region",
                "cup",
            ),
            Segment("ntsc", EVIL, "video", 0.334, 1.001, 60.0, "medium", 0.5, None, "frame"),
            Segment("still", "still.png", "image", 0.0, 0.0, 40.0, "low", 0.0, None, "frame"),
            Segment("long", "long.mp4", "video", 1.0, 1.02, 30.0, "low", 1.0, None, "frame"),
        )

    def get_media(self, media_id: str) -> Any:
        if media_id not in self.rows:
            raise NotFound(f"The library has no media {media_id}.")
        return self.rows[media_id]

    def media_path(self, media_id: str) -> Path:
        self.get_media(media_id)
        return self.paths[media_id]

    def cutter(self) -> Cutter:
        return Cutter(DecodeSettings(), ClipLimits(free_disk_mb=0))

    def export_dir(self) -> Path:
        return self.folder


def row(media_id: str, name: str, kind: str, fps: float | None, seconds: float | None, w: int, h: int) -> Any:
    return SimpleNamespace(
        id=media_id, name=name, media_type=kind, fps=fps, duration_seconds=seconds, width=w, height=h
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    return SmallLibrary(tmp_path_factory.mktemp("exports"))


@pytest.fixture
def moments(small: SmallLibrary) -> list[Moment]:
    return [Moment.of(segment) for segment in small.everything("5f0c6b1d2e")]


@pytest.fixture
def client(small: SmallLibrary) -> Iterator[TestClient]:
    app = FastAPI()
    app.state.library = small
    add_rooms(app, [exports.router])
    errors.install(app)
    with TestClient(app) as opened:
        yield opened
    assert not list(small.folder.glob("*")), "what was served is removed"


def files_of(small: SmallLibrary) -> dict[str, MediaFile]:
    return {
        one.id: MediaFile(f"file:///{one.id}", one.fps, one.duration_seconds, one.width, one.height)
        for one in small.rows.values()
    }


# Text


def test_csv_has_units_and_no_formulas(moments: list[Moment]) -> None:
    evil = [
        Moment("=cmd|' /C calc'!A1", name, "video", 0, 1, label="@SUM(A1)")
        for name in ("+1", "-1", " =1", "\t=1")
    ]
    text = to_csv([*moments, *evil]).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == CSV_COLUMNS and len(rows) == 8
    assert rows[0]["start_seconds"] == "12.4" and rows[0]["duration_seconds"] == "2.8"
    assert rows[0]["box_y2_share_of_frame"] == "0.9" and rows[1]["box_y2_share_of_frame"] == ""
    assert rows[1]["media"] == EVIL, "a name is kept as it is where it does no harm"
    for one in rows[4:]:
        assert all(one[column].startswith("'") for column in ("media_id", "media", "label"))


def test_subtitles_are_well_formed(moments: list[Moment]) -> None:
    own = [one for one in moments if one.media_id == "long"]
    own.append(Moment("long", "long.mp4", "video", 3599.9996, 3600.5, label="a <i> & b\n\n9\n00:00:01 --> x"))
    own.append(Moment("long", "long.mp4", "video", 5.0, 5.0))
    srt, vtt = to_srt(own).decode(), to_vtt(own).decode()
    for text, point in ((srt, ","), (vtt.removeprefix("WEBVTT\n\n"), ".")):
        cues = text.removesuffix("\n").split("\n\n")
        assert len(cues) == 4, "a title cannot begin a cue of its own"
        for number, cue in enumerate(cues, 1):
            stamp = rf"\d\d:[0-5]\d:[0-5]\d[{point}]\d{{3}}"
            assert re.fullmatch(rf"{number}\n{stamp} --> {stamp}\n[^\n<>]*(-->|)[^\n<>]*", cue), cue
    assert "00:00:01,000 --> 00:00:01,020\nmatch, low (30)\n" in srt
    assert "00:00:12,400 --> 00:00:15,200\ncup, high (91)\n" in srt
    assert srt.count("-->") == vtt.count("-->") == 4
    assert vtt.startswith("WEBVTT\n\n1\n00:00:01.000 --> 00:00:01.020\n") and "&lt;i&gt; &amp; b" in vtt
    assert "01:00:00.000 --> 01:00:00.500" in vtt and "00:00:05.000 --> 00:00:05.001" in vtt
    starts = re.findall(r"(\S+) -->", vtt)
    assert starts == sorted(starts)


def test_subtitles_of_several_videos_are_a_zip(small: SmallLibrary, moments: list[Moment]) -> None:
    made = export(small, moments, "vtt", "5f0c6b1d2e", "names")
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        names = archive.namelist()
        assert names[0] == "001_long.vtt" and len(names) == 2 and archive.testzip() is None
        assert archive.read(names[0]).decode().count("-->") == 2
    assert all("/" not in name and "\n" not in name and "<" not in name for name in names)
    with pytest.raises(InvalidRequest, match="video"):
        export(small, [moments[2]], "srt", None, "names")


# Timelines


def test_the_frame_grid() -> None:
    known = {
        23.976: "24000/1001", 24.0: "24", 25.0: "25", 29.97: "30000/1001", 30.0: "30", 59.94: "60000/1001",
    }  # fmt: skip
    assert {fps: str(frame_rate(fps)) for fps in known} == known
    # A telephone's variable rate goes onto the nearest known one.
    assert (frame_rate(29.91), frame_rate(14.9), frame_rate(None)) == (NTSC, Fraction(24000, 1001), 25)


@pytest.mark.parametrize(
    "rate", [Fraction(24000, 1001), Fraction(25), NTSC, Fraction(30), Fraction(60000, 1001)]
)
@pytest.mark.parametrize("kind", ["edl", "fcp7", "fcpxml", "otio"])
def test_timelines_come_back_to_the_frame(tmp_path: Path, kind: str, rate: Fraction) -> None:
    stretches = [(310, 380), (7, 8), (215_784, 219_001), (0, 35)]
    moments = [
        Moment("a", "it's a.mp4", "video", round(float(a / rate), 3), round(float(b / rate), 3), 90.0, "high")
        for a, b in stretches
    ]
    files = {"a": MediaFile("file:///it%27s%20a.mp4", float(rate), 9000.0, 1920, 1080)}
    content = WRITERS[kind](build(moments, files, "Three <cups> & 'more'\n002  AX"), files)
    if kind == "fcpxml":
        expected = [(Fraction(a) / rate, Fraction(b - a) / rate) for a, b in stretches]
        assert fractions_of(content) == expected
        if rate.denominator != 1:
            return  # its adapter reads such rates as the whole number below
    suffix = {"fcp7": "xml"}.get(kind, kind)
    path = tmp_path / f"export.{suffix}"
    path.write_bytes(content)
    # Non-drop timecode counts frames: an EDL is read at the whole rate.
    arguments = {"rate": round(rate)} if kind == "edl" else {}
    timeline = otio.adapters.read_from_file(str(path), **arguments)
    clips = list(timeline.find_clips())
    assert [(frames(c.source_range.start_time), frames(c.source_range.duration)) for c in clips] == [
        (a, b - a) for a, b in stretches
    ]
    records = [frames(clip.range_in_parent().start_time) for clip in clips]
    assert records == [0, 70, 71, 3288]
    for clip, (a, _) in zip(clips, stretches, strict=True):
        assert clip.name == "it's a.mp4" and clip.media_reference.target_url == "file:///it%27s%20a.mp4"
        [marker] = clip.markers
        assert marker.name.lower() == "match, high (90)" and frames(marker.marked_range.start_time) == a


def frames(time: Any) -> int:
    assert time.value == round(time.value)
    return int(time.value)


def fractions_of(content: bytes) -> list[tuple[Fraction, Fraction]]:
    """Start and length of every clip in seconds, exactly."""
    def seconds(clip: ElementTree.Element, key: str) -> Fraction:
        return Fraction(clip.get(key, "").removesuffix("s"))

    clips = ElementTree.fromstring(content).iter("asset-clip")
    return [(seconds(clip, "start"), seconds(clip, "duration")) for clip in clips]


@pytest.mark.parametrize("kind", ["edl", "fcp7", "fcpxml", "otio"])
def test_mixed_rates_stills_and_hostile_names(small: SmallLibrary, moments: list[Moment], kind: str) -> None:
    content = export(small, moments, kind, "5f0c6b1d2e", "names").content  # type: ignore[arg-type]
    assert str(small.paths["long"].parent).encode() not in content, "paths of the server stay here"
    if kind == "edl":
        lines = content.decode().splitlines()
        events = [line for line in lines if re.match(r"\d{3}  ", line)]
        assert lines[1] == "FCM: NON-DROP FRAME" and len(events) == 4
        # 0.334 to 1.001 s on the grid of 25, that of the first video; a still lasts three seconds.
        assert [event[29:] for event in events] == [
            "00:00:12:10 00:00:15:05 00:00:00:00 00:00:02:20",
            "00:00:00:08 00:00:01:00 00:00:02:20 00:00:03:12",
            "00:00:00:00 00:00:03:00 00:00:03:12 00:00:06:12",
            "00:00:01:00 00:00:01:01 00:00:06:12 00:00:06:13",
        ]  # fmt: skip
        markers = [line for line in lines if line.startswith(" |C:")]
        assert markers[0] == " |C:ResolveColorGreen |M:cup, high (91) |D:70" and len(markers) == 4
        return
    if kind == "otio":
        body = json.loads(content)
        clips = body["tracks"]["children"][0]["children"]
        assert clips[1]["source_range"]["start_time"] == {
            "OTIO_SCHEMA": "RationalTime.1", "rate": pytest.approx(29.97003), "value": 10.0
        }
        return
    root = ElementTree.fromstring(content)
    clips = [one for one in root.iter() if one.tag in ("asset-clip", "clipitem")]
    names = {one.get("name") or one.findtext("name") for one in clips}
    assert names == {"long.mp4", "still.png", EVIL.replace("\n", " ")}


def test_full_paths_are_named_when_asked_for(small: SmallLibrary, moments: list[Moment]) -> None:
    content = export(small, moments, "fcpxml", None, "full").content
    sources = {one.get("src") for one in ElementTree.fromstring(content).iter("asset")}
    assert sources == {small.paths[name].as_uri() for name in ("long", "ntsc", "still")}


def test_an_edl_has_its_limits(small: SmallLibrary) -> None:
    many = [Moment("long", "long.mp4", "video", n * 0.04, n * 0.04 + 0.04) for n in range(1000)]
    with pytest.raises(InvalidRequest, match="999"):
        export(small, many, "edl", None, "names")
    assert export(small, many, "otio", None, "names").content
    late = [Moment("long", "long.mp4", "video", 86_390.0, 86_401.0)]
    with pytest.raises(InvalidRequest, match="24 hours"):
        export(small, late, "edl", None, "names")
    with pytest.raises(InvalidRequest, match="no segment"):
        export(small, [], "fcp7", None, "names")


# Results over HTTP


def stretch(media_id: str, start: object, end: object) -> dict[str, Any]:
    return {"media_id": media_id, "start_seconds": start, "end_seconds": end}


def test_a_whole_answer_over_http(client: TestClient) -> None:
    reply = client.post("/v1/exports/results", json={"query_id": "5f0c6b1d2e", "format": "json"})
    assert reply.status_code == 200 and reply.headers["content-type"] == "application/json"
    assert reply.headers["content-disposition"] == 'attachment; filename="momentseek-5f0c6b1d.json"'
    body = reply.json()
    assert body["message"] == "3 moments in 2 videos and 1 still" and len(body["segments"]) == 4
    assert body["segments"][0] == {
        "media_id": "long", "media": "long.mp4", "media_type": "video", "start_seconds": 12.4,
        "end_seconds": 15.2, "score": 91.2, "confidence": "high", "best_seconds": 13.0,
        "box_xyxy": [0.1, 0.2, 0.5, 0.9], "evidence": "region", "label": "cup", "path": [], "refined": False,
    }  # fmt: skip
    for kind in ("csv", "srt", "vtt", "edl", "fcp7", "fcpxml", "otio"):
        reply = client.post("/v1/exports/results", json={"query_id": "5f0c6b1d2e", "format": kind})
        assert reply.status_code == 200 and reply.content, (kind, reply.text)


def test_chosen_segments_over_http(client: TestClient) -> None:
    segment = {"media_id": "long", "start_seconds": 1, "end_seconds": 2, "media": "/etc/passwd", "more": 1}
    reply = client.post("/v1/exports/results", json={"segments": [segment], "format": "csv"})
    [found] = csv.DictReader(io.StringIO(reply.content.decode("utf-8-sig")))
    assert found["media"] == "long.mp4" and found["score_0_to_100"] == ""


@pytest.mark.parametrize(("body", "status"), [
    ({"format": "json"}, 400), ({"format": "doc", "query_id": "5f0c6b1d2e"}, 400),
    ({"format": "json", "query_id": "gone"}, 404), ({"format": "json", "segments": []}, 400),
    ({"format": "json", "query_id": "x", "segments": [stretch("long", 0, 1)]}, 400),
    ({"format": "json", "segments": [stretch("nobody", 0, 1)]}, 404),
    ({"format": "json", "segments": [stretch("long", 2, 1)]}, 400),
    ({"format": "json", "segments": [stretch("long", -1, 1)]}, 400),
])  # fmt: skip
def test_results_that_make_no_sense(client: TestClient, body: dict[str, Any], status: int) -> None:
    reply = client.post("/v1/exports/results", json=body)
    assert reply.status_code == status and reply.json().keys() == {"code", "message"}


# Clips over HTTP


def numbers_of(content: bytes) -> list[int]:
    with av.open(io.BytesIO(content)) as container:
        return [number_of(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def test_one_clip(client: TestClient) -> None:
    reply = client.get("/v1/media/long/clip", params={"start_seconds": 12.40, "end_seconds": 15.20})
    assert reply.status_code == 200 and reply.headers["content-type"] == "video/mp4"
    assert 'filename="long_00m12.400s-00m15.200s.mp4"' in reply.headers["content-disposition"]
    assert numbers_of(reply.content) == [number % 256 for number in range(310, 380)]
    assert float(reply.headers["momentseek-clip-start-seconds"]) == 12.4
    asked = {"start_seconds": 12.4, "end_seconds": 15.2, "how": "copy"}
    copied = client.get("/v1/media/long/clip", params=asked)
    assert float(copied.headers["momentseek-clip-start-seconds"]) == 12.0
    assert numbers_of(copied.content)[:3] == [300 - 256, 301 - 256, 302 - 256]


def test_a_still_is_its_original(client: TestClient, small: SmallLibrary) -> None:
    reply = client.get("/v1/media/still/clip")
    assert reply.content == small.paths["still"].read_bytes() and small.paths["still"].exists()
    assert 'filename="still.png"' in reply.headers["content-disposition"]


def test_several_clips_in_a_zip(client: TestClient, small: SmallLibrary) -> None:
    wanted = [
        {"media_id": "long", "start_seconds": 1, "end_seconds": 1.2},
        {"media_id": "ntsc", "start_seconds": 0.334, "end_seconds": 1.001},
        {"media_id": "long", "start_seconds": 1, "end_seconds": 1.2}, {"media_id": "still"},
    ]  # fmt: skip
    reply = client.post("/v1/exports/clips", json={"clips": wanted})
    assert reply.status_code == 200, reply.text
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None and len(set(names)) == 5 and names[-1] == "clips.json"
        assert not any(set(name) & set('/\\:*?"<>|\n') or name.startswith(".") for name in names), names
        assert numbers_of(archive.read(names[0])) == list(range(25, 30))
        assert numbers_of(archive.read(names[1])) == list(range(10, 30))
        assert archive.read(names[3]) == small.paths["still"].read_bytes()
        described = json.loads(archive.read("clips.json"))
    assert [one["file"] for one in described] == names[:4]
    assert described[0]["got"] == {"start_seconds": 1.0, "end_seconds": 1.2, "frames": 5}


def test_a_reel(client: TestClient) -> None:
    wanted = [{"media_id": "long", "start_seconds": n, "end_seconds": n + 0.2} for n in (3, 1)]
    reply = client.post("/v1/exports/clips", json={"clips": wanted, "as": "reel"})
    assert numbers_of(reply.content) == [*range(75, 80), *range(25, 30)]
    assert 'filename="reel.mp4"' in reply.headers["content-disposition"]


@pytest.mark.parametrize(("body", "status", "says"), [
    ({"clips": []}, 400, "clips"), ({"clips": [stretch("long", 0, 1)] * 101}, 400, "100"),
    ({"clips": [stretch("long", 0, 3601)]}, 400, "3600"),
    ({"clips": [stretch("long", 0, 1)] * 2, "as": "single"}, 400, "single"),
    ({"clips": [stretch("long", 0, 1)] * 2, "as": "reel", "how": "copy"}, 400, "reel"),
    ({"clips": [stretch("long", 0, 1)], "how": "-f lavfi"}, 400, "how"),
    ({"clips": [stretch("long", 1, 1)]}, 400, "after its start"),
    ({"clips": [stretch("long", 100, 101)]}, 400, "past the end"),
    ({"clips": [stretch("nobody", 0, 1)]}, 404, "no media"),
    ({"clips": [stretch("long", 0, 1), stretch("broken", 0, 1)]}, 422, "broken"),
    ({"clips": [stretch("long", "nan", 1)]}, 400, "start_seconds"),
])  # fmt: skip
def test_clips_that_cannot_be(client: TestClient, body: dict[str, Any], status: int, says: str) -> None:
    reply = client.post("/v1/exports/clips", json=body)
    assert reply.status_code == status and says in reply.json()["message"], reply.text


def test_nothing_is_left_when_nobody_waits(small: SmallLibrary) -> None:
    """A request that is cancelled ends the child and takes its folder away."""
    app = FastAPI()
    app.state.library = small
    add_rooms(app, [exports.router])

    async def leave_early() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            asked = asyncio.create_task(client.get("/v1/media/long/clip", params={"end_seconds": 20}))
            while not list(small.folder.glob("*/*")):
                await asyncio.sleep(0.02)
            asked.cancel()
            while list(small.folder.glob("*")):
                await asyncio.sleep(0.02)

    asyncio.run(asyncio.wait_for(leave_early(), 60))


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    left, mine = new_folder(tmp_path), new_folder(tmp_path)
    (left / "001.part").write_bytes(b"half")
    long_ago = left.stat().st_mtime - 100_000
    os.utime(left, (long_ago, long_ago))
    sweep(tmp_path)
    assert mine.exists() and not left.exists()


def test_stopping_between_clips(small: SmallLibrary, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    orders: Sequence[Order] = [Order("still", 0, 0), Order("long", 0, 1)]
    with pytest.raises(ClipStopped):
        make_clips(small, orders, "exact", "zip", tmp_path, stop)
    with pytest.raises(MediaBroken):
        make_clips(small, [Order("broken", 0, 1)], "exact", "single", tmp_path, threading.Event())
    assert not list(tmp_path.glob("*.part"))
