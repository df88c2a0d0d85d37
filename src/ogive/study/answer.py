"""The study's outcome in words. Every sentence rests on the results of the one test.

"Better", "worse" and "does not train" are said only if the test, corrected for all comparisons of
the study, shows it; "the best gain", "the highest score" and probabilities are measured values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from statistics import median
from typing import Literal

from .result import (
    Answer,
    Cell,
    Comparison,
    DataDescription,
    DepthAnswer,
    Interval,
    Metric,
    Model,
    Settings,
)

CERTAIN = 0.95
"""Least probability at which equivalence is stated."""

MOST_NAMED = 12
"""Most names listed in a sentence; the table has all of them."""

POINTS: dict[Metric, str] = {
    "accuracy": "points",
    "balanced_accuracy": "points of balanced accuracy",
    "auc": "points of AUC",
    "r2": "points of R²",
}


FRACTIONS: dict[Metric, str] = {"auc": "AUC", "r2": "R²"}
"""Metrics that are not written in percent."""


def answer(
    data: DataDescription, settings: Settings, cells: Sequence[Cell], models: Sequence[Model]
) -> Answer:
    """Which activation to use, what it gains, what to avoid.

    Parameters
    ----------
    data, settings
        The study's data and settings.
    cells : sequence of Cell
        Ordered by depth, best first.
    models : sequence of Model
        The models to compare with, including the constant prediction.
    """
    words = Words(data, settings, models)
    training = [cell for cell in cells if cell.state == "trains"]
    top = _best(training or cells, settings.rope)
    here = [cell for cell in cells if cell.depth == top.depth]
    use, sentence = words.choice(top, here) if training else (None, words.nothing_trains(cells))
    extra = words.better_model(top) if training else ""
    avoid = words.avoid(cells) if training else ""
    named = next((cell for cell in here if cell.activation == use), top)
    deeper = words.deeper(named, training)
    return Answer(
        sentence=" ".join(part for part in (sentence, deeper, avoid, extra) if part),
        use=use,
        depth=top.depth,
        matters=_matters(here, settings),
        by_depth=tuple(
            words.at_depth([cell for cell in cells if cell.depth == depth])
            for depth in settings.depths
        ),
        cautions=words.cautions(cells),
    )


def _best(cells: Sequence[Cell], rope: float) -> Cell:
    """The best cell of the shallowest depth that comes within `rope` of the highest score."""
    most = max(cell.score for cell in cells)
    depth = min(cell.depth for cell in cells if cell.score >= most - rope)
    return max((cell for cell in cells if cell.depth == depth), key=lambda cell: cell.score)


def _matters(here: Sequence[Cell], settings: Settings) -> Literal["yes", "no", "not shown"]:
    compared = [cell.against for cell in here if cell.against is not None]
    if any(each.significant and each.equivalent < CERTAIN for each in compared):
        return "yes"
    if compared and all(each.equivalent >= CERTAIN for each in compared):
        return "no"
    return "not shown"


class Words:
    """Sentences about one study."""

    def __init__(self, data: DataDescription, settings: Settings, models: Sequence[Model]) -> None:
        self.data, self.settings, self.models = data, settings, models
        self.baseline = settings.baseline
        self.points = POINTS[settings.metric]
        self.rope = f"{100 * settings.rope:g}"
        constant = next((model for model in models if model.model == "constant"), None)
        self.constant = constant.title if constant else "the constant prediction"
        self.floor = constant.score if constant else 0.0
        self.many = len(settings.depths) > 1

    def choice(self, top: Cell, here: Sequence[Cell]) -> tuple[str, str]:
        """The activation to use at the best depth, and the sentence that says so."""
        base = next((cell for cell in here if cell.activation == self.baseline), None)
        at = f" at depth {top.depth}" if self.many else ""
        if base is None or len(here) == 1:
            return top.activation, (
                f"{top.activation} reaches {self.score(top)}{at}; no other activation was run, "
                "so there is nothing to choose."
            )
        better = [cell for cell in here if _better(cell)]
        if better:
            best = better[0]
            assert best.against is not None
            others = [cell.activation for cell in better[1:]]
            also = f" So are {listed(others)}." if others else ""
            return best.activation, (
                f"Use {best.activation}: it is better than {self.baseline}{at} by "
                f"{self.gain(best.against)}.{also}"
            )
        rivals = [cell for cell in here if cell.against is not None and cell.state == "trains"]
        if all(cell.against is not None and cell.against.equivalent >= CERTAIN for cell in rivals):
            same = f"the choice among {listed([base.activation, *names(rivals)])}"
            if rivals and len(rivals) + 1 == len(here):
                same = "the choice of activation"
            if rivals:
                best = max(rivals, key=lambda cell: cell.score)
                assert best.against is not None
                return self.baseline, (
                    f"Keep {self.baseline}: {same} does not matter here{at}. The best of the "
                    f"others, {best.activation}, differs by {self.gain(best.against)}."
                )
        if not rivals:
            return self.baseline, (
                f"Keep {self.baseline}: no other activation is shown to do better than "
                f"{self.constant}{at}."
            )
        best = max(rivals, key=lambda cell: cell.score)
        assert best.against is not None
        if base.state == "fails":
            return best.activation, (
                f"Use {best.activation}: {self.baseline} does no better than {self.constant}{at}. "
                f"The difference is {self.gain(best.against)}."
            )
        doubt = ""
        if base.state != "trains":
            doubt = f" {self.baseline} itself is not shown to do better than {self.constant}."
        if best.score > base.score:
            return best.activation, (
                f"Use {best.activation}, or keep {self.baseline}: the best gain{at} is "
                f"{self.gain(best.against)}.{doubt}"
            )
        return self.baseline, (
            f"Keep {self.baseline}: no activation scores higher{at}. The nearest, "
            f"{best.activation}, differs by {self.gain(best.against)}.{doubt}"
        )

    def deeper(self, named: Cell, training: Sequence[Cell]) -> str:
        """Why the answer names a depth that does not have the highest score."""
        deeper = [cell.score for cell in training if cell.depth > named.depth]
        gain = max(deeper, default=named.score) - named.score
        if not gain > 5e-4:
            return ""
        return f"Deeper networks score at most {100 * gain:.1f} {self.points} higher."

    def nothing_trains(self, cells: Sequence[Cell]) -> str:
        """The answer if no network is better than a constant prediction, by the test."""
        known = f"{self.constant} ({self.value(self.floor)})"
        if all(cell.state == "fails" for cell in cells):
            return (
                f"No network does better than {known}, so the choice of activation cannot matter: "
                "the features say too little about the target, or the networks cannot use them."
            )
        return (
            f"This study cannot show that any network does better than {known}; more rows or "
            "more --splits may."
        )

    def avoid(self, cells: Sequence[Cell]) -> str:
        """Activations that are worse than the baseline by more than the region of equivalence."""
        worse: dict[str, set[int]] = {}
        for cell in cells:
            if _worse(cell) and cell.against and cell.against.difference < -self.settings.rope:
                worse.setdefault(cell.activation, set()).add(cell.depth)
        if not worse:
            return ""
        parts = []
        for where, group in groupby(
            sorted(worse, key=lambda name: (self.where(worse[name]), name)),
            key=lambda name: self.where(worse[name]),
        ):
            parts.append(f"{listed(list(group))}{where}")
        return f"Avoid {'; '.join(parts)}."

    def where(self, depths: set[int]) -> str:
        """The depths in words: nothing for all of them, ``from depth 8`` for all from 8 on."""
        of_study = self.settings.depths
        found = sorted(depths)
        if len(found) == len(of_study):
            return ""
        if len(found) > 1 and tuple(found) == of_study[-len(found) :]:
            return f" from depth {found[0]}"
        if found == [of_study[-1]]:
            return f" at depth {found[0]}"
        return f" at depth{'s' if len(found) > 1 else ''} {listed([str(d) for d in found])}"

    def better_model(self, top: Cell) -> str:
        """Names a model that beats the baseline network and all other models, if there is one."""
        found = [
            (model, each)
            for model in self.models
            for each in model.against
            if each.depth == top.depth and each.significant and each.difference > 0
            and model.score > top.score
        ]  # fmt: skip
        if not found:
            return ""
        model, each = max(found, key=lambda pair: pair[0].score)
        title = model.title[0].upper() + model.title[1:]
        gain = self.gain(each, practical=False)
        return f"{title} does better than {self.baseline} networks: {gain}."

    def at_depth(self, here: Sequence[Cell]) -> DepthAnswer:
        """One sentence about a depth, and the groups of activations it rests on."""
        depth, best = here[0].depth, here[0]
        rest = [cell for cell in here if cell.against is not None]
        better, worse = [c for c in rest if _better(c)], [c for c in rest if _worse(c)]
        failing = [cell for cell in here if cell.state == "fails"]
        differing = {c.activation for c in (*better, *worse)}
        equivalent = [
            cell for cell in rest
            if cell.against and cell.against.equivalent >= CERTAIN
            and cell.activation not in differing
        ]  # fmt: skip
        decided = differing | set(names(equivalent)) | set(names(failing))
        open_ = [cell.activation for cell in rest if cell.activation not in decided]
        parts = [f"{best.activation} scores highest, {self.score(best)}{self.doubt(best, here)}"]
        if better:
            parts.append(f"better than {self.baseline}: {self.differences(better)}")
        shown = [cell for cell in worse if cell not in failing]
        if shown:
            parts.append(f"worse than {self.baseline}: {self.differences(shown)}")
        if equivalent:
            parts.append(
                f"within {self.rope} {_plural(self.rope)} of {self.baseline}: "
                + self.several(names(equivalent), len(rest))
            )
        if open_:
            parts.append(f"no difference shown: {self.several(open_, len(rest))}")
        if failing:
            parts.append(f"no better than {self.constant}: {self.several(names(failing), 0)}")
        return DepthAnswer(
            depth=depth,
            sentence=f"Depth {depth}: {'; '.join(parts)}.",
            best=best.activation,
            better=tuple(names(better)),
            worse=tuple(names(worse)),
            equivalent=tuple(names(equivalent)),
            failing=tuple(names(failing)),
        )

    def doubt(self, best: Cell, here: Sequence[Cell]) -> str:
        """Why the answer does not name the highest score."""
        if best.state != "trains" and any(cell.state == "trains" for cell in here):
            return f" (but not shown to do better than {self.constant})"
        if any(map(_better, here)) and best.against is not None and not _better(best):
            return f" (but its lead over {self.baseline} may be chance)"
        return ""

    def several(self, found: list[str], of: int) -> str:
        if of > 2 and len(found) == of:
            return f"all {of} others"
        if len(found) > MOST_NAMED:
            return f"{len(found)} others"
        return listed(found)

    def differences(self, cells: Sequence[Cell]) -> str:
        """``gelu +1.2 [0.3, 2.1]`` for each cell."""
        return ", ".join(
            f"{cell.activation} {signed(cell.against.difference)} {bounds(cell.against.interval)}"
            for cell in cells
            if cell.against
        )

    def cautions(self, cells: Sequence[Cell]) -> tuple[str, ...]:
        """What may not be concluded, and what would help."""
        data, settings = self.data, self.settings
        found = [
            f"Nothing follows for other data, widths or optimisers: this is {data.name} with "
            f"{settings.width} units per layer, trained by "
            + ("Adam." if settings.optimizer == "adam" else "gradient descent with momentum.")
        ]
        compared = [cell.against for cell in cells if cell.against and cell.state == "trains"]
        undecided = [c for c in compared if not c.significant and c.equivalent < CERTAIN]
        if undecided:
            width = median((each.interval.high - each.interval.low) / 2 for each in undecided)
            found.append(
                f'"No difference shown" does not mean equal: differences below about '
                f"{100 * width:.1f} {self.points} cannot be seen with {settings.splits} splits of "
                f"{data.rows:,} rows. More --splits, fewer --activations or --depths, or more rows "
                "show smaller ones."
            )
        unshown: dict[str, set[int]] = {}
        for cell in cells:
            if cell.state == "not shown":
                unshown.setdefault(cell.activation, set()).add(cell.depth)
        if unshown and any(cell.state == "trains" for cell in cells):
            who = listed([f"{name}{self.where(depths)}" for name, depths in unshown.items()])
            found.append(f"Not shown to do better than {self.constant}: {who}.")
        broken = sum(cell.diverged for cell in cells)
        if broken:
            worst = max(cells, key=lambda cell: cell.diverged)
            found.append(
                f"The loss of {broken} networks stopped being finite, most often "
                f"{worst.activation} at depth {worst.depth} ({worst.diverged} of "
                f"{len(worst.trials)}): smaller --rates may save them."
            )
        if data.splits.given_test:
            found.append("All splits share the data's own test part, which is a single sample.")
        return tuple(found)

    def score(self, cell: Cell) -> str:
        """``97.9 % [96.9, 98.8]``, ``AUC 0.912 [0.884, 0.934]``."""
        low, high = cell.interval.low, cell.interval.high
        if self.settings.metric in FRACTIONS:
            return f"{self.value(cell.score)} [{low:.3f}, {high:.3f}]"
        return f"{self.value(cell.score)} {bounds(cell.interval)}"

    def value(self, score: float) -> str:
        """``97.9 %``, ``AUC 0.912``."""
        metric = self.settings.metric
        if metric in FRACTIONS:
            return f"{FRACTIONS[metric]} {score:.3f}"
        return f"{'balanced accuracy ' if metric != 'accuracy' else ''}{100 * score:.1f} %"

    def gain(self, each: Comparison, *, practical: bool = True) -> str:
        """``+0.3 points [-0.5, 1.2]; equivalent with probability .93``."""
        text = f"{signed(each.difference)} {self.points} {bounds(each.interval)}"
        if practical and not each.significant:
            text += f"; equivalent with probability {probability(each.equivalent)}"
        elif practical and each.equivalent >= CERTAIN:
            text += f", which is within {self.rope} {_plural(self.rope)}"
        return text


def _better(cell: Cell) -> bool:
    return cell.against is not None and cell.against.significant and cell.against.difference > 0


def _worse(cell: Cell) -> bool:
    return cell.against is not None and cell.against.significant and cell.against.difference < 0


def names(cells: Iterable[Cell]) -> list[str]:
    """The activations of the cells."""
    return [cell.activation for cell in cells]


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def signed(difference: float) -> str:
    """A difference in points, with its sign."""
    return f"{100 * difference:+.1f}"


def bounds(interval: Interval) -> str:
    """An interval in points."""
    return f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def probability(value: float) -> str:
    """``.93``; never 0 or 1, which no measurement can show."""
    if value < 0.005:
        return "below .01"
    if value > 0.995:
        return "above .99"
    return f"{value:.2f}".lstrip("0")


def _plural(number: str) -> str:
    return "point" if number == "1" else "points"
