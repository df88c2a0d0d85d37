"""The command line: parses, calls, prints. Every error a user can put right is one line, exit 2."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

import ogive
from ogive.catalog import find

if TYPE_CHECKING:
    from ogive.study.table import Table

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
console = Console()


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ogive {ogive.__version__} ({ogive.isa()})")
        raise typer.Exit


@app.callback()
def _ogive(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Activation functions and loss heads, and what they do to a network."""


@app.command()
def study(
    data: Annotated[
        str,
        typer.Argument(
            help="digits, breast_cancer, wine, iris; a file: CSV, TSV or other text, Parquet, "
            "Feather, Excel, JSON, NPZ or ARFF, also .gz, .bz2, .xz or .zip; or openml:ID."
        ),
    ] = "digits",
    target: Annotated[
        str | None, typer.Option(help="Column to predict; the last by default.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="classification or regression; by default texts, two values and few whole "
            "numbers are classes."
        ),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(help="Columns to leave out; commas between, or repeat it.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Columns to use although they look like identifiers or copies."),
    ] = None,
    na: Annotated[
        list[str] | None, typer.Option(help="Values that mean missing, such as -999 or unknown.")
    ] = None,
    sep: Annotated[
        str | None, typer.Option(help="Separator of a text file, or tab or space; found if absent.")
    ] = None,
    decimal: Annotated[str | None, typer.Option(help="Decimal mark: . or , .")] = None,
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether the first line holds names."),
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Of an Excel file: name or number.")] = None,
    activations: Annotated[str, typer.Option(help="Names, comma-separated.")] = "",
    depths: Annotated[str, typer.Option(help="Numbers of hidden layers, comma-separated.")] = "",
    seeds: Annotated[int | None, typer.Option(help="Networks for each setting.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training rows.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smaller, in seconds.")] = False,
    jobs: Annotated[int, typer.Option(help="Processes; 0 for one a core.")] = 0,
    results: Annotated[
        Path | None, typer.Option(help="Where finished trials are kept; results/… by default.")
    ] = None,
    report: Annotated[Path, typer.Option(help="The HTML page to write.")] = Path("report.html"),
) -> None:
    """Which activation is best on this data, and what may be concluded."""
    from ogive.report import study_page, study_terminal
    from ogive.study import data as table
    from ogive.study import run as grid
    from ogive.study.journal import Journal
    from ogive.study.settings import settings

    with _user_errors():
        _check_writable(report)
        if jobs < 0:
            raise ValueError(f"--jobs must not be negative, not {jobs}")
        options = table.Options(
            target=target,
            task=task,  # type: ignore[arg-type]  # `load` checks it
            drop=tuple(drop or ()),
            keep=tuple(keep or ()),
            na=tuple(word for words in na or () for word in (words, *words.split(","))),
            sep=sep,
            decimal=decimal,
            header=header,
            sheet=sheet,
        )
        loaded = table.load(data, options)
        parts, description = table.split(loaded)
        chosen = settings(
            len(parts.train_x),
            activations=_listed(activations),
            depths=_numbers("--depths", depths),
            seeds=seeds,
            epochs=epochs,
            quick=quick,
        )
        journal = Journal(
            results or grid.default_results(description, chosen),
            grid.identity(description, chosen),
        )
        command = shlex.join(["ogive", *sys.argv[1:]])
        _print_data(loaded)
        try:
            with _progress() as progress:
                found = grid.run(
                    parts,
                    description,
                    chosen,
                    journal,
                    jobs=jobs or _cores(),
                    command=command,
                    progress=progress,
                )
        except KeyboardInterrupt:
            typer.echo(
                f"Stopped. Finished trials are in {journal.path}; to go on: {command}", err=True
            )
            raise typer.Exit(130) from None
        finally:
            journal.close()
        study_terminal.show(found, console)
        study_page.write(found, report)
    console.print(f"Report: {report}", highlight=False)


@app.command("list")
def list_functions() -> None:
    """Every function of the catalog."""
    from ogive.report import card_terminal

    card_terminal.show_list(console)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A function, such as gelu.")],
    html: Annotated[Path | None, typer.Option(help="Write the card as a page instead.")] = None,
) -> None:
    """One function's card: formula, claims, curve."""
    with _user_errors():
        card = find(name)
        if html is None:
            from ogive.report import card_terminal

            card_terminal.show(card, console)
        else:
            from ogive.report import card_page

            _check_writable(html)
            card_page.write(card, html)
            console.print(f"Card: {html}", highlight=False)


@contextmanager
def _user_errors() -> Iterator[None]:
    """Say on one line what the user can put right; anything else is a defect and is raised."""
    try:
        yield
    except (ValueError, OSError) as error:
        if isinstance(error, ValueError) and not _is_ours(error):
            raise
        _fail(_sentence(error))


def _is_ours(error: ValueError) -> bool:
    """A ValueError raised on purpose, not by NumPy on something we forgot."""
    traceback = error.__traceback__
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    return traceback is not None and "ogive" in traceback.tb_frame.f_globals.get("__name__", "")


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def _fail(message: str) -> NoReturn:
    typer.echo(f"ogive: {message}", err=True)
    raise typer.Exit(2)


def _listed(text: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(",")) if word]


def _numbers(option: str, text: str) -> list[int]:
    try:
        return [int(word) for word in _listed(text)]
    except ValueError:
        raise ValueError(f"{option} takes whole numbers such as 2,8, not {text!r}") from None


def _cores() -> int:
    from joblib import cpu_count

    return int(cpu_count())


def _check_writable(path: Path) -> None:
    """Before minutes of training: the page is written beside `path`, then renamed."""
    if path.is_dir():
        _fail(f"{path}: is a folder, not a file to write")
    if not path.parent.is_dir():
        _fail(f"{path.parent}: no such folder")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        _fail(f"{path.parent}: cannot be written to: {error.strerror}")


def _print_data(data: Table) -> None:
    """What was found in the data and done to it, before minutes of training."""
    kind = f"{len(data.classes)} classes" if data.classes else "an amount"
    console.print(
        f"{data.name}: {data.rows:,} rows, {len(data.columns):,} features; "
        f"{data.target} to predict, {kind}",
        highlight=False,
        markup=False,
    )
    for sentence in data.warnings:
        console.print(f"! {sentence}", style="yellow", highlight=False, markup=False)
    for sentence in data.treatments:
        console.print(f"- {sentence}", highlight=False, markup=False)


@contextmanager
def _progress() -> Iterator[Callable[[float, float, str], None]]:
    """A bar with the time left, on stderr, so that the table can be piped."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description:<24}"), BarColumn(), TaskProgressColumn(),
               Elapsed(), TextColumn("left"), Remaining())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting")

        def update(done: float, total: float, doing: str) -> None:
            bar.update(task, completed=done, total=total, description=doing)

        yield update
