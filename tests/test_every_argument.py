"""Every argument of every public function does what the formula says, alone and beside each other.

Functions, arguments and values come from `arguments`: an argument that is varied nowhere makes a
test fail. Results are judged by `oracle`; where they go (FORMS), by the bits of the plain call.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ogive
import ogive.predict
import oracle
from arguments import (
    FORMS,
    FUNCTIONS,
    OF_NUMPY,
    VARIED,
    Function,
    Problem,
    arrays_in,
    as_out,
    results,
    varied,
    wrong,
)
from cases import assert_same_bits
from fuzz_numpy import finite, judge_elementwise, near
from ogive.catalog import Card
from ogive.reference.philox import MASK, uniform

FLOATS = [np.dtype(np.float32), np.dtype(np.float64)]
every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=str)


def has_effect(function: Function, name: str) -> bool:
    """Whether a result depends on an argument."""
    where_it_goes = name == "out" or (name in FORMS and function.card.kind != "rows")
    soft = name == "hard" and function.mode != "value"  # the gradient is that of the soft draw
    slope = function.mode != "value" and (function.card.name, name) in (
        ("identity", "x"), ("identity", "y"), ("threshold", "value")
    )  # fmt: skip
    rounding = name in ("chunk_rows", "accumulate")
    return not (where_it_goes or soft or slope or rounding)


def places(function: Function, *names: str) -> Iterator[dict[str, int]]:
    """All values of some arguments together."""
    counts = [range(len(varied(function, name)(Problem(function, FLOATS[1])))) for name in names]
    for chosen in itertools.product(*counts):
        yield dict(zip(names, chosen, strict=True))


def test_no_argument_is_varied_nowhere() -> None:
    unknown = {
        f"{function}({name})"
        for function in FUNCTIONS
        for name in function.parameters
        if name not in VARIED and name not in [p.name for p in function.card.parameters]
    }
    assert unknown == set(), "give it values in arguments.VARIED"
    taken = {name for function in FUNCTIONS for name in function.parameters}
    assert VARIED.keys() - taken == set(), "no function takes it"


PYTHON = "derivative, breaks, **parameters)"
OTHERS = {
    "card(name)": "test_catalog.test_a_name_is_found_however_it_is_written",
    "catalog(kind)": "test_catalog.test_the_catalog_lists_the_cards_of_each_kind",
    "compare(activations, depth, inits, bias_std, width, residual, attention)":
        "test_predict_command.test_every_option_of_the_command_enters_its_json",
    "build_model(target, sizes)":
        "test_predict_models.test_a_model_is_built_from_a_file_or_the_reason_is_one_line",
    "model(module, x)":
        "test_predict_models.test_every_kind_of_layer_is_predicted_from_its_weights",
    "coordinates(make, widths, x, steps, optimizer, loss, seeds)":
        "test_predict_models.test_a_coordinate_check_fits_the_powers_of_the_width",
    "gain(activation, **parameters)": "test_gain.test_gain_takes_the_functions_parameters",
    f"gain(activation, {PYTHON}": "test_predict_moments.test_a_python_function_is_taken_with_its",
    f"moments(activation, variance, {PYTHON}":
        "test_predict_moments.test_a_python_function_is_taken_with_its",
    f"gradient_ratio(activation, layers, weight_variance, bias_variance, variance, {PYTHON}":
        "test_gain.test_gradient_ratio_follows_its_recursion_with_every_argument",
    f"dual_activation(activation, correlation, variance, {PYTHON}":
        "test_predict_moments.test_products_of_correlated_inputs_equal_their_closed_forms",
    f"network(activation, depth, init, bias_std, width, variance, input_correlation, {PYTHON}":
        "test_predict_network.test_every_argument_of_a_network_enters_its_recursion",
    f"edge_of_chaos(activation, bias_std, {PYTHON}":
        "test_predict_edge.test_the_edge_takes_parameters_and_python_functions",
    f"edge_curve(activation, {PYTHON}":
        "test_predict_edge.test_the_edge_takes_parameters_and_python_functions",
    f"advise(activation, depth, width, {PYTHON}":
        "test_predict_edge.test_advice_is_an_initialisation_that_keeps_gradients_and_its_line",
    f"residual(activation, depth, norm, branch_scale, init, bias_std, {PYTHON}":
        "test_predict_edge.test_the_scales_of_branches_are_a_table_to_choose_from",
    f"residual_table(activation, depth, init, bias_std, {PYTHON}":
        "test_predict_edge.test_the_scales_of_branches_are_a_table_to_choose_from",
    "attention_logits(head_dim, tokens, query_variance, key_variance, mean_square)":
        "test_predict_edge.test_attention_logits_have_the_predicted_size_and_maximum",
    "set_num_threads(n)": "test_threads.test_the_number_of_threads_is_checked",
    "get_num_threads()": "test_threads.test_the_number_of_threads_is_checked",
    "conventions()": "test_conventions.test_text_and_html_show_every_cell",
    "isa()": "test_bits.test_the_instruction_set_asked_for_is_the_one_in_use",
}  # fmt: skip
"""Other public functions with their arguments, and how a test begins that varies all of them."""


def test_every_other_public_function_is_varied_by_a_test_that_exists() -> None:
    found = set()
    for module in (ogive, ogive.predict):
        for name, f in ((name, getattr(module, name)) for name in module.__all__):
            if callable(f) and not inspect.isclass(f):
                found.add(f"{name}({', '.join(names_of(f))})")
    assert found == OTHERS.keys()
    for call, test in OTHERS.items():
        file, _, beginning = test.partition(".")
        source = (Path(__file__).parent / f"{file}.py").read_text()
        function = "find" if call == "card(name)" else call.partition("(")[0]
        tests = [t for t in source.split("\ndef ") if t.startswith(beginning)]
        assert len(tests) == 1, f"{call}: {test}"
        assert re.search(rf"\b{function}\(", tests[0]), f"{test} does not call {call}"
    assert ogive.card("Hard-Swish ") is ogive.catalog.find("hard_swish")


def names_of(function: Any) -> list[str]:
    """The names that a function takes; those of a native one by the stub."""
    if not inspect.isbuiltin(function):
        taken = inspect.signature(function).parameters.values()
        return [f"{'**' * (p.kind is p.VAR_KEYWORD)}{p.name}" for p in taken]
    stub = ast.parse(Path(ogive.__file__).with_suffix(".pyi").read_text())
    (found,) = (
        n for n in stub.body if isinstance(n, ast.FunctionDef) and n.name == function.__name__
    )
    return [a.arg for a in (*found.args.posonlyargs, *found.args.args)]


@every_function
def test_every_argument_alone(function: Function) -> None:
    for dtype in FLOATS:
        base = arrays_in(check(Problem(function, dtype)))
        for name in function.parameters:
            changed = [
                arrays_in(check(Problem(function, dtype, c))) for c in places(function, name)
            ]
            if has_effect(function, name):
                assert any(differ(base, found) for found in changed if found), name


@every_function
def test_every_argument_beside_every_other(function: Function) -> None:
    names = [
        name for name in function.parameters if name not in function.inputs or name == "target"
    ]
    for pair in itertools.combinations(names, 2):
        every = list(places(function, *pair))
        for chosen in every:
            both = len(every) == 1  # else the formats take turns, of the values of either
            for dtype in FLOATS if both else [FLOATS[sum(chosen.values()) % 2]]:
                check(Problem(function, dtype, chosen))


NAMED = {"target": "target|label|probabilit"}
"""What errors call an argument, where it is not its name."""


@every_function
def test_values_without_an_answer_are_refused(function: Function) -> None:
    for dtype in FLOATS:
        for axis in ({"axis": 0}, {}) if function.has_axis else ({},):
            problem = Problem(function, dtype, axis)
            before = {k: np.copy(v) for k, v in problem.arrays.items()}
            for name in function.parameters:
                for value in wrong(problem, name):
                    given = problem.arguments | {name: value}
                    if name == "seed" and function.draws_in_training:
                        given["training"] = True
                    assert re.search(NAMED.get(name, name), refused(function, given)), (
                        f"{name}={value} gave a result, or an error that does not name it"
                    )
            same(list(problem.arrays.values()), list(before.values()), f"{function}: arrays")


def refused(function: Function, given: dict[str, Any]) -> str:
    """What an error says."""
    try:
        function.with_keywords(given)
    except (ValueError, TypeError) as error:
        return str(error)
    return ""


def differ(one: list[Any], other: list[Any]) -> bool:
    return len(one) != len(other) or not all(map(np.array_equal, one, other))


def refusal(problem: Problem) -> Any:
    """The error of arguments that exclude each other."""
    given, chosen = problem.arguments, problem.chosen
    target = given.get("target")
    if given.get("ignore_index") is not None and target.shape == problem.shape:
        return ValueError  # is of labels
    if given.get("accumulate") == "float32" and problem.dtype == np.float64:
        return ValueError
    if given.get("training"):
        if {"where", *OF_NUMPY} & chosen.keys():
            return TypeError
        if any(np.ndim(given[p.name]) for p in operands(problem) if p.name in given):
            return ValueError
    if "dtype" in chosen and "casting" in chosen and problem.choice("casting") == "no":
        return TypeError
    return None


def operands(problem: Problem) -> list[Any]:
    """The parameters in the formula of an elementwise function."""
    card = problem.function.card
    return [p for p in card.parameters if p.operand] if card.kind == "unary" else []


def check(problem: Problem) -> Any:
    """The plain call against the formula, and the forms against that; its result, or None."""
    function, what = problem.function, f"{problem.function} {described(problem)}"
    given = problem.arguments | formed(problem)
    error = refusal(problem)
    if error:
        for call in (function.with_keywords, function.with_positions):
            with pytest.raises(error):
                call(given)
        return None
    try:
        plain = function.with_keywords(problem.arguments)
        judge(problem, plain)
        same(function.with_positions(problem.arguments), plain, f"{what}, by position")
        if problem.chosen.keys() & ({*FORMS} - problem.arguments.keys()):
            judge_forms(problem, plain, what)
    except Exception as failure:
        raise AssertionError(f"{what}: {failure}") from failure
    return plain


def described(problem: Problem) -> str:
    values = {k: problem.choice(k) for k in problem.chosen}
    return f"{problem.dtype} {values or 'defaults'}"


def same(found: Any, expected: Any, what: str) -> None:
    found, expected = arrays_in(found), arrays_in(expected)
    assert len(found) == len(expected), what
    for one, other in zip(found, expected, strict=True):
        assert_same_bits(one, other, what)


# Where results go.


def formed(problem: Problem) -> dict[str, Any]:
    """The forms that were chosen, but for `out`."""
    names = [k for k in (*OF_NUMPY, "where") if k in problem.chosen]
    return {k: problem.choice(k) for k in names if k not in problem.arguments}


def judge_forms(problem: Problem, plain: Any, what: str) -> None:
    function, forms, arguments = problem.function, formed(problem), dict(problem.arguments)
    expected = results(problem, plain)
    if "dtype" in forms:
        cast = {k: arguments[k].astype(forms["dtype"]) for k in function.inputs}
        expected = results(problem, function.with_keywords(arguments | cast))
    mask = np.broadcast_to(forms.get("where", True), expected[0].shape)
    if "out" not in problem.chosen:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'where' used without 'out'")
            found = results(problem, function.with_keywords(arguments | forms))
        for one, other in zip(found, expected, strict=True):
            assert_same_bits(one[mask], other[mask], what)
            if forms.get("order") == "F":
                assert one.flags.f_contiguous, what
        if not forms.keys() & {"where", "dtype"}:
            judge_where_it_counts(problem, forms, expected, what)
        return
    how = problem.choice("out")
    for by_position in (False, True):
        given = {k: v.copy() if k in function.inputs else v for k, v in arguments.items()}
        own = results(problem, plain)
        into = [np.full_like(a, 7, order="F" if "Fortran" in how else "C") for a in own]
        if how == "over an input":
            fits = [v for k, v in given.items() if k in function.inputs
                    and v.shape == own[0].shape and v.dtype == own[0].dtype]  # fmt: skip
            into[:1] = fits[:1] or into[:1]
        before = [a.copy() for a in into]
        given |= forms | {"out": as_out(problem, into)}
        call = function.with_positions if by_position else function.with_keywords
        back = results(problem, call(given))
        for one, place, other, was in zip(back, into, expected, before, strict=True):
            assert one is place, what
            whole = mask if other.shape == mask.shape else np.True_
            assert_same_bits(place, np.where(whole, other, was).astype(place.dtype), what)


class Subclass(np.ndarray):
    """What results are of too, unless subok is False."""


def judge_where_it_counts(problem: Problem, forms: Any, expected: list[Any], what: str) -> None:
    """Forms beside inputs and results for which they are not what NumPy would do anyway."""
    function, arguments = problem.function, problem.arguments
    if forms.get("subok") is False:
        given = {k: arguments[k].view(Subclass) for k in function.inputs}
        for options, kind in (({}, Subclass), (forms, np.ndarray)):
            found = results(problem, function.with_keywords(arguments | given | options))
            assert [type(a) for a in found] == [kind] * len(expected), what
    if forms.get("order") == "C":
        given = {k: np.asfortranarray(arguments[k]) for k in function.inputs}
        for options, layout in (({}, "F_CONTIGUOUS"), (forms, "C_CONTIGUOUS")):
            for one in results(problem, function.with_keywords(arguments | given | options)):
                assert one.flags[layout], what
    if forms.get("casting") == "unsafe":
        into = [np.zeros(a.shape, np.int64) for a in expected]
        given = arguments | {"out": as_out(problem, into)}
        with pytest.raises(TypeError):
            function.with_keywords(given)
        function.with_keywords(given | forms)
        for one, other in zip(into, expected, strict=True):
            assert np.array_equal(one, other.astype(np.int64)), what


# What results are.


def judge(problem: Problem, found: Any) -> None:
    """Against the formula, unless that has been done for the same numbers."""
    kind = problem.function.card.kind
    {"rows": judge_rows, "heads": judge_head}.get(kind, judge_elements)(problem, found)


def judge_elements(problem: Problem, found: Any) -> None:
    card, mode = problem.function.card, problem.function.mode
    given = [problem.options.get(p.name, p.default) for p in operands(problem)]
    if problem.options.get("training"):
        u = uniform(problem.options["seed"] & (MASK << 32 | MASK), problem.x.size)
        drawn = np.array(u, float).reshape(problem.shape)
        given = [given[0] + drawn * (given[1] - given[0])] * 2
    x = oracle.exact(problem.x)
    exact = [x, oracle.exact(problem.arrays["b"])] if card.gate else [x]
    dy = oracle.exact(problem.arrays.get("dy", x))
    if mode == "lean":
        y, mask = found
        near(y, oracle.elementwise(card, exact, given), problem.dtype, "formula")
        # The bits are right if the gradient that they give is.
        kept, back = (
            {"dy": problem.numbers("dy"), "y": y, "mask": mask},
            Function(card, "lean_backward"),
        )
        dx = back.with_keywords({k: kept[k] for k in back.inputs} | problem.options)
        dy = oracle.exact(kept["dy"])
        judge_elementwise(card, "backward", exact, dy, given, arrays_in(dx), problem.dtype)
        return
    mode = {"lean_backward": "backward", "backward_from_output": "backward"}.get(mode, mode)
    judge_elementwise(card, mode, exact, dy, given, arrays_in(found), problem.dtype)


@cache
def rows_by_formula(name: str, chosen: tuple[tuple[str, int], ...], dtype: Any) -> tuple[Any, ...]:
    """Results, Jacobian with rows last, and where that can be trusted."""
    function = next(f for f in FUNCTIONS if f.card.name == name and f.mode == "backward")
    problem = Problem(function, dtype, dict(chosen))
    o, x, axis = problem.options, oracle.exact(problem.x), problem.axis

    def f(z: Any) -> Any:
        if not function.draws:
            return oracle.rows(function.card, z, axis, o.get("temperature", 1), o.get("where"))
        z = np.moveaxis(z, axis, -1)
        u = np.array(uniform(o["seed"] & (MASK << 32 | MASK), z.size), float).reshape(z.shape)
        columns = [list(np.moveaxis(oracle.exact(a), -1, 0)) for a in (z, u)]
        t = oracle.exact(o.get("temperature", 1))
        y = function.card.formula(oracle.M, *columns, temperature=t)
        return np.moveaxis(np.stack(y, axis=-1), -1, axis)

    return f(x), *oracle.rows_jacobian(lambda z: finite(f(z)), x, axis)


def judge_rows(problem: Problem, found: Any) -> None:
    function, axis, o = problem.function, problem.axis, problem.options
    names = ("axis", "temperature", "where", "seed", "x")
    alike = {"y": "x", "mask": "x"}
    chosen = {alike.get(k, k): v for k, v in problem.chosen.items()}
    key = tuple(sorted((k, v) for k, v in chosen.items() if k in names))
    y, jacobian, smooth = rows_by_formula(function.card.name, key, problem.dtype)
    expected, trusted = (y, True) if function.mode == "value" else (jacobian, smooth)
    if function.mode.startswith("backward"):
        dy = oracle.exact(problem.arrays["dy"])
        if y.ndim == problem.x.ndim:
            dy = np.where(o["where"], dy, 0) if "where" in o else dy
            dx = np.einsum("...i,...ij->...j", np.moveaxis(dy, axis, -1), jacobian)
            smooth = smooth.all(axis=-2)
        else:
            dx = dy[..., None] * jacobian
        expected, trusted = (np.moveaxis(a, -1, axis) for a in (dx, smooth))
    if o.get("hard") and function.mode == "value":
        expected = np.where(y == y.max(axis=axis, keepdims=True), 1, 0)
    near(found, expected, problem.dtype, "formula", trusted)


@cache
def head_by_formula(name: str, chosen: tuple[tuple[str, int], ...], dtype: Any) -> Any:
    """A loss with its gradient and Hessian by logits."""
    function = next(f for f in FUNCTIONS if f.card.name == name and f.mode == "value_and_grad")
    problem = Problem(function, dtype, dict(chosen))
    arrays, options = problem.arrays, dict(problem.options)
    axis = options.pop("axis", -1) if problem.classes else None
    card, z = function.card, oracle.exact(arrays.get("z", arrays.get("x")))
    if card.layer:
        card, bias = ogive.card("cross_entropy"), options.pop("bias", np.zeros(problem.n))
        z = z @ oracle.exact(arrays["W"]).T + oracle.exact(bias)
        options = {k: v for k, v in options.items() if k not in ("accumulate", "chunk_rows")}
    return oracle.head_derivatives(card, z, arrays["target"], axis, **options)


def judge_head(problem: Problem, found: Any) -> None:
    function, dtype, o = problem.function, problem.dtype, problem.options
    of_formula = [k for k in problem.chosen if k not in (*FORMS, "hessian")]
    key = tuple(sorted((k, problem.chosen[k]) for k in of_formula))
    loss, dz, h = head_by_formula(function.card.name, key, dtype)
    parts = arrays_in(found)
    near(parts[0], loss, dtype, "formula")
    if function.card.layer and function.mode != "value":
        x, W = (oracle.exact(problem.arrays[k]) for k in ("x", "W"))
        rows = dz.reshape(-1, problem.n)
        right = [dz @ W, rows.T @ x.reshape(-1, x.shape[-1]), rows.sum(axis=0)]
        for one, other in zip(parts[1:], right, strict=False):
            near(one, other, dtype, "formula of a gradient")
        assert len(parts) == 3 + ("bias" in o), "gradients"
    elif function.mode != "value":
        near(parts[1], dz, dtype, "formula of the gradient")
    if function.mode == "value_grad_hess":
        kind = o.get("hessian", "exact")
        if kind == "upper":
            judge_upper(function.card, o, parts[2], h, dtype, "an upper Hessian")
        else:
            near(parts[2], np.abs(dz) if kind == "abs" else h, dtype, "formula of the Hessian")
    if function.has_axis and problem.axis != -1:
        judge_moved(problem, parts)


def judge_upper(card: Card, options: Any, found: Any, h: Any, dtype: Any, what: str) -> None:
    """A diagonal that the whole Hessian nowhere exceeds, told by the Hessian's own diagonal."""
    if not card.over_rows:
        near(found, np.maximum(h, 0), dtype, f"{what}, which is diagonal")
    elif card.name == "cross_entropy" and not {"softcap", "z_loss"} & options.keys():
        near(found, 2 * h, dtype, f"{what}, twice the exact one")
    else:
        near(np.minimum(found, 0), 0 * h, dtype, f"{what} below 0")
        near(np.minimum(oracle.exact(found) - h, 0), 0 * h, dtype, f"{what} below the exact one")
        assert found.sum() <= 3 * np.abs(h).sum(), f"{what} is far above the exact one"


def judge_moved(problem: Problem, parts: list[Any]) -> None:
    """Along another axis, the bits of the rows moved last."""
    function, axis = problem.function, problem.axis
    moved: dict[str, Any] = dict(problem.arguments) | {"axis": -1}
    for name in ("z", "target"):
        if moved[name].shape == problem.shape:
            moved[name] = np.ascontiguousarray(np.moveaxis(moved[name], axis, -1))
    for one, other in zip(parts, arrays_in(function.with_keywords(moved)), strict=True):
        back = np.moveaxis(other, -1, axis) if one.shape == problem.shape else other
        assert_same_bits(one, back, "the axis moved last")


# Objectives of boosted trees.


OBJECTIVES = [
    (library, function)
    for library in ("xgboost", "lightgbm")
    for function in FUNCTIONS
    if function.mode == "value_grad_hess"
]


@pytest.mark.parametrize(("library", "function"), OBJECTIVES, ids=str)
def test_every_argument_of_an_objective(library: str, function: Function) -> None:
    make = getattr(ogive.objectives, library)
    not_options = {*function.inputs, *ogive.objectives.NOT_OPTIONS}
    options = [name for name in function.parameters if name not in not_options]
    assert list(inspect.signature(make).parameters) == ["name", "hessian", "options"]
    shape = (5, 3) if function.has_axis else (6,)
    each = np.arange(1, shape[0] + 1) / 4
    for count in (0, 1, 2):
        for names in itertools.combinations(options, count):
            for chosen in places(function, *names):
                problem = Problem(function, FLOATS[1], chosen, shape)
                if not function.has_axis and any(map(np.ndim, problem.options.values())):
                    with pytest.raises(ValueError, match="does not fit"):  # sample_weight is for it
                        make(function.card.name, **problem.options)
                    continue
                z, target = problem.arrays["z"], problem.arrays["target"]
                _, dz, h = oracle.head_derivatives(
                    function.card, oracle.exact(z), target, -1 if function.has_axis else None,
                    reduction="sum", **problem.options,
                )  # fmt: skip
                what = f"{library} {problem.function} {problem.options}"
                for kind, bends in (("exact", h), ("abs", np.abs(dz))):
                    objective = make(function.card.name, hessian=kind, **problem.options)
                    for weight in (None, each):
                        scale = 1 if weight is None else each.reshape(-1, *(1,) * (z.ndim - 1))
                        got = objective(y_true=target, y_pred=z, sample_weight=weight)
                        near(got[0], dz * scale, z.dtype, f"{what}: gradient")
                        near(got[1], bends * scale, z.dtype, f"{what}: {kind}")
                        same(objective(target, z, weight), got, f"{what}, by position")
                for kind in ("upper", "library"):
                    found = make(function.card.name, hessian=kind, **problem.options)(target, z)[1]
                    if (library, function.card.name, kind) == (
                        "lightgbm",
                        "cross_entropy",
                        "library",
                    ):
                        near(found, np.maximum(h, 0) * 3 / 2, z.dtype, f"{what}: {kind}")
                    else:
                        judge_upper(function.card, problem.options, found, h, z.dtype, what)
