"""What a study shows and what it does not, in plain sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from ogive.study.result import Cell, StudyResult


def tuned(result: StudyResult, depth: int) -> list[Cell]:
    """The tuned cells of one depth, best first."""
    return [cell for cell in result.cells if cell.depth == depth and cell.recipe == "tuned"]


def headline(result: StudyResult) -> str:
    """The one sentence to remember."""
    n = len(result.settings.activations)
    failing = {
        depth: [cell.activation for cell in tuned(result, depth) if not cell.trainable]
        for depth in result.settings.depths
    }
    depths = _listed([str(depth) for depth in result.settings.depths], "and")
    if not any(failing.values()):
        plural = "s" if len(failing) > 1 else ""
        return f"On {result.data.name}, all {n} activations train at depth{plural} {depths}."
    parts = []
    # Neighbouring depths with the same outcome share a sentence.
    for names, group in groupby(result.settings.depths, key=lambda depth: failing[depth]):
        at = _listed([str(depth) for depth in group], "and")
        if not names:
            parts.append(f"at depth {at} every activation trains")
        elif len(names) == n:
            parts.append(f"at depth {at} none trains")
        elif len(names) <= n // 2:
            verb = "does" if len(names) == 1 else "do"
            parts.append(f"at depth {at} {_listed(names, 'and')} {verb} not")
        else:
            train = [name for name in result.settings.activations if name not in names]
            parts.append(f"at depth {at} only {_listed(train, 'and')} still train")
    return f"On {result.data.name}, {'; '.join(parts)}."


def can(result: StudyResult) -> list[str]:
    """What may be concluded."""
    sentences = [_best(tuned(result, depth)) for depth in result.settings.depths]
    # What holds over all depths comes first.
    tests = sorted(
        (each for each in result.significance if each.recipe == "tuned"),
        key=lambda each: (each.depth is not None, each.depth or 0),
    )
    sentences = [each.sentence for each in tests if each.depth is None] + sentences
    sentences += [each.sentence for each in tests if each.depth is not None]
    outcomes = Counter(verdict.verdict for verdict in result.verdicts)
    if outcomes:
        counts = [
            f"{count} {_OUTCOME[outcome][count != 1]}" for outcome, count in outcomes.most_common()
        ]
        total = sum(outcomes.values())
        sentences.append(f"Of the note's {total} claims put to the test, {_listed(counts, 'and')}.")
    return [sentence for sentence in sentences if sentence]


_OUTCOME = {
    "holds": ("holds", "hold"),
    "refuted": ("is refuted", "are refuted"),
    "not decided on this data": ("is not decided", "are not decided"),
}


def _best(cells: Sequence[Cell]) -> str:
    if not cells:
        return ""
    best, others = cells[0], cells[1:]
    ties = [cell.activation for cell in others if set(cell.group) & set(best.group)]
    worse = [cell.activation for cell in others if not set(cell.group) & set(best.group)]
    text = (
        f"Depth {best.depth}: {best.activation} has the best mean accuracy, "
        f"{100 * best.mean:.1f} % (95 % interval {100 * best.interval.low:.1f} to "
        f"{100 * best.interval.high:.1f})"
    )
    if not others:
        return text + "."
    if not best.group:  # no groups: no test was possible
        return text + "; differences were not tested (fewer than 3 activations or 2 seeds)."
    if not worse:
        return text + "; no other activation differs from it significantly."
    text += f"; significantly worse: {_listed(worse, 'and')}"
    return text + (f"; not to be told apart: {_listed(ties, 'and')}." if ties else ".")


def cannot(result: StudyResult) -> list[str]:
    """What may not be concluded."""
    seeds = len(result.settings.seeds)
    sentences = [
        f"Nothing follows for other data, widths or optimisers: this is {result.data.name} with "
        f"{result.settings.width} units a layer and SGD with momentum and clipped gradients.",
        f"The intervals come from {seeds} seed{'s' if seeds != 1 else ''} on one split: they "
        "cover initialisation and the order of batches, not the choice of rows.",
        "Activations that share a group letter are not shown to be equal; the study is too small "
        "to tell them apart.",
    ]
    if seeds < 5:
        sentences.append(
            "With fewer than five seeds even large differences may fail to be significant."
        )
    return sentences


def _listed(words: Sequence[str], last: str) -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
