"""Pieces of HTML for notebooks: a box with a heading, tables, and curves, from strings alone.

They need no package, no script and no network. Colours are the page's own or half transparent, so
that they suit light and dark notebooks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib import metadata

GOOD, FAIR, BAD = "good", "fair", "bad"
"""Classes of words that judge."""

STYLE = """\
.ogive-box{border:1px solid rgba(128,128,128,.45);border-radius:6px;max-width:62em;line-height:1.45;
overflow:hidden;margin:2px 0;color:inherit;background:none}
.ogive-box>header{display:flex;flex-wrap:wrap;gap:0 .7em;align-items:baseline;padding:5px 10px;
background:rgba(96,140,190,.18)}
.ogive-box>header b{font-size:1.08em}.ogive-box>header a{margin-left:auto}
.ogive-box p{margin:6px 10px}.ogive-box small{opacity:.78}
.ogive-box details{border-top:1px solid rgba(128,128,128,.3);padding:0 10px}
.ogive-box summary{cursor:pointer;padding:4px 0;font-weight:600}
.ogive-box details p{margin:6px 0}.ogive-box .wide{overflow-x:auto;padding-bottom:6px}
.ogive-box>.wide{padding:0 10px 6px}
.ogive-box table{border-collapse:collapse;margin:0;font-size:inherit;
font-variant-numeric:tabular-nums}
.ogive-box tr,.ogive-box th,.ogive-box td{background:none;color:inherit}
.ogive-box th,.ogive-box td{text-align:left;vertical-align:top;padding:2px 14px 2px 0;
border-bottom:1px solid rgba(128,128,128,.22);white-space:normal;max-width:40em}
.ogive-box thead th{font-weight:400;opacity:.78}.ogive-box tbody th{font-weight:600}
.ogive-box .number{text-align:right;white-space:nowrap}
.ogive-box code{background:none;color:inherit;font-size:.95em;white-space:pre-wrap}
.ogive-box a{color:inherit;text-decoration:underline dotted}
.ogive-box .good{color:#2f9e5b}.ogive-box .fair{color:#bd8300}.ogive-box .bad{color:#e0473c}
.ogive-box svg{display:block;margin:4px 10px;max-width:100%;height:auto}"""


@cache
def site() -> str:
    """Where the documentation is, as the package's metadata say; empty where they do not."""
    try:
        found = metadata.metadata("ogive").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return ""
    named: dict[str, str] = dict(each.split(", ", 1) for each in found)
    return named.get("Documentation", "").rstrip("/")


def link(words: str, page: str) -> str:
    """Words that lead to a page of the documentation, where there is one to lead to."""
    said = code(words)
    return f'<a href="{escape(site())}/{page}" target="_blank">{said}</a>' if site() else said


def code(words: str) -> str:
    """Escaped words, with what stands in double backticks as code."""
    return re.sub(r"``(.+?)``", r"<code>\1</code>", escape(words))


def box(title: str, kind: str, page: str, *parts: str) -> str:
    """The whole fragment. Its styles apply only to boxes."""
    docs = link("documentation", page) if site() else ""
    head = f"<header><b>{escape(title)}</b> <small>{escape(kind)}</small>{docs}</header>"
    return f'<div class="ogive-box"><style>{STYLE}</style>{head}{"".join(parts)}</div>'


def paragraph(words: str, of: str = "") -> str:
    named = f' class="{of}"' if of else ""
    return f"<p{named}>{code(words)}</p>" if words else ""


def section(title: str, content: str, opened: bool = False) -> str:
    """Something to unfold; nothing where it is empty."""
    if not content:
        return ""
    return f"<details{' open' * opened}><summary>{escape(title)}</summary>{content}</details>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    """Rows of cells that are HTML already, the first of each as its heading; empty without rows."""
    right = set(numbers)

    def line(cells: Sequence[str], first: str, others: str) -> str:
        tags = [first, *[others] * (len(cells) - 1)]
        kinds = [' class="number"' if at in right else "" for at in range(len(cells))]
        each = zip(tags, kinds, cells, strict=True)
        return "".join(f"<{tag}{kind}>{cell}</{tag}>" for tag, kind, cell in each)

    body = "".join(f"<tr>{line(row, 'th', 'td')}</tr>" for row in rows)
    if not body:
        return ""
    titles = line([escape(each) for each in head], "th", "th") if any(head) else ""
    above = f"<thead><tr>{titles}</tr></thead>" if titles else ""
    return f'<div class="wide"><table>{above}<tbody>{body}</tbody></table></div>'


def plot(
    x: Sequence[float],
    curves: Sequence[tuple[str, Sequence[float], str, str]],
    view: tuple[float, float],
    ends: tuple[str, str],
) -> str:
    """Curves, each with a name, values, a colour and dashes. What is NaN or beyond the range of
    values leaves a gap.
    """
    wide, high, left, top = 300, 120, 34, 14
    low, up = view

    def point(at: float, y: float) -> str:
        right = left + wide * (at - x[0]) / (x[-1] - x[0])
        return f"{right:.1f},{top + high * (up - y) / (up - low):.1f}"

    def said(value: float) -> str:
        return f"{value:g}".replace("-", "−")

    parts = list[str]()
    near = 0.1 * (up - low)  # labels must not overlap
    for value in [low, up, *([0.0] if low + near < 0 < up - near else [])]:
        at = top + high * (up - value) / (up - low)
        parts.append(
            f'<path d="M{left} {at:.1f}h{wide}" stroke="currentColor" opacity=".25"/>'
            f'<text x="{left - 4}" y="{at + 4:.1f}" text-anchor="end">{said(value)}</text>'
        )
    for at, (name, values, colour, dash) in enumerate(curves):
        runs: list[list[str]] = [[]]
        for each, y in zip(x, values, strict=True):
            if low <= y <= up:
                runs[-1].append(point(each, y))
            elif runs[-1]:
                runs.append([])
        parts += [
            f'<polyline points="{" ".join(run)}" fill="none" stroke="{colour}" stroke-width="2"'
            f' stroke-dasharray="{dash}"/>'
            for run in runs
            if run
        ]
        parts.append(f'<text x="{left + 50 * at}" y="9" fill="{colour}">{escape(name)}</text>')
    below = top + high + 13
    parts.append(f'<text x="{left}" y="{below}">{escape(ends[0])}</text>')
    parts.append(f'<text x="{left + wide}" y="{below}" text-anchor="end">{escape(ends[1])}</text>')
    size = f'width="{left + wide + 4}" height="{below + 4}"'
    frame = f'viewBox="0 0 {left + wide + 4} {below + 4}" font-size="11" fill="currentColor"'
    return f'<svg {size} {frame} role="img">{"".join(parts)}</svg>'
