"""The commands. Everything heavy is imported by the command that needs it, so that --help is quick."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, ParamSpec

import typer

from core.errors import MomentseekError, SettingsError
from momentseek import __version__
from momentseek.duplicates import duplicates
from momentseek.index_command import index_app
from momentseek.jobs_command import jobs_app
from momentseek.keys import keys_app
from momentseek.models import models_app
from momentseek.options import ConfigOption, DataDirOption, JsonOption, settings_of
from momentseek.people import people_app

if TYPE_CHECKING:
    pass

P = ParamSpec("P")
_log = logging.getLogger("momentseek")

app = typer.Typer(
    name="momentseek",
    help=(
        "Show it a picture, or a box on a frame: it finds every moment of your videos and stills where that "
        "appears."
    ),
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
)  # fmt: skip
media_app = typer.Typer(
    help="List, show and remove what is in the library.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(media_app, name="media")
app.add_typer(index_app, name="index")
app.add_typer(jobs_app, name="jobs")
app.add_typer(keys_app, name="keys")
app.add_typer(models_app, name="models")
app.add_typer(people_app, name="people")
app.command()(duplicates)

OnlyOption = Annotated[
    str | None, typer.Option(metavar="video|image", help="Only videos, or only stills.", show_default=False)
]


def one_line_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Errors become one line and exit code 1, after the traceback with --debug; Ctrl-C becomes 130."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt:
            _end("stopped; what is done is kept, run the same command to go on.", 130)
        except BrokenPipeError:
            # Who read our output has seen enough. Python would complain when it flushes at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except MomentseekError as error:
            _end(str(error), 1)
        except Exception as error:
            said = " ".join(str(error).split())[:500]
            _end(f"{type(error).__name__}: {said} (momentseek --debug ... shows the traceback)", 1)

    return run


def _end(message: str, exit_code: int) -> NoReturn:
    if _log.isEnabledFor(logging.DEBUG):
        traceback.print_exc()
    typer.echo(f"momentseek: {message}", err=True)
    raise typer.Exit(exit_code) from None


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"momentseek {__version__}")
        raise typer.Exit


@app.callback()
def main_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    _log.setLevel(logging.DEBUG if debug else logging.INFO)


@app.command()
@one_line_errors
def ingest(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Files and folders (searched recursively).")
    ],
    again: Annotated[bool, typer.Option("--again", help="Also files that are indexed already.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Add videos and stills to the library. Interrupt it at any time: the same command goes on.

    Exit code 2 says that some files could not be indexed; the table says which and why.
    """
    from momentseek.engine import Engine
    from momentseek.ingesting import ingest_with_progress

    with Engine(settings_of(config, data_dir)) as engine:
        failed = ingest_with_progress(engine, paths, again, as_json)
    if failed:
        raise typer.Exit(2)


@app.command()
@one_line_errors
def search(
    words: Annotated[
        str | None, typer.Argument(metavar="[WORDS]", help="What to look for, in words.", show_default=False)
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="The picture to look for (several of the same thing: repeat).",
            show_default=False,
        ),
    ] = None,
    media: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Look for a moment of this media file instead.", show_default=False),
    ] = None,
    at: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="That moment, with --media.", show_default="0")
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(
            metavar="X1,Y1,X2,Y2", help="Only this box of it, in shares (0 to 1) of the picture.",
            show_default=False,
        ),
    ] = None,
    unlike: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="A picture of what is not meant (may be repeated).", show_default=False
        ),
    ] = None,
    words_weight: Annotated[
        float, typer.Option(min=0, max=1, help="Words beside a picture: 0 the picture alone, 1 the words.")
    ] = 0.5,
    face: Annotated[bool, typer.Option("--face", help="Look for the person whose face it shows.")] = False,
    only: OnlyOption = None,
    within: Annotated[
        list[str] | None,
        typer.Option(
            "--in", metavar="ID", help="Only in this media file (may be repeated).", show_default=False
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Only things the detector calls this (may be repeated).", show_default=False
        ),
    ] = None,
    start: Annotated[
        float | None,
        typer.Option("--from", metavar="SECONDS", help="Only what is at or after this time of a video.",
                     show_default=False),
    ] = None,
    end: Annotated[
        float | None,
        typer.Option("--to", metavar="SECONDS", help="Only what is before this time of a video.",
                     show_default=False),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Only files with this in their name.", show_default=False),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="TAG", help="Only media with this tag (repeat it: all).", show_default=False),
    ] = None,
    metadata: Annotated[
        str | None,
        typer.Option(
            metavar="JSON", show_default=False,
            help='Only media whose metadata says so: {"camera": "left", "take": {"gte": 2, "lte": 5}}.',
        ),
    ] = None,
    min_duration: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Only longer videos.", show_default=False)
    ] = None,
    max_duration: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Only shorter videos.", show_default=False)
    ] = None,
    min_size: Annotated[
        int | None, typer.Option(metavar="BYTES", help="Only larger files.", show_default=False)
    ] = None,
    max_size: Annotated[
        int | None, typer.Option(metavar="BYTES", help="Only smaller files.", show_default=False)
    ] = None,
    min_width: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="Only wider frames.", show_default=False)
    ] = None,
    min_height: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="Only higher frames.", show_default=False)
    ] = None,
    min_confidence: Annotated[
        str, typer.Option(metavar="low|medium|high", help="Return nothing less sure.")
    ] = "low",
    min_score: Annotated[float, typer.Option(min=0, max=100, help="Return nothing that scores less.")] = 0.0,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="Segments at most; media files at most with --group.")
    ] = 50,
    refine: Annotated[
        bool, typer.Option("--refine", help="Exact starts and ends; decodes around them, so it takes longer.")
    ] = False,
    sort: Annotated[
        str, typer.Option(metavar="score|time", help="The best first, or by file name and then time.")
    ] = "score",
    group: Annotated[bool, typer.Option("--group", help="Keep what is in one media file together.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Find where a picture, a box of it, a face or words appear.

    momentseek search --image cup.jpg --box 0.2,0.3,0.5,0.8

    momentseek search "a red cup" (with models that know words: profile default)
    """
    from momentseek.searching import Asked, AskedOf, ask, build_request, print_answer

    asked = Asked(words, words_weight, tuple(image or ()), tuple(unlike or ()), media, at, box, face)
    of = AskedOf(
        only, tuple(within or ()), start, end, (min_duration, max_duration), (min_size, max_size),
        (min_width, min_height), name, tuple(tag or ()), metadata,
    )  # fmt: skip
    request = build_request(
        asked, of, label, min_confidence, min_score, limit, refine=refine, sort=sort, grouped=group
    )
    answer = ask(settings_of(config, data_dir), request)
    print_answer(answer, as_json)


@app.command()
@one_line_errors
def export(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")],
    answer: Annotated[
        Path | None,
        typer.Argument(
            metavar="[ANSWER]", help="What search --json printed: a file, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--as", metavar="KIND",
            help="json, csv, srt, vtt, edl, fcp7, fcpxml, otio; or clips: single, zip, reel.",
        ),
    ] = "reel",
    media: Annotated[
        str | None,
        typer.Option(metavar="ID", help="One stretch of this media file instead.", show_default=False),
    ] = None,
    start: Annotated[float, typer.Option("--from", metavar="SECONDS", help="Its start, with --media.")] = 0.0,
    end: Annotated[float, typer.Option("--to", metavar="SECONDS", help="Its end, with --media.")] = 0.0,
    copy: Annotated[
        bool, typer.Option("--copy", help="Fast clips that begin at the keyframe before, not to the frame.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Write an answer for other programs, or cut its moments out.

    momentseek search --image cup.jpg --json | momentseek export - --as reel -o cup.mp4
    """
    from momentseek.exporting import export_to_file

    stretch = None if media is None else (media, start, end)
    export_to_file(settings_of(config, data_dir), answer, stretch, kind, output, copy)
    typer.echo(f"Wrote {output}.")


@app.command()
@one_line_errors
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 for any free one.", show_default="8765")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Allow an address others can reach, without a key.")
    ] = False,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Index nothing here: leave it to momentseek worker.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Serve the library over HTTP."""
    from momentseek.serving import run_server

    works = False if no_worker else None
    asked = (("host", host), ("port", port), ("works", works))
    given = {key: value for key, value in asked if value is not None}
    run_server(settings_of(config, data_dir, **({"server": given} if given else {})), insecure)


@app.command()
@one_line_errors
def worker(
    once: Annotated[
        bool, typer.Option("--once", help="End when nothing waits any more.")
    ] = False,
    drain_seconds: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS",
            help="On SIGTERM: how long the file under way may take before it is handed back.",
        ),
    ] = 5.0,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", show_default=False,
            help="Let Ray place them: host:port of its head, auto on a machine of a cluster, or local.",
        ),
    ] = None,
    ray_workers: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="NUMBER", show_default="one for each GPU, or each machine where there is none",
            help="How many, with --ray.",
        ),
    ] = None,
    ray_gpus: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="SHARE", show_default="1 where there are GPUs",
            help="GPUs of each worker, with --ray; 0.5: two workers share one.",
        ),
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Index what waits, beside a server or on other machines.

    Any number of them share the work: files that a server was given wait in the catalogue until a worker
    takes them, and a long video is shared in stretches (ingest.stretch_seconds). Stop or kill one at any
    time; another takes over what it had. On other machines they need the catalogue and the store of the
    settings, and the files at the same place.

    With --ray this command starts workers on the machines of a Ray cluster, and ends them when it ends.
    """
    if ray is not None:
        from momentseek.worker_ray import run_ray_workers

        run_ray_workers(settings_of(config, data_dir), ray, ray_workers, ray_gpus, once, drain_seconds)
        return
    if ray_workers is not None or ray_gpus is not None:
        raise SettingsError("--ray-workers and --ray-gpus are about --ray ADDRESS: give that, too.")
    from momentseek.worker_command import run_worker

    run_worker(settings_of(config, data_dir), once, drain_seconds)


@media_app.command("list")
@one_line_errors
def media_list(
    only: OnlyOption = None,
    status: Annotated[
        str | None, typer.Option(help="Only this status (indexed, failed, ...).", show_default=False)
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """List what is in the library, with status and reason."""
    from momentseek.engine import Engine
    from momentseek.searching import check_only
    from momentseek.show import print_media

    media_type = check_only(only)
    with Engine.of_existing(settings_of(config, data_dir)) as engine:
        print_media(engine.list_media(media_type, status, 1_000_000, 0), as_json)


@media_app.command("show")
@one_line_errors
def media_show(
    media_id: Annotated[str, typer.Argument(metavar="ID", help="The id, or its first letters.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show all that is known of one media file."""
    from momentseek.engine import Engine
    from momentseek.show import print_one_media

    with Engine.of_existing(settings_of(config, data_dir)) as engine:
        found = engine.resolve_media_id(media_id)
        print_one_media(engine.get_media(found), engine.catalogue.paths_of(found), as_json)


@media_app.command("remove")
@one_line_errors
def media_remove(
    media_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids, or their first letters.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Take media out of the library. Your files stay where they are; what was uploaded goes with it."""
    from momentseek.engine import Engine

    # Unchecked: to give up media whose points are lost is one way to make the library whole again.
    with Engine.of_existing(settings_of(config, data_dir), check=False) as engine:
        found = list(dict.fromkeys(engine.resolve_media_id(media_id) for media_id in media_ids))
        if not yes:
            names = ", ".join(engine.media_name(media_id) for media_id in found)
            typer.confirm(f"Remove {names} from the library (your files stay, uploads go)?", abort=True)
        for media_id in found:
            engine.remove_media(media_id, with_upload=True)
    typer.echo(f"Removed {len(found)}.")


@app.command()
@one_line_errors
def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Index again what is missing.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Check that all is there and well.

    Models, packages, free disk; whether catalogue and index agree, and originals are where they were.
    """
    from momentseek.doctor import examine

    if not examine(settings_of(config, data_dir), repair):
        raise typer.Exit(1)


@app.command("eval")
@one_line_errors
def evaluate_set(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with media, queries and truth.json.")],
    refine: Annotated[
        bool, typer.Option("--refine", help="Ask for exact starts and ends, as search --refine does.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Where figures and contact sheet go; with --json they need it named.",
            show_default="./eval-NAME",
        ),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Measure answers on a labelled set.

    Its media go into a scratch library, its queries through the same code as everybody's. Figures and a
    contact sheet for the browser are written beside. Exit code 2 says that some media could not be read.
    """
    from momentseek.evaluation import evaluate

    try:
        result = evaluate(settings_of(config, None), folder, as_json, out, refine)
    except KeyboardInterrupt:
        _end("stopped; nothing is kept, the same command begins again.", 130)
    if result["media_problems"]:
        raise typer.Exit(2)


@app.command()
@one_line_errors
def reindex(
    leave_behind: Annotated[
        bool, typer.Option("--leave-behind", help="Switch also when some media cannot be indexed again.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Make the index again with your settings.

    For other models or another sampling. The new index is built beside the old one; searches go on with
    the old one until it is complete. Interrupt it at any time: the same command goes on.
    """
    from momentseek.ingesting import reindex_with_progress

    if not reindex_with_progress(settings_of(config, data_dir), leave_behind):
        raise typer.Exit(1)


@app.command()
@one_line_errors
def migrate(
    to: Annotated[
        str,
        typer.Option(
            metavar="embedded|qdrant://HOST:6333", show_default=False,
            help="Where the vectors go: a Qdrant server, or back into the data folder.",
        ),
    ],
    catalogue: Annotated[
        str | None,
        typer.Option(
            "--catalog", "--catalogue", metavar="URL", show_default=False,
            help="Also copy the catalogue to this database (postgresql://USER@HOST/NAME, or a file).",
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite a catalogue there that holds something else.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Copy the library to another store, and its catalogue to another database.

    Nothing is computed again, and what is here stays here. Interrupt it at any time: the same command goes
    on.
    """
    from momentseek.migrating import migrate_with_progress

    migrate_with_progress(settings_of(config, data_dir), to, catalogue, replace)


@app.command()
@one_line_errors
def snapshot(
    target: Annotated[
        Path, typer.Argument(metavar="FILE|DIR", help="The file to write, or a folder to write one in.")
    ],
    no_uploads: Annotated[
        bool, typer.Option("--no-uploads", help="Leave out originals that were uploaded.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Copy the whole library into one file, also while a server runs.

    Catalogue, vectors, storyboards, pictures that people asked with, and originals that were uploaded. Other
    originals stay where they are: keep those yourself. It holds people's names and secrets of webhooks.
    """
    from momentseek.snapshot_command import snapshot_with_progress

    try:
        snapshot_with_progress(settings_of(config, data_dir), target, not no_uploads)
    except KeyboardInterrupt:
        _end("stopped; nothing is kept of it.", 130)


@app.command()
@one_line_errors
def restore(
    snapshot: Annotated[Path, typer.Argument(metavar="FILE", help="What momentseek snapshot has written.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="In place of the library that is there.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Make a library from a snapshot, in the store and the catalogue that your settings name.

    All of it is checked before anything is touched. Stop servers and workers first. Interrupt it at any
    time: the same command goes on.
    """
    from momentseek.snapshot_command import restore_with_progress

    restore_with_progress(settings_of(config, data_dir), snapshot, replace)


@app.command()
@one_line_errors
def demo(
    folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep the demo's library here.", show_default="./demo-library"),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Build a small library and ask it four questions.

    It is made from photographs whose truth is known; answers are printed beside it.
    """
    from momentseek.demo import run_demo

    if not run_demo((folder or Path("demo-library")).absolute(), config):
        raise typer.Exit(1)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
