"""What a monitor finds: findings, statistics of each layer by step, and the report of them all.

Every record is plain data: numbers, words, tuples. `to_dict` gives what JSON holds, with None for
a number that is not finite; `from_dict` reads it back.
"""

from __future__ import annotations

import json
import math
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import ogive

from .diffs import Edit, diff
from .errors import WatchError

FORMAT = "ogive watch 1"
"""Changes whenever the meaning of a stored record changes."""

Severity = Literal["warn", "error"]
Cause = Literal["initialisation", "activation", "training", "data", "head", "structure", ""]
"""Where a fault comes from; empty where the numbers do not tell."""

DEAD, DORMANT, SATURATED = 1, 2, 3
"""What a unit is in `UnitMap.codes`; 0 is none of them."""


@dataclass(frozen=True, kw_only=True)
class Cure:
    """What to change first."""

    words: str
    """One sentence."""
    code: str
    """The same as one line of Python, or one line of a diff: what replaces what."""
    edits: tuple[Edit, ...] = ()
    """The same for `Report.diff`; empty where the line leaves something to the reader."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One fault in one place, confirmed."""

    fault: str
    """A key of `ogive.watch.FAULTS`."""
    severity: Severity
    sentence: str
    """What is wrong, where, with the numbers."""
    cure: Cure
    model: str = ""
    """Which model, where several are watched."""
    layer: str = ""
    """Path, as in named_modules, of the layer whose outputs these are; empty for the model."""
    activation: str = ""
    """Catalog name of the activation after it, or of the loss; empty where there is none."""
    call: int = 0
    """Which call of that layer in a forward pass, from 0: a module may be used several times."""
    cause: Cause = ""
    share: float | None = None
    """Of the layer's units, where the fault is one of units."""
    since_step: int = 0
    """The first check that met it began here."""
    step: int = 0
    """The last check that met it."""
    active: bool = True
    """Whether the last check still met it."""
    measured: float | None = None
    """The number that was judged."""
    threshold: float | None = None
    predicted: float | None = None
    """The same number as weights and activation alone predict it."""
    evidence: Mapping[str, float | str | None] = field(default_factory=dict)
    """Further numbers by name, to be shown as they are."""

    @property
    def where(self) -> str:
        """The place in words: ``encoder.fc1 (relu)``."""
        name = f"{self.model}: {self.layer}" if self.model and self.layer else (
            self.layer or self.model or "the model")  # fmt: skip
        again = f", call {self.call + 1}" if self.call else ""
        return f"{name} ({self.activation}{again})" if self.activation else name + again

    def _repr_html_(self) -> str:
        found: str = ogive._display().finding_html(self)
        return found


@dataclass(frozen=True, kw_only=True)
class LayerStats:
    """One layer in one window of training; None where it was not measured."""

    step: int
    """The last step of the window."""
    batches: int = 0
    samples: int = 0
    """Rows (or positions of an image or a sequence) that were looked at."""
    # Shares of units.
    dead: float | None = None
    dormant: float | None = None
    saturated: float | None = None
    # Sizes.
    mean_square: float | None = None
    """K: of the pre-activations z, entry by entry."""
    mean: float | None = None
    """Of the outputs."""
    rms: float | None = None
    """Of the outputs."""
    largest: float | None = None
    """|z|"""
    cosine: float | None = None
    """Mean cosine between the outputs of two samples."""
    gradient: float | None = None
    """|dL/dz|, over all entries of a batch."""
    update_ratio: float | None = None
    """Size of one step's change of the layer's weights over the weights' size."""
    weight_variance: float | None = None
    """fan_in times the mean square of the layer's weights."""
    # Predicted from the weights and the activation alone.
    predicted_mean_square: float | None = None
    """K, from the K measured one layer before."""
    predicted_chi: float | None = None
    """The factor on squared gradients on their way back through these weights and the activation
    before them."""
    finite: bool = True


@dataclass(frozen=True, kw_only=True)
class UnitMap:
    """Each unit at one check; long layers are shown by evenly chosen units."""

    step: int
    units: tuple[int, ...]
    codes: tuple[int, ...]
    """0, DEAD, DORMANT or SATURATED."""
    active: tuple[float, ...]
    """Share of samples at which |f'| is at least 5 % of its supremum."""


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Pre-activations of one window, for the picture over the activation's curve."""

    step: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    """One fewer; the first and the last hold what lies beyond."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer's place in the model and its history."""

    model: str = ""
    layer: str
    """Path of the linear map, convolution or recurrent layer."""
    call: int = 0
    order: int = 0
    """Place in the forward pass."""
    kind: str = ""
    """Class of the layer, such as Linear or Conv2d; ``gate`` of an LSTM or GRU."""
    activation: str = ""
    """Catalog name; empty where none follows."""
    parameters: Mapping[str, float] = field(default_factory=dict)
    """Of the activation, where they are not its defaults."""
    path: str = ""
    """Path of the activation's module; of the module that calls it, where it is a function."""
    style: str = ""
    """How the activation is called: module, function, in-place."""
    units: int = 0
    head: bool = False
    """Its output goes into the loss."""
    stats: tuple[LayerStats, ...] = ()
    """By check, thinned out evenly in a long training."""
    maps: tuple[UnitMap, ...] = ()
    """At the same checks; empty for layers that are not judged by units."""
    histogram: Histogram | None = None
    """Of the last window."""
    first_histogram: Histogram | None = None

    @property
    def name(self) -> str:
        """``model: path``, with the call where there are several."""
        path = self.layer or "(the model)"
        again = f" #{self.call + 1}" if self.call else ""
        return (f"{self.model}: " if self.model else "") + path + again


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How training goes, at one observed step."""

    step: int
    model: str = ""
    loss: float | None = None
    skill: float | None = None
    """1 - loss / the loss of the best constant prediction; None where that is not known."""
    accuracy: float | None = None
    """Of classes, on the batch."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A model that was watched."""

    name: str
    """Empty where it is the only one."""
    kind: str
    """Class name."""
    parameters: int
    steps: int = 0
    """Steps of its optimizer."""
    observed: int = 0
    """Of these, how many were looked at."""
    layers: int = 0
    loss: str = ""
    """The loss function that was seen, such as cross_entropy."""
    optimizer: str = ""
    precision: str = ""
    """Format of the activations, such as bfloat16."""


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """What could not be looked at, why, and how it could."""

    what: str
    why: str
    how: str = ""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What watching cost."""

    every: int
    """Period of observed steps, after the denser start."""
    seconds: float
    """Spent by the monitor."""
    total: float
    """Since it was attached."""
    bytes: int
    """Kept by it, at most."""

    @property
    def share(self) -> float:
        """Of the time."""
        return self.seconds / self.total if self.total > 0 else 0.0


@dataclass(frozen=True, kw_only=True)
class Check:
    """What one check measured; sinks are given each as it is made."""

    model: str
    step: int
    progress: Progress | None
    layers: tuple[Layer, ...]
    """In the order of the forward pass, each with the statistics of this check alone."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Report:
    """All that was found, what was looked at, and what could not be."""

    findings: tuple[Finding, ...]
    """Errors first; those no longer met last."""
    layers: tuple[Layer, ...]
    progress: tuple[Progress, ...]
    models: tuple[Watched, ...]
    unseen: tuple[Unseen, ...]
    cost: Cost
    command: str = ""
    started: str = ""
    """ISO 8601."""
    versions: Mapping[str, str] = field(default_factory=dict)
    ranks: int = 1
    """Processes of a distributed training that it is made of."""
    notes: tuple[str, ...] = ()
    """What happened to the monitor itself: it was detached by an error, the script ended early."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if each.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if each.severity == "warn")

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        seen = sum(each.observed for each in self.models)
        if not seen:
            return "Nothing was seen of this training." + "".join(
                f" {each.what}: {each.why}." for each in self.unseen[:1]
            )
        steps = max(each.steps for each in self.models)
        looked = f"{seen} of {steps} steps looked at"
        if not self.findings:
            return f"No fault found ({looked})."
        worst = self.findings[0]
        count = f"{len(self.errors)} error{'s' * (len(self.errors) != 1)}"
        count += f", {len(self.warnings)} warning{'s' * (len(self.warnings) != 1)}"
        return f"{count} ({looked}). First: {worst.sentence}"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and strings; None for what is not finite."""
        return {"format": FORMAT, **plain(self)}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Report:
        """The reverse of `to_dict`."""
        return read(cls, found)

    def to_json(self) -> str:
        """Findings first, and everything else that is in the report."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    def json(self, path: str | Path) -> None:
        """Write it, completely or not at all."""
        ogive._display().write_text(path, self.to_json())

    def diff(self, path: str | Path, finding: Finding | None = None) -> str:
        """The cure of a finding as a unified diff of the program that trains.

        It is made from the source alone, and changes no file: read it, then apply it with
        ``patch``. It is empty where the program does not call what is to be changed in one single
        place, or where the cure leaves something to be decided.

        Parameters
        ----------
        path
            The program.
        finding
            The first one by default.

        Raises
        ------
        WatchError
            The program cannot be read.

        Examples
        --------
        >>> print(monitor.report().diff("train.py"))  # doctest: +SKIP
        --- train.py
        +++ train.py
        @@ -11,3 +11,3 @@
        -optimizer = torch.optim.SGD(net.parameters(), lr=3)
        +optimizer = torch.optim.SGD(net.parameters(), lr=0.3)
        """
        try:
            with tokenize.open(path) as file:
                source = file.read()
        except (OSError, SyntaxError, UnicodeDecodeError) as error:
            raise WatchError(f"{path} cannot be read: {error}") from None
        chosen = finding if finding is not None else next(iter(self.findings), None)
        return "" if chosen is None else diff(source, chosen.cure.edits, str(path))

    def html(self, path: str | Path) -> None:
        """Write the report as one page that works offline."""
        ogive._display().write_watch_page(self, path)

    def __str__(self) -> str:
        lines = [self.sentence]
        for each in self.findings:
            lines.append(f"{each.severity}: {each.fault} at {each.where}: {each.sentence}")
            lines.append(f"  first: {each.cure.words}")
            lines.append(f"  {each.cure.code}")
        lines += [f"not seen: {each.what}: {each.why}. {each.how}".rstrip() for each in self.unseen]
        return "\n".join([*lines, *self.notes])

    def __repr__(self) -> str:
        return str(self)

    def __rich_console__(self, console: Any, options: Any) -> Any:
        return ogive._display().watch_renderables(self, options.max_width)

    def _repr_html_(self) -> str:
        found: str = ogive._display().watch_html(self)
        return found


class Sink(Protocol):
    """Where records go while training runs. An exception in it only ends the sink."""

    def start(self, report: Report) -> None:
        """Before the first step; `report` says which models are watched."""

    def check(self, check: Check) -> None:
        """After each check."""

    def finding(self, finding: Finding) -> None:
        """When it is confirmed, and again when its severity changes."""

    def close(self, report: Report) -> None:
        """At the end, with everything."""


Record = TypeVar("Record")


def plain(value: Any) -> Any:
    """A record as JSON holds it."""
    if hasattr(value, "__dataclass_fields__"):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


_NESTED: dict[tuple[type, str], type] = {
    (Report, "findings"): Finding, (Report, "layers"): Layer, (Report, "progress"): Progress,
    (Report, "models"): Watched, (Report, "unseen"): Unseen, (Report, "cost"): Cost,
    (Finding, "cure"): Cure, (Cure, "edits"): Edit,
    (Check, "layers"): Layer, (Check, "progress"): Progress,
    (Layer, "stats"): LayerStats, (Layer, "maps"): UnitMap, (Layer, "histogram"): Histogram,
    (Layer, "first_histogram"): Histogram,
}  # fmt: skip


def read(kind: type[Record], found: Mapping[str, Any]) -> Record:
    """A record of a kind from what JSON holds; unknown keys are left out."""
    given: dict[str, Any] = {}
    for each in fields(kind):  # type: ignore[arg-type]
        if each.name not in found:
            continue
        value = found[each.name]
        inner = _NESTED.get((kind, each.name))
        if inner is not None and isinstance(value, Mapping):
            value = read(inner, value)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            value = tuple(read(inner, one) if inner else one for one in value)
        given[each.name] = value
    return kind(**given)
