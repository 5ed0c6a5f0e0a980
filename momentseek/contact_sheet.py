"""The contact sheet of an evaluation: one HTML file with everything in it, for people to look at.

Per query its picture beside the frames that came back, with boxes; what is right, what is wrong, what was
missed. It needs no script, no network and no other file.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from bench.measures import RIGHT_FROM, Calibration, Judged, Reliability, Share, matches, query_figures
from core.answer import Segment
from core.time import clock
from momentseek.show import name
from search.query import Box


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG file and the normalised box to draw on it."""

    jpeg: bytes
    box_xyxy: Box | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A segment with its best frame, or the reason why there is none."""

    segment: Segment
    picture: Picture | str


@dataclass(frozen=True, slots=True)
class Row:
    """A query, judged, with its picture and the first of its segments."""

    judged: Judged
    asked: Picture | None = None
    shown: tuple[Shown, ...] = ()


def contact_sheet(title: str, rows: Sequence[Row], calibrated: Calibration, result: dict[str, Any]) -> str:
    """``result`` is what ``momentseek eval --json`` prints."""
    settings = result["made_with"].items()
    made_with = ", ".join(f"{key.replace('_', ' ')} {_word(value)}" for key, value in settings)
    return "".join([
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n",
        f"<title>Evaluation of {_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n",
        f"<h1>Evaluation of {_text(title)}</h1>\n",
        f"<p>{_count(len(rows), 'query', 'queries')}; {_text(made_with)}.</p>\n",
        _problems(result["media_problems"]), _totals(result), _calibration(calibrated),
        _groups(result.get("groups", {})), _queries(rows),
        "</main>\n</body>\n</html>\n",
    ])  # fmt: skip


def _problems(problems: Sequence[dict[str, str]]) -> str:
    if not problems:
        return ""
    items = "".join(
        f"<li><b>{_text(one['media'])}</b> ({_text(one['status'])}): {_text(one['reason'])}</li>"
        for one in problems
    )
    return (
        '<section class="problems" aria-label="Media problems"><p><b>Not all media could be read: the '
        f"figures are not the set's.</b></p><ul>{items}</ul></section>\n"
    )


# Figures


def _totals(result: dict[str, Any]) -> str:
    pairs = (
        ("R1@0.5", result["r1_at_0.5"]),
        *((f"mAP@{at}", value) for at, value in result["map"].items()),
        ("boundary error, s", result["boundary_error_seconds"]),
        ("still recall@5", result["still_recall_at_5"]),
        ("answered", result["answered"]), ("false alarms", result["false_alarms"]),
        ("AUROC", result["auroc"]),
        ("calibration error", result["calibration"]["expected_calibration_error"]),
    )  # fmt: skip
    cells = "".join(f"<div><dt>{title}</dt><dd>{_number(value)}</dd></div>" for title, value in pairs)
    return f'<section aria-label="Totals"><dl class="totals">{cells}</dl></section>\n'


def _groups(groups: dict[str, dict[str, Any]]) -> str:
    if not groups:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{_text(group)}</th><td>{own["queries"]}</td>'
        + "".join(f"<td>{_number(value)}</td>" for value in (
            own["r1_at_0.5"], own["map"]["0.5"], own["map"]["0.75"], own["boundary_error_seconds"],
            own["still_recall_at_5"], own["answered"], own["false_alarms"], own["auroc"],
            own["expected_calibration_error"],
        ))
        + "</tr>"
        for group, own in groups.items()
    )  # fmt: skip
    heads = (
        "group", "queries", "R1@0.5", "mAP@0.5", "mAP@0.75", "boundary error, s", "still recall@5",
        "answered", "false alarms", "AUROC", "calibration error",
    )  # fmt: skip
    return f"<section>\n<h2>By group</h2>\n{_table('Figures by group', heads, rows)}</section>\n"


def _table(label: str, heads: Sequence[str], rows: str) -> str:
    """It scrolls sideways where it is too wide; the keyboard can reach it."""
    head = "".join(f'<th scope="col">{one}</th>' for one in heads)
    return (
        f'<div class="wide" role="region" aria-label="{label}" tabindex="0"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>\n"
    )


# Calibration


def _calibration(calibrated: Calibration) -> str:
    return (
        "<section>\n<h2>How far a score can be believed</h2>\n"
        "<p>A segment with score 80 should be right 8 times in 10: bars that end at the dashed line are what "
        "they promise; longer ones are too modest, shorter ones too sure. The number is how many there are. "
        f"Right is an answering still, or a segment whose overlap in time (IoU) is {RIGHT_FROM:g} or more."
        "</p>\n"
        '<div class="diagrams">\n'
        + _diagram("Every segment", "segments", calibrated.segments)
        + _diagram("The best segment of each query", "queries", calibrated.best_segment)
        + "</div>\n</section>\n"
    )


_LEFT, _TOP, _SIDE = 40, 22, 200


def _diagram(title: str, counted: str, reliability: Reliability) -> str:
    error = reliability.expected_calibration_error
    said = f"expected calibration error {_number(error)}, {reliability.count} {counted}"
    width = _SIDE / len(reliability.bins)
    bottom = _TOP + _SIDE
    parts = []
    for number, one in enumerate(reliability.bins):
        if one.right is None:
            continue
        x, height = _LEFT + number * width, one.right * _SIDE
        parts.append(
            f'<rect class="bar" x="{x + 1:g}" y="{bottom - height:g}" width="{width - 2:g}" '
            f'height="{height:g}"><title>score {one.from_score} to {one.to_score}: {one.right:.0%} of '
            f"{one.count} right</title></rect>"
            f'<text class="many" x="{x + width / 2:g}" y="{bottom - height - 4:g}">{one.count}</text>'
        )
    marks = "".join(
        f'<text class="x" x="{_LEFT + share * _SIDE:g}" y="{bottom + 16}">{share * 100:g}</text>'
        f'<text class="y" x="{_LEFT - 6}" y="{bottom - share * _SIDE + 4:g}">{share:.0%}</text>'
        f'<path class="grid" d="M{_LEFT} {bottom - share * _SIDE:g}h{_SIDE}"/>'
        for share in (0, 0.5, 1)
    )
    rows = "".join(
        _share_row(f"{one.from_score} to {one.to_score}", one) for one in reliability.bins if one.count
    ) + "".join(_share_row(level, one) for level, one in reliability.by_confidence.items() if one.count)
    return (
        f'<figure class="diagram"><figcaption><b>{title}</b><br>{said}</figcaption>\n'
        f'<svg viewBox="0 0 {_LEFT + _SIDE + 16} {bottom + 38}" role="img" aria-label="{title}: {said}; the '
        f'table below has the numbers">{marks}{"".join(parts)}'
        f'<path class="diagonal" d="M{_LEFT} {bottom}l{_SIDE} -{_SIDE}"/>'
        f'<text class="x" x="{_LEFT + _SIDE / 2:g}" y="{bottom + 33}">score; upwards the share that is right'
        "</text></svg>\n"
        + _table(f"{title}, in numbers", ("score", counted, "mean score", "right"), rows)
        + "</figure>\n"
    )


def _share_row(label: str, share: Share) -> str:
    return (
        f'<tr><th scope="row">{label}</th><td>{share.count}</td><td>{_number(share.mean_score, 1)}</td>'
        f"<td>{_number(share.right)}</td></tr>"
    )


# Queries


def _queries(rows: Sequence[Row]) -> str:
    judged = [(number, row, *_outcome(row.judged)) for number, row in enumerate(rows)]
    doubtful = "".join(
        f'<li><a href="#query-{number}">{_text(row.judged.query)}</a> ({said})</li>'
        for number, row, verdict, said in judged
        if verdict != "right"
    )
    look = f'<p>Look at these first:</p>\n<ul class="look">{doubtful}</ul>\n' if doubtful else ""
    articles = "".join(_query(*one) for one in judged)
    return f"<section>\n<h2>Queries</h2>\n{look}{articles}</section>\n"


def _outcome(judged: Judged) -> tuple[str, str]:
    """``right`` or ``wrong``, for its colour, and what happened in words."""
    right = [judged.expected.verdict(one) == "right" for one in judged.segments]
    if not judged.expected.answerable:
        if judged.says_yes:
            return "wrong", "false alarm"
        return "right", "nothing above low, as it should be" if right else "nothing, as it should be"
    if not any(right):
        return "wrong", "missed"
    if not judged.is_answered:
        return "wrong", "right at low confidence only"
    return ("right", "answered") if right[0] else ("wrong", "answered, but not first")


def _query(number: int, row: Row, verdict: str, said: str) -> str:
    judged = row.judged
    heading = _text(judged.query)
    groups = f'<p class="groups">{_text(", ".join(judged.groups))}</p>\n' if judged.groups else ""
    asked = _picture(row.asked, f"Query picture of {judged.query}") if row.asked else ""
    shown = "".join(_segment(one, judged) for one in row.shown)
    more = len(judged.returned) - len(row.shown)
    rest = f'<p class="more">and {_count(more, "more segment", "more segments")}</p>' if more > 0 else ""
    return (
        f'<article id="query-{number}" aria-labelledby="name-{number}">\n'
        f'<h3><span id="name-{number}">{heading}</span> <span class="said {verdict}">{said}</span></h3>\n'
        f'<div class="query"><div class="asked">{asked}\n{groups}<p class="figures">{_figures(judged)}</p>\n'
        f"<p>Truth:</p>{_truth(judged)}</div>\n"
        + (f'<div><ol class="segments">{shown}</ol>{rest}</div>' if shown else "<p>Nothing came back.</p>")
        + "</div>\n</article>\n"
    )


def _figures(judged: Judged) -> str:
    own: dict[str, Any] = query_figures(judged)
    precision = own["average_precision"]
    pairs = (
        ("AP@0.5", precision["0.5"]), ("AP@0.75", precision["0.75"]),
        ("seconds off", own["boundary_error_seconds"]), ("still recall@5", own["still_recall_at_5"]),
    )  # fmt: skip
    return " · ".join(f"{title} {_number(value)}" for title, value in pairs if value is not None)


def _truth(judged: Judged) -> str:
    expected = judged.expected
    found = {one for one in matches(judged, RIGHT_FROM) if one is not None}
    stills = {one.media for one in judged.segments if one.media_type == "image"}
    lines = [
        (f"{one.media} {_stretch(one.start_seconds, one.end_seconds)}", "found" if one in found else "missed")
        for one in expected.stretches
    ]
    lines += [(one, "found" if one in stills else "missed") for one in expected.stills]
    lines += [
        (f"{one.media} {_stretch(one.start_seconds, one.end_seconds)}", "counts neither way")
        for one in expected.ignore
    ]
    if not expected.answerable:
        lines.insert(0, ("nothing in the library", ""))
    items = "".join(
        f'<li>{_text(what)}{f" <span class={_quoted(_class(said))}>{said}</span>" if said else ""}</li>'
        for what, said in lines
    )
    return f'<ul class="truth">{items}</ul>'


def _class(said: str) -> str:
    return {"found": "right", "missed": "wrong"}.get(said, "ignored")


def _segment(shown: Shown, judged: Judged) -> str:
    segment = shown.segment
    verdict = judged.expected.verdict(segment)
    if isinstance(shown.picture, Picture):
        picture = _picture(shown.picture, f"{segment.media} at {clock(segment.best_seconds)}")
    else:
        picture = f'<p class="none">No frame: {_text(shown.picture)}</p>'
    is_video = segment.media_type == "video"
    when = _stretch(segment.start_seconds, segment.end_seconds) if is_video else "still"
    compared = is_video and judged.expected.stretches and verdict != "ignored"
    overlap = f", IoU {judged.expected.iou(segment):.2f}" if compared else ""
    label = f" ({_text(segment.label)})" if segment.label else ""
    return (
        f'<li><figure class="{verdict}">{picture}<figcaption>'
        f"<b>{_text(segment.media)}</b><br>{when}<br>{segment.score:.1f} {segment.confidence}, "
        f'as {segment.evidence}{label}<br><span class="{verdict}">{_VERDICTS[verdict]}{overlap}</span>'
        "</figcaption></figure></li>\n"
    )


_VERDICTS = {"right": "right", "wrong": "wrong", "ignored": "counts neither way"}


def _picture(picture: Picture, said: str) -> str:
    box = ""
    if picture.box_xyxy is not None:
        x1, y1, x2, y2 = (100 * value for value in picture.box_xyxy)
        box = (
            f'<span class="box" style="left:{x1:.2f}%;top:{y1:.2f}%;width:{x2 - x1:.2f}%;'
            f'height:{y2 - y1:.2f}%"></span>'
        )
        said += ", with a box on it"
    data = b64encode(picture.jpeg).decode("ascii")
    return (
        f'<div class="picture"><img alt={_quoted(said)} decoding="async" '
        f'src="data:image/jpeg;base64,{data}">{box}</div>'
    )


# Words


def _text(text: str) -> str:
    """Safe in text and in attributes; control characters are shown, not obeyed."""
    return escape(name(text).plain)


def _quoted(text: str) -> str:
    return f'"{_text(text)}"'


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _stretch(start_seconds: float, end_seconds: float) -> str:
    return f"{clock(start_seconds)} to {clock(end_seconds)}"


_STYLE = """
:root {
  color-scheme: light dark;
  --ground: #fff; --card: #f4f5f7; --text: #1a1c20; --quiet: #565c66; --line: #d5d9df;
  --right: #14742f; --wrong: #b3261e; --ignored: #6b7280; --bar: #3a6fb7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14161a; --card: #1f2329; --text: #e8eaed; --quiet: #a4abb6; --line: #3a4049;
    --right: #5cc97b; --wrong: #ff8a80; --ignored: #9aa2ad; --bar: #7aa7e8;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.45 system-ui, sans-serif; }
main { max-width: 1400px; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0; }
h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1.05rem; margin: 0 0 .6rem; }
p { margin: .3rem 0; }
p, li { max-width: 75ch; }
a { color: inherit; }
figure { margin: 0; }
.right { color: var(--right); }
.wrong { color: var(--wrong); }
.ignored { color: var(--ignored); }
.problems { border: 2px solid var(--wrong); border-radius: 8px; padding: .5rem 1rem; margin: 1rem 0; }
.totals { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .6rem;
  margin: 1rem 0; }
.totals div { background: var(--card); border-radius: 8px; padding: .5rem .7rem; }
.totals dt { color: var(--quiet); font-size: .85rem; }
.totals dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .5rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { font-weight: 600; }
tbody th, thead th:first-child { text-align: left; }
.diagrams { display: flex; flex-wrap: wrap; gap: 1.5rem; margin-top: 1rem; }
.diagram { flex: 1 1 300px; min-width: 0; max-width: 420px; }
.diagram svg { width: 100%; height: auto; }
.diagram text { fill: var(--quiet); font-size: 11px; text-anchor: middle; }
.diagram .y { text-anchor: end; }
.diagram .many { fill: var(--text); }
.bar { fill: var(--bar); }
.grid { stroke: var(--line); }
.diagonal { stroke: var(--text); stroke-dasharray: 5 4; fill: none; }
.look { columns: 18rem; padding-left: 1.2rem; }
article { background: var(--card); border-radius: 10px; padding: .9rem; margin: .9rem 0; }
.said { font-weight: 400; font-size: .9rem; margin-left: .4rem; }
.query { display: grid; grid-template-columns: 15rem minmax(0, 1fr); gap: 1.2rem; }
.asked { font-size: .88rem; }
.asked .picture { margin-bottom: .5rem; }
.figures, .groups { color: var(--quiet); }
.truth { margin: .2rem 0 0; padding-left: 1.1rem; }
.segments { list-style: none; margin: 0; padding: 0; display: grid; gap: .8rem;
  grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); }
.segments figure { border: 3px solid currentColor; border-radius: 6px; height: 100%;
  background: var(--ground); }
.segments figure.ignored { border-style: dashed; }
.segments figcaption { padding: .4rem .5rem; font-size: .84rem; line-height: 1.35; color: var(--text); }
.picture { position: relative; width: fit-content; max-width: 100%; margin: 0 auto; line-height: 0; }
.asked .picture { margin-left: 0; }
.picture img { display: block; max-width: 100%; max-height: 15rem; width: auto; height: auto; }
.box { position: absolute; border: 2px solid #ffd60a; box-shadow: 0 0 0 1px #000, inset 0 0 0 1px #000; }
.none { padding: .5rem; color: var(--quiet); font-size: .84rem; }
.more { color: var(--quiet); margin-top: .6rem; }
@media (max-width: 700px) {
  .query { grid-template-columns: minmax(0, 1fr); }
  .segments { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@media print { article { break-inside: avoid; } }
"""
