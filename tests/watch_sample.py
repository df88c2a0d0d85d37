"""A report of a monitor whose numbers cannot be mistaken for each other."""

from dataclasses import replace

from ogive.watch import (
    FAULTS,
    Check,
    Cost,
    Cure,
    Finding,
    Histogram,
    Layer,
    LayerStats,
    Progress,
    Report,
    UnitMap,
    Unseen,
    Watched,
)

STEPS = (0, 7, 21, 60, 145)
CAUSES = ("initialisation", "activation", "training", "data", "head", "structure", "")
NAMES = ("stem", "body.0.fc", "body.1.fc", "body.2.fc", "head")


def stats(row, at):
    """One layer's numbers at one check."""
    return LayerStats(
        step=STEPS[at],
        batches=20,
        samples=2100,
        dead=(3 + row + 4 * at) / 100,
        dormant=(40 + row + 4 * at) / 100,
        saturated=(70 + row + 4 * at) / 100,
        mean_square=1.5 + 10 * row + at,
        mean=0.1,
        rms=0.4,
        largest=3.0 + row + at,
        cosine=0.11 * (row + 1) + 0.01 * at,
        gradient=10.0 ** (row - 6) * (1 + 0.1 * at),
        update_ratio=1e-4 * (row + 1) + 1e-6 * at,
        weight_variance=2.0,
        predicted_mean_square=2.5 + 10 * row,
        predicted_chi=0.301 + row / 10,
    )


def unit_map(row, at, units=24):
    """Ever more units die, one is saturated in the middle of the training."""
    codes = [1 if unit < row * at else 0 for unit in range(units)]
    codes[-1] = 3 if at in (1, 2) else 0
    return UnitMap(
        step=STEPS[at], units=tuple(range(0, 2 * units, 2)), codes=tuple(codes),
        active=(0.5,) * units,
    )  # fmt: skip


def histogram(row, at):
    edges = tuple(-4.0 + 0.5 * k for k in range(17))
    return Histogram(step=STEPS[at], edges=edges, counts=tuple(1 + (row + 3 * at + k * k) % 11
                                                               for k in range(16)))  # fmt: skip


def layers(model="", activation="relu"):
    """Five layers, the last one the head."""
    found = []
    for row, name in enumerate(NAMES):
        head = name == "head"
        found.append(
            Layer(
                model=model, layer=name, order=row, kind="Linear", path=f"{name}.act",
                style="module", activation="" if head else activation, head=head,
                units=10 if head else 48,
                stats=tuple(stats(row, at) for at in range(len(STEPS))),
                maps=() if head else tuple(unit_map(row, at) for at in range(len(STEPS))),
                histogram=histogram(row, 4), first_histogram=histogram(row, 0),
            )
        )  # fmt: skip
    return tuple(found)


def finding(fault, at=0, **given):
    """One of each kind, at the second layer unless it is about the head or the whole."""
    known = FAULTS[fault]
    asked = {
        "fault": fault, "severity": "error" if at % 2 == 0 else "warn",
        "sentence": f"Sentence {at} of {fault}: 12.{at} against 3.", "layer": "body.0.fc",
        "activation": "relu", "cure": Cure(words=f"Do {at} first.", code=f"change({at}) # < & >"),
        "cause": CAUSES[at % len(CAUSES)],
        "since_step": 7 + at, "step": 145, "active": at % 3 != 2,
        "measured": 0.61 + at / 100, "threshold": known.error, "predicted": 0.31 + at / 100,
        "evidence": {f"a number {at}": 77.5 + at, f"a word {at}": f"said {at}", "nothing": None},
        "share": 0.61 + at / 100 if known.per_unit else None,
    }  # fmt: skip
    return Finding(**asked | given)


def sample(**given):
    """Every fault once."""
    asked = {
        "findings": tuple(finding(name, at) for at, name in enumerate(FAULTS)),
        "layers": layers(),
        "progress": tuple(
            Progress(step=step, loss=2.3 - at / 10, skill=0.05 * at, accuracy=0.1 + 0.07 * at)
            for at, step in enumerate(STEPS)
        ),
        "models": (
            Watched(name="", kind="Network", parameters=12_345, steps=146, observed=31, layers=5,
                    loss="cross_entropy", optimizer="AdamW", precision="bfloat16"),
        ),
        "unseen": (Unseen(what="block.9", why="it runs elsewhere", how="Attach it there."),),
        "cost": Cost(every=50, seconds=0.34, total=20.0, bytes=1_230_000),
        "command": "ogive watch train.py --rate 0.1", "started": "2026-12-01T00:00:00+00:00",
        "versions": {"ogive": "1.2.3", "torch": "4.5.6"}, "ranks": 2, "notes": ("A note.",),
    }  # fmt: skip
    return Report(**asked | given)


def checks(report):
    """The same training, check by check, as sinks get it."""
    for at, step in enumerate(STEPS):
        found = tuple(
            replace(
                each, stats=each.stats[at : at + 1], maps=each.maps[at : at + 1],
                first_histogram=each.first_histogram if at == 0 else None,
                histogram=each.histogram if at == len(STEPS) - 1 else None,
            )
            for each in report.layers
        )  # fmt: skip
        yield Check(model="", step=step, progress=report.progress[at], layers=found)
