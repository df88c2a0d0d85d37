"""Loss heads in torch: the public functions, and which way each call goes.

Backward needs what forward had: the logits and the target, both of which exist anyway, so that no
tensor is made for it. It runs the kernel for the gradient with what comes from upstream folded into
the factor of each row, and rounds once. The checks and the bits are those of NumPy's heads.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn._reduction import legacy_get_string

from ..calls import checks, codegen
from ..calls.losses import Loss
from ..catalog import Card, Parameter
from ._checks import check_devices, checked_dim, floating
from ._formats import HALVES
from ._functions import applier
from ._loss_derivatives import Derivatives
from ._loss_eager import eager_function
from ._loss_elements import INTEGERS, Options
from ._loss_formula import Formula, checked_label
from ._loss_kernels import Kernels
from ._loss_operators import Operators
from ._route import (
    FORMULA,
    KERNELS,
    TRANSFORMS,
    is_dense,
    is_passed_on,
    is_plain,
    pass_on,
    route,
    route_of,
)
from ._warn import warn_of_fallback

IGNORED = -100
"""torch's label of rows that do not count."""

grad_enabled = torch.is_grad_enabled
is_compiling = torch.compiler.is_compiling


class Head:
    """One loss of logits and targets."""

    def __init__(self, card: Card):
        self.of = Loss(card)
        self.defaults = {
            name: IGNORED if p.role == "label" else p.default for name, p in self.of.options.items()
        }
        self.kernels, self.formula = Kernels(self.of), Formula(self.of)
        derivatives = Derivatives(self.kernels, self.formula)
        self.operators = Operators(derivatives)
        self.transformed = derivatives.loss
        self.apply = applier(eager_function(self.kernels, derivatives, self.operators))

    def at_once(
        self, z: Any, target: Any, weight: Any, how: Any, ignored: Any, create_graph: bool,
        numbers: tuple[Any, ...] | None,
    ) -> Tensor | None:  # fmt: skip
        """The loss of plain tensors of which only the logits learn, under no transform and no
        autocast; `numbers` are None where they are the usual ones. None for the rest.
        """
        of, kernels = self.of, self.kernels
        if route(z) != KERNELS or how not in checks.REDUCTIONS:
            return None
        if not is_plain(z) or not isinstance(target, Tensor) or not is_plain(target):
            return None
        if z.dtype is not torch.float32 and z.dtype is not torch.float64:
            return None
        if of.over_rows and (z.dim() != 2 or target.dtype not in INTEGERS):
            return None
        if target.requires_grad:
            return None
        if weight is not None and (
            not isinstance(weight, Tensor) or not is_plain(weight) or weight.requires_grad
        ):
            return None
        if ignored is not None and type(ignored) is not int:
            return None
        between = kernels.usual_between
        if numbers is not None:
            for number in numbers:
                if type(number) is not float and number is not None:
                    return None
            between = kernels.between_of(*numbers)
        options = None
        if z.requires_grad and grad_enabled():
            options = {**self.defaults, "reduction": how}
            if numbers is not None:
                options.update(zip(kernels.numbers, numbers, strict=True))
            if of.class_weight:
                options[of.class_weight] = weight
            if of.label:
                options[of.label] = ignored
        try:
            if options is not None:
                few = weight, how, ignored, between
                return self.apply(z, target, 1, options, create_graph, few)  # type: ignore[no-any-return]
            found = kernels.run_few(z, target, weight, how, ignored, between, False, None)
        except RuntimeError:
            if all(is_plain(t) for t in (z, target, weight) if isinstance(t, Tensor)):
                raise
            found = None
        return None if found is None else found[0]

    def call(
        self, input: Any, target: Any, dim: int | None, create_graph: bool, **options: Any
    ) -> Tensor:
        of, kernels = self.of, self.kernels
        z = floating(input, of.name)
        if not isinstance(target, Tensor):
            raise TypeError(f"{of.name}: target must be a Tensor, not {type(target).__name__}")
        if z.dtype in HALVES and torch.is_autocast_enabled(z.device.type):
            z = z.float()  # as torch's losses do
        where = 0
        if of.over_rows:
            where = checked_dim(min(1, z.dim() - 1) if dim is None else dim, z, of.name)
        if of.label:
            options[of.label] = checked_label(options[of.label], target)
        for name in of.weights:
            if options[name] is not None and not isinstance(options[name], Tensor):
                options[name] = torch.as_tensor(options[name], device=z.device)
        tensors = [t for t in (z, target, *options.values()) if isinstance(t, Tensor)]
        if any(t.device != z.device or not is_dense(t) for t in tensors):
            check_devices(of.name, logits=z, target=target, **options)
        way = route_of(*tensors)
        if way == TRANSFORMS:
            return self.transformed.apply(z, target, 0, where, *options.values())  # type: ignore[no-any-return]
        further = grad_enabled() and any(t.requires_grad for t in tensors[1:])
        if way == KERNELS:
            if further:
                return self.transformed.apply(z, target, 0, where, *options.values())  # type: ignore[no-any-return]
            for name in kernels.numbers:
                if isinstance(options[name], Tensor) and not options[name].dim():
                    options[name] = options[name].item()
            if not (z.requires_grad and grad_enabled()):
                return kernels.run(z, target, where, options, False)[0]
            return self.apply(z, target, where, options, create_graph)  # type: ignore[no-any-return]
        known = z.device.type in ("cpu", "cuda", "meta")
        if not known:
            warn_of_fallback(of.name, z.device.type)
        several = any(isinstance(options[name], Tensor) for name in kernels.numbers)
        if not known or way == FORMULA or several:
            if not is_compiling():
                kernels.check(z.shape, target, where, options)
            return self.formula.reduced(z, target, where, options)
        alone = not (create_graph or further) and z.requires_grad and grad_enabled()
        return self.operators.loss(z, target, where, options, alone)


HINTS = {"weights": "Tensor | None", "label": "int | None", "number": "float", "reduction": "str"}
"""Types of options in signatures, by their role."""


def hinted(p: Parameter, **defaults: Any) -> str:
    """An option in a signature, with a default of its own for a role."""
    hint = HINTS[p.role] + (" | None" if p.as_operands is not None else "")
    return codegen.parameter(p, repr(hint), **defaults)


def public(head: Head) -> Callable[..., Tensor]:
    """The function with torch's parameters, in torch's order where torch has it, and the rest by
    keyword. It is written out, as a small tensor pays for each star.
    """
    of = head.of
    names = torch_parameters(of.card) or list(of.weights)
    defaults = {**head.defaults, "size_average": None, "reduce": None}
    keyword: Options = {"dim": None} if of.over_rows else {}
    keyword |= {k: v for k, v in head.defaults.items() if k not in names} | {"create_graph": True}
    defaults |= keyword
    taken = ["input", "target", *names, "*", *keyword]
    taken = [f"{name}=defaults[{name!r}]" if name in defaults else name for name in taken]
    legacy = """if size_average is not None or reduce is not None:
    reduction = legacy_get_string(size_average, reduce)"""
    options = [p.name for p in of.numbers]
    usual = " and ".join(f"{name} is usual_{name}" for name in options) or True
    plain = ["dim is None"] if of.over_rows else [f"{name} is None" for name in of.weights]
    weight, label = of.class_weight or None, of.label or None
    given = codegen.by_name([*names, *keyword])
    lines = f"""
if {" and ".join(plain) or True}:
    loss = at_once(
        input, target, {weight}, reduction, {label},
        create_graph, None if {usual} else ({codegen.items(options)}),
    )
    if loss is not None:
        return loss
if is_passed_on({", ".join(["input", "target", *of.weights])}):
    return pass_on(again, input, target, {given})
options = {{{codegen.items(f"{name!r}: {name}" for name in of.options)}}}
return call(input, target, {"dim" if of.over_rows else None}, create_graph, **options)"""
    body = [legacy if "reduce" in names else "", lines.strip()]
    scope: dict[str, Any] = {
        "legacy_get_string": legacy_get_string, "defaults": defaults, "at_once": head.at_once,
        "call": head.call, "is_passed_on": is_passed_on, "pass_on": pass_on,
        **{f"usual_{name}": defaults[name] for name in options},
    }  # fmt: skip
    scope["again"] = codegen.written(of.name, taken, body, scope, f"torch {of.name}")
    return scope["again"]  # type: ignore[no-any-return]


def torch_parameters(card: Card) -> list[str]:
    """The parameters that torch's own function takes after input and target, in its order; none
    where torch has no such function.
    """
    for peer in card.peers:
        path, _, name = peer.name.rpartition(".")
        if path == "torch.nn.functional":
            return list(inspect.signature(getattr(torch.nn.functional, name)).parameters)[2:]
    return []
