"""The site's formulas as MathML, which browsers show without scripts, fonts or a network."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.util import logging

logger = logging.getLogger(__name__)


def converted(self: Any, node: nodes.Element, block: bool) -> str:
    """MathML of a formula; one that docutils cannot read is a warning, and shown as its source."""
    source = node.astext()
    if block and ("\\\\" in source or "&" in source) and "\\begin{" not in source:
        source = f"\\begin{{aligned}}{source}\\end{{aligned}}"
    try:
        return str(latex2mathml.tex2mathml(source, as_block=block))
    except MathError as error:
        logger.warning("formula %r: %s", source, error, location=node)
        return f"<code>{self.encode(source)}</code>"


def inline(self: Any, node: nodes.Element) -> None:
    self.body.append(converted(self, node, block=False))
    raise nodes.SkipNode


def block(self: Any, node: nodes.Element) -> None:
    self.body.append(f'<div class="math">{converted(self, node, block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Any) -> None:
    app.add_html_math_renderer(
        "mathml", inline_renderers=(inline, None), block_renderers=(block, None)
    )
