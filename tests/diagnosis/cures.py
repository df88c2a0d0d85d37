"""Do what the first line of a report says, as a reader would, and no more."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from .plan import Plan

TITLES = {
    "nn.ReLU()": "relu", "nn.Tanh()": "tanh", "nn.GELU()": "gelu", "nn.SELU()": "selu",
    "nn.ELU()": "elu", "nn.LeakyReLU()": "leaky_relu", "nn.SiLU()": "silu",
}  # fmt: skip


def cured(plan: Plan, code: str) -> Plan | None:
    """The plan with a cure's line of code carried out; None where the line says no more than that
    something should be done."""
    for pattern, apply in LINES:
        found = re.match(pattern, code)
        if found:
            return apply(plan, found)
    return None


def _activation(plan: Plan, found: re.Match[str]) -> Plan:
    """Exchanged everywhere: the finding is about depth, or about one of equal layers."""
    new = found["new"]
    named = TITLES[new] if new in TITLES else new.removeprefix("F.").removesuffix("(…)")
    changed = replace(plan, act=named)
    return replace(changed, edits=(*plan.edits, found["more"])) if found["more"] else changed


def _drop_head(plan: Plan, found: re.Match[str]) -> Plan:
    return replace(plan, head=plan.head[:-1])


def _loss(plan: Plan, found: re.Match[str]) -> Plan:
    """``F.a(g(z), y) -> F.b(z, y)``: where the new loss takes z, what stood before it goes."""
    new = found["new"]
    inner = "(" in found["given"] or new == "binary_cross_entropy_with_logits"
    return replace(plan, loss=new, head=plan.head[:-1] if inner else plan.head)


Apply = Callable[[Plan, re.Match[str]], Plan]

LINES: list[tuple[str, Apply]] = [
    (r"torch\.optim\.\w+\(…, lr=(?P<rate>[^)]+)\)",
     lambda plan, found: replace(plan, rate=float(found["rate"]))),
    (r"for group in optimizer\.param_groups: group\[\"lr\"\] /= (?P<by>[\d.]+)",
     lambda plan, found: replace(plan, rate=plan.rate / float(found["by"]))),
    (r"(?P<code>ogive\.torch\.init_\([^#]*\))",
     lambda plan, found: replace(plan, gain=None, edits=(*plan.edits, found["code"]))),
    (r"(?P<code>model\..*\.reset_parameters\(\))",
     lambda plan, found: replace(plan, edits=(*plan.edits, found["code"]))),
    (r"(?P<code>nn\.init\.zeros_\(.*\))",
     lambda plan, found: replace(plan, edits=(*plan.edits, found["code"]))),
    (r"x = x \+ branch\(norm\(x\)\)", lambda plan, found: replace(plan, norm="pre")),
    (r"(?P<code>[xy] = [^#]*?)\s*(#.*)?$",
     lambda plan, found: replace(plan, prepare=(*plan.prepare, found["code"]))),
    (r"nn\.(Softmax|Sigmoid|ReLU|Tanh)\(…?\) -> nn\.Identity\(\)", _drop_head),
    (r"(softmax|sigmoid|relu|tanh)\(z\) -> z\b", _drop_head),
    (r"softmax\(z\) -> log_softmax\(z\)",
     lambda plan, found: replace(plan, head=(*plan.head[:-1], "log_softmax"))),
    (r"nn\.Softmax\(…\) and its loss -> nn\.BCEWithLogitsLoss\(\) on the logit",
     lambda plan, found: replace(plan, head=plan.head[:-1], loss="BCEWithLogitsLoss")),
    (r"F\.\w+\((?P<given>.*), y\) -> F\.(?P<new>\w+)\(", _loss),
    (r"(?P<old>\S+) -> (?P<new>nn\.\w+\(\)|F\.\w+\(…\))(  # [^;]*)?(; (?P<more>.*))?$",
     _activation),
    (r"nn\.ReLU\(\)  # between", lambda plan, found: replace(plan, gaps=plan.gaps[1:])),
    (r"nn\.BatchNorm[12]d\(", lambda plan, found: replace(plan, norm="batch")),
    (r"torch\.nn\.utils\.clip_grad_norm_\(model\.parameters\(\), (?P<size>[\d.]+)\)",
     lambda plan, found: replace(plan, clip=float(found["size"]))),
    (r"nn\.CrossEntropyLoss\(label_smoothing=0\.1\)",
     lambda plan, found: replace(plan, loss="smoothed")),
    (r"F\.cross_entropy\(z, y\)", lambda plan, found: replace(plan, loss="cross_entropy")),
    (r"assert torch\.isfinite\(x\)\.all\(\)", lambda plan, found: replace(
        plan, prepare=(*plan.prepare, "x = torch.nan_to_num(x)"))),
]  # fmt: skip
"""The first that fits."""
