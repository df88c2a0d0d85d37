"""JavaScript of a card's formula and of its derivatives, written from its tape.

Numbers are doubles. What JavaScript's `Math` lacks is in functions.js.
"""

from __future__ import annotations

from pathlib import Path

from .tape import Node, Program, ordered

INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "sum": "+"}

FUNCTIONS = Path(__file__).with_name("functions.js")
"""Script that defines what a program may call."""


def function(program: Program) -> str:
    """A program as an arrow function, which returns an array of its results."""
    inputs = [program.nodes[i] for i in program.inputs]
    known = {node: f"p{k}" if k else "x" for k, node in enumerate(inputs)}
    lines: list[str] = []
    for node in program.nodes:
        if node in known:
            continue
        text = _written(node, known)
        if node.args:
            known[node] = f"v{len(lines)}"
            lines.append(f"{known[node]}={text}")
        else:
            known[node] = text
    results = ",".join(known[program.nodes[i]] for i in program.results)
    steps = f"const {','.join(lines)};" if lines else ""
    return f"({','.join(known[node] for node in inputs)})=>{{{steps}return[{results}]}}"


def cuts(program: Program) -> str:
    """An arrow function of the parameters: where the branches of a program meet."""
    inputs = [program.nodes[i] for i in program.inputs]
    known = {node: f"p{k}" for k, node in enumerate(inputs)}
    found: dict[str, None] = {}
    for node in program.nodes:
        if node.op != "split":
            continue
        sign, x = (-1, node.args[0].args[0]) if node.args[0].op == "neg" else (1, node.args[0])
        needed = ordered([cut := node.args[1]])
        if x is inputs[0] and x not in needed:
            for each in needed:
                known.setdefault(each, f"({_written(each, known)})")
            found[known[cut] if sign > 0 else f"-{known[cut]}"] = None
    return f"({','.join(known[node] for node in inputs[1:])})=>[{','.join(found)}]"


def _written(node: Node, known: dict[Node, str]) -> str:
    args = [known[a] for a in node.args]
    if node.constant is not None:
        value = float(node.constant)
        text = repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        return f"({text})" if value < 0 else text
    if node.op == "pi":
        return "Math.PI"
    if node.op == "mul" and not any(a.constant for a in node.args):
        return f"times({','.join(args)})"
    if (above := _above(node, known)) is not None:
        return above
    if node.op in INFIX:
        return INFIX[node.op].join(args)
    if node.op == "neg":
        return f"-{args[0]}"
    if node.op in ("threshold1", "threshold2"):
        return f"{args[0]}-above{node.op[-1]}({','.join(args)})"
    if node.op == "split":
        x, c, below, above = args
        return f"{x}<={c}?{below}:{above}"
    return f"{node.op}({','.join(args)})"


def _above(node: Node, known: dict[Node, str]) -> str | None:
    """What is left of a logit above a threshold, without the threshold, which may be huge."""
    if node.op not in ("sub", "neg"):
        return None
    tau = node.args[-1]
    if tau.op not in ("threshold1", "threshold2"):
        return None
    logit = node.args[0] if node.op == "sub" else tau.tape.node(0)
    if logit not in tau.args:
        return None
    other = tau.args[1 - tau.args.index(logit)]
    return f"above{tau.op[-1]}({known[logit]},{known[other]})"
