"""Slips that people make in kernels: a sign, a lane, a block's end, a tail, a tie, lost state.

A slip is a pattern in the code of a header (not in comments or preprocessor lines), and its
replacement.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

Replacement = Callable[[re.Match[str]], str]
OTHER = {
    "+": "-", "-": "+", "*": "/", "/": "*", "<": "<=", "<=": "<", ">": ">=", ">=": ">",
    "==": "!=", "!=": "==", "&&": "||", "||": "&&", "&": "|", "|": "&", "<<": ">>", ">>": "<<",
    "least": "greatest", "greatest": "least", "high": "low", "low": "high", "0": "1", "1": "0",
    "true": "false", "false": "true",
}  # fmt: skip
TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def other(match: re.Match[str]) -> str:
    """The whole match, with its first group replaced by the name it is easily confused with."""
    return within(match, 1, OTHER[match[1]])


def within(match: re.Match[str], group: int, text: str) -> str:
    start, end = (place - match.start() for place in match.span(group))
    return match[0][:start] + text + match[0][end:]


def next_digit(match: re.Match[str]) -> str:
    """The first hexadecimal digit after the point plus one; later digits may be below an ulp."""
    digits = match[1]
    return within(match, 1, f"{(int(digits[0], 16) + 1) % 16:x}" + digits[1:])


@dataclass(frozen=True)
class KernelSlip:
    """A pattern, and its replacement."""

    name: str
    pattern: str
    replacement: Replacement

    def matches(self, text: str) -> list[re.Match[str]]:
        return list(re.finditer(self.pattern, code_of(text), re.MULTILINE))

    def mutated(self, text: str, occurrence: int) -> str:
        match = self.matches(text)[occurrence]
        return text[: match.start()] + self.replacement(match) + text[match.end() :]


OPERAND = r"(?<=[\w)\]])"
NAME = r"[a-z_][\w.\[\]]*"
SLIPS = {
    slip.name: slip
    for slip in (
        KernelSlip("flipped sign", OPERAND + r" ([+-]) (?=[\w(-])", other),
        KernelSlip("lost minus", r"(?<=[(,=?:n] )(-)(?=[a-z(])|(?<=\()(-)(?=[a-z(])", lambda m: ""),
        KernelSlip("product for quotient", OPERAND + r" ([*/]) (?=[\w(-])", other),
        KernelSlip("wrong tie", OPERAND + r" (<=?|>=?) (?=[\w(-])", other),
        KernelSlip(
            "other side", OPERAND + r" (<=?|>=?) (?=[\w(-])",
            lambda m: within(m, 1, TURNED[m[1]]),
        ),
        KernelSlip("not equal", OPERAND + r" ([!=]=) (?=[\w(-])", other),
        KernelSlip("and for or", r" (&&|\|\||&|\||<<|>>) (?=[\w(~!-])", other),
        KernelSlip("lost not", r"(?<=[( ])(!|~)(?=[\w(])", lambda m: ""),
        KernelSlip("block one too long", r"\bi \+ (\w+) (?=<=)", lambda m: within(m, 0, "i ")),
        KernelSlip("block one too far", r"\bi \+= (\w+)(?=[;)])", lambda m: f"i += {m[1]} + 1"),
        KernelSlip("first left out", r"\b[ijk] = (0)(?=;)", other),
        KernelSlip("rest one short", r"\bn - i\b", lambda m: "n - i - 1"),
        KernelSlip("lost tail", r"\bif \((i < n)\)", lambda m: within(m, 1, "false")),
        KernelSlip("lost loop", r"\b(?:for|while) \((?:;| ;)? ?([^;()]* < [^;()]*)(?=[;)])",
                   lambda m: within(m, 1, "false")),
        KernelSlip("wrong lane", r"\[([01])\]", other),
        KernelSlip("always one lane", r"\[([ijk])\]", lambda m: "[0]"),
        KernelSlip("wrong half", r"\.(high|low)\b", other),
        KernelSlip("wrong extreme", r"\b(least|greatest)(?=\()", other),
        KernelSlip("wrong truth", r"= (true|false)\b", other),
        KernelSlip("wrong argument", rf"\bfma\((-?{NAME}), (-?{NAME}), (-?{NAME})\)",
                   lambda m: f"fma({m[1]}, {m[3]}, {m[2]})" if m[1] in (m[2], m[3])
                   else f"fma({m[3]}, {m[2]}, {m[1]})"),
        KernelSlip("wrong digit", r"\b0x1\.([0-9a-f]+)(?=p)", next_digit),
        KernelSlip("wrong power", r"(?<=[0-9a-f]p)([+-])(?=\d)", other),
        KernelSlip("forgotten state", rf"^ +({NAME} [-+|*&]?= [^;=]+)(?=;)",
                   lambda m: within(m, 1, "")),
        KernelSlip("lost magnitude", r"\bmagnitude(?=\()", lambda m: ""),
        KernelSlip("goes on", r"\b(?:continue|break)(?=;)", lambda m: ""),
        KernelSlip("other choice", r" \? ([^?:;]+) : ([^?:;,)]+)(?=[;,)])",
                   lambda m: f" ? {m[2]} : {m[1]}"),
        KernelSlip("condition ignored", r"\b(?:if|while) \(([^()]+)\)",
                   lambda m: within(m, 1, "true")),
    )
}  # fmt: skip


@cache
def code_of(text: str) -> str:
    """The text with comments, preprocessor lines and strings replaced by spaces."""
    blank = lambda m: re.sub(r"[^\n]", " ", m[0])  # noqa: E731
    return re.sub(r'//[^\n]*|^ *#(?:[^\n]*\\\n)*[^\n]*|"[^"\n]*"', blank, text, flags=re.MULTILINE)
