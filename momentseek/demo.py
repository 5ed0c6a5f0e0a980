"""``momentseek demo``: the whole product in one go, on pictures whose truth is known.

It builds a small library of videos and stills from photographs that come inside packages (bench/scenes.py
says which, and where everything is), indexes it, asks four questions and prints each answer beside the truth.
"""

from __future__ import annotations

import time
from pathlib import Path

import typer

from bench.scenes import Moment, Question, Truth, build_demo_library, write_questions
from core.answer import Answer, Segment
from core.pictures import read_picture
from core.settings import load
from core.time import Interval, clock
from momentseek.engine import Engine
from momentseek.ingesting import ingest_with_progress
from momentseek.show import console, name, table, word
from search.query import Mode, Query

LEAST_IOU = 0.5
"""An answer is right when it covers the truth at least this much (temporal intersection over union)."""


def run_demo(folder: Path, config: Path | None = None) -> bool:
    """Build, index, ask, compare. True when every question is answered as the truth says."""
    started = time.monotonic()
    typer.echo(f"1. Making videos and stills from photographs, in {folder / 'media'} ...")
    truth = build_demo_library(folder / "media")
    typer.echo("2. Indexing them: frames, salient regions, tiles, faces ...")
    settings = load(config, {"data_dir": folder / "data"})
    with Engine(settings) as engine:
        failed = ingest_with_progress(engine, [folder / "media"], again=False, as_json=False)
        typer.echo("\n3. Asking four questions with pictures that are in none of these files.")
        asked = write_questions(folder / "questions")
        right = [ask(engine, question, picture, truth) for question, picture in asked]
    say_what_is_next(folder, sum(right), len(right), time.monotonic() - started)
    return all(right) and not failed


def ask(engine: Engine, question: Question, picture: Path, truth: Truth) -> bool:
    """Ask one question, print answer and truth, and say whether they agree."""
    mode: Mode | None = "face" if question.face else None
    query = Query.of(read_picture(picture), box_xyxy=question.box_xyxy, mode=mode)
    answer = engine.search(query)
    right = agrees(answer, question, truth)
    typer.echo(f"\n{question.words}\n  momentseek search --image {picture.name}{_options(question)}")
    print_beside_truth(answer, question, truth)
    typer.echo(f"  {answer.message} {verdict(answer, question, truth)}")
    return right


def print_beside_truth(answer: Answer, question: Question, truth: Truth) -> None:
    made = table("score", "sure", "media", "from", "to", "truth")
    found: set[str] = set()
    for segment in answer.segments:
        expected = matching_truth(segment, question, truth)
        found.add(expected)
        made.add_row(
            f"{segment.score:.1f}", word(segment.confidence), name(segment.media), *_times(segment),
            expected or "not there",
        )  # fmt: skip
    for missed in sorted(expected_answers(question, truth) - found):
        made.add_row("", "", "not found", "", "", missed)
    if made.row_count:
        console().print(made)


def agrees(answer: Answer, question: Question, truth: Truth) -> bool:
    """Everything that is there was found, and whatever is not there was at most called low."""
    found = {matching_truth(segment, question, truth) for segment in answer.segments}
    wrong = [segment for segment in answer.segments if not matching_truth(segment, question, truth)]
    return expected_answers(question, truth) == found - {""} and all(one.confidence == "low" for one in wrong)


def verdict(answer: Answer, question: Question, truth: Truth) -> str:
    if not agrees(answer, question, truth):
        return "NOT what the truth says."
    doubtful = sum(not matching_truth(segment, question, truth) for segment in answer.segments)
    return "Right." if not doubtful else f"Right, but for {doubtful} at low confidence."


def expected_answers(question: Question, truth: Truth) -> set[str]:
    moments = {_shown(one) for one in truth.moments_of(question.answer)}
    return moments | set(truth.stills_of(question.answer))


def matching_truth(segment: Segment, question: Question, truth: Truth) -> str:
    """What the truth calls this segment, or an empty string when nothing is there."""
    if segment.media_type == "image":
        return segment.media if segment.media in truth.stills_of(question.answer) else ""
    there = Interval(segment.start_seconds, segment.end_seconds)
    for one in truth.moments_of(question.answer):
        overlap = there.iou(Interval(one.start_seconds, one.end_seconds))
        if one.media == segment.media and overlap >= LEAST_IOU:
            return _shown(one)
    return ""


def say_what_is_next(folder: Path, right: int, asked: int, seconds: float) -> None:
    typer.echo(
        f"\n{right} of {asked} answers agree with the truth; all this took {seconds:.0f} s.\n"
        f"Now your own files:      momentseek ingest ~/Videos ~/Pictures\n"
        f"And a server for them:   momentseek serve\n"
        f"Or look at the demo's:   momentseek serve --data-dir {folder / 'data'}"
    )


def _options(question: Question) -> str:
    box = ",".join(f"{value:.2f}" for value in question.box_xyxy or ())
    return (f" --box {box}" if box else "") + (" --face" if question.face else "")


def _shown(moment: Moment) -> str:
    return f"{moment.media} {clock(moment.start_seconds)}-{clock(moment.end_seconds)}"


def _times(segment: Segment) -> tuple[str, str]:
    if segment.media_type == "image":
        return "still", ""
    return clock(segment.start_seconds), clock(segment.end_seconds)
