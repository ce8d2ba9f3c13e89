"""The command line: `luthier tune`, `init`, `adopt`, `studies`, `show`, `report`, `export`, `predict`, `schema`.

It only parses, calls and prints. Results go to standard output, progress and errors to standard error.
Exit codes: 0 done, 1 the run failed, 2 the input must change, 130 stopped by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from luthier.core.errors import LuthierError, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from luthier.core.history import History

STOPPED = 130


class _Group(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
            raise typer.Exit(STOPPED) from None


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # else brackets in help texts are taken for markup
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Find which changes make a model better, make them, and prove what each gained and cost.",
)

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="WHERE", help="Where studies are kept: a file, or a database URL. [.luthier/studies.db]"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output and nothing else.")]


TargetOption = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Of a table, the column to predict. [one called target, label ..]")
]
MetricOption = Annotated[
    str | None, typer.Option(metavar="METRIC", help="Of a table, what to get better at. [as the target suggests]")
]


class Format(StrEnum):
    """The forms of an exported table."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


@app.callback(invoke_without_command=True)
def luthier(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    if version:
        import luthier

        print(f"luthier {luthier.__version__}")
        raise typer.Exit


@app.command()
def tune(
    task: Annotated[
        Path, typer.Argument(help="A table (CSV, JSON Lines, Parquet), or a task file that says what to tune.")
    ],
    target: TargetOption = None,
    metric: MetricOption = None,
    budget: Annotated[
        str | None, typer.Option(metavar="BUDGET", help="'60s', '3m', '100 trials', '$5', or several: '2h, $5'.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Worker processes; 0 runs all in this one. [one a core]")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="What everything random follows from. [0]")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Replace a value of the task file: data.folds=3."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The study's name. [the task's `study`, or its file name]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a study that was interrupted.")] = False,
    store: StoreOption = None,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress, only the final screen.")] = False,
) -> None:
    """Tune what TASK describes, then test once on held-out rows.

    Of a table a task file is written first, which says what was made of it.
    """
    from luthier.interfaces.live import LiveView
    from luthier.report.as_json import report_json
    from luthier.study.build import study_from_file

    task = _task_of(task, target, metric, budget, quiet=quiet or as_json)
    stated = (("budget", budget), ("workers", workers), ("seed", seed))
    # As JSON, so that a budget of '60' stays the text that was typed.
    options = [f"{key}={json.dumps(value)}" for key, value in stated if value is not None]
    study = study_from_file(task, [*(changes or []), *options], name=name, store=store, resume=resume)
    if resume and study.history.concluded is not None and not as_json:
        print(f"Study '{study.name}' is concluded; nothing is left to do.", file=sys.stderr)
    elif not (as_json or quiet):
        print(f"Study '{study.name}': {study.problem.summary()}.", file=sys.stderr)
        print("Ctrl-C ends it cleanly; then --resume goes on.\n", file=sys.stderr)
    try:
        with LiveView(study.name, quiet=as_json or quiet) as view:
            history = study.run((view,), resume=resume)
    except KeyboardInterrupt:
        again = _again(task, stated, changes or [], name, store)
        print(f"\nStopped; nothing is lost. Go on with: {again}", file=sys.stderr)
        raise typer.Exit(STOPPED) from None
    if as_json:
        _print_json(report_json(history))
        return
    _print_final_screen(history, study.name)
    if history.concluded is not None and history.concluded.artifact is not None and study.problem.rows is not None:
        print(f"\nTo predict with the tuned model: {_line(['predict', study.name, 'ROWS.csv'], store)}")


@app.command()
def adopt(
    script: Annotated[Path, typer.Argument(help="The training script: Python, R or shell.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="-- ARGUMENTS", help="What you give the script today.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="The number to optimize: val_loss, or score:maximize.")
    ] = None,
    budget: Annotated[str, typer.Option(metavar="BUDGET", help="The budget to write down.")] = "20 trials",
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The task file to write. [SCRIPT.task.yaml, here]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a task that tunes SCRIPT as it is, without running it."""
    from luthier.interfaces.adopt import adopt_script

    adopted = adopt_script(script, arguments or (), metric=metric, budget=budget, output=output, force=force)
    _print_rich(adopted.screen)
    if adopted.todo:
        raise UsageError(adopted.todo)


@app.command()
def init(
    table: Annotated[Path, typer.Argument(help="The table: CSV, JSON Lines or Parquet.")],
    target: TargetOption = None,
    metric: MetricOption = None,
) -> None:
    """Write a task file for TABLE, each line explained; tune nothing."""
    from luthier.study.draft_text import summary_lines
    from luthier.study.first_task import told, write_task

    _check_table(table, "a task file is made of a table")
    written = write_task(table, target=target, metric=metric)
    print("\n".join(summary_lines(written.draft)))
    print(told(written))
    print(f"Tune it by: {_line(['tune', str(written.path)], None)}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of task files, for editors.

    With it they complete and check a task file as it is typed.
    """
    from luthier.study.schema import task_schema

    _print_json(task_schema())


@app.command()
def studies(store: StoreOption = None, as_json: Json = False) -> None:
    """List all studies, the latest first."""
    from dataclasses import asdict

    from luthier.report.summary import studies_table, study_line
    from luthier.study.home import home_at, is_there
    from luthier.study.journal import read_history

    lines = []
    if store is not None or is_there(store):
        home = home_at(store)
        lines = [study_line(row.name, read_history(home.store, row.name)) for row in home.store.studies()]
    if as_json:
        _print_json([asdict(line) for line in lines])
    elif lines:
        _print_rich(studies_table(lines))
    else:
        print("No studies yet; begin one with: luthier tune DATA.csv --target COLUMN")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The study's name.")],
    top: Annotated[int, typer.Option(min=0, metavar="N", help="How many of the best trials to list.")] = 10,
    store: StoreOption = None,
    as_json: Json = False,
) -> None:
    """Show a study: the bill, the verdict, and its best trials."""
    from luthier.report.as_json import report_json
    from luthier.report.trials import TrialsScreen

    history = _history(name, store)
    if as_json:
        _print_json(report_json(history))
        return
    _print_final_screen(history, name)
    _print_rich(TrialsScreen.of(history, top=top))


@app.command()
def report(
    name: Annotated[str, typer.Argument(help="The study's name.")],
    out: Annotated[
        Path | None, typer.Option("--out", "--output", metavar="FILE", help="The file to write. [NAME.html]")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Write a study's page: one HTML file, figures and all."""
    from luthier.report.page import write_page

    path = write_page(_history(name, store), name, Path(f"{name}.html") if out is None else out)
    print(f"Page written to {path}", file=sys.stderr)


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="The study's name.")],
    to: Annotated[Format, typer.Option(help="The form of the table.")] = Format.CSV,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file to write. [standard output; parquet needs a file]")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Write a study's trials as a table, one row a trial."""
    from luthier.store.export import trial_rows, write_rows

    if to is Format.PARQUET and out is None:
        raise UsageError("parquet isn't text, so it needs a file to go to; name one by --out FILE")
    rows = trial_rows(_history(name, store))
    write_rows(rows, out if out is not None else sys.stdout, to.value)
    if out is not None:
        print(f"{len(rows)} trials written to {out}", file=sys.stderr)


@app.command()
def predict(
    name: Annotated[str, typer.Argument(help="The study's name, or the task file that it was run from.")],
    rows: Annotated[Path, typer.Argument(help="The rows: CSV, JSON Lines or Parquet; labels aren't needed.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the predictions to this CSV file. [standard output]")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Let a study's tuned model predict new rows."""
    from luthier.interfaces.predictions import predictions_as_csv
    from luthier.study.build import predictor_from_store

    text = predictions_as_csv(predictor_from_store(name, store), rows)
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"the predictions can't be written to '{out}': {error.strerror}; name another file") from None
    print(f"Predictions written to {out}", file=sys.stderr)


def main() -> None:
    """The console script: errors of ours are one message, everything else names the way to its traceback."""
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    warnings.showwarning = _show_warning
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        app()
    except LuthierError as error:
        if debug:
            raise
        print(f"luthier: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    except BrokenPipeError:
        # Who read our output went away: nobody is left to tell. Python's own flush at exit mustn't complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        print(
            f"luthier: something went wrong that it has no word for: {type(error).__name__}: {error}\n"
            f"Run the same command with --debug for the traceback.",
            file=sys.stderr,
        )
        sys.exit(1)


def _task_of(task: Path, target: str | None, metric: str | None, budget: str | None, *, quiet: bool) -> Path:
    """The task file to run: `task` itself, or of a table the one that is written for it."""
    from luthier.data.read import is_table

    if not is_table(task):
        for option, value in (("target", target), ("metric", metric)):
            if value is not None:
                raise UsageError(
                    f"--{option} is for a table; the task file '{task}' states its {option} itself: change it there, "
                    f"or for once by --set {'data.target' if option == 'target' else option}={value}"
                )
        return task
    from luthier.study.draft_text import summary_lines
    from luthier.study.first_task import told, write_task

    written = write_task(task, target=target, metric=metric, budget=budget)
    if not quiet:
        print("\n".join(summary_lines(written.draft)), file=sys.stderr)
        print(f"{told(written)} Correct it there, and run it by: luthier tune {written.path}\n", file=sys.stderr)
    return written.path


def _check_table(path: Path, why: str) -> None:
    from luthier.data.read import PARQUET_SUFFIXES, TEXT_SUFFIXES, is_table

    if not is_table(path) and path.suffix in (".yaml", ".yml", ".json"):
        known = ", ".join((*TEXT_SUFFIXES, *PARQUET_SUFFIXES))
        raise UsageError(f"{why} ({known}); '{path}' looks like a task file already: luthier tune {path}")


def _again(
    task: Path, stated: Sequence[tuple[str, object]], changes: Sequence[str], name: str | None, store: str | None
) -> str:
    """The command line that goes on with what this one began."""
    options = [(f"--{key}", str(value)) for key, value in stated if value is not None]
    options += [("--set", change) for change in changes] + ([("--name", name)] if name is not None else [])
    return _line(["tune", str(task), "--resume", *(text for option in options for text in option)], store)


def _line(arguments: Sequence[str], store: str | None) -> str:
    return shlex.join(["luthier", *arguments, *(() if store is None else ("--store", store))])


def _history(name: str, store: str | None) -> History:
    from luthier.study.home import home_at
    from luthier.study.journal import read_history

    return read_history(home_at(store).store, name)


def _print_json(content: Any) -> None:
    print(json.dumps(content, indent=2, allow_nan=False))


def _print_final_screen(history: History, name: str) -> None:
    from luthier.report.screen import FinalScreen

    _print_rich(FinalScreen.of(history, name))


def _print_rich(renderable: RenderableType) -> None:
    from rich.console import Console

    Console().print(renderable)


def _show_warning(message: Warning | str, *_: object) -> None:
    """One line, without the place in the code, which says nothing to who typed a command."""
    print(f"luthier: mind: {message}", file=sys.stderr)


def _as_interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
