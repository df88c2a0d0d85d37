"""Four published packages on the same trainings, as their own documentation says to use them.

    PYTHONPATH=tests python -m diagnosis.packages     # in an environment of its own, see README.md

It writes docs/diagnosis_packages.json: of every training, the alarms of each package that is
installed, named as its report names them. What a package calls information is no alarm; its other
alarms count as they are, and count as the right name for every fault in `MEANS`.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "docs/diagnosis_packages.json"

SILENT = ("wrong_head/one_unit_softmax", "vanishing_gradient", "dead_unit")
"""Faults after which no gradient arrives."""

MEANS: Mapping[str, tuple[str, ...]] = {
    # torchmortem: what a finding's category is.
    "dead_units": ("dead_unit", "dormant_unit"),
    "saturation": ("saturated_unit",),
    "gradient_flow": (*SILENT, "exploding_gradient", "nan"),
    "update_ratio": ("exploding_gradient", "nan", "vanishing_gradient"),
    "weight_norm": ("exploding_gradient", "nan"),
    "loss_dynamics": ("nan", "exploding_gradient", "vanishing_gradient", "not_centred"),
    "rank_collapse": ("not_centred", "dead_unit"),
    # torch-audit: its rules.
    "TA100": ("nan", "exploding_gradient"),
    "TA102": ("exploding_gradient", "nan"),
    "TA103": SILENT,
    "TA104": SILENT,
    "TA105": ("dead_unit", "dormant_unit"),
    # neural-observatory: its analyzers.
    "dead_neurons": ("dead_unit", "dormant_unit"),
    "gradient_health": (*SILENT, "exploding_gradient", "nan"),
    "parameter_health": ("nan", "exploding_gradient"),
    "activation_statistics": ("saturated_unit", "magnitude_drift", "not_centred", "nan"),
    "anomaly_detection": ("nan", "exploding_gradient"),
    # trainscope: a spike of the loss.
    "spike": ("nan", "exploding_gradient"),
}

ADVICE = ("TA2", "TA4")
"""Rules of torch-audit on hardware and on the optimiser's settings, which are about speed and
taste: they alarm on almost every training, and are left out in its favour."""

Alarms = set[str]
Around = Callable[[Any, Any, Alarms], Any]
"""A context around a training of a model and its optimizer; it gives what is called with each
step before, and after, the optimizer's."""


RAISES = "raises"


def nothing(step: Any) -> None:
    """Where a package is not called."""


@contextmanager
def torchmortem(model: Any, optimizer: Any, alarms: Alarms) -> Iterator[Any]:
    from torchmortem import Autopsy
    from torchmortem.types import Severity

    with Autopsy(model, optimizer=optimizer) as autopsy:
        yield nothing, lambda step: autopsy.step(loss=step.loss)
    report = autopsy.get_report()
    alarms |= {each.category for each in report.findings if each.severity >= Severity.WARNING}


@contextmanager
def torch_audit(model: Any, optimizer: Any, alarms: Alarms) -> Iterator[Any]:
    from torch_audit import Severity, autopatch

    auditor = autopatch(model, optimizer=optimizer, every_n_steps=25)
    try:
        yield nothing, nothing
    finally:
        auditor.unpatch()
    found = auditor.finish().findings
    alarms |= {each.rule_id for each in found if each.severity >= Severity.WARN}


@contextmanager
def neural_observatory(model: Any, optimizer: Any, alarms: Alarms) -> Iterator[Any]:
    from neural_observatory import Observatory

    observatory = Observatory(model)
    observatory.watch()
    yield nothing, lambda step: observatory.step(step.number + 1)
    alarms |= {each.analyzer_name for each in observatory.report().warnings()}
    observatory.stop()


@contextmanager
def trainscope(model: Any, optimizer: Any, alarms: Alarms) -> Iterator[Any]:
    from trainscope import TrainScope
    from trainscope.core.config import TrainScopeConfig

    with tempfile.TemporaryDirectory() as folder:
        scope = TrainScope(model, optimizer, config=TrainScopeConfig(run_dir=folder)).attach()

        def before(step: Any) -> None:
            if scope.step(step.loss, batch_index=step.number):
                alarms.add("spike")

        yield before, nothing
        scope.detach()


PACKAGES: dict[str, Around] = {
    "torchmortem": torchmortem, "torch-audit": torch_audit,
    "neural-observatory": neural_observatory, "trainscope": trainscope,
}  # fmt: skip


def judged(plan: Any, around: Around) -> list[str]:
    """The alarms of a package, or the error that it ended the training with."""
    from .training import train

    alarms: Alarms = set()
    called: list[Any] = [nothing, nothing]

    @contextmanager
    def watched(model: Any, optimizer: Any) -> Iterator[None]:
        with around(model, optimizer, alarms) as both:
            called[:] = both
            yield

    quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    try:
        with quiet[0], quiet[1]:
            train(plan, lambda s: called[0](s), lambda s: called[1](s), watched)
    except Exception as error:  # it is the package's
        alarms.add(f"{RAISES} {type(error).__name__}")
    return sorted(alarms)


def main() -> None:
    import torch

    from .planted import PLANTED
    from .sound import SOUND

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    trainings = [
        *(("planted", plan) for plan in PLANTED), *(("sound", plan) for plan in SOUND),
        *(("twin", plan.twin) for plan in PLANTED),
    ]  # fmt: skip
    found = json.loads(DATA.read_text())["alarms"] if DATA.exists() else {}
    for kind, plan in trainings:
        key = f"{kind}: {plan.name}"
        known = found.setdefault(key, {})
        for name in versions:
            if name not in known:
                known[name] = judged(plan, PACKAGES[name])
        print(key, known, flush=True)
        text = json.dumps({"versions": versions, "alarms": found}, indent=1) + "\n"
        DATA.write_text(text, encoding="utf-8")


def share(count: int, total: int) -> str:
    return f"{count} of {total} ({100 * count / max(total, 1):.1f} %)"


def lines(planted: list[tuple[str, str]], sound: list[str]) -> list[list[str]]:
    """Of each package: faulty trainings with any alarm, with the right name, sound ones with any,
    and of all of these those that it ended with an error. Faulty ones are keys with their fault.
    """
    found = json.loads(DATA.read_text(encoding="utf-8"))
    rows = []
    for name, version in found["versions"].items():
        said = {key: each[name] for key, each in found["alarms"].items()}
        ended = [key for key, each in said.items() if any(e.startswith(RAISES) for e in each)]
        alarms = {
            key: {e for e in each if not e.startswith((RAISES, *ADVICE))}
            for key, each in said.items()
        }
        named = [key for key, fault in planted if any(fault in MEANS.get(e, ())
                                                      for e in alarms[key])]  # fmt: skip
        keys = [*(key for key, _ in planted), *sound]
        rows.append([
            f"{name} {version}", share(sum(bool(alarms[key]) for key, _ in planted), len(planted)),
            share(len(named), len(planted)),
            share(sum(bool(alarms[key]) for key in sound), len(sound)),
            share(len({*ended} & {*keys}), len(keys)),
        ])  # fmt: skip
    return rows


if __name__ == "__main__":
    sys.exit(main())
