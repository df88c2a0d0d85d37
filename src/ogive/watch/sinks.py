"""Records in the tools that users keep their trainings in, through those tools' own writers.

    Monitor(model, sinks=[ogive.watch.TensorBoard("runs/one")])     # or WandB(), MLflow()

Each writes the same numbers under ``ogive/…``, and each finding as text.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

from .errors import WatchError
from .faults import FAULTS
from .records import Check, Finding, Report

MEASURES = ("dead", "dormant", "saturated", "gradient", "mean_square", "update_ratio")
"""Of each layer, as in `LayerStats`; what was not measured is left out."""


def scalars(check: Check) -> dict[str, float]:
    """The numbers of a check by name: ``ogive/dead/encoder.fc1``."""
    model = f"{check.model}: " if check.model else ""
    found = {}
    for layer in check.layers:
        for stats in layer.stats[-1:]:
            for key in MEASURES:
                value = getattr(stats, key)
                if value is not None:
                    found[f"ogive/{key}/{layer.name}"] = float(value)
    if check.progress is not None:
        for key in ("loss", "skill", "accuracy"):
            value = getattr(check.progress, key)
            if value is not None:
                found[f"ogive/training/{model}{key}"] = float(value)
    return found


def text(finding: Finding) -> str:
    """A finding in Markdown."""
    title = FAULTS[finding.fault].title if finding.fault in FAULTS else finding.fault
    return (
        f"**{finding.severity}: {title}** at `{finding.where}`\n\n{finding.sentence}\n\n"
        f"First: {finding.cure.words}\n\n    {finding.cure.code}"
    )


def _package(name: str, install: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise WatchError(f"this sink needs {install}: pip install {install}") from error


class TensorBoard:
    """Scalars and texts in TensorBoard.

    Parameters
    ----------
    writer
        A ``torch.utils.tensorboard.SummaryWriter``, or the folder for a new one.
    """

    def __init__(self, writer: Any = "runs/ogive") -> None:
        self._own = isinstance(writer, (str, Path))
        if self._own:
            module = _package("torch.utils.tensorboard", "tensorboard")
            writer = module.SummaryWriter(str(writer))
        self._writer = writer

    def start(self, report: Report) -> None:
        """Nothing."""

    def check(self, check: Check) -> None:
        """A scalar for each number."""
        for name, value in scalars(check).items():
            self._writer.add_scalar(name, value, check.step)

    def finding(self, finding: Finding) -> None:
        """A text."""
        self._writer.add_text(f"ogive/{finding.fault}", text(finding), finding.step)

    def close(self, report: Report) -> None:
        """The answer; a writer of the user's own stays open."""
        self._writer.add_text("ogive/report", report.sentence)
        self._writer.flush()
        if self._own:
            self._writer.close()


class WandB:
    """Numbers and findings in a Weights & Biases run.

    Parameters
    ----------
    run
        What ``wandb.init()`` returned; by default the run that is active when training starts, else
        a new one.
    """

    def __init__(self, run: Any = None) -> None:
        self._wandb = _package("wandb", "wandb") if run is None else None
        self._run = run
        self._own = False

    def start(self, report: Report) -> None:
        """Give the numbers an axis of their own, so that they do not disturb the user's steps."""
        del report
        if self._wandb is not None:
            self._own = self._wandb.run is None
            self._run = self._wandb.run or self._wandb.init()
        self._run.define_metric("ogive/step")
        self._run.define_metric("ogive/*", step_metric="ogive/step")

    def check(self, check: Check) -> None:
        """One row."""
        self._run.log(scalars(check) | {"ogive/step": check.step})

    def finding(self, finding: Finding) -> None:
        """An alert, which can also be sent by e-mail or Slack."""
        self._run.alert(title=f"{finding.severity}: {finding.fault}", text=text(finding))

    def close(self, report: Report) -> None:
        """The answer; a run of the user's own stays open."""
        self._run.summary["ogive/report"] = report.sentence
        self._run.summary["ogive/errors"] = len(report.errors)
        self._run.summary["ogive/warnings"] = len(report.warnings)
        if self._own:
            self._run.finish()


class MLflow:
    """Metrics, tags and the report in the MLflow run that is active, or a new one.

    Parameters
    ----------
    mlflow
        The module, or an object with its functions.
    """

    def __init__(self, mlflow: Any = None) -> None:
        self._mlflow = _package("mlflow", "mlflow") if mlflow is None else mlflow
        self._own = False

    def start(self, report: Report) -> None:
        """A run, if none is active."""
        del report
        self._own = self._mlflow.active_run() is None
        if self._own:
            self._mlflow.start_run()

    def check(self, check: Check) -> None:
        """Metrics; names may hold letters, digits and a few signs only."""
        found = {_allowed(name): value for name, value in scalars(check).items()}
        self._mlflow.log_metrics(found, step=check.step)

    def finding(self, finding: Finding) -> None:
        """A tag."""
        self._mlflow.set_tag(_allowed(f"ogive.{finding.fault}"), text(finding))

    def close(self, report: Report) -> None:
        """The report as JSON; a run of the user's own stays open."""
        self._mlflow.set_tag("ogive.report", report.sentence)
        self._mlflow.log_text(report.to_json(), "ogive/report.json")
        if self._own:
            self._mlflow.end_run()


def _allowed(name: str) -> str:
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)
