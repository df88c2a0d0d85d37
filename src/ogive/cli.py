"""The command line. An error that the user can correct is one line, with exit code 2."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console

import ogive
from ogive.catalog import Card, find
from ogive.report.writer import check_writable

if TYPE_CHECKING:
    from ogive.study.forecast import Progress
    from ogive.study.table import Table
    from ogive.watch import Report

Number = TypeVar("Number", int, float)

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
        list[str] | None, typer.Option(help="Columns to leave out, comma-separated, or repeat it.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Columns to use even if they look like identifiers or copies."),
    ] = None,
    na: Annotated[
        list[str] | None, typer.Option(help="Values that mean missing, such as -999 or unknown.")
    ] = None,
    sep: Annotated[
        str | None,
        typer.Option(help="Separator of a text file, or tab or space; default: detected."),
    ] = None,
    decimal: Annotated[str | None, typer.Option(help="Decimal mark: . or , .")] = None,
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether the first line holds names."),
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Sheet of an Excel file, by name or number.")
    ] = None,
    activations: Annotated[str, typer.Option(help="Names, comma-separated.")] = "",
    depths: Annotated[str, typer.Option(help="Numbers of hidden layers, comma-separated.")] = "",
    splits: Annotated[
        int, typer.Option(help="Blocks, each with its own training, validation and test rows.")
    ] = 10,
    baseline: Annotated[
        str | None, typer.Option(help="Activation to compare the others with; default relu.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            help="What is compared: accuracy, balanced_accuracy, auc or r2. Default: accuracy, or "
            "auc if one class has 80 % of the rows; r2 for numbers."
        ),
    ] = None,
    rope: Annotated[
        float, typer.Option(help="Differences up to this many points (hundredths) do not matter.")
    ] = 1.0,
    width: Annotated[int, typer.Option(help="Units per hidden layer.")] = 64,
    rates: Annotated[
        str, typer.Option(help="Learning rates to choose from, comma-separated.")
    ] = "",
    optimizer: Annotated[str, typer.Option(help="sgd (with momentum) or adam.")] = "sgd",
    epochs: Annotated[int | None, typer.Option(help="Most passes over the training rows.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of all random numbers.")] = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="A smaller study, in seconds: two depths, fewer steps.")
    ] = False,
    jobs: Annotated[int, typer.Option(help="Processes; 0 for one per core.")] = 0,
    backend: Annotated[
        str, typer.Option(help="loky (this machine's processes), dask or ray.")
    ] = "loky",
    scheduler: Annotated[
        str | None, typer.Option(help="Address of the Dask scheduler or Ray cluster.")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="Where finished trials are kept; results/… by default.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="The HTML page to write; beside the results by default.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the table as CSV too.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the whole result as JSON too.")] = None,
    claims: Annotated[
        bool, typer.Option("--claims", help="Show the textbook claims and their verdicts.")
    ] = False,
) -> None:
    """Which activation to use on this data, and whether it matters.

    It predicts the last column, or --target: classes or a number. The rows are divided ten times
    into training, validation and test rows; each time, every activation chooses its learning rate
    and trains one network at each depth. How the data is treated is printed before training.
    """
    from ogive.report import study_page, study_terminal
    from ogive.study import data as tables
    from ogive.study.api import execute, plan

    with _user_errors():
        options = tables.Options(
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
        for path in (report, csv, json):
            if path is not None:
                check_writable(path)
        planned = plan(
            tables.load(data, options),
            splits=splits,
            seed=seed,
            activations=_listed(activations),
            depths=_numbers("--depths", depths, int),
            baseline=baseline,
            metric=metric,
            rope=rope,
            rates=_numbers("--rates", rates, float),
            optimizer=optimizer,
            epochs=epochs,
            width=width,
            quick=quick,
        )
        kept = results or planned.results
        page = report or planned.page(kept)
        command = shlex.join(["ogive", *sys.argv[1:]])
        try:
            # Called when results file and workers are known to be usable, before training.
            say = partial(_print_data, planned.table)
            with _stoppable(), _progress(say) as progress:
                found = execute(
                    planned,
                    jobs=jobs,
                    backend=backend,  # type: ignore[arg-type]  # `execute` checks it
                    scheduler=scheduler,
                    results=kept,
                    command=command,
                    progress=progress,
                )
        except KeyboardInterrupt as stopped:
            typer.echo(f"Stopped. Finished trials are in {kept}; to go on: {command}", err=True)
            raise typer.Exit(128 + (stopped.args[0] if stopped.args else signal.SIGINT)) from None
        study_terminal.show(found, console, claims=claims)
        if csv is not None:
            found.to_frame().to_csv(csv, index=False)
        if json is not None:
            json.write_text(found.to_json(), encoding="utf-8")
        study_page.write(found, page)
    console.print(f"Report: {page}", highlight=False, soft_wrap=True)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turns every termination signal into a KeyboardInterrupt that holds the signal's number."""

    def stop(number: int, frame: object) -> NoReturn:
        # Ignore further signals, so that cleaning up is not interrupted.
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(number)

    numbers = [signal.SIGINT, signal.SIGTERM]
    numbers += [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []
    before = {number: signal.getsignal(number) for number in numbers}
    # A signal that is already ignored (by nohup, say) stays ignored.
    for number, was in before.items():
        if was is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)


@app.command("list")
def list_functions() -> None:
    """Every function of the catalog."""
    from ogive.report import card_terminal

    card_terminal.show_list(console)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A function, such as gelu.")],
    html: Annotated[
        Path | None,
        typer.Option(help="Write the page that draws every function, opened at this one, instead."),
    ] = None,
) -> None:
    """One function's card: formula, claims, curve."""
    with _user_errors():
        card = _card(name)
        if html is None:
            from ogive.report import card_terminal

            card_terminal.show(card, console)
        else:
            from ogive.report import explorer

            check_writable(html)
            explorer.write(html, card.name)
            console.print(f"Card: {html}", highlight=False)


@app.command()
def predict(
    model: Annotated[
        str | None,
        typer.Argument(
            help="FILE.py:FUNCTION that returns a PyTorch model, to predict that as it stands."
        ),
    ] = None,
    activation: Annotated[
        str,
        typer.Option(
            help="Names, comma-separated; parameters as in leaky_relu(negative_slope=.3)."
        ),
    ] = "relu",
    depth: Annotated[
        int, typer.Option(help="Layers: an activation and a square linear map each.")
    ] = 50,
    init: Annotated[
        str,
        typer.Option(
            help="he, glorot, lecun, torch, gain or fan_in times the weights' variance; "
            "comma-separated."
        ),
    ] = "he",
    bias_std: Annotated[float, typer.Option(help="Standard deviation of the biases.")] = 0.0,
    width: Annotated[
        int | None, typer.Option(help="Units of a layer, for the part that chance plays.")
    ] = None,
    residual: Annotated[
        bool,
        typer.Option("--residual", help="Residual blocks too: every norm and scale of the branch."),
    ] = False,
    attention: Annotated[
        str,
        typer.Option(help="Attention logits too, of heads of so many entries and tokens: 64,128."),
    ] = "",
    input: Annotated[
        str, typer.Option(help="Shape of a model's input, batch first: 32,3,64,64.")
    ] = "",
    widths: Annotated[
        str,
        typer.Option(
            help="FUNCTION takes a width: how sizes and updates change over these, in training."
        ),
    ] = "",
    html: Annotated[Path | None, typer.Option(help="Write a page too.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the numbers as JSON too.")] = None,
) -> None:
    """What depth and initialisation will do, before training.

    The mean square K of signals and the size of gradients in each layer of a deep plain network, or
    of a PyTorch model beside what one batch shows.
    """
    from ogive.predict import PredictError

    with _user_errors():
        try:
            if model is not None:
                for name, given in (("--residual", residual), ("--attention", attention)):
                    if given:
                        raise PredictError(f"{name} is for networks of equal blocks, not a model")
                _predict_model(model, input, widths, html, json)
            else:
                for name, given in (("--input", input), ("--widths", widths)):
                    if given:
                        raise PredictError(
                            f"{name} belongs to a model: ogive predict FILE.py:FUNCTION"
                        )
                _predict_networks(
                    activation, depth, init, bias_std, width, residual, attention, html, json
                )
        except PredictError as error:
            _fail(_sentence(error))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True,
                      "allow_interspersed_args": False}
)  # fmt: skip
def watch(
    context: typer.Context,
    script: Annotated[
        str | None,
        typer.Argument(
            help="A Python script; what follows belongs to it. Or the run.jsonl of a training that "
            "was killed or still runs, to see its report."
        ),
    ] = None,
    module: Annotated[
        bool, typer.Option("-m", "--module", help="It is a module's name, as in python -m.")
    ] = False,
    every: Annotated[
        int | None, typer.Option(help="Look at one step in so many; default: 50, after a start.")
    ] = None,
    rules: Annotated[
        str, typer.Option(help="Faults to look for, comma-separated; all by default.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results; watch/NAME by default.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 when an error was found.")
    ] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Watch a small network that does not learn.")
    ] = False,
) -> None:
    """What is wrong with a network, while it trains: a PyTorch program, unchanged.

    The program runs as with python. Findings are printed as they are confirmed; the folder then
    holds report.html, report.json and run.jsonl.
    """
    from ogive.report import watch_terminal
    from ogive.watch import Program, WatchError

    arguments = list(context.args)
    # The program has stdout for itself.
    screen = Console(stderr=True)
    live = watch_terminal.Live(screen)
    if demo:
        script, module = "ogive.watch.demo", True
    if script is None:
        _fail("name a script: ogive watch train.py, or try ogive watch --demo")
    if Path(script).suffix == ".jsonl" and not module:
        return _show_log(Path(script), out)
    is_first = not int(os.environ.get("RANK", "0") or 0)  # of several processes; it speaks for all
    try:
        program = Program(
            script,
            arguments,
            module=module,
            every=every,
            rules=_listed(rules) or None,
            sinks=[live] if is_first else [],
            command=shlex.join(["ogive", *sys.argv[1:]]),
        )
        if not is_first:
            program.run()
            program.leave()
        name = "demo" if demo else script if module else Path(script).stem
        folder = _results_folder(out or _free_folder(Path("watch"), name))
        program.log(folder / "run.jsonl")
    except WatchError as error:
        _fail(_sentence(error))
    with live:
        report = program.run()
    _write_watched(report, folder, screen, program.source)
    program.leave(1 if strict and report.errors else 0)


def _results_folder(folder: Path) -> Path:
    """The folder, made where it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_writable(folder / "report.html")
    except OSError as error:
        _fail(f"cannot write in {folder}: {error.strerror or error}")
    return folder


def _free_folder(parent: Path, name: str) -> Path:
    """A folder that holds no other run's results."""
    folder, number = parent / name, 2
    while folder.exists():
        folder, number = parent / f"{name}-{number}", number + 1
    return folder


def _write_watched(
    report: Report, folder: Path, screen: Console, source: Path | None = None
) -> None:
    """Print the report beside what the program printed, and write it, with the first cure as a
    diff of the program where that can be made; never fail for it.
    """
    from ogive.report import watch_terminal
    from ogive.report.writer import write_text

    try:
        screen.print()
        watch_terminal.show(report, screen)
        write_text(folder / "report.json", report.to_json())
        report.html(folder / "report.html")
        if source is not None and (diff := report.diff(source)):
            write_text(folder / "cure.diff", diff)
            typer.echo(f"Diff of the first cure: {folder / 'cure.diff'}", err=True)
    except Exception as error:  # the program's own end is told whatever happens here
        typer.echo(f"ogive: {type(error).__name__}: {_sentence(error)}", err=True)
        return
    typer.echo(f"Report: {folder / 'report.html'}", err=True)


def _show_log(log: Path, out: Path | None) -> None:
    """The report of a log, of a training that was killed or still runs too."""
    from ogive.watch import WatchError, read_log

    try:
        report = read_log(log)
    except WatchError as error:
        _fail(_sentence(error))
    _write_watched(report, _results_folder(out or log.parent), Console(stderr=True))


def _predict_networks(
    activations: str,
    depth: int,
    inits: str,
    bias_std: float,
    width: int | None,
    residual: bool,
    attention: str,
    html: Path | None,
    json: Path | None,
) -> None:
    from ogive.predict import PredictError, compare
    from ogive.report import predict_terminal

    asked = [_with_parameters(word) for word in re.findall(r"[^,(]+(?:\([^)]*\)?)?", activations)]
    if not asked or not _listed(inits):
        raise PredictError("--activation and --init take one name at least")
    head = _sizes("--attention", "entries of a head and tokens, such as 64,128", attention)
    if head and len(head) != 2:
        raise PredictError("--attention takes two numbers: entries of a head and tokens")
    compared = compare(
        asked, depth, inits=_listed(inits), bias_std=bias_std, width=width, residual=residual,
        attention=(head[0], head[1]) if head else None,
    )  # fmt: skip
    for path in (html, json):
        if path is not None:
            check_writable(path)
    predict_terminal.show(compared.networks, console)
    predict_terminal.show_residuals(compared, console)
    predict_terminal.show_attention(compared, console)
    predict_terminal.show_advice(compared, console)
    _write_prediction(compared, html, json)


def _predict_model(
    target: str, shape: str, widths: str, html: Path | None, json: Path | None
) -> None:
    from ogive.predict import PredictError, coordinates, model
    from ogive.predict.building import builder
    from ogive.report import predict_terminal

    wanted = "the shape of the model's input, such as 32,3,64,64"
    sizes = _sizes("--input", wanted, shape)
    if not sizes:
        raise PredictError(f"--input takes {wanted}")
    over = _sizes("--widths", "widths, such as 64,256,1024", widths)
    if over and html is not None:
        raise PredictError("--widths has no page: leave --html out, and take --json")
    for path in (html, json):
        if path is not None:
            check_writable(path)
    build = builder(target, sizes)
    found: Any
    try:
        found = coordinates(build, over) if over else model(*build())
    except PredictError:
        raise
    except Exception as error:  # it is the user's code that ran
        raise PredictError(f"{target}, input {shape}: {type(error).__name__}: {error}") from error
    if over:
        predict_terminal.show_coordinates(found, console)
    else:
        predict_terminal.show_model(found, console)
    _write_prediction(found, html, json)


def _sizes(option: str, wanted: str, text: str) -> list[int]:
    """Positive whole numbers, divided by commas; none where none is given."""
    from ogive.predict import PredictError

    sizes = _listed(text)
    if not all(size.isdecimal() and int(size) for size in sizes) or (text and not sizes):
        raise PredictError(f"{option} takes {wanted}, not {text!r}")
    return [int(size) for size in sizes]


def _write_prediction(found: Any, html: Path | None, json: Path | None) -> None:
    from ogive.report import predict_page
    from ogive.report.writer import write_text

    if json is not None:
        write_text(json, found.to_json())
        console.print(f"JSON: {json}", highlight=False, soft_wrap=True)
    if html is not None:
        predict_page.write(found, html)
        console.print(f"Report: {html}", highlight=False, soft_wrap=True)


def _with_parameters(word: str) -> tuple[str, dict[str, float]]:
    """``leaky_relu(negative_slope=0.3)`` as a name and its parameters."""
    from ogive.predict import PredictError

    name, _, rest = word.strip().partition("(")
    given = {}
    for part in _listed(rest.removesuffix(")")):
        key, _, value = part.partition("=")
        try:
            given[key.strip()] = float(value)
        except ValueError:
            raise PredictError(
                f"--activation {word.strip()}: write parameters as name=number, not {part!r}"
            ) from None
    return name.strip(), given


@contextmanager
def _user_errors() -> Iterator[None]:
    """Print an error that the user can correct as one line; any other is a bug and is raised."""
    from ogive.study import StudyError

    try:
        yield
    except (StudyError, OSError) as error:
        _fail(_sentence(error))


def _card(name: str) -> Card:
    try:
        return find(name)
    except ValueError as error:
        _fail(_sentence(error))


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def _fail(message: str) -> NoReturn:
    typer.echo(f"ogive: {message}", err=True)
    raise typer.Exit(2)


def _listed(text: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(",")) if word]


def _numbers(option: str, text: str, kind: Callable[[str], Number]) -> list[Number]:
    from ogive.study import StudyError

    try:
        return [kind(word) for word in _listed(text)]
    except ValueError:
        example = "whole numbers such as 2,8" if kind is int else "numbers such as 0.1,0.03"
        raise StudyError(f"{option} takes {example}, not {text!r}") from None


def _print_data(data: Table) -> None:
    """Print what was found in the data and done to it, before minutes of training."""
    kind = f"{len(data.classes)} classes" if data.classes else "a number"
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
def _progress(before: Callable[[], None]) -> Iterator[Callable[[Progress], None]]:
    """A progress bar with the time left, on stderr, so that stdout can be piped.

    `before` is called when the first progress is reported.
    """
    from rich.progress import BarColumn, ProgressColumn, Task, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.text import Text

    class Left(ProgressColumn):
        def render(self, task: Task) -> Text:
            left, told = task.fields["left"], task.fields["told"]
            if left is None:
                return Text("")
            seconds = max(0, round(left - (time.monotonic() - told)))
            hours, minutes = divmod(seconds // 60, 60)
            clock = f"{hours}:{minutes:02}:{seconds % 60:02}"
            return Text(f"about {clock} left", style="progress.remaining")

    columns = TextColumn("{task.description:<10}"), BarColumn(), TaskProgressColumn()
    shown = Console(stderr=True)
    bar = Bar(*columns, Elapsed(), Left(), console=shown, transient=True)
    task = bar.add_task("starting", total=1.0, left=None, told=0.0)

    def update(progress: Progress) -> None:
        if not bar.live.is_started:
            before()
            bar.start()
        bar.update(
            task,
            completed=progress.done,
            description=progress.doing,
            left=progress.left,
            told=time.monotonic(),
        )

    try:
        yield update
    finally:
        bar.stop()
