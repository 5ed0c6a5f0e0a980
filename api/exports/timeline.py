"""Exports for editing programs, through OpenTimelineIO: EDL, FCP7 XML, FCPXML, OTIO.

A timeline has one video track on which the segments follow one another, each with a marker over it. Its rate
is that of the first video; every clip counts in the frame grid of its own file (api/exports/moments.py says
what that is for a variable rate). Timecodes are non-drop: they count frames, one for one, also at 29.97 and
59.94, and the EDL says so (``FCM: NON-DROP FRAME``). Files are taken to begin at 00:00:00:00; where a camera
wrote a timecode of its own, a program that goes by it must be told to start at zero.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

from api.exports.moments import STILL_SECONDS, MediaFile, Moment, frame_at, frame_rate, one_line
from core.errors import InvalidRequest

_COLOURS = {"high": "GREEN", "medium": "YELLOW", "low": "RED", None: "BLUE"}
_MOST_EDL_EVENTS = 999
_EDL_MOST_SECONDS = 24 * 3600
"""A day begins anew with 00:00:00:00."""

Timeline = Any


class ExportMissing(InvalidRequest):
    """The packages of the extra ``export`` are not installed."""

    code = "export_not_installed"


def build(moments: Sequence[Moment], files: Mapping[str, MediaFile], name: str) -> Timeline:
    """An OTIO timeline. ``files`` by media id. Raises InvalidRequest and ExportMissing."""
    otio = _otio()
    if not moments:
        raise InvalidRequest("There is no segment to lay on a timeline.")
    timeline = otio.schema.Timeline(one_line(name) or "momentseek")
    rate = frame_rate(next((files[one.media_id].fps for one in moments if one.media_type == "video"), None))
    timeline.global_start_time = _time(otio, 0, rate)
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)
    for moment in moments:
        track.append(_clip(otio, moment, files[moment.media_id], rate))
    return timeline


def _clip(otio: ModuleType, moment: Moment, file: MediaFile, timeline_rate: Fraction) -> Any:
    is_still = moment.media_type == "image"
    rate = timeline_rate if is_still else frame_rate(file.fps)
    begin = frame_at(moment.start_seconds, rate)
    end = begin + frame_at(STILL_SECONDS, rate) if is_still else frame_at(moment.end_seconds, rate)
    end = max(end, begin + 1)
    whole = end if is_still else max(end, frame_at(file.duration_seconds or 0.0, rate))
    reference = otio.schema.ExternalReference(file.url, _range(otio, 0, whole, rate))
    reference.name = one_line(moment.media)
    clip = otio.schema.Clip(one_line(moment.media), reference, _range(otio, begin, end - begin, rate))
    colour = _COLOURS[moment.confidence]
    marker = otio.schema.Marker(moment.title, _range(otio, begin, end - begin, rate), colour)
    marker.comment = f"{moment.start_seconds:g} to {moment.end_seconds:g} s"
    marker.metadata["fcp_xml"] = {"comment": marker.comment}
    clip.markers.append(marker)
    clip.metadata["momentseek"] = {
        name: value for name in ("media_id", "score", "confidence", "best_seconds", "evidence", "label")
        if (value := getattr(moment, name)) is not None
    }
    return clip


def to_otio(timeline: Timeline) -> bytes:
    return _written(timeline, "otio_json")


def to_fcp7(timeline: Timeline) -> bytes:
    """XML of Final Cut Pro 7 (xmeml 4), which Premiere and Resolve read."""
    return _written(timeline, "fcp_xml")


def to_edl(timeline: Timeline) -> bytes:
    """CMX 3600. Every event carries its marker twice: as an Avid locator (``* LOC:``) and as Resolve's own
    marker line, so that in Resolve the file can be imported as a timeline and again as timeline markers.

    All of it counts in the timeline's frames; a source of another rate is rounded to that grid. Raises
    InvalidRequest where there are too many events, or too much of them.
    """
    otio = _otio()
    clips = list(timeline.find_clips())
    if len(clips) > _MOST_EDL_EVENTS:
        raise InvalidRequest(
            f"An EDL holds at most {_MOST_EDL_EVENTS} events and {len(clips)} were asked for; take fewer "
            "segments or another format, for example otio."
        )
    rate = _rate_of(timeline.global_start_time)
    counted = otio.schema.Timeline(timeline.name)
    # The same numbers of frames at the whole rate: that is what non-drop timecode counts.
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    counted.tracks.append(track)
    for clip in clips:
        track.append(_counted(otio, clip, rate))
    total = sum(clip.source_range.duration.value for clip in track)
    latest = max(clip.source_range.end_time_exclusive().value for clip in track)
    if max(total, latest) >= _EDL_MOST_SECONDS * _nominal(rate):
        raise InvalidRequest(
            "An EDL counts to 24 hours and these segments go beyond that; take fewer of them, or another "
            "format, for example otio."
        )
    text = otio.adapters.write_to_string(counted, "cmx_3600", rate=_nominal(rate), style="avid")
    return _with_resolve_markers(text, list(track)).encode()


def _counted(otio: ModuleType, clip: Any, rate: Fraction) -> Any:
    whole = Fraction(_nominal(rate))
    begin, end = (
        round(Fraction(at.value) / _rate_of(at) * rate)
        for at in (clip.source_range.start_time, clip.source_range.end_time_exclusive())
    )
    stretch = _range(otio, begin, max(1, end - begin), whole)
    reference = otio.schema.ExternalReference(clip.media_reference.target_url, stretch)
    copy = otio.schema.Clip(clip.name, reference, stretch)
    # The usual name for "no tape": programs go by the clip's name then.
    copy.metadata["cmx_3600"] = {"reel": "AX"}
    marker = clip.markers[0]
    copy.markers.append(otio.schema.Marker(marker.name, stretch, marker.color))
    return copy


def _with_resolve_markers(text: str, clips: Sequence[Any]) -> str:
    head, *events = re.split(r"(?m)^(?=\d{3}  )", text)
    lines = [head.replace("\n", "\nFCM: NON-DROP FRAME\n", 1)]
    for event, clip in zip(events, clips, strict=True):
        marker = clip.markers[0]
        name = marker.name.replace("|", "/")
        frames = round(clip.source_range.duration.value)
        lines.append(f"{event.rstrip()}\n |C:ResolveColor{marker.color.title()} |M:{name} |D:{frames}\n\n")
    return "".join(lines)


def to_fcpxml(timeline: Timeline, files: Mapping[str, MediaFile]) -> bytes:
    """FCPXML 1.8, written here: the adapter of otio-fcpx-xml-adapter 1.0.0 leaves the frame duration out at
    23.976, 29.97 and 59.94, fails on names with an apostrophe and starts a program on the media files."""
    rate = _rate_of(timeline.global_start_time)
    root = ElementTree.Element("fcpxml", version="1.8")
    resources = ElementTree.SubElement(root, "resources")
    formats: dict[tuple[Fraction, int, int], str] = {}
    assets: dict[str, str] = {}

    def format_id(one: Fraction, width: int, height: int) -> str:
        key = one, width, height
        if key not in formats:
            formats[key] = f"f{len(formats) + 1}"
            ElementTree.SubElement(
                resources, "format", id=formats[key], frameDuration=_seconds(1, one), width=str(width),
                height=str(height),
            )  # fmt: skip
        return formats[key]

    clips = list(timeline.find_clips())
    first = files[clips[0].metadata["momentseek"]["media_id"]]
    sequence_format = format_id(rate, first.width or 1920, first.height or 1080)
    for clip in clips:
        media_id, file = _file_of(clip, files)
        if media_id not in assets:
            assets[media_id] = f"a{len(assets) + 1}"
            own = _rate_of(clip.source_range.start_time)
            ElementTree.SubElement(
                resources, "asset", id=assets[media_id], name=clip.name, src=file.url, start="0s",
                duration=_seconds(_longest(clips, media_id), own), hasVideo="1",
                format=format_id(own, file.width or 1920, file.height or 1080),
            )  # fmt: skip
    event = ElementTree.SubElement(root, "event", name=timeline.name)
    project = ElementTree.SubElement(event, "project", name=timeline.name)
    lengths = [_on_grid(clip.source_range.duration, rate) for clip in clips]
    sequence = ElementTree.SubElement(
        project, "sequence", format=sequence_format, duration=_seconds(sum(lengths), rate), tcStart="0s",
        tcFormat="NDF",
    )  # fmt: skip
    spine = ElementTree.SubElement(sequence, "spine")
    offset = 0
    for clip, length in zip(clips, lengths, strict=True):
        media_id, _ = _file_of(clip, files)
        begin = clip.source_range.start_time
        start = _seconds(round(begin.value), _rate_of(begin))
        element = ElementTree.SubElement(
            spine, "asset-clip", ref=assets[media_id], name=clip.name, offset=_seconds(offset, rate),
            start=start, duration=_seconds(length, rate), tcFormat="NDF",
        )  # fmt: skip
        marker = clip.markers[0]
        ElementTree.SubElement(
            element, "marker", start=start, duration=_seconds(length, rate), value=marker.name,
            note=marker.comment,
        )  # fmt: skip
        offset += length
    ElementTree.indent(root)
    text = ElementTree.tostring(root, "unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{text}\n'.encode()


def _file_of(clip: Any, files: Mapping[str, MediaFile]) -> tuple[str, MediaFile]:
    media_id: str = clip.metadata["momentseek"]["media_id"]
    return media_id, files[media_id]


def _longest(clips: Sequence[Any], media_id: str) -> int:
    return max(
        int(clip.media_reference.available_range.duration.value)
        for clip in clips if clip.metadata["momentseek"]["media_id"] == media_id
    )  # fmt: skip


def _on_grid(duration: Any, rate: Fraction) -> int:
    """A length in frames of the timeline, one at least."""
    return max(1, round(Fraction(duration.value) / _rate_of(duration) * rate))


def _seconds(frames: int, rate: Fraction) -> str:
    """
    >>> _seconds(312, Fraction(30000, 1001)), _seconds(50, Fraction(25))
    ('312312/30000s', '50/25s')
    """
    return f"{frames * rate.denominator}/{rate.numerator}s" if frames else "0s"


def _otio() -> ModuleType:
    """Raises ExportMissing. Imported when it is needed: the base installation has none of it."""
    try:
        import opentimelineio
        import otio_cmx3600_adapter  # noqa: F401
        import otio_fcp_adapter  # noqa: F401
    except ImportError:
        raise ExportMissing(
            "This format needs OpenTimelineIO, which is not installed on the server: pip install "
            "'momentseek[export]'. JSON, CSV, SRT and WebVTT need nothing."
        ) from None
    module: ModuleType = opentimelineio
    return module


def _written(timeline: Timeline, adapter: str) -> bytes:
    text: str = _otio().adapters.write_to_string(timeline, adapter)
    return text.encode()


def _nominal(rate: Fraction) -> int:
    """29.97 is counted as 30."""
    return math.floor(rate + Fraction(1, 2))


def _time(otio: ModuleType, frames: int, rate: Fraction) -> Any:
    return otio.opentime.RationalTime(frames, float(rate))


def _range(otio: ModuleType, begin: int, frames: int, rate: Fraction) -> Any:
    return otio.opentime.TimeRange(_time(otio, begin, rate), _time(otio, frames, rate))


def _rate_of(time: Any) -> Fraction:
    return Fraction(time.rate).limit_denominator(1001)


WRITERS: dict[str, Callable[[Timeline, Mapping[str, MediaFile]], bytes]] = {
    "edl": lambda timeline, _: to_edl(timeline),
    "fcp7": lambda timeline, _: to_fcp7(timeline),
    "fcpxml": to_fcpxml,
    "otio": lambda timeline, _: to_otio(timeline),
}
