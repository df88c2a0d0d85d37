"""A cure as a unified diff of the program's source.

A cure is not applied to a running training: it belongs before the first step, and only its author
knows what else hangs on the line. So the diff is made from the source, and only where the program
calls what is to be changed in one single place.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A change of a program's source, in the one place that calls what is to be changed."""

    how: Literal["replace", "rename", "unwrap", "give", "before"]
    """Another call instead, the same arguments to another function, the first argument instead of
    the call, a keyword argument, or lines before the statement."""
    calls: Mapping[str, str]
    """What may be called, by its last name, and the new text; ``{model}`` is the model there."""


def diff(source: str, edits: Sequence[Edit], name: str) -> str:
    """A unified diff that makes all edits; empty where one of them has no single place."""
    changed: str | None = source if edits else None
    for edit in edits:
        changed = None if changed is None else edited(changed, edit)
    if changed is None:
        return ""
    lines = difflib.unified_diff(
        source.splitlines(keepends=True), changed.splitlines(keepends=True), name, name
    )
    ended = (each if each.endswith("\n") else f"{each}\n\\ No newline at end of file\n"
             for each in lines)  # fmt: skip
    return "".join(ended)


def edited(source: str, edit: Edit) -> str | None:
    """The source after an edit; None where it has no place for it, or several."""
    try:
        program = Source(source)
    except SyntaxError:
        return None
    calls = [node for node in program.calls if name_of(node) in edit.calls]
    if len(calls) != 1:
        return None
    (call,) = calls
    return HOW[edit.how](program, call, edit.calls[name_of(call)])


class Source:
    """A program's text and its tree."""

    def __init__(self, text: str) -> None:
        self.text, self.tree = text.encode(), ast.parse(text)
        self.starts = [0]
        for line in self.text.split(b"\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)
        nodes = [*ast.walk(self.tree)]
        self.calls = [node for node in nodes if isinstance(node, ast.Call)]
        self.statements = [node for node in nodes if isinstance(node, ast.stmt)]
        imports = (node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom)))
        self.imported = {
            (alias.asname or alias.name).partition(".")[0] for node in imports
            for alias in node.names
        }  # fmt: skip

    def begin(self, node: ast.expr | ast.stmt) -> int:
        """The byte at which it begins."""
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt) -> int:
        return self.starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)

    def words(self, node: ast.expr) -> str:
        return self.text[self.begin(node) : self.end(node)].decode()

    def with_new(self, begin: int, end: int, new: str) -> str:
        return (self.text[:begin] + new.encode() + self.text[end:]).decode()

    def is_module(self, node: ast.expr) -> bool:
        """Whether it is a module that was imported, such as ``torch.nn.functional``."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.imported

    @property
    def model(self) -> str | None:
        """What the program calls the model whose parameters it trains, where it is one."""
        owners = {
            self.words(node.func.value) for node in self.calls
            if isinstance(node.func, ast.Attribute) and node.func.attr == "parameters"
        }  # fmt: skip
        return owners.pop() if len(owners) == 1 else None


def name_of(call: ast.Call) -> str:
    """The last name of what is called: ``softmax`` of ``torch.softmax(z, 1)``."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def replaced(program: Source, call: ast.Call, new: str) -> str | None:
    """``nn.Softmax(dim=1)`` becomes ``nn.Identity()``: the module that it comes from stays."""
    if not isinstance(call.func, ast.Attribute):
        return None  # the new name may not be imported
    return program.with_new(program.end(call.func.value) + 1, program.end(call), new)


def renamed(program: Source, call: ast.Call, new: str) -> str | None:
    """``F.nll_loss(z, y)`` becomes ``F.cross_entropy(z, y)``."""
    if not isinstance(call.func, ast.Attribute):
        return None
    return program.with_new(program.end(call.func.value) + 1, program.end(call.func), new)


def unwrapped(program: Source, call: ast.Call, _: str) -> str | None:
    """``torch.softmax(z, 1)`` and ``z.softmax(1)`` become ``z``."""
    if isinstance(call.func, ast.Attribute) and not program.is_module(call.func.value):
        kept = call.func.value
    elif call.args and not isinstance(call.args[0], ast.Starred):
        kept = call.args[0]
    else:
        return None
    words = program.words(kept)
    whole = isinstance(kept, (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant))
    return program.with_new(
        program.begin(call), program.end(call), words if whole else f"({words})"
    )


def given(program: Source, call: ast.Call, new: str) -> str | None:
    """``SGD(p, lr=1)`` and ``SGD(p, 1)`` become ``SGD(p, lr=0.1)``."""
    key, _, value = new.partition("=")
    for keyword in call.keywords:
        if keyword.arg == key:
            return program.with_new(program.begin(keyword.value), program.end(keyword.value), value)
    if any(keyword.arg is None for keyword in call.keywords):
        return None  # **options may hold it
    if any(isinstance(each, ast.Starred) for each in call.args):
        return None
    if key == "lr" and len(call.args) > 1:  # the second parameter of every optimizer
        return program.with_new(program.begin(call.args[1]), program.end(call.args[1]), new)
    end = program.end(call) - 1
    bare = program.text[:end].rstrip()
    comma = "" if bare.endswith((b"(", b",")) else ", "
    return program.with_new(len(bare), end, f"{comma}{new}")


def before(program: Source, call: ast.Call, new: str) -> str | None:
    """Lines of their own before the statement that calls it."""
    model = program.model
    around = [
        each for each in program.statements
        if program.begin(each) <= program.begin(call) and program.end(call) <= program.end(each)
    ]  # fmt: skip
    statement = max(around, key=program.begin)
    start = program.starts[statement.lineno - 1]
    indent = program.text[start : program.begin(statement)]
    if model is None or indent.strip():
        return None
    lines = new.replace("{model}", model).splitlines()
    return program.with_new(start, start, "".join(f"{indent.decode()}{e}\n" for e in lines))


HOW: dict[str, Callable[[Source, ast.Call, str], str | None]] = {
    "replace": replaced,
    "rename": renamed,
    "unwrap": unwrapped,
    "give": given,
    "before": before,
}
